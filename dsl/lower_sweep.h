// Lowering a Sweep: coordinate updates over maintained views.
//
// Each sum over data in the new value is of data alone (known before the run) or live: one column
// of the data matrix against values of the row. A let that the live sums read, and that is affine
// in the swept parameter, is the view that the sweep maintains.
#pragma once
#include "dsl/differentiate.h"
#include "dsl/omega.h"

namespace gyre::internal {

class SweepLowering : public Omega {
 public:
  using Omega::Omega;

 protected:
  constexpr void LowerSweep(StatementIr& s) {
    if (s.assign.size != 1) return b.fail(34);
    AssignIr& assign = s.assign[0];
    s.params |= uint64_t{1} << assign.symbol;
    const int item = s.axis_index;
    const ir::Symbol symbol = b.graph.symbol[assign.symbol];
    if (symbol.rank != 1 || symbol.axis[0] != b.graph.index[item].axis) return b.fail(34);
    s.update = static_cast<int16_t>(Live(a.Canonical(assign.node), s));
    if (s.live.size == 0 || s.maintained.size != 1) return b.fail(34);

    const ir::Let view = b.graph.let[s.maintained[0]];
    const Dependence dependence(b.graph);
    Reverse reverse(a, dependence);
    reverse.Run(view.lowered, a.Const(1), 1u << s.row_index);
    Factors factors, response;
    bool negative = false;
    int matrix = -1;
    a.Flatten(reverse.gradient[assign.symbol], false, factors, negative);
    for (const Factor& factor : factors) {
      if (matrix < 0 && !factor.inverse && IsColumn(factor.node, s)) {
        matrix = a.at(factor.node).symbol;
      } else {
        response.push(factor);
      }
    }
    const int product = a.Product(response);
    if (matrix != s.matrix || HasParam(product) || a.uses(product, item)) return b.fail(34);
    s.response = static_cast<int16_t>(negative ? a.Neg(product) : product);
    ir::Node read;
    read.op = ir::Op::kLet;
    read.symbol = s.maintained[0];
    read.subs = 1;
    read.sub[0].index = s.row_index;
    PassIr pass;
    pass.row_index = s.row_index;
    pass.output = static_cast<int16_t>(b.add(read));
    s.view_pass = AddPass(pass);
  }

  constexpr bool IsColumn(int id, const StatementIr& s) const {
    const ir::Node& n = a.at(id);
    return n.op == ir::Op::kData && n.subs == 2 && n.sub[0].plain() && n.sub[1].plain() &&
           n.sub[0].index == s.row_index && n.sub[1].index == s.axis_index;
  }

  constexpr int Live(int id, StatementIr& s) {
    if (!HasDataSum(id)) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kSum && a.data_index(n.index)) {
      if (!HasParam(id)) return Total(id, true);
      if (s.row_index >= 0 && s.row_index != n.index) b.fail(26);
      s.row_index = n.index;
      Factors factors, weight;
      bool negative = false, column = false;
      a.Flatten(n.a, false, factors, negative);
      for (const Factor& factor : factors) {
        if (!column && !factor.inverse && IsColumn(factor.node, s)) {
          column = true;
          const int16_t matrix = a.at(factor.node).symbol;
          if (s.matrix >= 0 && s.matrix != matrix) b.fail(34);
          s.matrix = matrix;
        } else {
          weight.push(factor);
        }
      }
      const int product = a.Product(weight);
      if (!column || negative || a.uses(product, s.axis_index)) return b.fail(34), id;
      FindViews(product, s);
      ir::Total total;
      total.node = static_cast<int16_t>(id);
      total.row_index = s.row_index;
      const int t = b.graph.total.push(total);
      s.live.push({static_cast<int16_t>(t), static_cast<int16_t>(product)});
      if (s.live.overflow || b.graph.total.overflow) b.fail(90);
      ir::Node read;
      read.op = ir::Op::kTotal;
      read.symbol = static_cast<int16_t>(t);
      return b.add(read);
    }
    if (n.op == ir::Op::kLet) return Live(b.graph.let[n.symbol].lowered, s);
    n.a = static_cast<int16_t>(Live(n.a, s));
    n.b = static_cast<int16_t>(Live(n.b, s));
    n.c = static_cast<int16_t>(Live(n.c, s));
    n.free = 0;
    return b.add(n);
  }

  // The lets that `id` reads and that respond to the swept parameter: affine ones are views, others
  // are computed from the lets that they read.
  constexpr void FindViews(int id, StatementIr& s) {
    if (id < 0 || !HasParam(id)) return;
    const ir::Node n = a.at(id);
    if (n.op == ir::Op::kLet && (b.free(id) >> s.row_index & 1)) {
      const Dependence dependence(b.graph);
      Reverse reverse(a, dependence);
      reverse.Run(b.graph.let[n.symbol].lowered, a.Const(1), 1u << s.row_index);
      const int slope = reverse.gradient[s.assign[0].symbol];
      if (slope < 0) return;
      if (HasParam(slope)) return FindViews(b.graph.let[n.symbol].lowered, s);
      for (int have : s.maintained) {
        if (have == n.symbol) return;
      }
      s.maintained.push(n.symbol);
      return;
    }
    FindViews(n.a, s);
    FindViews(n.b, s);
    FindViews(n.c, s);
  }
};

}  // namespace gyre::internal
