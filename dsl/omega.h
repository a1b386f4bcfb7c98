// An objective taken apart: f, the terms with a sum over data, and Omega, the rest. Terms of Omega
// with a proximal operator become penalties; what has a slope becomes the smooth rest.
#pragma once
#include "dsl/tally.h"

namespace gyre::internal {

class Omega : public TallyLowering {
 public:
  using TallyLowering::TallyLowering;

 protected:
  // Adds the additive terms of `id`, each times `coefficient`, to f, to the penalties or to the
  // smooth rest of Omega.
  constexpr void Terms(int id, int coefficient, StatementIr& s) {
    const ir::Node n = a.at(id);
    if (n.op == ir::Op::kLet && n.subs == 0) {
      return Terms(b.graph.let[n.symbol].lowered, coefficient, s);
    }
    if (n.op == ir::Op::kAdd || n.op == ir::Op::kSub) {
      Terms(n.a, coefficient, s);
      return Terms(n.b, n.op == ir::Op::kAdd ? coefficient : a.Neg(coefficient), s);
    }
    if (n.op == ir::Op::kNeg) return Terms(n.a, a.Neg(coefficient), s);
    if (n.op == ir::Op::kMul && Plain(n.a)) return Terms(n.b, a.Mul(coefficient, n.a), s);
    if (n.op == ir::Op::kMul && Plain(n.b)) return Terms(n.a, a.Mul(coefficient, n.b), s);
    if (n.op == ir::Op::kDiv && Plain(n.b)) return Terms(n.a, a.Div(coefficient, n.b), s);
    if (HasDataSum(id)) {
      f = a.Add(f, a.Mul(coefficient, id));
      return;
    }
    if (n.op == ir::Op::kSum && SplitPenalty(n, coefficient, s)) return;
    if (Proximal(id, coefficient, s)) return;
    smooth = a.Add(smooth, a.Mul(coefficient, id));
    if (HasParam(id)) s.smooth_term.push({static_cast<int16_t>(id), static_cast<int16_t>(coefficient)});
  }
  constexpr bool Plain(int id) { return b.free(id) == 0 && !HasParam(id) && !HasDataSum(id); }

  // sum of (x + y) is two penalties.
  constexpr bool SplitPenalty(const ir::Node& sum, int coefficient, StatementIr& s) {
    const ir::Node body = a.at(sum.a);
    if (body.op != ir::Op::kAdd && body.op != ir::Op::kSub) return false;
    Terms(a.Sum(sum.index, body.a), coefficient, s);
    Terms(a.Sum(sum.index, body.b), body.op == ir::Op::kAdd ? coefficient : a.Neg(coefficient), s);
    return true;
  }

  // weight * sum over all indices of |p|, p^2 or a norm of p: a term with a proximal operator.
  constexpr bool Proximal(int id, int coefficient, StatementIr& s) {
    uint32_t summed = 0;
    int body = id;
    while (a.is(body, ir::Op::kSum)) {
      summed |= 1u << a.at(body).index;
      body = a.at(body).a;
    }
    Factors factors;
    bool negative = false;
    a.Flatten(body, false, factors, negative);
    int core = -1, weight = coefficient;
    for (const Factor& factor : factors) {
      if (!HasParam(factor.node)) {
        weight = factor.inverse ? a.Div(weight, factor.node) : a.Mul(weight, factor.node);
      } else if (core < 0 && !factor.inverse) {
        core = factor.node;
      } else if (a.at(core).op == ir::Op::kParam && core == factor.node && !factor.inverse) {
        core = a.Unary(ir::Op::kSq, core);  // p * p
      } else {
        return false;
      }
    }
    if (core < 0 || negative || a.is(coefficient, ir::Op::kNeg)) return false;
    PenaltyIr penalty;
    int inner = a.at(core).a;
    switch (a.at(core).op) {
      case ir::Op::kAbs:
        penalty.kind = PenaltyKind::kL1;
        break;
      case ir::Op::kSq:
        penalty.kind = PenaltyKind::kSquaredL2;
        break;
      case ir::Op::kNorm:
        penalty.kind = PenaltyKind::kGroupL2;
        penalty.group = 1u << a.at(core).index;
        while (a.is(inner, ir::Op::kNorm)) {
          penalty.group |= 1u << a.at(inner).index;
          inner = a.at(inner).a;
        }
        break;
      default:
        return false;
    }
    if (!IsWholeParam(inner, summed | penalty.group)) return false;
    penalty.symbol = a.at(inner).symbol;
    if (b.free(weight) == 0) {
      penalty.post = ScalarPost(weight);
    } else if (penalty.kind == PenaltyKind::kGroupL2) {
      return false;
    } else {
      penalty.post = ParamPost(weight, penalty.symbol);
    }
    s.penalty.push(penalty);
    return true;
  }

