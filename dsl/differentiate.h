// Reverse mode in index notation.
//
// The derivative of a scalar by a parameter P(j, k) is an expression over j, k. Adjoints flow from
// the root to the leaves; a let is a cut point with one adjoint of its own (a let too), so the work
// is linear in the depth of the program. On the way down, every index that the operand does not use
// is summed out of the adjoint at once, which leaves products with one factor per axis at the
// leaves: the sufficient factors of a matrix parameter show themselves.
//
//   d/dP(s) [sum_i e] at P(j):  the sum over all bound indices but those that s reads j with;
//   a gathered subscript key becomes where(key == j, adjoint): a scatter.
#pragma once
#include "dsl/algebra.h"

namespace gyre::internal {

// Which parameters (bit per symbol) each node depends on, through lets too; with `through_totals`
// also, as kTotalBit, on totals that depend on parameters.
struct Dependence {
  static constexpr uint64_t kTotalBit = uint64_t{1} << 63;
  uint64_t of[ir::kMaxNodes] = {};
  bool through_totals = false;
  constexpr explicit Dependence(const ir::Graph& g, bool totals = false) : through_totals(totals) {
    uint64_t let[ir::kMaxLets] = {};
    bool more = true;
    while (more) {
      more = false;
      for (int i = 0; i < g.node.size; ++i) of[i] = Of(g, g.node[i], let);
      for (int l = 0; l < g.let.size; ++l) {
        const int body = g.let[l].lowered >= 0 ? g.let[l].lowered : g.let[l].body;
        if (let[l] != of[body]) more = true;
        let[l] = of[body];
      }
    }
  }

 private:
  constexpr uint64_t Of(const ir::Graph& g, const ir::Node& n, const uint64_t* let) const {
    if (n.op == ir::Op::kParam) return uint64_t{1} << n.symbol;
    if (n.op == ir::Op::kTotal && through_totals) {
      return of[g.total[n.symbol].node] != 0 ? kTotalBit : 0;
    }
    uint64_t mask = 0;
    if (n.op == ir::Op::kLet) mask |= let[n.symbol];
    for (int id : {n.a, n.b, n.c}) {
      if (id >= 0) mask |= of[id];
    }
    for (int i = 0; i < n.subs; ++i) {
      if (n.sub[i].node >= 0) mask |= of[n.sub[i].node];
    }
    return mask;
  }
};

class Reverse {
 public:
  constexpr Reverse(Algebra& algebra, const Dependence& dependence)
      : a(algebra), b(algebra.b), depends(dependence), lets(algebra.b.graph.let.size) {
    for (int& g : gradient) g = -1;
    for (int& g : total) g = -1;
    for (int& g : adjoint) g = -1;
  }

  // Adds the derivative of node `root`, times `seed`, to the gradients. Indices in `held` are those
  // of the root itself: the derivative is at each of their positions, not summed over them.
  constexpr void Run(int root, int seed, uint32_t held = 0) {
    Seed(root, seed, 0);
    Finish(held);
  }
  // The same in two steps, for several roots at once. `context`: the indices of the root.
  constexpr void Seed(int root, int seed, uint32_t context) { Back(root, seed, context); }
  constexpr void Finish(uint32_t held = 0) {
    for (int l = lets - 1; l >= 0; --l) {
      if (adjoint[l] < 0 || b.error) continue;
      const ir::Let let = b.graph.let[l];
      uint32_t context = 0;
      for (int i = 0; i < let.rank; ++i) context |= 1u << let.index[i];
      context &= ~held;
      body = let.lowered;
      body_value = ReadOf(l, let);
      Back(let.lowered, held ? adjoint[l] : Named(l), context);
    }
  }

  int gradient[ir::kMaxSymbols];  // by parameter, over its canonical indices; -1: none
  int total[ir::kMaxTotals];      // by total, over its indices, where they are followed
  // A node that is taken for a variable: adjoints end there and are added up, not followed further.
  int stop = -1, stopped = -1;

 private:
  constexpr int ReadOf(int l, const ir::Let& let) {
    ir::Node read;
    read.op = ir::Op::kLet;
    read.symbol = static_cast<int16_t>(l);
    read.subs = let.rank;
    for (int i = 0; i < let.rank; ++i) read.sub[i].index = let.index[i];
    return b.add(read);
  }

  // The adjoint of let l as a let of its own, unless it is a leaf.
  constexpr int Named(int l) {
    const int value = adjoint[l];
    if (a.at(value).a < 0 || b.graph.let[l].rank == 0) return value;
    ir::Let let = b.graph.let[l];
    let.body = let.lowered = static_cast<int16_t>(value);
    let.adjoint_of = static_cast<int16_t>(l);
    const int id = b.graph.let.push(let);
    if (b.graph.let.overflow) b.fail(90);
    return ReadOf(id, let);
  }

  // The canonical index of dimension `dim` of a symbol: its axis, primed as often as the axis
  // occurred before.
  constexpr int Canonical(const ir::Symbol& s, int dim) {
    int prime = 0;
    for (int i = 0; i < dim; ++i) prime += s.axis[i] == s.axis[dim];
    return b.index(s.axis[dim], prime);
  }

