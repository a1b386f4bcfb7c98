// Canonical forms: constructors of nodes that apply the laws of index notation as they build.
//
// What they do and why: constants fold; a factor moves out of every sum whose index it does not use
// (hoisting), so that what stays inside is a contraction; sums over data axes stand outermost, so
// that they are totals; sq(a - b) over a common index expands when a and b each have an index of
// their own (||x - c||^2 becomes a matrix product); log1p(exp(x)) becomes softplus, which does not
// overflow. Values are unchanged up to rounding.
#pragma once
#include "dsl/builder.h"

namespace gyre::internal {

struct Factor {
  int node = -1;
  bool inverse = false;
};
using Factors = ir::Array<Factor, 24>;

class Algebra {
 public:
  constexpr explicit Algebra(Builder& builder) : b(builder) {}

  constexpr const ir::Node& at(int id) const { return b.graph.node[id]; }
  constexpr bool is(int id, ir::Op op) const { return id >= 0 && at(id).op == op; }
  constexpr bool is(int id, double value) const {
    return is(id, ir::Op::kConst) && at(id).value == value;
  }
  constexpr bool uses(int id, int index) const { return b.free(id) >> index & 1; }
  constexpr bool data_index(int index) const {
    return b.graph.axis[b.graph.index[index].axis].data;
  }
  constexpr uint32_t data_mask() const {
    uint32_t mask = 0;
    for (int i = 0; i < b.graph.index.size; ++i) mask |= data_index(i) ? 1u << i : 0u;
    return mask;
  }

  constexpr int Const(double v) { return b.constant(v); }

  constexpr int Neg(int a) {
    if (is(a, ir::Op::kConst)) return Const(-at(a).value);
    if (is(a, ir::Op::kNeg)) return at(a).a;
    if (is(a, ir::Op::kSub)) return Sub(at(a).b, at(a).a);
    return b.node(ir::Op::kNeg, a);
  }
  constexpr int Add(int x, int y) {
    if (is(x, 0.0)) return y;
    if (is(y, 0.0)) return x;
    if (is(x, ir::Op::kConst) && is(y, ir::Op::kConst)) return Const(at(x).value + at(y).value);
    if (is(y, ir::Op::kNeg)) return Sub(x, at(y).a);
    if (is(x, ir::Op::kNeg)) return Sub(y, at(x).a);
    return b.node(ir::Op::kAdd, x, y);
  }
  constexpr int Sub(int x, int y) {
    if (is(y, 0.0)) return x;
    if (is(x, 0.0)) return Neg(y);
    if (is(y, ir::Op::kNeg)) return Add(x, at(y).a);
    return b.node(ir::Op::kSub, x, y);
  }
  constexpr int Mul(int x, int y) {
    if (is(x, 0.0) || is(y, 0.0)) return Const(0);
    if (is(x, 1.0)) return y;
    if (is(y, 1.0)) return x;
    if (is(x, ir::Op::kConst) && is(y, ir::Op::kConst)) return Const(at(x).value * at(y).value);
    if (is(x, ir::Op::kNeg)) return Neg(Mul(at(x).a, y));
    if (is(y, ir::Op::kNeg)) return Neg(Mul(x, at(y).a));
    if (is(x, -1.0)) return Neg(y);
    if (is(y, -1.0)) return Neg(x);
    return b.node(ir::Op::kMul, x, y);
  }
  constexpr int Div(int x, int y) {
    if (is(x, 0.0)) return Const(0);
    if (is(y, 1.0)) return x;
    if (is(x, ir::Op::kNeg)) return Neg(Div(at(x).a, y));
    if (is(y, ir::Op::kNeg)) return Neg(Div(x, at(y).a));
    return b.node(ir::Op::kDiv, x, y);
  }
  constexpr int Where(int condition, int x, int y) {
    if (x == y) return x;
    return b.node(ir::Op::kWhere, condition, x, y);
  }
  constexpr int Unary(ir::Op op, int a) {
    if (op == ir::Op::kNeg) return Neg(a);
    if (op == ir::Op::kLog1p && is(a, ir::Op::kExp)) return b.node(ir::Op::kSoftplus, at(a).a);
    if (op == ir::Op::kLog && is(a, ir::Op::kAdd)) {
      if (is(at(a).a, 1.0) && is(at(a).b, ir::Op::kExp)) {
        return b.node(ir::Op::kSoftplus, at(at(a).b).a);
      }
      if (is(at(a).b, 1.0) && is(at(a).a, ir::Op::kExp)) {
        return b.node(ir::Op::kSoftplus, at(at(a).a).a);
      }
    }
    if (op == ir::Op::kLog && is(a, ir::Op::kSum) && is(at(a).a, ir::Op::kExp)) {
      return b.node(ir::Op::kLogSumExp, at(at(a).a).a, -1, -1, at(a).index);
    }
    return b.node(op, a);
  }
  constexpr int Size(int index) { return b.leaf(ir::Op::kSize, b.graph.index[index].axis); }