  // |x|, max and the like in the smooth rest of Omega: no proximal operator is known for it.
  constexpr bool HasKink(int id) {
    if (id < 0 || !HasParam(id)) return false;
    const ir::Node& n = a.at(id);
    switch (n.op) {
      case ir::Op::kAbs:
      case ir::Op::kMax:
      case ir::Op::kMin:
      case ir::Op::kMaxOver:
      case ir::Op::kMinOver:
      case ir::Op::kRelu:
      case ir::Op::kNorm:
        return true;
      case ir::Op::kLet:
        return HasKink(b.graph.let[n.symbol].lowered);
      default:
        return HasKink(n.a) || HasKink(n.b) || HasKink(n.c);
    }
  }

  constexpr void Constraints(StatementIr& s) {
    for (int c : p.constraint) {
      const ir::Node n = a.at(a.Canonical(c));
      PenaltyIr penalty;
      if (n.op == ir::Op::kLe || n.op == ir::Op::kLt) {
        const bool lower = a.is(n.b, ir::Op::kParam);
        const int param = lower ? n.b : n.a, bound = lower ? n.a : n.b;
        if (!a.is(param, ir::Op::kParam) || HasParam(bound) || HasDataSum(bound) ||
            !IsWholeParam(param, b.free(param))) {
          return b.fail(23);
        }
        penalty.kind = lower ? PenaltyKind::kLower : PenaltyKind::kUpper;
        penalty.symbol = a.at(param).symbol;
        penalty.post = b.free(bound) == 0 ? ScalarPost(bound) : ParamPost(bound, penalty.symbol);
      } else if (n.op == ir::Op::kEq) {
        const int sum = a.is(n.a, ir::Op::kSum) ? n.a : n.b, total = sum == n.a ? n.b : n.a;
        int inner = sum;
        while (a.is(inner, ir::Op::kSum)) {
          penalty.group |= 1u << a.at(inner).index;
          inner = a.at(inner).a;
        }
        if (!a.is(inner, ir::Op::kParam) || !Plain(total) || !IsWholeParam(inner, b.free(inner))) {
          return b.fail(23);
        }
        penalty.kind = PenaltyKind::kSimplex;
        penalty.symbol = a.at(inner).symbol;
        penalty.post = ScalarPost(total);
      } else {
        return b.fail(23);
      }
      s.penalty.push(penalty);
      s.params |= uint64_t{1} << penalty.symbol;
    }
  }

  // Parameters that multiply parameters must not start at zero, a saddle point.
  constexpr void MarkProducts(int id) {
    bool seen[ir::kMaxNodes] = {};
    MarkProducts(id, seen);
  }
  constexpr void MarkProducts(int id, bool* seen) {
    if (id < 0 || seen[id]) return;
    seen[id] = true;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kMul) {
      const uint64_t x = Params(n.a), y = Params(n.b);
      if (x && y && (x | y) != x) p.product_params |= x | y;
      if (x && y && (x | y) != y) p.product_params |= x | y;
    }
    if (n.op == ir::Op::kLet) MarkProducts(b.graph.let[n.symbol].lowered, seen);
    MarkProducts(n.a, seen);
    MarkProducts(n.b, seen);
    MarkProducts(n.c, seen);
  }

  int f = -1, smooth = -1;  // of the Minimize at hand
};

}  // namespace gyre::internal
