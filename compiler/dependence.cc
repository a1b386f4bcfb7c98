#include "compiler/dependence.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gyre {
namespace {

using ir::Op;

// What gives an index its values at some place of the graph.
struct Binding {
  enum Kind : uint8_t { kOwn, kReduction, kRow, kKey };
  Kind kind = kOwn;
  int16_t node = -1;        // kReduction: the reduction; kKey: the key
  int16_t let = -1;         // the let that the reduction stands in
  bool separable = false;   // kReduction: a sum that enters the root linearly
};
using Scope = std::array<Binding, ir::kMaxIndices>;

struct Use {  // one parameter read: what binds each of its subscripts
  int param;
  int position;
  Binding binding;
};

// Walks from a root down to every parameter it reads, remembering what binds each index on the way
// and whether everything above is linear.
class UseWalk {
 public:
  UseWalk(const ir::Graph& graph, const std::vector<uint64_t>& params)
      : graph_(graph), params_(params) {}

  std::vector<Use> From(int root, bool linear) {
    Visit(root, Scope{}, linear, -1);
    return uses_;
  }

 private:
  bool HasParam(int id) const { return id >= 0 && params_[static_cast<size_t>(id)] != 0; }

  Binding Subscripted(const ir::Subscript& s, const Scope& scope) const {
    if (s.node >= 0) return {Binding::kKey, s.node, -1, false};
    // Of an affine form the window (the second index) is what overlaps.
    const int16_t index = s.second >= 0 ? s.second : s.index;
    return index >= 0 ? scope[static_cast<size_t>(index)] : Binding{};
  }

  void VisitBody(const ir::Node& node, const Scope& scope, int body, const int16_t* index, int rank,
                 bool linear, int16_t let) {
    Scope inner = scope;
    for (int i = 0; i < rank && i < node.subs; ++i) {
      if (index[i] >= 0) inner[static_cast<size_t>(index[i])] = Subscripted(node.sub[i], scope);
    }
    Visit(body, inner, linear, let);
  }

  void VisitReduction(const ir::Node& node, int id, Scope scope, bool linear, int16_t let) {
    const bool keeps = linear && node.op == Op::kSum;
    if (node.index >= 0) {
      const bool row = graph_.axis[AxisOf(graph_, node.index)].data;
      scope[static_cast<size_t>(node.index)] = {row ? Binding::kRow : Binding::kReduction,
                                                static_cast<int16_t>(id), let, keeps};
    }
    Visit(node.a, scope, keeps, let);
    Visit(node.b, scope, false, let);
  }

  void VisitOperands(const ir::Node& node, const Scope& scope, bool linear, int16_t let) {
    bool a = false, b = false, c = false;  // linear in that operand
    switch (node.op) {
      case Op::kAdd: case Op::kSub: case Op::kNeg: a = b = true; break;
      case Op::kMul: a = !HasParam(node.b), b = !HasParam(node.a); break;
      case Op::kDiv: a = !HasParam(node.b); break;
      case Op::kWhere: b = c = !HasParam(node.a); break;
      default: break;
    }
    Visit(node.a, scope, linear && a, let);
    Visit(node.b, scope, linear && b, let);
    Visit(node.c, scope, linear && c, let);
    for (int i = 0; i < node.subs; ++i) Visit(node.sub[i].node, scope, false, let);
  }

  void Visit(int id, const Scope& scope, bool linear, int16_t let) {
    if (!HasParam(id) || !seen_.insert(KeyOf(id, scope, linear)).second) return;
    const ir::Node& node = graph_.node[id];
    if (node.op == Op::kParam) {
      for (int i = 0; i < node.subs; ++i) {
        uses_.push_back({node.symbol, i, Subscripted(node.sub[i], scope)});
      }
      for (int i = 0; i < node.subs; ++i) Visit(node.sub[i].node, scope, false, let);
    } else if (node.op == Op::kLet) {
      const ir::Let& l = graph_.let[node.symbol];
      VisitBody(node, scope, l.body, l.index, l.rank, linear, node.symbol);
      for (int i = 0; i < node.subs; ++i) Visit(node.sub[i].node, scope, false, let);
    } else if (node.op == Op::kTotal) {
      const ir::Total& t = graph_.total[node.symbol];
      VisitBody(node, scope, t.node, t.index, t.rank, linear, let);
    } else if (IsReduction(node.op)) {
      VisitReduction(node, id, scope, linear, let);
    } else {
      VisitOperands(node, scope, linear, let);
    }
  }

