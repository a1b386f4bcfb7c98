#include "compiler/convexity.h"

#include <cstdint>
#include <map>

namespace gyre {
namespace {

using ir::Op;

enum class Shape : uint8_t { kConstant, kAffine, kConvex, kConcave, kUnknown };

struct Known {
  Shape shape = Shape::kUnknown;
  bool positive = false;  // never below zero
};

// A graph seen from one of its values.
class Walk {
 public:
  Walk(const ir::Graph& graph, int variable) : graph_(graph), variable_(variable) {}

  // Remembered by node: lets that read each other twice make trees of exponential size.
  bool Mentions(int id) const {
    if (id < 0 || id == variable_) return id == variable_;
    const auto known = mentions_.find(id);
    if (known != mentions_.end()) return known->second;
    const ir::Node& n = graph_.node[id];
    const bool found = (n.op == Op::kLet && Mentions(graph_.let[n.symbol].lowered)) ||
                       Mentions(n.a) || Mentions(n.b) || Mentions(n.c);
    mentions_.emplace(id, found);
    return found;
  }

 protected:
  const ir::Graph& graph_;
  const int variable_;

 private:
  mutable std::map<int, bool> mentions_;
};

class Convexity : public Walk {
 public:
  using Walk::Walk;

  Known Of(int id) const {
    if (id == variable_) return {Shape::kAffine, false};
    const ir::Node& n = graph_.node[id];
    if (!Mentions(id)) return {Shape::kConstant, Positive(id)};
    switch (n.op) {
      case Op::kLet: return Of(graph_.let[n.symbol].lowered);
      case Op::kNeg: return {Negated(Of(n.a).shape), false};
      case Op::kAdd: return Sum(Of(n.a), Of(n.b));
      case Op::kSub: return Sum(Of(n.a), {Negated(Of(n.b).shape), false});
      case Op::kMul:
        if (n.a == n.b) return Square(Of(n.a));
        return Mentions(n.a) && Mentions(n.b) ? Known{}
               : Mentions(n.a)                ? Scaled(n.b, Of(n.a))
                                              : Scaled(n.a, Of(n.b));
      case Op::kDiv: return Mentions(n.b) ? Known{} : Scaled(n.b, Of(n.a));
      case Op::kSq: return Square(Of(n.a));
      case Op::kAbs: {
        const Known x = Of(n.a);
        return {x.shape == Shape::kAffine || (x.shape == Shape::kConvex && x.positive)
                    ? Shape::kConvex : Shape::kUnknown, true};
      }
      case Op::kExp: case Op::kRelu: case Op::kSoftplus: {
        const Shape x = Of(n.a).shape;
        return {x == Shape::kAffine || x == Shape::kConvex ? Shape::kConvex : Shape::kUnknown, true};
      }
      case Op::kMax: return Largest(Of(n.a), Of(n.b));
      case Op::kWhere:
        return Mentions(n.a) ? Known{} : Either(Of(n.b), Of(n.c));
      case Op::kLog:
        return {Of(n.a).shape == Shape::kAffine ? Shape::kConcave : Shape::kUnknown, false};
      default: return {};
    }
  }

