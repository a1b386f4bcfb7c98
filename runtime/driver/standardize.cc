#include "runtime/driver/standardize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

namespace gyre::driver {
namespace {

using ir::Op;

// The part of the graph that says how data becomes predictions, measures and the objective: reached
// from their values per row, through lets, but not through gradients.
class RowGraph {
 public:
  explicit RowGraph(const Program& program) : graph_(program.graph) {
    AddTotalsOf(program.objective.value.node);
    for (const Measure& measure : program.measure) AddTotalsOf(measure.value.node);
    bool told = true;
    for (const Prediction& prediction : program.prediction) {
      told = told && prediction.node >= 0;
      if (prediction.node >= 0) Root(prediction.node);
    }
    if (!told) {
      for (int node : NodesOfRows()) Root(node);
    }
  }

  const std::map<int, std::vector<int>>& parents() const { return parents_; }
  bool Reached(int node) const { return parents_.count(node) > 0; }
  bool IsRoot(int node) const { return roots_.count(node) > 0; }

 private:
  // A total is a sum over rows; what it sums is a value per row. The rest of `node` is Omega.
  void AddTotalsOf(int node) {
    if (node < 0 || !seen_post_.insert(node).second) return;
    const ir::Node& n = graph_.node[node];
    if (n.op == Op::kTotal) {
      const ir::Total& total = graph_.total[n.symbol];
      if (total.node >= 0) Root(graph_.node[total.node].a);
      return;
    }
    if (n.op == Op::kLet) AddTotalsOf(graph_.let[n.symbol].body);
    for (int operand : {n.a, n.b, n.c}) AddTotalsOf(operand);
  }

  // Where predictions do not say which node they are: nodes that nothing else refers to and that
  // depend on a row.
  std::vector<int> NodesOfRows() const {
    uint32_t rows = 0;
    for (int i = 0; i < graph_.index.size; ++i) {
      if (graph_.axis[graph_.index[i].axis].data) rows |= 1u << i;
    }
    std::vector<bool> referred(static_cast<size_t>(graph_.node.size), false);
    const auto refer = [&](int node) {
      if (node >= 0) referred[static_cast<size_t>(node)] = true;
    };
    for (const ir::Node& n : graph_.node) {
      for (int operand : {n.a, n.b, n.c}) refer(operand);
      for (int s = 0; s < n.subs; ++s) refer(n.sub[s].node);
    }
    for (const ir::Let& let : graph_.let) {
      if (let.adjoint_of >= 0) refer(let.body);
    }
    for (const ir::Total& total : graph_.total) refer(total.node);
    std::vector<int> found;
    for (int i = 0; i < graph_.node.size; ++i) {
      if (!referred[static_cast<size_t>(i)] && (graph_.node[i].free & rows) != 0)
        found.push_back(i);
    }
    return found;
  }

  void Root(int node) {
    roots_.insert(node);
    Visit(node, -1);
  }

  void Visit(int node, int parent) {
    if (node < 0) return;
    const bool first = parents_.count(node) == 0;
    std::vector<int>& parents = parents_[node];
    if (parent >= 0) parents.push_back(parent);
    if (!first) return;
    const ir::Node& n = graph_.node[node];
    for (int operand : {n.a, n.b, n.c}) Visit(operand, node);
    for (int s = 0; s < n.subs; ++s) Visit(n.sub[s].node, node);
    if (n.op == Op::kLet) Visit(graph_.let[n.symbol].body, node);
    if (n.op == Op::kTotal && graph_.total[n.symbol].param < 0)
      Visit(graph_.total[n.symbol].node, node);
  }

  const ir::Graph& graph_;
  std::map<int, std::vector<int>>
      parents_;  // of every node reached; a let's body has the reference as parent
  std::set<int> roots_;
  std::set<int> seen_post_;
};

// One sum[d] X(n,d) * P(..., d), and the parameter's leaf in it.
struct LinearSum {
  int node = -1;
  int leaf = -1;      // P's
  int position = -1;  // of the column axis in P
  bool bare = false;  // no other factors, sign +
};

// Checks one matrix against the forms described in the header.
class Analysis {
 public:
  Analysis(const Program& program, const RowGraph& rows, int matrix)
      : program_(program),
        graph_(program.graph),
        rows_(rows),
        matrix_(matrix),
        column_axis_(graph_.symbol[matrix].axis[1]) {}