  // A node is walked once for each way its free indices can be bound.
  std::string KeyOf(int id, const Scope& scope, bool linear) const {
    std::string key = absl::StrCat(id, linear ? "+" : "-");
    const uint32_t free = graph_.node[id].free;
    for (size_t i = 0; i < scope.size(); ++i) {
      if ((free >> i) & 1u) {
        const Binding& b = scope[i];
        absl::StrAppend(&key, ",", i, ":", static_cast<int>(b.kind), ":", b.node, ":",
                        b.separable ? 1 : 0);
      }
    }
    return key;
  }

  const ir::Graph& graph_;
  const std::vector<uint64_t>& params_;
  std::set<std::string> seen_;
  std::vector<Use> uses_;
};

class Analysis {
 public:
  Analysis(const Program& program, const std::vector<int64_t>& extent)
      : program_(program), graph_(program.graph), extent_(extent),
        params_(ParamsOfNodes(program.graph)) {}

  std::vector<AxisVerdict> Run() {
    std::vector<int> done;
    for (const Leaf& leaf : Leaves(program_)) {
      for (const int param : Changed(leaf)) {
        if (std::find(done.begin(), done.end(), param) != done.end()) continue;
        done.push_back(param);
        RowAxis(leaf, param);
        for (int i = 0; i < graph_.symbol[param].rank; ++i) OwnAxis(leaf, param, i);
      }
    }
    return std::move(out_);
  }

 private:
  std::string AxisName(int axis) const { return Name(graph_.axis[axis].name); }

  // Rule: what rows contribute is summed, so rows are additive; not so where a Sweep maintains a view
  // over them, whose rows all change with every visited item.
  void RowAxis(const Leaf& leaf, int param) {
    const Statement& s = *leaf.statement;
    if (s.kind == StatementKind::kSweep && !s.maintained.empty()) {
      const int let = s.maintained.front();
      AxisVerdict v;
      v.param = param;
      v.axis = DataAxisOfLet(let);
      if (v.axis < 0) return;
      v.verdict = Verdict::kCoupled;
      v.by = absl::StrCat("view ", Name(graph_.let[let].name));
      v.node = graph_.let[let].body;
      v.words = absl::StrCat("coupled by ", v.by, "; every visit reads and writes it");
      out_.push_back(v);
      return;
    }
    const Pass* pass = PassOf(program_, leaf);
    if (pass == nullptr || pass->row_axis < 0) return;
    AxisVerdict v;
    v.param = param;
    v.axis = pass->row_axis;
    v.verdict = Verdict::kAdditive;
    v.words = "additive; data-parallel legal, reorderable";
    out_.push_back(v);
  }

  int DataAxisOfLet(int let) const {
    const ir::Let& l = graph_.let[let];
    for (int i = 0; i < l.rank; ++i) {
      const int axis = AxisOf(graph_, l.index[i]);
      if (graph_.axis[axis].data) return axis;
    }
    return -1;
  }

  // The strongest verdict over all reads: one coupling is enough.
  void OwnAxis(const Leaf& leaf, int param, int position) {
    AxisVerdict v;
    v.param = param;
    v.axis = graph_.symbol[param].axis[position];
    v.words = "independent; slices never meet";
    const bool found = SweepRule(leaf, &v) || PredictorRule(leaf, &v) || DrawRule(leaf, &v);
    if (ProxRule(leaf, &v) || found) {
      out_.push_back(v);
      return;
    }
    for (const int root : RootsOf(program_, leaf)) {
      for (const Use& use : UseWalk(graph_, params_).From(root, true)) {
        if (use.param == param && use.position == position) Merge(use.binding, &v);
      }
    }
    out_.push_back(v);
  }

