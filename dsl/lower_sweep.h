// Lowering a Sweep: coordinate updates on the latest values.
//
// A sum in the new value is of data alone and over rows (known before the run), short (computed on
// the spot) or live: over what the data has of the item. Three forms of live sums have kernels,
//
//   kColumn  sum over rows of X(row, item) times values of the row; or over another axis, of a table
//   kRow     sum over u of Q(item, u) times values of u, Q a table
//   kKeyed   sum over rows of where(key(row) == item, value)
//
// A let that the columns of a matrix meet in, and that is affine in the swept parameter, is the view
// that the sweep maintains. Everything else reads the parameters themselves.
#pragma once
#include "dsl/lower_coupling.h"

namespace gyre::internal {

class SweepLowering : public CouplingLowering {
 public:
  using CouplingLowering::CouplingLowering;

 protected:
  constexpr void LowerSweep(StatementIr& s) {
    if (s.assign.size != 1) return b.fail(34);
    AssignIr& assign = s.assign[0];
    s.params |= uint64_t{1} << assign.symbol;
    const ir::Symbol symbol = b.graph.symbol[assign.symbol];
    if (symbol.rank != 1 || symbol.axis[0] != b.graph.index[s.axis_index].axis) return b.fail(34);
    s.update = static_cast<int16_t>(Live(a.Canonical(assign.node), s));
    bool live = false;
    for (const LiveSumIr& sum : s.live) live |= HasParam(b.graph.total[sum.total].node);
    if (!live || !OnlyByEntries(s)) return b.fail(34);
    if (s.matrix >= 0) LowerView(s);
    for (int k = 0; k < s.live.size; ++k) s.live[k].fixed = IsFixed(s.live[k].weight, s);
    s.by_item = IsElementwise(s.update, s.axis_index);
    LowerCoupling(s);
  }

 private:
  constexpr void LowerView(StatementIr& s) {
    if (s.maintained.size != 1) return b.fail(34);
    const ir::Let view = b.graph.let[s.maintained[0]];
    const Dependence dependence(b.graph);
    Reverse reverse(a, dependence);
    reverse.Run(view.lowered, a.Const(1), 1u << s.row_index);
    Factors factors, response;
    bool negative = false;
    int matrix = -1;
    a.Flatten(reverse.gradient[s.assign[0].symbol], false, factors, negative);
    for (const Factor& factor : factors) {
      if (matrix < 0 && !factor.inverse && IsColumn(factor.node, s)) {
        matrix = a.at(factor.node).symbol;
      } else {
        response.push(factor);
      }
    }
    const int product = a.Product(response);
    if (matrix != s.matrix || HasParam(product) || a.uses(product, s.axis_index)) return b.fail(34);
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

  // `id` with every sum over data replaced by the total that holds it, and live sums noted in `s`.
  constexpr int Live(int id, StatementIr& s) {
    if (id < 0 || !HasSum(id, s)) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kSum && a.data_index(n.index)) {
      return HasParam(id) ? AddLive(id, s) : Total(id, true);
    }
    if (n.op == ir::Op::kSum) {
      LiveSumIr sum;
      if (Selected(n.a, n.index, s.axis_index, sum) >= 0) return AddLive(id, s);
    }
    if (n.op == ir::Op::kLet) {
      if (IsGather(n)) return HasParam(id) ? (b.fail(34), id) : Extract(id, true);
      const ir::Let let = b.graph.let[n.symbol];
      return Live(AtSubscripts(let.lowered, let, n), s);
    }
    n.a = static_cast<int16_t>(Live(n.a, s));
    n.b = static_cast<int16_t>(Live(n.b, s));
    n.c = static_cast<int16_t>(Live(n.c, s));
    n.free = 0;
    return b.add(n);
  }
  // Does `id` read a sum over data, or over what a table has of an item?
  constexpr bool HasSum(int id, const StatementIr& s) {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    if (HasDataSum(id)) return true;
    LiveSumIr sum;
    if (n.op == ir::Op::kSum && Selected(n.a, n.index, s.axis_index, sum) >= 0) return true;
    if (n.op == ir::Op::kLet) {
      const ir::Let& let = b.graph.let[n.symbol];
      return !IsGather(n) && HasSum(AtSubscripts(let.lowered, let, n), s);
    }
    return HasSum(n.a, s) || HasSum(n.b, s) || HasSum(n.c, s);
  }

  constexpr int AddLive(int id, StatementIr& s) {
    const ir::Node n = a.at(id);
    LiveSumIr sum;
    sum.row_index = n.index;
    const int weight = Selected(n.a, n.index, s.axis_index, sum);
    if (weight < 0) return b.fail(34), id;
    sum.weight = static_cast<int16_t>(weight);
    if (a.data_index(n.index)) {
      if (s.row_index >= 0 && s.row_index != n.index) b.fail(26);
      s.row_index = n.index;
    }
    if (sum.form == SweepForm::kColumn && a.data_index(n.index)) {
      if ((s.matrix >= 0 && s.matrix != sum.symbol) || a.uses(weight, s.axis_index)) b.fail(34);
      s.matrix = sum.symbol;
      FindViews(weight, s);
    } else if (!IsElementwise(weight, n.index)) {
      b.fail(34);
    }
    ir::Total total;
    total.node = static_cast<int16_t>(id);
    total.row_index = n.index;
    sum.total = static_cast<int16_t>(b.graph.total.push(total));
    s.live.push(sum);
    if (s.live.overflow || b.graph.total.overflow) b.fail(90);
    ir::Node read;
    read.op = ir::Op::kTotal;
    read.symbol = sum.total;
    return b.add(read);
  }