  // The factors of a product, signs dropped into `negative`.
  constexpr void Flatten(int id, bool inverse, Factors& out, bool& negative) const {
    const ir::Node& n = at(id);
    if (n.op == ir::Op::kMul) {
      Flatten(n.a, inverse, out, negative);
      Flatten(n.b, inverse, out, negative);
    } else if (n.op == ir::Op::kDiv) {
      Flatten(n.a, inverse, out, negative);
      Flatten(n.b, !inverse, out, negative);
    } else if (n.op == ir::Op::kNeg) {
      negative = !negative;
      Flatten(n.a, inverse, out, negative);
    } else if (!is(id, 1.0)) {
      out.push({id, inverse});
    }
  }
  constexpr int Product(const Factors& factors) {
    int value = Const(1);
    for (const Factor& f : factors) value = f.inverse ? Div(value, f.node) : Mul(value, f.node);
    return value;
  }

  // sum over `index` of `body`.
  constexpr int Sum(int index, int body) {
    if (!uses(body, index)) return Mul(Size(index), body);
    const ir::Node n = at(body);
    if (n.op == ir::Op::kNeg) return Neg(Sum(index, n.a));
    if (n.op == ir::Op::kSum && data_index(n.index) && !data_index(index)) {
      return Sum(n.index, Sum(index, n.a));
    }
    if ((n.op == ir::Op::kAdd || n.op == ir::Op::kSub) && SplitsOver(index, n)) {
      const int left = Sum(index, n.a), right = Sum(index, n.b);
      return n.op == ir::Op::kAdd ? Add(left, right) : Sub(left, right);
    }
    if (n.op == ir::Op::kSq && Expands(index, n.a)) {
      const int x = at(n.a).a, y = at(n.a).b;
      const int cross = Mul(Const(2), Sum(index, Mul(x, y)));
      const int squares = Add(Sum(index, Unary(ir::Op::kSq, x)), Sum(index, Unary(ir::Op::kSq, y)));
      return at(n.a).op == ir::Op::kSub ? Sub(squares, cross) : Add(squares, cross);
    }
    return SumOfProduct(index, body);
  }

  // Every node under `id`, rebuilt in canonical form. Lets keep their ids.
  constexpr int Canonical(int id) {
    if (id < 0) return id;
    const ir::Node n = at(id);
    ir::Node copy = n;
    bool gathers = false;
    for (int i = 0; i < n.subs; ++i) {
      if (n.sub[i].node >= 0) {
        copy.sub[i].node = static_cast<int16_t>(Canonical(n.sub[i].node));
        gathers = true;
      }
    }
    switch (n.op) {
      case ir::Op::kAdd:
        return Add(Canonical(n.a), Canonical(n.b));
      case ir::Op::kSub:
        return Sub(Canonical(n.a), Canonical(n.b));
      case ir::Op::kMul:
        return Mul(Canonical(n.a), Canonical(n.b));
      case ir::Op::kDiv:
        return Div(Canonical(n.a), Canonical(n.b));
      case ir::Op::kWhere:
        return Where(Canonical(n.a), Canonical(n.b), Canonical(n.c));
      case ir::Op::kSum:
        return Sum(n.index, Canonical(n.a));
      case ir::Op::kArgmax:
      case ir::Op::kArgmin:
        return b.node(n.op, DropConstant(n.index, Canonical(n.a)), -1, -1, n.index);
      default:
        break;
    }
    if (n.a < 0) return gathers ? b.add(copy) : id;
    if (n.b < 0 && n.c < 0 && n.index < 0) return Unary(n.op, Canonical(n.a));
    copy.a = static_cast<int16_t>(Canonical(n.a));
    copy.b = static_cast<int16_t>(Canonical(n.b));
    copy.c = static_cast<int16_t>(Canonical(n.c));
    copy.free = 0;
    return b.add(copy);
  }