  MatrixUse Run() {
    MatrixUse use;
    use.symbol = matrix_;
    use.column_axis = column_axis_;
    FindSums();
    use.linear = !sums_.empty() && EveryUseInside();
    if (use.linear) {
      for (const LinearSum& sum : sums_) AddCoefficient(sum, &use.coefficient);
      use.centrable = FindIntercepts(&use.coefficient);
      if (!use.centrable) {
        for (Coefficient& each : use.coefficient) each.intercept = -1, each.intercept_axis.clear();
      }
    }
    Penalties(&use);
    return use;
  }

 private:
  const ir::Node& node(int id) const { return graph_.node[id]; }
  int AxisOfIndex(int index) const { return graph_.index[index].axis; }

  bool IsMatrixLeaf(int id, int index) const {
    const ir::Node& n = node(id);
    return n.op == Op::kData && n.symbol == matrix_ && n.sub[1].plain() && n.sub[1].index == index;
  }

  // Position of `index` among the subscripts of a parameter, when all of them are plain; else -1.
  int PositionIn(int id, int index) const {
    const ir::Node& n = node(id);
    if (n.op != Op::kParam) return -1;
    int position = -1;
    for (int s = 0; s < n.subs; ++s) {
      if (!n.sub[s].plain()) return -1;
      if (n.sub[s].index == index) position = s;
    }
    return position;
  }

  void FindSums() {
    for (const auto& [id, parents] : rows_.parents()) {
      const ir::Node& n = node(id);
      if (n.op == Op::kSum && AxisOfIndex(n.index) == column_axis_) TrySum(id);
    }
  }

  // Factors of a product, with the nodes that make it up.
  void Factors(int id, std::vector<int>* factors, std::vector<int>* inner, bool* negated) const {
    const ir::Node& n = node(id);
    if (n.op == Op::kMul || n.op == Op::kNeg) {
      inner->push_back(id);
      if (n.op == Op::kNeg) *negated = !*negated;
      Factors(n.a, factors, inner, negated);
      if (n.op == Op::kMul) Factors(n.b, factors, inner, negated);
      return;
    }
    if (n.op == Op::kDiv) {  // what divides is a factor like any other, if it has no column
      inner->push_back(id);
      Factors(n.a, factors, inner, negated);
      factors->push_back(n.b);
      return;
    }
    factors->push_back(id);
  }

  void TrySum(int id) {
    const int index = node(id).index;
    std::vector<int> factors, inner;
    bool negated = false;
    Factors(node(id).a, &factors, &inner, &negated);
    LinearSum sum;
    sum.node = id;
    int matrices = 0, coefficients = 0, others = 0;
    for (int factor : factors) {
      if (IsMatrixLeaf(factor, index)) {
        ++matrices;
        inner.push_back(factor);
      } else if (const int position = PositionIn(factor, index); position >= 0) {
        ++coefficients;
        sum.leaf = factor;
        sum.position = position;
        inner.push_back(factor);
      } else {
        ++others;
        if ((node(factor).free >> index & 1u) != 0) return;
      }
    }
    if (matrices != 1 || coefficients != 1) return;
    sum.bare = others == 0 && !negated;
    sums_.push_back(sum);
    sum_nodes_.insert(id);
    inside_.insert(inner.begin(), inner.end());
  }

  // Every occurrence of the matrix, and of a coefficient, stands inside one of the sums.
  bool EveryUseInside() const {
    std::set<int> coefficients;
    for (const LinearSum& sum : sums_) coefficients.insert(node(sum.leaf).symbol);
    for (const auto& [id, parents] : rows_.parents()) {
      const ir::Node& n = node(id);
      const bool leaf = (n.op == Op::kData && n.symbol == matrix_) ||
                        (n.op == Op::kParam && coefficients.count(n.symbol) > 0);
      if (leaf && inside_.count(id) == 0) return false;
      if (inside_.count(id) == 0) continue;
      if (rows_.IsRoot(id)) return false;
      for (int parent : parents) {
        if (inside_.count(parent) == 0 && sum_nodes_.count(parent) == 0) return false;
      }
    }
    return true;
  }

  void AddCoefficient(const LinearSum& sum, std::vector<Coefficient>* list) const {
    Coefficient coefficient;
    coefficient.param = node(sum.leaf).symbol;
    coefficient.position = sum.position;
    if (std::find(list->begin(), list->end(), coefficient) == list->end())
      list->push_back(coefficient);
  }