  // Adds `value`, a contribution to a tensor read at `n`'s subscripts inside `context`, to `sum`,
  // which is over the indices `target`.
  constexpr void Deposit(ir::Node n, const int* target, int value, uint32_t context, int& sum) {
    uint32_t kept = 0;
    for (int i = 0; i < n.subs; ++i) {
      const ir::Subscript s = n.sub[i];
      if (s.plain() && !(kept >> s.index & 1)) {
        if (s.index != target[i]) {
          if (kept >> target[i] & 1) b.fail(30);
          value = a.Swap(value, s.index, target[i]);
          for (int j = i + 1; j < n.subs; ++j) {  // the later subscripts are renamed with it
            if (n.sub[j].index == s.index) {
              n.sub[j].index = static_cast<int16_t>(target[i]);
            } else if (n.sub[j].index == target[i]) {
              n.sub[j].index = s.index;
            }
          }
          const bool had = context >> target[i] & 1;
          context &= ~(1u << s.index);
          if (had) context |= 1u << s.index;
        }
        context &= ~(1u << target[i]);
        kept |= 1u << target[i];
        continue;
      }
      if (s.node < 0) {
        b.fail(32);  // affine subscripts of differentiated tensors
        return;
      }
      if (context >> target[i] & 1) b.fail(30);
      ir::Node position;
      position.op = ir::Op::kPosition;
      position.subs = 1;
      position.sub[0].index = static_cast<int16_t>(target[i]);
      const int hit = b.node(ir::Op::kEq, s.node, b.add(position));
      value = a.Where(hit, value, a.Const(0));
      kept |= 1u << target[i];
    }
    for (int pass = 0; pass < 2; ++pass) {  // data axes last: outermost
      for (int i = 0; i < b.graph.index.size; ++i) {
        if ((context >> i & 1) && a.data_index(i) == (pass == 1)) value = a.Sum(i, value);
      }
    }
    sum = sum < 0 ? value : a.Add(sum, value);
  }

  constexpr void Back(int node_id, int adj, uint32_t context) {
    if (depends.of[node_id] == 0 || a.is(adj, 0.0)) return;
    const ir::Node n = a.at(node_id);
    // The value of this node; a let's body is the let, which is computed once.
    const int id = node_id == body ? body_value : node_id;
    for (int i = 0; i < b.graph.index.size; ++i) {
      if ((context >> i & 1) && !(n.free >> i & 1)) {
        adj = a.Sum(i, adj);
        context &= ~(1u << i);
      }
    }
    if (node_id == stop) {
      stopped = stopped < 0 ? adj : a.Add(stopped, adj);
      return;
    }
    switch (n.op) {
      case ir::Op::kParam: {
        int target[ir::kMaxSubscripts] = {};
        for (int i = 0; i < n.subs; ++i) target[i] = Canonical(b.graph.symbol[n.symbol], i);
        return Deposit(n, target, adj, context, gradient[n.symbol]);
      }
      case ir::Op::kTotal: {
        int target[ir::kMaxSubscripts] = {};
        for (int i = 0; i < n.subs; ++i) target[i] = b.graph.total[n.symbol].index[i];
        return Deposit(n, target, adj, context, total[n.symbol]);
      }
      case ir::Op::kLet: {
        int target[ir::kMaxSubscripts] = {};
        for (int i = 0; i < n.subs; ++i) target[i] = b.graph.let[n.symbol].index[i];
        return Deposit(n, target, adj, context, adjoint[n.symbol]);
      }
      case ir::Op::kAdd:
        return Both(n, adj, adj, context);
      case ir::Op::kSub:
        return Both(n, adj, a.Neg(adj), context);
      case ir::Op::kMul:
        return Both(n, a.Mul(adj, n.b), a.Mul(adj, n.a), context);
      case ir::Op::kDiv:
        return Both(n, a.Div(adj, n.b), a.Neg(a.Div(a.Mul(adj, id), n.b)), context);
      case ir::Op::kPow:
        Back(n.a, a.Mul(adj, a.Mul(n.b, b.node(ir::Op::kPow, n.a, a.Sub(n.b, a.Const(1))))),
             context);
        if (depends.of[n.b]) Back(n.b, a.Mul(adj, LogFactor(n.a, id)), context);
        return;
      case ir::Op::kMax:
        return Select(n, b.node(ir::Op::kLt, n.b, n.a), adj, context);
      case ir::Op::kMin:
        return Select(n, b.node(ir::Op::kLt, n.a, n.b), adj, context);
      case ir::Op::kWhere:
        Back(n.b, a.Where(n.a, adj, a.Const(0)), context);
        Back(n.c, a.Where(n.a, a.Const(0), adj), context);
        return;
      case ir::Op::kSoft:
        Back(n.a, a.Where(b.node(ir::Op::kLt, n.b, a.Unary(ir::Op::kAbs, n.a)), adj, a.Const(0)),
             context);
        return;
      case ir::Op::kSum:
        return Back(n.a, adj, Bind(n, context));
      case ir::Op::kLogSumExp:
        return Back(n.a, a.Mul(adj, a.Unary(ir::Op::kExp, a.Sub(n.a, id))), Bind(n, context));
      case ir::Op::kMaxOver:
      case ir::Op::kMinOver:
        return Back(n.a, a.Where(IsChosen(n), adj, a.Const(0)), Bind(n, context));
      case ir::Op::kNorm:
        return Back(
            n.a,
            a.Where(b.node(ir::Op::kLt, a.Const(0), id), a.Div(a.Mul(adj, n.a), id), a.Const(0)),
            Bind(n, context));
      case ir::Op::kProd:
        return Back(n.a, a.Mul(adj, ProductOfOthers(n)), Bind(n, context));
      case ir::Op::kNormal:
      case ir::Op::kUniform:
        b.fail(33);  // a draw depends on a parameter
        return;
      default:
        if (n.a >= 0 && n.b < 0 && n.index < 0) Back(n.a, a.Mul(adj, Local(n, id)), context);
    }
  }