  // `id` with index `from` read as index `to` and the reverse.
  constexpr int Swap(int id, int from, int to) {
    if (id < 0 || from == to || !(uses(id, from) || uses(id, to))) return id;
    ir::Node n = at(id);
    const auto swapped = [&](int16_t i) {
      return static_cast<int16_t>(i == from ? to : i == to ? from : i);
    };
    for (int i = 0; i < n.subs; ++i) {
      n.sub[i].index = swapped(n.sub[i].index);
      n.sub[i].second = swapped(n.sub[i].second);
      n.sub[i].node = static_cast<int16_t>(Swap(n.sub[i].node, from, to));
    }
    n.a = static_cast<int16_t>(Swap(n.a, from, to));
    n.b = static_cast<int16_t>(Swap(n.b, from, to));
    n.c = static_cast<int16_t>(Swap(n.c, from, to));
    n.index = swapped(n.index);  // a permutation of all names captures nothing
    n.free = 0;
    return b.add(n);
  }

  // The value of a let, `id` over its indices, where it is read at others, all plain.
  constexpr int ReadAt(int id, const ir::Let& let, const ir::Node& read) {
    int16_t name[ir::kMaxSubscripts] = {};  // what the let's indices are called by now
    for (int i = 0; i < read.subs; ++i) name[i] = let.index[i];
    for (int i = 0; i < read.subs; ++i) {
      const int16_t from = name[i], to = read.sub[i].index;
      id = Swap(id, from, to);
      for (int j = i + 1; j < read.subs; ++j) {
        if (read.sub[j].index == to) b.fail(32);  // a diagonal
        if (name[j] == to) name[j] = from;
      }
    }
    return id;
  }

  Builder& b;

 private:
  // `id` without the terms that do not use `index`: they move no maximum.
  constexpr int DropConstant(int index, int id) {
    const ir::Node n = at(id);
    if (n.op != ir::Op::kAdd && n.op != ir::Op::kSub) return id;
    if (!uses(n.b, index)) return DropConstant(index, n.a);
    if (!uses(n.a, index)) return n.op == ir::Op::kAdd ? DropConstant(index, n.b) : Neg(n.b);
    const int left = DropConstant(index, n.a), right = DropConstant(index, n.b);
    return n.op == ir::Op::kAdd ? Add(left, right) : Sub(left, right);
  }
  // A sum of terms is split where the terms want different loops: over a data axis only when the
  // result has axes (each term is then a contraction of its own).
  constexpr bool SplitsOver(int index, const ir::Node& n) const {
    const uint32_t rest = (b.free(n.a) | b.free(n.b)) & ~(1u << index);
    if (data_index(index)) return rest != 0 && b.free(n.a) != b.free(n.b);
    return b.free(n.a) != b.free(n.b);
  }
  constexpr bool Expands(int index, int id) const {
    if (!is(id, ir::Op::kSub) && !is(id, ir::Op::kAdd)) return false;
    const uint32_t x = b.free(at(id).a), y = b.free(at(id).b);
    return (x >> index & 1) && (y >> index & 1) && (x & ~y) && (y & ~x);
  }
  constexpr int SumOfProduct(int index, int body) {
    Factors all, inside;
    bool negative = false;
    Flatten(body, false, all, negative);
    int outside = Const(1);

    for (const Factor& f : all) {
      if (uses(f.node, index)) {
        inside.push(f);

      } else {
        outside = f.inverse ? Div(outside, f.node) : Mul(outside, f.node);
      }
    }
    const int product = inside.size == all.size && !negative ? body : Product(inside);
    const int sum = inside.size == all.size && !negative
                        ? b.node(ir::Op::kSum, product, -1, -1, index)
                        : Sum(index, product);
    const int value = Mul(outside, sum);
    return negative ? Neg(value) : value;
  }
};

}  // namespace gyre::internal