  // ---- Intercepts.

  // A reference to a let by its own indices passes its body's value on.
  bool Transparent(const ir::Node& n) const {
    if (n.op != Op::kLet) return false;
    const ir::Let& let = graph_.let[n.symbol];
    for (int s = 0; s < n.subs; ++s) {
      if (!n.sub[s].plain() || n.sub[s].index != let.index[s]) return false;
    }
    return true;
  }
  bool Additive(int id) const {
    const Op op = node(id).op;
    return op == Op::kAdd || op == Op::kSub || op == Op::kNeg || Transparent(node(id));
  }

  // Terms of an additive expression, with their net sign.
  void Terms(int id, int sign, std::map<int, int>* terms) const {
    const ir::Node& n = node(id);
    if (!Additive(id)) {
      (*terms)[id] += sign;
      return;
    }
    if (n.op == Op::kLet) return Terms(graph_.let[n.symbol].body, sign, terms);
    Terms(n.a, n.op == Op::kNeg ? -sign : sign, terms);
    if (n.op == Op::kAdd) Terms(n.b, sign, terms);
    if (n.op == Op::kSub) Terms(n.b, -sign, terms);
  }

  // Outermost additive expressions: each occurrence of a value lies in those above it.
  std::vector<int> Tops() const {
    std::vector<int> tops;
    for (const auto& [id, parents] : rows_.parents()) {
      bool top = rows_.IsRoot(id);
      for (int parent : parents) top = top || !Additive(parent);
      if (top) tops.push_back(id);
    }
    return tops;
  }

  // Whether `id` is a parameter with P's subscripts but the column's; fills where each axis stands.
  bool MatchesSubscripts(int id, const LinearSum& sum, std::vector<int>* axis) const {
    const ir::Node& b = node(id);
    const ir::Node& p = node(sum.leaf);
    if (b.op != Op::kParam || b.subs != p.subs - 1) return false;
    axis->assign(static_cast<size_t>(p.subs), -1);
    for (int s = 0; s < p.subs; ++s) {
      if (s == sum.position) continue;
      for (int t = 0; t < b.subs; ++t) {
        if (b.sub[t] == p.sub[s] && b.sub[t].plain()) (*axis)[static_cast<size_t>(s)] = t;
      }
      if ((*axis)[static_cast<size_t>(s)] < 0) return false;
    }
    return true;
  }

  // Finds one intercept per coefficient that stands beside every one of its sums, and nowhere else.
  bool FindIntercepts(std::vector<Coefficient>* coefficients) const {
    const std::vector<int> tops = Tops();
    std::map<int, int> chosen;  // sum node -> intercept leaf
    for (const LinearSum& sum : sums_) {
      if (!sum.bare || !ChooseIntercept(tops, sum, &chosen)) return false;
      const int leaf = chosen[sum.node];
      std::vector<int> axis;
      MatchesSubscripts(leaf, sum, &axis);
      for (Coefficient& each : *coefficients) {
        if (each.param != node(sum.leaf).symbol || each.position != sum.position) continue;
        if (each.intercept >= 0 && each.intercept != node(leaf).symbol) return false;
        each.intercept = node(leaf).symbol;
        each.intercept_axis = axis;
      }
    }
    return InterceptsOnlyBeside(tops, chosen);
  }

  bool ChooseIntercept(const std::vector<int>& tops, const LinearSum& sum,
                       std::map<int, int>* chosen) const {
    bool beside = false;
    for (int top : tops) {
      std::map<int, int> terms;
      Terms(top, 1, &terms);
      const auto at = terms.find(sum.node);
      if (at == terms.end() || at->second == 0) continue;
      std::optional<int> found;
      for (const auto& [id, sign] : terms) {
        std::vector<int> axis;
        if (sign == at->second && MatchesSubscripts(id, sum, &axis) && !Restricted(node(id).symbol))
          found = id;
      }
      if (!found) return false;
      const auto [entry, fresh] = chosen->emplace(sum.node, *found);
      if (!fresh && entry->second != *found) return false;
      beside = true;
    }
    return beside;
  }

