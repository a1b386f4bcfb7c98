#include "compiler/traits.h"

#include <algorithm>
#include <set>

#include "compiler/convexity.h"
#include "compiler/dependence.h"

namespace gyre {
namespace {

using ir::Op;

// Looks for a kink: |.|, max, relu of something that depends on parameters, unless a square above it
// smooths it (squared hinge).
class KinkWalk {
 public:
  KinkWalk(const ir::Graph& graph, const std::vector<uint64_t>& params)
      : graph_(graph), params_(params) {}

  bool Find(int id, bool squared) {
    if (id < 0 || params_[static_cast<size_t>(id)] == 0) return false;
    if (!seen_.insert(id * 2 + (squared ? 1 : 0)).second) return false;
    const ir::Node& node = graph_.node[id];
    switch (node.op) {
      case Op::kAbs: case Op::kRelu: case Op::kMax: case Op::kMin: case Op::kMaxOver:
      case Op::kMinOver: case Op::kSoft:
        if (!squared) return true;
        break;
      case Op::kLet:
        return Find(graph_.let[node.symbol].body, squared);
      case Op::kTotal:
        return Find(graph_.total[node.symbol].node, squared);
      case Op::kSq:
        return Find(node.a, true);
      case Op::kMul:
        return Find(node.a, node.a == node.b) || Find(node.b, node.a == node.b);
      default:
        break;
    }
    for (const int operand : Operands(node)) {
      if (Find(operand, false)) return true;
    }
    return false;
  }

 private:
  const ir::Graph& graph_;
  const std::vector<uint64_t>& params_;
  std::set<int> seen_;
};

bool HasTotal(const ir::Graph& graph, int id) {
  if (id < 0) return false;
  const ir::Node& node = graph.node[id];
  if (node.op == Op::kTotal) return true;
  if (node.op == Op::kLet) return HasTotal(graph, graph.let[node.symbol].body);
  const std::vector<int> operands = Operands(node);
  return std::any_of(operands.begin(), operands.end(), [&](int o) { return HasTotal(graph, o); });
}

// Reads parameters outside of its totals, whose dependence the lag accounts for.
bool ReadsParam(const ir::Graph& graph, int id) {
  if (id < 0) return false;
  const ir::Node& node = graph.node[id];
  if (node.op == Op::kParam) return true;
  if (node.op == Op::kTotal) return false;
  if (node.op == Op::kLet) return ReadsParam(graph, graph.let[node.symbol].body);
  const std::vector<int> operands = Operands(node);
  return std::any_of(operands.begin(), operands.end(), [&](int o) { return ReadsParam(graph, o); });
}

// Linear in totals and free of parameters: what several workers' shares of it may be added from.
bool AdditiveInTotals(const ir::Graph& graph, int id) {
  if (id < 0 || ReadsParam(graph, id)) return false;
  const ir::Node& node = graph.node[id];
  switch (node.op) {
    case Op::kTotal: return true;
    case Op::kLet: return AdditiveInTotals(graph, graph.let[node.symbol].body);
    case Op::kNeg: return AdditiveInTotals(graph, node.a);
    case Op::kAdd: case Op::kSub:
      return AdditiveInTotals(graph, node.a) && AdditiveInTotals(graph, node.b);
    case Op::kMul:
      return (AdditiveInTotals(graph, node.a) && !HasTotal(graph, node.b)) ||
             (AdditiveInTotals(graph, node.b) && !HasTotal(graph, node.a));
    case Op::kDiv: return AdditiveInTotals(graph, node.a) && !HasTotal(graph, node.b);
    default: return false;
  }
}

// p = p + (something additive in totals), with p read at the very indices that are assigned.
bool IsLinearUpdate(const ir::Graph& graph, const Assign& assign) {
  const int id = assign.value.node;
  if (id < 0) return false;
  const ir::Node& node = graph.node[id];
  if (node.op != Op::kAdd && node.op != Op::kSub) return false;
  const auto is_self = [&](int n) {
    const ir::Node& p = graph.node[n];
    if (p.op != Op::kParam || p.symbol != assign.param) return false;
    for (int i = 0; i < p.subs; ++i) {
      if (!p.sub[i].plain() || graph.index[p.sub[i].index].prime != 0) return false;
    }
    return true;
  };
  if (is_self(node.a) && AdditiveInTotals(graph, node.b)) return true;
  return node.op == Op::kAdd && is_self(node.b) && AdditiveInTotals(graph, node.a);
}

// Whether a term is affine in what any one map names.
bool OncePerMap(const KeyedTerm& term) {
  std::set<int> maps;
  return std::all_of(term.factor.begin(), term.factor.end(),
                     [&](const KeyedFactor& f) { return maps.insert(f.map).second; });
}

}  // namespace

Traits TraitsOf(const Program& program, const Leaf& leaf) {
  const Statement& s = *leaf.statement;
  Traits t;
  if (s.kind == StatementKind::kIterate) {
    t.linear_fold = !s.assign.empty() &&
                    std::all_of(s.assign.begin(), s.assign.end(), [&](const Assign& a) {
                      return IsLinearUpdate(program.graph, a);
                    });
    return t;
  }
  const std::vector<uint64_t> params = ParamsOfNodes(program.graph);
  for (const int root : RootsOf(program, leaf)) {
    if (KinkWalk(program.graph, params).Find(root, false)) t.smooth = false;
  }
  for (const Penalty& p : s.penalty) {
    switch (p.kind) {
      case PenaltyKind::kL1: t.l1 = true; break;
      case PenaltyKind::kSquaredL2: t.l2 = true; break;
      case PenaltyKind::kLower: case PenaltyKind::kUpper: t.bounds = true; break;
      case PenaltyKind::kGroupL2: t.grouped = true; break;
      case PenaltyKind::kSimplex: t.grouped = t.simplex = true; break;
    }
  }
  t.sparse = t.l1 || (t.grouped && !t.simplex);
  const Predictor& predictor = s.predictor;
  t.predictor = std::any_of(predictor.part.begin(), predictor.part.end(),
                            [](const PredictorPart& part) { return part.matrix >= 0; });
  if (t.predictor) {
    t.convex_loss = IsConvexIn(program.graph, predictor.loss_node, predictor.view_node);
    t.bounded = predictor.quadratic ||
                IsBoundedIn(program.graph, predictor.curvature_node, predictor.view_node);
    t.one_output = predictor.output_axis < 0;
    t.kinks_known = predictor.kinks_known;
    t.all_l2 = std::all_of(s.param.begin(), s.param.end(), [&](int param) {
      return std::any_of(s.penalty.begin(), s.penalty.end(), [&](const Penalty& p) {
        return p.param == param && p.kind == PenaltyKind::kSquaredL2;
      });
    });
  }
  t.keyed = !predictor.term.empty();
  t.all_keys = predictor.all_keys.weight.fn != nullptr;
  t.multilinear = std::any_of(predictor.term.begin(), predictor.term.end(),
                              [](const KeyedTerm& term) { return term.factor.size() > 2; });
  t.blocks_solve = t.keyed && predictor.quadratic && std::all_of(predictor.term.begin(), predictor.term.end(), OncePerMap);
  t.products = !program.product_params.empty();
  t.convex = s.convex_hint && !t.products;
  return t;
}

}  // namespace gyre