 private:
  // A number that is never below zero, as it is written.
  bool Positive(int id) const {
    const ir::Node& n = graph_.node[id];
    switch (n.op) {
      case Op::kConst: return n.value >= 0;
      case Op::kSize: case Op::kSq: case Op::kAbs: case Op::kExp: case Op::kRelu: return true;
      case Op::kMul: case Op::kDiv: return Positive(n.a) && Positive(n.b);
      default: return false;
    }
  }
  // A number that is written to be negative: any other that multiplies is taken as a weight.
  bool Negative(int id) const {
    const ir::Node& n = graph_.node[id];
    if (n.op == Op::kConst) return n.value < 0;
    if (n.op == Op::kMul || n.op == Op::kDiv) return Negative(n.a) != Negative(n.b);
    return n.op == Op::kNeg && !Negative(n.a);
  }
  static Shape Negated(Shape s) {
    return s == Shape::kConvex ? Shape::kConcave : s == Shape::kConcave ? Shape::kConvex : s;
  }
  static Known Sum(const Known& x, const Known& y) {
    const bool positive = x.positive && y.positive;
    if (x.shape == Shape::kConstant) return {y.shape, positive};
    if (y.shape == Shape::kConstant) return {x.shape, positive};
    if (x.shape == Shape::kAffine) return {y.shape, positive};
    if (y.shape == Shape::kAffine) return {x.shape, positive};
    return {x.shape == y.shape ? x.shape : Shape::kUnknown, positive};
  }
  Known Scaled(int factor, const Known& x) const {
    const bool negative = Negative(factor);
    return {negative ? Negated(x.shape) : x.shape, x.positive && !negative};
  }
  static Known Square(const Known& x) {
    const bool fine = x.shape == Shape::kAffine || (x.shape == Shape::kConvex && x.positive);
    return {fine ? Shape::kConvex : Shape::kUnknown, true};
  }
  static Known Largest(const Known& x, const Known& y) {
    const auto fine = [](const Known& k) {
      return k.shape != Shape::kConcave && k.shape != Shape::kUnknown;
    };
    return {fine(x) && fine(y) ? Shape::kConvex : Shape::kUnknown, x.positive || y.positive};
  }
  static Known Either(const Known& x, const Known& y) {
    return {Largest(x, y).shape, x.positive && y.positive};
  }

};

class Boundedness : public Walk {
 public:
  using Walk::Walk;

  bool Of(int id) const {
    if (id == variable_) return false;
    const ir::Node& n = graph_.node[id];
    if (!Mentions(id)) return true;
    switch (n.op) {
      case Op::kSigmoid: case Op::kTanh: case Op::kSign:
      case Op::kEq: case Op::kNe: case Op::kLt: case Op::kLe: case Op::kAnd: case Op::kOr: case Op::kNot:
        return true;
      case Op::kLet: return Of(graph_.let[n.symbol].lowered);
      case Op::kNeg: case Op::kSq: case Op::kAbs: case Op::kRelu: case Op::kExp: case Op::kSoftplus:
      case Op::kRound: case Op::kStop:
        return Of(n.a);
      case Op::kAdd: case Op::kSub: case Op::kMul: case Op::kMin: case Op::kMax:
        return Of(n.a) && Of(n.b);
      case Op::kDiv: return Of(n.a) && (!Mentions(n.b) || AwayFromZero(n.b));
      case Op::kWhere: return Of(n.b) && Of(n.c);
      default: return false;
    }
  }

 private:
  // Above some number above zero: a constant plus what is never below zero.
  bool AwayFromZero(int id) const {
    const ir::Node& n = graph_.node[id];
    switch (n.op) {
      case Op::kConst: return n.value > 0;
      case Op::kLet: return AwayFromZero(graph_.let[n.symbol].lowered);
      case Op::kAdd: return (AwayFromZero(n.a) && Positive(n.b)) || (AwayFromZero(n.b) && Positive(n.a));
      case Op::kMul: return AwayFromZero(n.a) && AwayFromZero(n.b);
      case Op::kSq: case Op::kSqrt: case Op::kAbs: return AwayFromZero(n.a);
      default: return false;
    }
  }
  bool Positive(int id) const {
    const ir::Node& n = graph_.node[id];
    switch (n.op) {
      case Op::kSq: case Op::kAbs: case Op::kExp: case Op::kRelu: case Op::kSigmoid: case Op::kSoftplus:
      case Op::kSqrt:
        return true;
      case Op::kLet: return Positive(graph_.let[n.symbol].lowered);
      case Op::kMul: return n.a == n.b || (Positive(n.a) && Positive(n.b));
      case Op::kAdd: return Positive(n.a) && Positive(n.b);
      default: return AwayFromZero(id);
    }
  }
};

}  // namespace

bool IsConvexIn(const ir::Graph& graph, int node, int variable) {
  const Shape shape = Convexity(graph, variable).Of(node).shape;
  return shape == Shape::kConvex || shape == Shape::kAffine || shape == Shape::kConstant;
}

bool IsBoundedIn(const ir::Graph& graph, int node, int variable) {
  return Boundedness(graph, variable).Of(node);
}

}  // namespace gyre