  // An intercept that also stood without its sum, or beside only one of two, could absorb nothing.
  bool InterceptsOnlyBeside(const std::vector<int>& tops, const std::map<int, int>& chosen) const {
    std::set<int> symbols;
    for (const auto& [sum, leaf] : chosen) symbols.insert(node(leaf).symbol);
    for (int top : tops) {
      std::map<int, int> terms;
      Terms(top, 1, &terms);
      for (const auto& [id, sign] : terms) {
        if (node(id).op != Op::kParam || symbols.count(node(id).symbol) == 0) continue;
        for (const auto& [sum, leaf] : chosen) {
          if (node(leaf).symbol != node(id).symbol) continue;
          const auto at = terms.find(sum);
          if (leaf != id || at == terms.end() || at->second != sign) return false;
        }
      }
    }
    return true;
  }

  // ---- Penalties and bounds.

  // A parameter that Omega, a penalty or a bound speaks of.
  bool Restricted(int param) const {
    if (InOmega(param)) return true;
    bool found = false;
    EachPenalty(program_.root,
                [&](const Penalty& penalty) { found = found || penalty.param == param; });
    return found;
  }

  template <class F>
  static void EachPenalty(const Statement& statement, const F& f) {
    for (const Penalty& penalty : statement.penalty) f(penalty);
    for (const Statement& child : statement.child) EachPenalty(child, f);
  }

  // Whether the objective mentions `param` outside its sums over rows.
  bool InOmega(int param) const { return Mentions(program_.objective.value.node, param); }
  bool Mentions(int id, int param) const {
    if (id < 0 || node(id).op == Op::kTotal) return false;
    const ir::Node& n = node(id);
    if (n.op == Op::kParam && n.symbol == param) return true;
    if (n.op == Op::kLet && Mentions(graph_.let[n.symbol].body, param)) return true;
    return Mentions(n.a, param) || Mentions(n.b, param) || Mentions(n.c, param);
  }

  void Penalties(MatrixUse* use) const {
    for (int p = 0; p < graph_.symbol.size; ++p) {
      const ir::Symbol& s = graph_.symbol[p];
      if (s.kind != ir::Kind::kParam ||
          std::find(s.axis, s.axis + s.rank, column_axis_) == s.axis + s.rank) {
        continue;
      }
      if (InOmega(p) || SoftThresholded()) use->penalised = true;
      EachPenalty(program_.root, [&](const Penalty& penalty) {
        if (penalty.param != p) return;
        if (penalty.kind == PenaltyKind::kL1 || penalty.kind == PenaltyKind::kSquaredL2 ||
            penalty.kind == PenaltyKind::kGroupL2) {
          use->penalised = true;
        } else {
          use->bounded = use->bounded || !IsZeroBound(penalty);
        }
      });
    }
  }

  // An explicit update that soft-thresholds along the column axis: the prox of an L1 penalty that
  // is not written out (coordinate descent).
  bool SoftThresholded() const {
    uint32_t columns = 0;
    for (int i = 0; i < graph_.index.size; ++i) {
      if (graph_.index[i].axis == column_axis_) columns |= 1u << i;
    }
    return std::any_of(graph_.node.begin(), graph_.node.end(), [&](const ir::Node& n) {
      return n.op == Op::kSoft && (n.free & columns) != 0;
    });
  }

  // x >= 0 holds in any unit.
  bool IsZeroBound(const Penalty& penalty) const {
    if (penalty.kind != PenaltyKind::kLower || penalty.weight.node < 0) return false;
    const ir::Node& bound = node(penalty.weight.node);
    if (bound.op == Op::kConst) return bound.value == 0;
    return bound.op == Op::kLiteral && program_.literal[static_cast<size_t>(bound.symbol)] == 0;
  }

