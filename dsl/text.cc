// The text fold: a node of the graph in index notation.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "dsl/program.h"

namespace gyre {
namespace {

using ir::Op;

std::string Number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

class Writer {
 public:
  Writer(const ir::Graph& graph, const std::vector<double>& literal)
      : g_(graph), literal_(literal) {}

  std::string Text(int id) const {
    const ir::Node& n = g_.node[id];
    switch (n.op) {
      case Op::kLiteral:
        return Literal(n.symbol);
      case Op::kConst:
        return Number(n.value);
      case Op::kSize:
        return "size(" + std::string(g_.axis[n.symbol].name) + ")";
      case Op::kBatch:
        return "batch(" + std::string(g_.axis[n.symbol].name) + ")";
      case Op::kEach:
        return Each(n);
      case Op::kSolve:
        return Solve(n);
      case Op::kEpoch:
        return "epoch";
      case Op::kPosition:
        return Subscripts(n);
      case Op::kShuffle:
        return "shuffle(" + Subscripts(n) + ")";
      case Op::kHyper:
      case Op::kData:
      case Op::kKey:
      case Op::kParam:
      case Op::kLocal:
        return Read(g_.symbol[n.symbol].name, n);
      case Op::kLet:
        return Read(LetName(n.symbol), n);
      case Op::kTotal:
        return Read("total" + std::to_string(n.symbol), n);
      case Op::kNeg:
        return "-" + Text(n.a);
      case Op::kNot:
        return "!" + Text(n.a);
      case Op::kAdd:
        return Infix(n, " + ");
      case Op::kSub:
        return Infix(n, " - ");
      case Op::kMul:
        return Infix(n, " * ");
      case Op::kDiv:
        return Infix(n, " / ");
      case Op::kEq:
        return Infix(n, " == ");
      case Op::kNe:
        return Infix(n, " != ");
      case Op::kLt:
        return Infix(n, " < ");
      case Op::kLe:
        return Infix(n, " <= ");
      case Op::kAnd:
        return Infix(n, " && ");
      case Op::kOr:
        return Infix(n, " || ");
      default:
        return Call(n);
    }
  }

 private:
  std::string Literal(int slot) const {
    return static_cast<size_t>(slot) < literal_.size() ? Number(literal_[static_cast<size_t>(slot)])
                                                       : "#";
  }
  std::string LetName(int l) const {
    const ir::Let& let = g_.let[l];
    return (let.adjoint_of >= 0 ? "d" : "") + std::string(let.name);
  }
  std::string Index(int i) const {
    const ir::Index& index = g_.index[i];
    return std::string(g_.axis[index.axis].name) +
           std::string(static_cast<size_t>(index.prime), '\'');
  }
  std::string Subscript(const ir::Subscript& s) const {
    if (s.node >= 0) return Text(s.node);
    if (s.padded) {
      ir::Subscript inner = s;
      inner.padded = false;
      return "pad(" + Subscript(inner) + ")";
    }
    std::string out = s.scale0 >= 0 && Literal(s.scale0) != "1" ? Literal(s.scale0) + "*" : "";
    out += Index(s.index);
    if (s.second >= 0) {
      out += " + " + (s.scale1 >= 0 && Literal(s.scale1) != "1" ? Literal(s.scale1) + "*" : "") +
             Index(s.second);
    }
    if (s.offset >= 0 && Literal(s.offset) != "0") out += " + " + Literal(s.offset);
    return out;
  }
  std::string Subscripts(const ir::Node& n) const {
    std::string out;
    for (int i = 0; i < n.subs; ++i) out += (i > 0 ? "," : "") + Subscript(n.sub[i]);
    return out;
  }
  std::string Read(std::string_view name, const ir::Node& n) const {
    return std::string(name) + (n.subs > 0 ? "(" + Subscripts(n) + ")" : "");
  }
  std::string Infix(const ir::Node& n, const char* op) const {
    return "(" + Text(n.a) + op + Text(n.b) + ")";
  }
  std::string Views(int chain) const {
    if (chain < 0) return "";
    const ir::Node& n = g_.node[chain];
    const std::string before = Views(n.c);
    return before + (before.empty() ? "" : ", ") + Text(n.a);
  }
  std::string Each(const ir::Node& n) const {
    const ir::Functor& f = g_.functor[n.symbol];
    return "each[" + Index(n.index) + "](" + std::string(f.name) + (f.merges ? "+Merge" : "") +
           ": " + Views(n.a) + ")";
  }
  // a: the chain of the matrix and its column's position; c: its row's position.
  std::string Solve(const ir::Node& n) const {
    const ir::Node& matrix = g_.node[n.a];
    return "solve[" + Text(n.c) + "," + Text(matrix.c) + "](" + Text(matrix.a) + ", " + Text(n.b) +
           ")";
  }
  std::string Call(const ir::Node& n) const {
    std::string out = Name(n.op);
    if (n.index >= 0) out += "[" + Index(n.index) + "]";
    out += "(";
    std::string separator;
    for (int child : {n.a, n.b, n.c}) {
      if (child < 0) continue;
      out += separator + Text(child);
      separator = ", ";
    }
    return out + ")";
  }
  static const char* Name(Op op) {
    switch (op) {
      case Op::kExp:
        return "exp";
      case Op::kLog:
        return "log";
      case Op::kLog1p:
        return "log1p";
      case Op::kSqrt:
        return "sqrt";
      case Op::kSq:
        return "sq";
      case Op::kAbs:
        return "abs";
      case Op::kSign:
        return "sign";
      case Op::kRelu:
        return "relu";
      case Op::kSigmoid:
        return "sigmoid";
      case Op::kTanh:
        return "tanh";
      case Op::kLgamma:
        return "lgamma";
      case Op::kDigamma:
        return "digamma";
      case Op::kTrigamma:
        return "trigamma";
      case Op::kStop:
        return "stop";
      case Op::kRound:
        return "round";
      case Op::kSoftplus:
        return "softplus";
      case Op::kPow:
        return "pow";
      case Op::kMin:
      case Op::kMinOver:
        return "min";
      case Op::kMax:
      case Op::kMaxOver:
        return "max";
      case Op::kSoft:
        return "soft";
      case Op::kWhere:
        return "where";
      case Op::kSum:
        return "sum";
      case Op::kProd:
        return "prod";
      case Op::kArgmax:
        return "argmax";
      case Op::kArgmin:
        return "argmin";
      case Op::kLogSumExp:
        return "logsumexp";
      case Op::kNorm:
        return "norm";
      case Op::kAny:
        return "any";
      case Op::kNormal:
        return "normal";
      case Op::kUniform:
        return "uniform";
      case Op::kBernoulli:
        return "bernoulli";
      case Op::kDraw:
        return "draw";
      default:
        return "";
    }
  }

  const ir::Graph& g_;
  const std::vector<double>& literal_;
};

}  // namespace

std::string ToText(const ir::Graph& graph, const std::vector<double>& literal, int id) {
  return Writer(graph, literal).Text(id);
}

int64_t TallyExtent(const ir::Graph& graph, int axis, const std::vector<int64_t>& extent) {
  const ir::Symbol& table = graph.symbol[graph.axis[axis].tally];
  const ir::Node& key = graph.node[table.key[0]];
  const int rows = graph.symbol[key.symbol].axis[0];
  return static_cast<int64_t>(std::sqrt(2.0 * static_cast<double>(extent[static_cast<size_t>(rows)]))) + 3;
}

}  // namespace gyre