  // Rule: the items of a Sweep meet where its new value changes with the parameter at another item;
  // the derivative (dsl/lower_coupling.h) names what joins them.
  bool SweepRule(const Leaf& leaf, AxisVerdict* v) const {
    const Statement& s = *leaf.statement;
    if (s.kind != StatementKind::kSweep || s.sweep_axis != v->axis) return false;
    if (s.coupling.empty() && s.maintained.empty()) return true;
    v->verdict = Verdict::kCoupled;
    v->exchange = 1;
    std::vector<std::string> maps, others;
    for (const Coupling& c : s.coupling) {
      if (c.form == CouplingForm::kKeys) {
        Once(Name(graph_.symbol[c.first].name), &maps);
        Once(Name(graph_.symbol[c.second].name), &maps);
      } else {
        Once(ToText(graph_, program_.literal, c.node), &others);
      }
    }
    v->node = s.coupling.empty() ? -1 : s.coupling.front().node;
    if (!s.maintained.empty()) {
      const ir::Let& view = graph_.let[s.maintained.front()];
      v->by = absl::StrCat("view ", Name(view.name));
      v->node = view.body;
    } else if (!maps.empty()) {
      v->by = absl::StrJoin(maps, ", ");
    } else {
      v->by = others.front();
    }
    const std::string others_words = absl::StrJoin(others, " and ");
    v->words =
        !s.maintained.empty()
            ? absl::StrCat("coupled by ", v->by, others.empty() ? "" : ": ", others_words)
        : maps.empty() ? absl::StrCat("coupled by ", others_words)
                       : absl::StrCat("coupled where ", A(RowsOfKey(s)), " joins them: ", v->by,
                                      others.empty() ? "" : "; by ", others_words);
    absl::StrAppend(&v->words, "; one at a time, or scheduled around the coupling");
    return true;
  }

  static void Once(const std::string& text, std::vector<std::string>* list) {
    if (std::find(list->begin(), list->end(), text) == list->end()) list->push_back(text);
  }
  // "an Edge"
  static std::string A(const std::string& name) {
    const bool vowel = absl::StrContains("AEIOUaeiou", name.substr(0, 1));
    return absl::StrCat(vowel ? "an " : "a ", name);
  }
  // The axis whose rows name the items of a sweep by key.
  std::string RowsOfKey(const Statement& s) const {
    for (const Coupling& c : s.coupling) {
      if (c.form == CouplingForm::kKeys) return AxisName(graph_.symbol[c.first].axis[0]);
    }
    return "";
  }

  // Rule: coordinates meet in the linear predictor. Differentiating Delta again gives by how much: the
  // product of their columns, weighted by the curvature of the losses.
  bool PredictorRule(const Leaf& leaf, AxisVerdict* v) const {
    const Predictor& predictor = leaf.statement->predictor;
    for (const PredictorPart& part : predictor.part) {
      if (part.param != v->param || part.matrix < 0) continue;
      const ir::Symbol& matrix = graph_.symbol[part.matrix];
      if (std::count(matrix.axis + 1, matrix.axis + matrix.rank, v->axis) == 0) continue;
      const ir::Node& view = graph_.node[predictor.view_node];
      const std::string name = Name(matrix.name), row = AxisName(predictor.row_axis),
                        column = AxisName(v->axis);
      v->verdict = Verdict::kCoupled;
      v->by = view.op == Op::kLet ? absl::StrCat("view ", Name(graph_.let[view.symbol].name))
                                  : std::string("its linear predictor");
      v->node = predictor.view_node;
      v->exchange = 1;
      v->words = absl::StrCat(
          "coupled by ", v->by, ": sum[", row, "] ", predictor.quadratic ? "w" : "w(view)", " ", name,
          "(", row, ",", column, ") ", name, "(", row, ",", column,
          "'), w the curvature of the loss; model-parallel legal around it, exchange 1 number a row");
      return true;
    }
    return false;
  }

  // Rule: a draw needs the weights of all its topics.
  static bool DrawRule(const Leaf& leaf, AxisVerdict* v) {
    const Sampler& sampler = leaf.statement->sampler;
    if (sampler.latent < 0 || v->axis != sampler.topic_axis) return false;
    v->verdict = Verdict::kCoupled;
    v->by = "the draw";
    v->words = "coupled by the draw, which weighs all of them";
    return true;
  }

