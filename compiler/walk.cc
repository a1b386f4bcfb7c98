#include "compiler/walk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gyre {

absl::string_view OpName(ir::Op op) {
  using ir::Op;
  switch (op) {
    case Op::kLiteral: return "literal";
    case Op::kConst: return "const";
    case Op::kHyper: return "hyper";
    case Op::kSize: return "size";
    case Op::kEpoch: return "epoch";
    case Op::kPosition: return "position";
    case Op::kData: return "data";
    case Op::kKey: return "key";
    case Op::kParam: return "param";
    case Op::kLocal: return "local";
    case Op::kLet: return "let";
    case Op::kTotal: return "total";
    case Op::kNeg: return "neg";
    case Op::kExp: return "exp";
    case Op::kLog: return "log";
    case Op::kLog1p: return "log1p";
    case Op::kSqrt: return "sqrt";
    case Op::kSq: return "sq";
    case Op::kAbs: return "abs";
    case Op::kSign: return "sign";
    case Op::kRelu: return "relu";
    case Op::kSigmoid: return "sigmoid";
    case Op::kTanh: return "tanh";
    case Op::kLgamma: return "lgamma";
    case Op::kDigamma: return "digamma";
    case Op::kTrigamma: return "trigamma";
    case Op::kSoftplus: return "softplus";
    case Op::kNot: return "not";
    case Op::kStop: return "stop";
    case Op::kRound: return "round";
    case Op::kAdd: return "add";
    case Op::kSub: return "sub";
    case Op::kMul: return "mul";
    case Op::kDiv: return "div";
    case Op::kPow: return "pow";
    case Op::kMin: return "min";
    case Op::kMax: return "max";
    case Op::kEq: return "eq";
    case Op::kNe: return "ne";
    case Op::kLt: return "lt";
    case Op::kLe: return "le";
    case Op::kAnd: return "and";
    case Op::kOr: return "or";
    case Op::kSoft: return "soft";
    case Op::kWhere: return "where";
    case Op::kSum: return "sum";
    case Op::kProd: return "prod";
    case Op::kMaxOver: return "max";
    case Op::kMinOver: return "min";
    case Op::kArgmax: return "argmax";
    case Op::kArgmin: return "argmin";
    case Op::kLogSumExp: return "lse";
    case Op::kNorm: return "norm";
    case Op::kAny: return "any";
    case Op::kNormal: return "normal";
    case Op::kUniform: return "uniform";
    case Op::kBernoulli: return "bernoulli";
    case Op::kDraw: return "draw";
    case Op::kSolve: return "solve";
    case Op::kEach: return "each";
    case Op::kChain: return "chain";
    default: break;  // an operation the planner does not tell from others
  }
  return "op";
}

absl::string_view KindName(ir::Kind kind) {
  switch (kind) {
    case ir::Kind::kData: return "data";
    case ir::Kind::kSign: return "sign";
    case ir::Kind::kMap: return "map";
    case ir::Kind::kParam: return "param";
    case ir::Kind::kTyped: return "typed";
    case ir::Kind::kLocal: return "local";
    case ir::Kind::kLatent: return "latent";
    case ir::Kind::kCount: return "count";
    case ir::Kind::kTally: return "tally";
    case ir::Kind::kHyper: return "hyper";
  }
  return "?";
}

absl::string_view FormatName(Format format) {
  switch (format) {
    case Format::kDense: return "dense";
    case Format::kCsr: return "csr";
    case Format::kCsc: return "csc";
  }
  return "?";
}

absl::string_view TypeName(Type type) {
  switch (type) {
    case Type::kFloat32: return "f32";
    case Type::kFloat64: return "f64";
    case Type::kInt32: return "i32";
  }
  return "?";
}

absl::string_view StructureName(Structure structure) {
  switch (structure) {
    case Structure::kScalar: return "scalar";
    case Structure::kDense: return "dense";
    case Structure::kOuter: return "outer";
    case Structure::kRows: return "rows";
  }
  return "?";
}

bool IsReduction(ir::Op op) {
  using ir::Op;
  switch (op) {
    case Op::kSum: case Op::kProd: case Op::kMaxOver: case Op::kMinOver: case Op::kArgmax:
    case Op::kArgmin: case Op::kLogSumExp: case Op::kNorm: case Op::kAny: case Op::kDraw:
    case Op::kSolve:
      return true;
    default:
      return false;
  }
}

std::vector<int> Operands(const ir::Node& node) {
  std::vector<int> all;
  for (const int16_t id : {node.a, node.b, node.c}) {
    if (id >= 0) all.push_back(id);
  }
  for (int i = 0; i < node.subs; ++i) {
    if (node.sub[i].node >= 0) all.push_back(node.sub[i].node);
  }
  return all;
}