  // `id`, a product over `row`, without the factor that says which rows belong to `item`; that goes
  // into `sum`. -1: there is none.
  constexpr int Selected(int id, int row, int item, LiveSumIr& sum) {
    const ir::Node n = a.at(id);
    if (!a.uses(id, row) || !a.uses(id, item)) return -1;
    switch (n.op) {
      case ir::Op::kData: {
        if (n.subs != 2 || !n.sub[0].plain() || !n.sub[1].plain()) return -1;
        const bool column = n.sub[0].index == row;
        if (!column && a.data_index(row)) return -1;
        sum.form = column ? SweepForm::kColumn : SweepForm::kRow;
        sum.symbol = n.symbol;
        return a.Const(1);
      }
      case ir::Op::kEq:
        if (!IsKeyOf(n.a, n.b, row, item) && !IsKeyOf(n.b, n.a, row, item)) return -1;
        sum.form = SweepForm::kKeyed;
        sum.symbol = a.at(a.is(n.a, ir::Op::kKey) ? n.a : n.b).symbol;
        return a.Const(1);
      case ir::Op::kWhere: {
        if (!a.is(n.c, 0.0)) return -1;
        if (const int rest = Selected(n.a, row, item, sum); rest >= 0)
          return a.is(rest, 1.0) ? n.b : a.Where(rest, n.b, n.c);
        const int rest = Selected(n.b, row, item, sum);
        return rest < 0 ? -1 : a.Where(n.a, rest, n.c);
      }
      case ir::Op::kAnd:
      case ir::Op::kMul: {
        if (const int rest = Selected(n.a, row, item, sum); rest >= 0) return a.Mul(rest, n.b);
        const int rest = Selected(n.b, row, item, sum);
        return rest < 0 ? -1 : a.Mul(n.a, rest);
      }
      case ir::Op::kDiv: {
        const int rest = Selected(n.a, row, item, sum);
        return rest < 0 ? -1 : a.Div(rest, n.b);
      }
      case ir::Op::kNeg: {
        const int rest = Selected(n.a, row, item, sum);
        return rest < 0 ? -1 : a.Neg(rest);
      }
      default:
        return -1;
    }
  }
  constexpr bool IsKeyOf(int key, int position, int row, int item) const {
    if (!a.is(key, ir::Op::kKey) || !a.is(position, ir::Op::kPosition)) return false;
    const ir::Node& k = a.at(key);
    const ir::Subscript at = a.at(position).sub[0];
    return b.graph.symbol[k.symbol].kind == ir::Kind::kMap && k.subs == 1 && k.sub[0].plain() &&
           k.sub[0].index == row && at.plain() && at.index == item;
  }

  // A value of each row from vectors, keys and parameters: nothing is summed, no matrix is read.
  constexpr bool IsElementwise(int id, int row) {
    if (id < 0) return true;
    const ir::Node n = a.at(id);
    if (n.index >= 0) return !a.uses(n.a, row) && !HasParam(id);
    if (n.op == ir::Op::kData && a.uses(id, row) && n.subs != 1) return false;
    if (n.op == ir::Op::kLet && a.uses(id, row)) {
      const ir::Let& let = b.graph.let[n.symbol];
      for (int i = 0; i < n.subs; ++i) {
        if (!n.sub[i].plain() || n.sub[i].index != let.index[i]) return false;
      }
      return IsElementwise(let.lowered, row);
    }
    for (int i = 0; i < n.subs; ++i) {
      if (!IsElementwise(n.sub[i].node, row)) return false;
    }
    return IsElementwise(n.a, row) && IsElementwise(n.b, row) && IsElementwise(n.c, row);
  }

  // The same function of the row for all items, but for where it compares their positions.
  constexpr bool IsFixed(int id, const StatementIr& s) {
    if (id < 0) return true;
    const ir::Node n = a.at(id);
    if (n.index >= 0 && HasParam(id)) return false;
    if (n.op == ir::Op::kPosition && n.sub[0].plain()) return true;
    if (n.op == ir::Op::kLet) {
      for (int view : s.maintained) {
        if (n.symbol == view) return true;
      }
      if (!IsFixed(b.graph.let[n.symbol].lowered, s)) return false;
    }
    for (int i = 0; i < n.subs; ++i) {
      if (n.sub[i].index == s.axis_index || !IsFixed(n.sub[i].node, s)) return false;
    }
    return IsFixed(n.a, s) && IsFixed(n.b, s) && IsFixed(n.c, s);
  }

  // Matrices of live sums are stored for that: one way, and read in no other.
  constexpr bool OnlyByEntries(const StatementIr& s) {
    for (const LiveSumIr& sum : s.live) {
      if (sum.form == SweepForm::kKeyed) continue;
      if (Reads(s.update, sum.symbol)) return false;
      for (const LiveSumIr& other : s.live) {
        if (other.symbol == sum.symbol && other.form != sum.form) return false;
        if (sum.symbol != s.matrix && Reads(other.weight, sum.symbol)) return false;
      }
    }
    return true;
  }
  constexpr bool Reads(int id, int matrix) {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kData && n.symbol == matrix) return true;
    if (n.op == ir::Op::kLet && Reads(b.graph.let[n.symbol].lowered, matrix)) return true;
    for (int i = 0; i < n.subs; ++i) {
      if (Reads(n.sub[i].node, matrix)) return true;
    }
    return Reads(n.a, matrix) || Reads(n.b, matrix) || Reads(n.c, matrix);
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