  // Rule: a prox that looks at a whole group couples the axes inside the group.
  bool ProxRule(const Leaf& leaf, AxisVerdict* v) const {
    for (const Penalty& p : leaf.statement->penalty) {
      const bool inside = std::find(p.group_axes.begin(), p.group_axes.end(), v->axis) !=
                          p.group_axes.end();
      if (p.param != v->param || !inside) continue;
      v->verdict = Verdict::kCoupled;
      v->by = p.kind == PenaltyKind::kSimplex ? "simplex in the prox" : "group norm in the prox";
      v->node = p.weight.node;
      v->words = absl::StrCat("coupled by ", v->by, "; a group must stay in one slice");
      return true;
    }
    return false;
  }

  void Merge(const Binding& b, AxisVerdict* v) const {
    if (v->verdict == Verdict::kCoupled) return;
    if (b.kind == Binding::kReduction && !b.separable) {
      Coupled(b, v);
    } else if (b.kind == Binding::kKey) {
      const ir::Node& key = graph_.node[b.node];
      v->verdict = Verdict::kKeyed;
      v->by = key.symbol >= 0 && key.op == Op::kKey ? Name(graph_.symbol[key.symbol].name)
                                                    : std::string(OpName(key.op));
      v->node = b.node;
      v->words = absl::StrCat("keyed by ", v->by, "; conflict-free where rows differ in it");
    }
  }

  // Rule: slices of an axis under a reduction exchange its value, for every value of the reduction's
  // other indices; a log-sum-exp is a largest and a sum, an argmax a largest and its place.
  void Coupled(const Binding& b, AxisVerdict* v) const {
    const ir::Node& node = graph_.node[b.node];
    v->verdict = Verdict::kCoupled;
    v->node = b.node;
    v->by = absl::StrCat(OpName(node.op), " in ",
                         b.let >= 0 ? Name(graph_.let[b.let].name) : std::string("f"));
    int64_t numbers = node.op == Op::kLogSumExp || node.op == Op::kArgmax || node.op == Op::kArgmin
                          ? 2 : 1;
    std::vector<int> axes;
    for (int i = 0; i < graph_.index.size; ++i) {
      const int axis = AxisOf(graph_, i);
      if (((node.free >> i) & 1u) && !graph_.axis[axis].data) numbers *= ExtentOf(extent_, axis);
    }
    v->exchange = numbers;
    v->words = absl::StrCat("coupled by ", v->by, " (%", b.node, "); model-parallel legal, exchange ",
                            numbers, numbers == 1 ? " number a row" : " numbers a row");
  }

  const Program& program_;
  const ir::Graph& graph_;
  const std::vector<int64_t>& extent_;
  const std::vector<uint64_t> params_;
  std::vector<AxisVerdict> out_;
};

}  // namespace

const Pass* PassOf(const Program& program, const Leaf& leaf) {
  const int pass = leaf.statement->pass;
  return pass < 0 ? nullptr : &program.pass[static_cast<size_t>(pass)];
}

std::vector<int> RootsOf(const Program& program, const Leaf& leaf) {
  const Statement& s = *leaf.statement;
  std::vector<int> roots;
  if (s.kind == StatementKind::kMinimize && s.value.node >= 0) roots.push_back(s.value.node);
  for (const Assign& assign : s.assign) {
    if (assign.value.node >= 0) roots.push_back(assign.value.node);
  }
  if (s.kind == StatementKind::kResample) return {s.sampler.weight_node};
  if (!roots.empty()) return roots;
  const Pass* pass = PassOf(program, leaf);
  if (pass == nullptr || pass->total.empty()) return roots;
  const size_t count = s.kind == StatementKind::kMinimize ? 1 : pass->total.size();
  for (size_t i = 0; i < count; ++i) roots.push_back(program.graph.total[pass->total[i]].node);
  return roots;
}

std::vector<AxisVerdict> AnalyzeDependences(const Program& program,
                                            const std::vector<int64_t>& extent) {
  return Analysis(program, extent).Run();
}

}  // namespace gyre
