// Lowering Minimize: the value and the gradient of f as posts of totals.
//
// f is a function F of its sums over data T_1, T_2, ... and of parameters. Where dF/dT_j holds no
// state (a sum of means, the usual case) one run of reverse mode from f gives everything, with one
// adjoint for each let. Otherwise (sqrt(mean(n, sq(r))), a product of means) the gradient is
//   sum_j dF/dT_j * dT_j/dP + dF/dP,
// where dF/dT_j is applied by the post, when the totals are known, and never enters a row.
#pragma once
#include "dsl/differentiate.h"
#include "dsl/lower_sweep.h"

namespace gyre::internal {

class ObjectiveLowering : public SweepLowering {
 public:
  using SweepLowering::SweepLowering;

 protected:
  constexpr void LowerMinimize(StatementIr& s) {
    const int whole = a.Canonical(s.objective);
    s.params = Params(whole);
    if (s.params == 0) b.fail(11);
    f = a.Const(0);
    smooth = a.Const(0);
    Terms(whole, a.Const(1), s);
    if (!HasDataSum(f)) b.fail(12);
    MarkProducts(f);
    Constraints(s);
    if (b.error) return;
    s.f = static_cast<int16_t>(f);

    PassIr pass;
    const int value = Extract(f);
    AddTotals(value, pass);
    s.value = ScalarPost(value);
    int gradient[ir::kMaxSymbols];
    Derive(value, s, gradient);
    if (b.error) return;
    const Dependence dependence(b.graph);
    Reverse penalty(a, dependence);
    if (HasParam(smooth)) {
      if (HasKink(smooth)) b.fail(24);
      penalty.Run(smooth, a.Const(1));
    }
    if (!a.is(smooth, 0.0)) s.smooth_value = ScalarPost(smooth);
    for (int symbol = 0; symbol < b.graph.symbol.size && !b.error; ++symbol) {
      if (!(s.params >> symbol & 1)) continue;
      const int g = gradient[symbol] < 0 ? a.Const(0) : Extract(gradient[symbol]);
      AddTotals(g, pass);
      NameTotal(g, value, symbol);
      const auto id = static_cast<int16_t>(symbol);
      s.assign.push({id, static_cast<int16_t>(g), ParamPost(g, symbol)});
      const int h = penalty.gradient[symbol] < 0 ? a.Const(0) : penalty.gradient[symbol];
      s.smooth.push({id, static_cast<int16_t>(h), ParamPost(h, symbol)});
    }
    if (s.assign.overflow || s.penalty.overflow) b.fail(90);
    s.pass = AddPass(pass);
    if (p.objective.node < 0) {
      p.objective.name = "objective";
      p.objective.node = s.objective;
      LowerMeasure(p.objective);
    }
  }

  constexpr void LowerMeasure(NamedIr& m) {
    PassIr pass;
    const int value = Extract(Tallied(a.Canonical(m.node)));
    AddTotals(value, pass);
    m.post = ScalarPost(value);
    m.pass = AddPass(pass);
  }

 private:
  // The total that is the gradient by parameter `symbol`, or that the gradient is made of where no other
  // total of the parameter's shape is, carries its name.
  constexpr void NameTotal(int gradient, int value, int symbol) {
    if (a.is(gradient, ir::Op::kTotal)) {
      b.graph.total[a.at(gradient).symbol].param = static_cast<int16_t>(symbol);
      return;
    }
    PassIr all, of_value;
    AddTotals(gradient, all);
    AddTotals(value, of_value);
    int16_t index[ir::kMaxSubscripts] = {};
    const int rank = CanonicalIndices(symbol, index);
    uint32_t shape = 0;
    for (int i = 0; i < rank; ++i) shape |= 1u << index[i];
    int found = -1, fits = 0;
    for (int t : all.total) {
      const ir::Total& total = b.graph.total[t];
      bool same = rank > 0 && total.rank == rank && b.free(total.node) == shape && total.param < 0;
      for (int other : of_value.total) same = same && other != t;
      if (same) found = t, ++fits;
    }
    if (fits == 1) b.graph.total[found].param = static_cast<int16_t>(symbol);
  }

  // The gradient of f by each parameter, -1 where it has none. `value`: f as a post of totals.
  constexpr void Derive(int value, StatementIr& s, int* gradient) {
    const int first_let = b.graph.let.size;
    const Dependence outer(b.graph, true);
    Reverse by_total(a, outer);
    by_total.Run(value, a.Const(1));
    bool linear = true;
    for (int t = 0; t < b.graph.total.size; ++t) linear = linear && !HasState(by_total.total[t]);
    const Dependence dependence(b.graph);
    Reverse together(a, dependence);
    if (linear) {
      together.Run(f, a.Const(1));
      for (int i = 0; i < ir::kMaxSymbols; ++i) gradient[i] = together.gradient[i];
    } else {
      s.curved = true;
      for (int i = 0; i < ir::kMaxSymbols; ++i) gradient[i] = by_total.gradient[i];
      const int totals = b.graph.total.size;
      for (int t = 0; t < totals; ++t) Chain(by_total.total[t], t, together, dependence, gradient);
      together.Finish();
      for (int i = 0; i < ir::kMaxSymbols; ++i) Add(gradient[i], together.gradient[i]);
    }
    for (int l = first_let; l < b.graph.let.size && !b.error; ++l) {
      if (IndexMask(b.graph.let[l]) & a.data_mask()) SettleLet(l);
    }
  }

  // Adds factor * d total / dP, the factor a post.
  constexpr void Chain(int factor, int t, Reverse& together, const Dependence& dependence,
                       int* gradient) {
    if (factor < 0 || b.error) return;
    const ir::Total total = b.graph.total[t];
    if (!HasState(factor)) {
      uint32_t context = 0;
      for (int i = 0; i < total.rank; ++i) context |= 1u << total.index[i];
      return together.Seed(total.node, factor, context);
    }
    if (total.rank > 0) return b.fail(22);  // would need the derivative of each element
    Reverse reverse(a, dependence);
    reverse.Run(total.node, a.Const(1));
    for (int i = 0; i < ir::kMaxSymbols; ++i) {
      if (reverse.gradient[i] >= 0) Add(gradient[i], a.Mul(factor, reverse.gradient[i]));
    }
  }
  constexpr void Add(int& sum, int term) {
    if (term >= 0) sum = sum < 0 ? term : a.Add(sum, term);
  }

  // Does `id` change while the program runs?
  constexpr bool HasState(int id) {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kTotal) return HasParam(b.graph.total[n.symbol].node);
    if (n.op == ir::Op::kLet) return HasParam(id);
    for (int i = 0; i < n.subs; ++i) {
      if (HasState(n.sub[i].node)) return true;
    }
    return HasParam(id) || HasState(n.a) || HasState(n.b) || HasState(n.c);
  }
};

}  // namespace gyre::internal