  // Is this position the one that a maximum (minimum) takes? The first of equals: one subgradient.
  constexpr int IsChosen(const ir::Node& n) {
    ir::Node position;
    position.op = ir::Op::kPosition;
    position.subs = 1;
    position.sub[0].index = n.index;
    const ir::Op argument = n.op == ir::Op::kMaxOver ? ir::Op::kArgmax : ir::Op::kArgmin;
    return b.node(ir::Op::kEq, b.node(argument, n.a, -1, -1, n.index), b.add(position));
  }
  // The derivative of prod_i x_i by x_i, right where factors are zero: with P the product of the
  // non-zero factors, P / x_i if none is zero, P if x_i alone is, else 0.
  constexpr int ProductOfOthers(const ir::Node& n) {
    const int zero = b.node(ir::Op::kEq, n.a, a.Const(0));
    const int factor = a.Where(zero, a.Const(1), n.a);
    const int product = b.node(ir::Op::kProd, factor, -1, -1, n.index);
    const int zeros = a.Sum(n.index, zero);
    return a.Where(b.node(ir::Op::kEq, zeros, zero), a.Div(product, factor), a.Const(0));
  }
  // The derivative of x^y by y: x^y log(x), 0 at x = 0.
  constexpr int LogFactor(int x, int power) {
    const int zero = b.node(ir::Op::kEq, x, a.Const(0));
    return a.Where(zero, a.Const(0), a.Mul(power, a.Unary(ir::Op::kLog, x)));
  }

  constexpr uint32_t Bind(const ir::Node& n, uint32_t context) {
    if (context >> n.index & 1) b.fail(30);
    return context | 1u << n.index;
  }
  constexpr void Both(const ir::Node& n, int left, int right, uint32_t context) {
    Back(n.a, left, context);
    Back(n.b, right, context);
  }
  constexpr void Select(const ir::Node& n, int first, int adj, uint32_t context) {
    Back(n.a, a.Where(first, adj, a.Const(0)), context);
    Back(n.b, a.Where(first, a.Const(0), adj), context);
  }

  // The derivative of a unary function at n.a; `id` is its value.
  constexpr int Local(const ir::Node& n, int id) {
    const int x = n.a;
    switch (n.op) {
      case ir::Op::kNeg:
        return a.Const(-1);
      case ir::Op::kExp:
        return id;
      case ir::Op::kLog:
        return a.Div(a.Const(1), x);
      case ir::Op::kLog1p:
        return a.Div(a.Const(1), a.Add(a.Const(1), x));
      case ir::Op::kSqrt:
        return a.Div(a.Const(0.5), id);
      case ir::Op::kSq:
        return a.Mul(a.Const(2), x);
      case ir::Op::kAbs:
        return a.Unary(ir::Op::kSign, x);
      case ir::Op::kRelu:
        return b.node(ir::Op::kLt, a.Const(0), x);
      case ir::Op::kSigmoid:
        return a.Mul(id, a.Sub(a.Const(1), id));
      case ir::Op::kTanh:
        return a.Sub(a.Const(1), a.Unary(ir::Op::kSq, id));
      case ir::Op::kLgamma:
        return a.Unary(ir::Op::kDigamma, x);
      case ir::Op::kDigamma:
        return a.Unary(ir::Op::kTrigamma, x);
      case ir::Op::kTrigamma:
        return b.fail(42), id;  // no program needs more
      case ir::Op::kSoftplus:
        return a.Unary(ir::Op::kSigmoid, x);
      default:
        return a.Const(0);  // kStop, kSign, kRound, comparisons: flat
    }
  }

  Algebra& a;
  Builder& b;
  const Dependence& depends;
  const int lets;
  int adjoint[ir::kMaxLets];
  int body = -1, body_value = -1;  // of the let at hand
};

}  // namespace gyre::internal