  const Program& program_;
  const ir::Graph& graph_;
  const RowGraph& rows_;
  const int matrix_, column_axis_;
  std::vector<LinearSum> sums_;
  std::set<int> sum_nodes_;
  std::set<int> inside_;  // nodes between a sum and its two leaves, leaves included
};

// ---- Numbers.

// Calls f(row, column, value) for the stored entries.
template <class T, class F>
void EachEntry(const Block& block, const F& f) {
  T* values = static_cast<T*>(const_cast<void*>(block.values));
  for (int64_t r = 0; r < block.rows; ++r) {
    if (block.format == Format::kDense) {
      for (int64_t c = 0; c < block.cols; ++c) f(c, values[r * block.stride + c]);
    } else {
      for (int64_t e = block.offset[r]; e < block.offset[r + 1]; ++e) f(block.index[e], values[e]);
    }
  }
}

template <class F>
void EachEntry(const Block& block, const F& f) {
  if (block.type == Type::kFloat32) {
    EachEntry<float>(block, f);
  } else {
    EachEntry<double>(block, f);
  }
}

}  // namespace

std::vector<MatrixUse> FindMatrices(const Program& program) {
  const ir::Graph& graph = program.graph;
  const RowGraph rows(program);
  std::vector<MatrixUse> uses;
  for (int s = 0; s < graph.symbol.size; ++s) {
    const ir::Symbol& symbol = graph.symbol[s];
    if (symbol.kind != ir::Kind::kData || symbol.rank != 2 || !graph.axis[symbol.axis[0]].data ||
        graph.axis[symbol.axis[1]].data) {
      continue;
    }
    uses.push_back(Analysis(program, rows, s).Run());
  }
  return uses;
}

ColumnTransform MeasureColumns(const Block& matrix) {
  const size_t cols = static_cast<size_t>(matrix.cols);
  const double rows = static_cast<double>(std::max<int64_t>(matrix.rows, 1));
  ColumnTransform transform{std::vector<double>(cols, 0), std::vector<double>(cols, 1)};
  std::vector<double>& mean = transform.center;
  std::vector<double> square(cols, 0), stored(cols, 0);
  EachEntry(matrix, [&](int64_t c, auto x) {
    mean[static_cast<size_t>(c)] += static_cast<double>(x);
    stored[static_cast<size_t>(c)] += 1;
  });
  for (double& each : mean) each /= rows;
  EachEntry(matrix, [&](int64_t c, auto x) {
    const double d = static_cast<double>(x) - mean[static_cast<size_t>(c)];
    square[static_cast<size_t>(c)] += d * d;
  });
  for (size_t c = 0; c < cols; ++c) {
    const double variance = (square[c] + (rows - stored[c]) * mean[c] * mean[c]) / rows;
    // Rounding leaves a constant column a deviation of about an ulp of its value.
    if (std::sqrt(variance) > 1e-7 * std::abs(mean[c]))
      transform.scale[c] = 1 / std::sqrt(variance);
  }
  return transform;
}

void ApplyTransform(const ColumnTransform& transform, const Block& matrix) {
  EachEntry(matrix, [&](int64_t c, auto& x) {
    const size_t i = static_cast<size_t>(c);
    using T = std::remove_reference_t<decltype(x)>;
    x = static_cast<T>((static_cast<double>(x) - transform.center[i]) * transform.scale[i]);
  });
}

void MapBack(const Program& program, const MatrixUse& use, const ColumnTransform& transform,
             const std::vector<int64_t>& extent, std::vector<std::vector<double>>* parameter) {
  for (const Coefficient& each : use.coefficient) {
    const ir::Symbol& p = program.graph.symbol[each.param];
    std::vector<double>& values = (*parameter)[static_cast<size_t>(each.param)];
    // Strides of the intercept along the parameter's axes: 0 along the column's.
    std::vector<int64_t> step(static_cast<size_t>(p.rank), 0);
    if (each.intercept >= 0) {
      const ir::Symbol& b = program.graph.symbol[each.intercept];
      for (int s = 0; s < p.rank; ++s) {
        const int t = each.intercept_axis[static_cast<size_t>(s)];
        if (t < 0) continue;
        int64_t stride = 1;
        for (int u = t + 1; u < b.rank; ++u) stride *= extent[static_cast<size_t>(b.axis[u])];
        step[static_cast<size_t>(s)] = stride;
      }
    }
    for (size_t i = 0; i < values.size(); ++i) {
      int64_t rest = static_cast<int64_t>(i), at = 0, column = 0;
      for (int s = p.rank - 1; s >= 0; --s) {
        const int64_t size = extent[static_cast<size_t>(p.axis[s])];
        at += rest % size * step[static_cast<size_t>(s)];
        if (s == each.position) column = rest % size;
        rest /= size;
      }
      values[i] *= transform.scale[static_cast<size_t>(column)];
      if (each.intercept >= 0) {
        (*parameter)[static_cast<size_t>(each.intercept)][static_cast<size_t>(at)] -=
            transform.center[static_cast<size_t>(column)] * values[i];
      }
    }
  }
}

}  // namespace gyre::driver
