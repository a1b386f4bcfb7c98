// How the program uses each matrix: checked against the forms described in standardize.h.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "runtime/driver/row_graph.h"
#include "runtime/driver/standardize.h"

namespace gyre::driver {
namespace {

using ir::Op;

// One sum[d] X(n,d) * P(..., d), or over several column axes, and the parameter's leaf in it.
struct LinearSum {
  int node = -1;      // the outermost sum
  int leaf = -1;      // P's
  int position = -1;  // of the first column axis in P
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
        column_axis_(graph_.symbol[matrix].axis + 1,
                     graph_.symbol[matrix].axis + graph_.symbol[matrix].rank) {}

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

  // The matrix, read by the indices that are summed, one for each column axis.
  bool IsMatrixLeaf(int id, const std::vector<int>& index) const {
    const ir::Node& n = node(id);
    if (n.op != Op::kData || n.symbol != matrix_) return false;
    for (size_t i = 0; i < index.size(); ++i) {
      const ir::Subscript& s = n.sub[i + 1];
      if (!s.plain() || s.index != index[i]) return false;
    }
    return true;
  }

  // Position of the first of `index`, one after the other, among the subscripts of a parameter, when
  // all of them are plain; else -1.
  int PositionIn(int id, const std::vector<int>& index) const {
    const ir::Node& n = node(id);
    if (n.op != Op::kParam) return -1;
    for (int s = 0; s < n.subs; ++s)
      if (!n.sub[s].plain()) return -1;
    const int last = n.subs - static_cast<int>(index.size());
    for (int first = 0; first <= last; ++first) {
      bool all = true;
      for (size_t i = 0; i < index.size(); ++i)
        all = all && n.sub[first + static_cast<int>(i)].index == index[i];
      if (all) return first;
    }
    return -1;
  }

  bool IsColumnSum(int id) const {
    return node(id).op == Op::kSum &&
           std::count(column_axis_.begin(), column_axis_.end(), AxisOfIndex(node(id).index)) > 0;
  }

  // Sums within sums are one, at the outermost.
  void FindSums() {
    for (const auto& [id, parents] : rows_.parents()) {
      const bool outermost = std::none_of(parents.begin(), parents.end(),
                                          [&](int parent) { return IsColumnSum(parent); });
      if (IsColumnSum(id) && outermost) TrySum(id);
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
    std::vector<int> index(column_axis_.size(), -1), factors, inner;
    int body = id;
    for (; IsColumnSum(body); body = node(body).a) {
      if (body != id) inner.push_back(body);
      const int axis = AxisOfIndex(node(body).index);
      for (size_t i = 0; i < index.size(); ++i)
        if (column_axis_[i] == axis && index[i] < 0) {
          index[i] = node(body).index;
          break;
        }
    }
    uint32_t summed = 0;
    for (const int i : index) {
      if (i < 0) return;
      summed |= 1u << i;
    }
    bool negated = false;
    Factors(body, &factors, &inner, &negated);
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
        if ((node(factor).free & summed) != 0) return;
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
    const int columns = static_cast<int>(column_axis_.size());
    if (b.op != Op::kParam || b.subs != p.subs - columns) return false;
    axis->assign(static_cast<size_t>(p.subs), -1);
    for (int s = 0; s < p.subs; ++s) {
      if (s >= sum.position && s < sum.position + columns) continue;
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
      if (s.kind != ir::Kind::kParam || !OverColumns(s)) continue;
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

  bool OverColumns(const ir::Symbol& s) const {
    return std::any_of(s.axis, s.axis + s.rank, [&](int axis) {
      return std::count(column_axis_.begin(), column_axis_.end(), axis) > 0;
    });
  }

  // An explicit update that soft-thresholds along the column axis: the prox of an L1 penalty that
  // is not written out (coordinate descent).
  bool SoftThresholded() const {
    uint32_t columns = 0;
    for (int i = 0; i < graph_.index.size; ++i) {
      if (std::count(column_axis_.begin(), column_axis_.end(), graph_.index[i].axis) > 0)
        columns |= 1u << i;
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
  const int matrix_;
  const std::vector<int> column_axis_;
  std::vector<LinearSum> sums_;
  std::set<int> sum_nodes_;
  std::set<int> inside_;  // nodes between a sum and its two leaves, leaves included
};

}  // namespace

std::vector<MatrixUse> FindMatrices(const Program& program) {
  const ir::Graph& graph = program.graph;
  const RowGraph rows(program);
  std::vector<MatrixUse> uses;
  for (int s = 0; s < graph.symbol.size; ++s) {
    const ir::Symbol& symbol = graph.symbol[s];
    const bool columns = symbol.rank >= 2 &&
                         std::none_of(symbol.axis + 1, symbol.axis + symbol.rank,
                                      [&](int axis) { return graph.axis[axis].data; });
    if (symbol.kind != ir::Kind::kData || !columns || !graph.axis[symbol.axis[0]].data) continue;
    uses.push_back(Analysis(program, rows, s).Run());
  }
  return uses;
}

}  // namespace gyre::driver