namespace {

// Lets and totals refer to bodies that may be stored later than their readers (adjoints are), so this
// is a walk in depth with a memo rather than one forward pass.
class ParamWalk {
 public:
  explicit ParamWalk(const ir::Graph& graph)
      : graph_(graph), known_(static_cast<size_t>(graph.node.size)), mask_(known_.size()) {}

  uint64_t Of(int id) {
    if (id < 0) return 0;
    const auto at = static_cast<size_t>(id);
    if (known_[at]) return mask_[at];
    known_[at] = true;  // a cycle, which no program has, ends here
    const ir::Node& node = graph_.node[id];
    uint64_t mask = 0;
    for (const int operand : Operands(node)) mask |= Of(operand);
    if (node.op == ir::Op::kParam) mask |= uint64_t{1} << node.symbol;
    if (node.op == ir::Op::kLet) mask |= Of(graph_.let[node.symbol].body);
    if (node.op == ir::Op::kTotal) mask |= Of(graph_.total[node.symbol].node);
    return mask_[at] = mask;
  }

  std::vector<uint64_t> All() {
    for (int id = 0; id < graph_.node.size; ++id) Of(id);
    return mask_;
  }

 private:
  const ir::Graph& graph_;
  std::vector<bool> known_;
  std::vector<uint64_t> mask_;
};

void Collect(const Statement& s, std::vector<int>* path, const std::string& id,
             std::vector<Leaf>* out) {
  switch (s.kind) {
    case StatementKind::kMinimize:
    case StatementKind::kIterate:
    case StatementKind::kSweep:
    case StatementKind::kResample:
      out->push_back({&s, *path, id});
      return;
    default:
      break;
  }
  const bool root = path->empty();
  const int64_t rounds = s.kind == StatementKind::kRepeat && !root ? s.repeat : 1;
  for (int64_t round = 0; round < rounds; ++round) {
    const std::string at = rounds > 1 ? absl::StrCat(id, "/r", round) : id;
    for (size_t i = 0; i < s.child.size(); ++i) {
      path->push_back(static_cast<int>(i));
      Collect(s.child[i], path, s.child.size() > 1 ? absl::StrCat(at, "/s", i) : at, out);
      path->pop_back();
    }
  }
}

}  // namespace

std::vector<uint64_t> ParamsOfNodes(const ir::Graph& graph) { return ParamWalk(graph).All(); }

std::vector<int> AxesOf(const ir::Graph& graph, int symbol) {
  const ir::Symbol& s = graph.symbol[symbol];
  return std::vector<int>(s.axis, s.axis + s.rank);
}

int64_t ExtentOf(const std::vector<int64_t>& extent, int axis) {
  if (axis < 0 || axis >= static_cast<int>(extent.size())) return 1;
  return std::max<int64_t>(1, extent[static_cast<size_t>(axis)]);
}

int64_t ElementsOf(const ir::Graph& graph, int symbol, const std::vector<int64_t>& extent) {
  int64_t n = 1;
  for (const int axis : AxesOf(graph, symbol)) n *= ExtentOf(extent, axis);
  return n;
}

int64_t ElementsOfTotal(const ir::Graph& graph, int total, const std::vector<int64_t>& extent) {
  const ir::Total& t = graph.total[total];
  int64_t n = 1;
  for (int i = 0; i < t.rank; ++i) n *= ExtentOf(extent, AxisOf(graph, t.index[i]));
  return n;
}

std::string Signature(const ir::Graph& graph, int symbol) {
  std::string text(graph.symbol[symbol].name);
  const std::vector<int> axes = AxesOf(graph, symbol);
  for (size_t i = 0; i < axes.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "(" : ",", Name(graph.axis[axes[i]].name));
  }
  if (!axes.empty()) text += ")";
  return text;
}

std::vector<Leaf> Leaves(const Program& program) {
  std::vector<Leaf> out;
  std::vector<int> path;
  Collect(program.root, &path, "clock", &out);
  return out;
}

int64_t RootRepeat(const Program& program) {
  return program.root.kind == StatementKind::kRepeat ? program.root.repeat : 0;
}

double RootTolerance(const Program& program) {
  return program.root.kind == StatementKind::kUntil ? program.root.tolerance : 0;
}

std::vector<int> Changed(const Leaf& leaf) {
  std::vector<int> all = leaf.statement->param;
  for (const Assign& assign : leaf.statement->assign) all.push_back(assign.param);
  std::vector<int> once;
  for (const int p : all) {
    if (std::find(once.begin(), once.end(), p) == once.end()) once.push_back(p);
  }
  return once;
}

}  // namespace gyre
