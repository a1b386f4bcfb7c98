// Lowering: from statements as written to passes over rows and posts over totals.
//
//   objective      = f + Omega; Omega is what has no data axis, taken apart into proximal terms
//   gradient of f  = posts of totals, by reverse mode (differentiate.h)
//   sum over data  = a total: Delta. Sums of data alone become totals of the build pass.
#pragma once
#include "dsl/differentiate.h"
#include "dsl/program_ir.h"
#include "dsl/schedule.h"

namespace gyre::internal {

class Lowering {
 public:
  constexpr explicit Lowering(ProgramIr& program) : p(program), b(program.builder), a(program.builder) {}

  constexpr void Run() {
    MarkDataAxes();
    for (int l = 0; l < b.graph.let.size; ++l) {
      b.graph.let[l].lowered = static_cast<int16_t>(a.Canonical(b.graph.let[l].body));
    }
    for (int l = 0; l < b.graph.let.size; ++l) {
      if (IndexMask(b.graph.let[l]) & a.data_mask()) SettleLet(l);
    }
    for (int s = 0; s < p.statement.size; ++s) LowerStatement(p.statement[s]);
    for (NamedIr& m : Items(p.measure)) LowerMeasure(m);
    for (NamedIr& m : Items(p.prediction)) LowerPrediction(m);
    LowerStart();
    LowerBuild();
    for (PassIr& pass : Items(p.pass)) {
      Scheduler scheduler(a, pass.schedule, pass.row_index);
      for (int i = 0; i < pass.total.size; ++i) {
        scheduler.AddTotal(b.graph.total[pass.total[i]], i);
      }
      if (pass.output >= 0) pass.output = static_cast<int16_t>(scheduler.Materialise(pass.output));
      for (int i = 0; i < pass.outputs.size; ++i) {
        pass.outputs[i] = static_cast<int16_t>(scheduler.Materialise(pass.outputs[i]));
      }
    }
  }

 private:
  template <class T, int N>
  struct Range {
    ir::Array<T, N>& array;
    constexpr T* begin() { return array.item; }
    constexpr T* end() { return array.item + array.size; }
  };
  template <class T, int N>
  static constexpr Range<T, N> Items(ir::Array<T, N>& array) { return {array}; }

  static constexpr uint32_t IndexMask(const ir::Let& let) {
    uint32_t mask = 0;
    for (int i = 0; i < let.rank; ++i) mask |= 1u << let.index[i];
    return mask;
  }

  // A data axis leads a data tensor and carries no parameter.
  constexpr void MarkDataAxes() {
    for (const ir::Symbol& s : b.graph.symbol) {
      const bool state = s.kind == ir::Kind::kParam || s.kind == ir::Kind::kTyped ||
                         s.kind == ir::Kind::kHyper || s.kind == ir::Kind::kCount;
      if (!state && s.rank > 0 && !b.graph.axis[s.axis[0]].span) b.graph.axis[s.axis[0]].data = true;
    }
    for (const ir::Symbol& s : b.graph.symbol) {
      if (s.kind != ir::Kind::kParam && s.kind != ir::Kind::kTyped) continue;
      for (int i = 0; i < s.rank; ++i) b.graph.axis[s.axis[i]].data = false;
    }
  }

  // ---- Totals.

  constexpr bool HasDataSum(int id) const {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kSum && a.data_index(n.index)) return true;
    if (n.op == ir::Op::kLet && HasDataSum(b.graph.let[n.symbol].lowered)) return true;
    for (int i = 0; i < n.subs; ++i) {
      if (HasDataSum(n.sub[i].node)) return true;
    }
    return HasDataSum(n.a) || HasDataSum(n.b) || HasDataSum(n.c);
  }
  constexpr bool HasParam(int id) const { return Params(id) != 0; }
  constexpr uint64_t Params(int id) const {
    if (id < 0) return 0;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kParam || n.op == ir::Op::kLocal) return uint64_t{1} << n.symbol;
    uint64_t mask = n.op == ir::Op::kLet ? Params(b.graph.let[n.symbol].lowered) : 0;
    for (int i = 0; i < n.subs; ++i) mask |= Params(n.sub[i].node);
    return mask | Params(n.a) | Params(n.b) | Params(n.c);
  }

  // `id` with every sum over data replaced by the total that holds it.
  constexpr int Extract(int id, bool inside_rows = false) {
    if (!HasDataSum(id)) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kSum && a.data_index(n.index)) return Total(id, inside_rows);
    if (n.op == ir::Op::kLet) {
      const ir::Let let = b.graph.let[n.symbol];
      if (IndexMask(let) & a.data_mask()) return id;  // settled: a value of the row
      int body = let.lowered;
      for (int i = 0; i < n.subs; ++i) {
        if (!n.sub[i].plain()) return b.fail(32), id;
        body = a.Swap(body, let.index[i], n.sub[i].index);
      }
      return Extract(body, inside_rows);
    }
    for (int i = 0; i < n.subs; ++i) {
      n.sub[i].node = static_cast<int16_t>(Extract(n.sub[i].node, inside_rows));
    }
    n.a = static_cast<int16_t>(Extract(n.a, inside_rows));
    n.b = static_cast<int16_t>(Extract(n.b, inside_rows));
    n.c = static_cast<int16_t>(Extract(n.c, inside_rows));
    n.free = 0;
    return b.add(n);
  }

  constexpr int Total(int id, bool inside_rows) {
    const ir::Node sum = a.at(id);
    const bool pure = !HasParam(id);
    if (inside_rows && !pure) b.fail(22);
    const int body = Extract(sum.a, true);
    const int node = body == sum.a ? id : b.node(ir::Op::kSum, body, -1, -1, sum.index);
    int t = -1;
    for (int i = 0; i < b.graph.total.size; ++i) {
      if (b.graph.total[i].node == node) t = i;
    }
    if (t < 0) {
      ir::Total total;
      total.node = static_cast<int16_t>(node);
      total.row_index = sum.index;
      for (int i = 0; i < b.graph.index.size; ++i) {
        if (!(b.free(node) >> i & 1)) continue;
        if (a.data_index(i)) b.fail(26);
        if (total.rank == ir::kMaxSubscripts) return b.fail(90), id;
        total.index[total.rank++] = static_cast<int16_t>(i);
      }
      t = b.graph.total.push(total);
      if (b.graph.total.overflow) b.fail(90);
    }
    if (inside_rows) build |= uint64_t{1} << t;
    ir::Node read;
    read.op = ir::Op::kTotal;
    read.symbol = static_cast<int16_t>(t);
    read.subs = b.graph.total[t].rank;
    for (int i = 0; i < read.subs; ++i) read.sub[i].index = b.graph.total[t].index[i];
    return b.add(read);
  }

  constexpr void SettleLet(int l) {
    b.graph.let[l].lowered = static_cast<int16_t>(Extract(b.graph.let[l].lowered, true));
  }

  constexpr void AddTotals(int id, PassIr& pass) {
    if (id < 0) return;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kTotal) {
      const int t = n.symbol;
      if (build >> t & 1) return;
      for (int have : pass.total) {
        if (have == t) return;
      }
      const int row = b.graph.total[t].row_index;
      if (pass.row_index >= 0 && pass.row_index != row) b.fail(26);
      pass.row_index = static_cast<int16_t>(row);
      pass.total.push(static_cast<int16_t>(t));
      if (pass.total.overflow) b.fail(90);
    }
    for (int i = 0; i < n.subs; ++i) AddTotals(n.sub[i].node, pass);
    AddTotals(n.a, pass);
    AddTotals(n.b, pass);
    AddTotals(n.c, pass);
    if (n.op == ir::Op::kLet) AddTotals(b.graph.let[n.symbol].lowered, pass);
  }
  constexpr int16_t AddPass(const PassIr& pass) {
    if (pass.row_index < 0) return -1;
    const int id = p.pass.push(pass);
    if (p.pass.overflow) b.fail(90);
    return static_cast<int16_t>(id);
  }

  // ---- Posts.

  constexpr int16_t AddPost(int node, const int16_t* index, int rank) {
    PostIr post;
    post.node = static_cast<int16_t>(node);
    post.rank = static_cast<int8_t>(rank);
    for (int i = 0; i < rank; ++i) post.index[i] = index[i];
    for (int i = 0; i < p.post.size; ++i) {
      if (p.post[i] == post) return static_cast<int16_t>(i);
    }
    const int id = p.post.push(post);
    if (p.post.overflow) b.fail(90);
    return static_cast<int16_t>(id);
  }
  constexpr int16_t ScalarPost(int node) { return AddPost(node, nullptr, 0); }
  // Over the axes of parameter `symbol`.
  constexpr int16_t ParamPost(int node, int symbol) {
    int16_t index[ir::kMaxSubscripts] = {};
    const int rank = CanonicalIndices(symbol, index);
    return AddPost(node, index, rank);
  }
  constexpr int CanonicalIndices(int symbol, int16_t* index) {
    const ir::Symbol s = b.graph.symbol[symbol];
    for (int i = 0; i < s.rank; ++i) {
      int prime = 0;
      for (int j = 0; j < i; ++j) prime += s.axis[j] == s.axis[i];
      index[i] = static_cast<int16_t>(b.index(s.axis[i], prime));
    }
    return s.rank;
  }

  // ---- Statements.

  constexpr void LowerStatement(StatementIr& s) {
    switch (s.kind) {
      case StatementKind::kMinimize: return LowerMinimize(s);
      case StatementKind::kIterate: return LowerIterate(s);
      case StatementKind::kSweep: return LowerSweep(s);
      default: return;
    }
  }

  constexpr void LowerMinimize(StatementIr& s) {
    const int whole = a.Canonical(s.objective);
    s.params = Params(whole);
    if (s.params == 0) b.fail(11);
    f = a.Const(0);
    smooth = a.Const(0);
    Terms(whole, a.Const(1), s);
    if (!HasDataSum(f)) b.fail(12);
    MarkProducts(f, 0);
    Constraints(s);

    const Dependence dependence(b.graph);
    const int original_lets = b.graph.let.size;
    Reverse reverse(a, dependence);
    reverse.Run(f, a.Const(1));
    for (int l = original_lets; l < b.graph.let.size; ++l) {
      if (IndexMask(b.graph.let[l]) & a.data_mask()) SettleLet(l);
    }
    Reverse penalty(a, dependence);
    if (HasParam(smooth)) {
      if (HasKink(smooth)) b.fail(24);
      penalty.Run(smooth, a.Const(1));
    }
    PassIr pass;
    const int value = Extract(f);
    AddTotals(value, pass);
    s.value = ScalarPost(value);
    if (!a.is(smooth, 0.0)) s.smooth_value = ScalarPost(smooth);
    for (int symbol = 0; symbol < b.graph.symbol.size; ++symbol) {
      if (!(s.params >> symbol & 1)) continue;
      const int g = reverse.gradient[symbol] < 0 ? a.Const(0) : Extract(reverse.gradient[symbol]);
      AddTotals(g, pass);
      if (a.is(g, ir::Op::kTotal)) {
        b.graph.total[a.at(g).symbol].param = static_cast<int16_t>(symbol);
      }
      const auto id = static_cast<int16_t>(symbol);
      s.assign.push({id, static_cast<int16_t>(g), ParamPost(g, symbol)});
      const int h = penalty.gradient[symbol] < 0 ? a.Const(0) : penalty.gradient[symbol];
      s.smooth.push({id, static_cast<int16_t>(h), ParamPost(h, symbol)});
    }
    s.pass = AddPass(pass);
    if (p.objective.node < 0) {
      p.objective.name = "objective";
      p.objective.node = s.objective;
      LowerMeasure(p.objective);
    }
  }

  constexpr void LowerIterate(StatementIr& s) {
    PassIr pass;
    for (AssignIr& assign : Items(s.assign)) {
      const int value = Extract(a.Canonical(assign.node));
      AddTotals(value, pass);
      assign.post = ParamPost(value, assign.symbol);
      s.params |= uint64_t{1} << assign.symbol;
    }
    s.pass = AddPass(pass);
  }

  constexpr void LowerMeasure(NamedIr& m) {
    PassIr pass;
    const int value = Extract(a.Canonical(m.node));
    AddTotals(value, pass);
    m.post = ScalarPost(value);
    m.pass = AddPass(pass);
  }

  constexpr void LowerPrediction(NamedIr& m) {
    const int value = Extract(a.Canonical(m.node), true);
    const ir::Node& n = a.at(value);
    PassIr pass;
    for (int i = 0; i < b.graph.index.size; ++i) {
      if ((m.row_indices >> i & 1) && a.data_index(i)) pass.row_index = static_cast<int16_t>(i);
    }
    if (n.op == ir::Op::kArgmax || n.op == ir::Op::kArgmin) m.label = ClassSymbol(n.index);
    if (n.op == ir::Op::kLet) {
      const ir::Node& body = a.at(b.graph.let[n.symbol].lowered);
      if (body.op == ir::Op::kArgmax || body.op == ir::Op::kArgmin) m.label = ClassSymbol(body.index);
    }
    if (pass.row_index < 0) {
      int16_t index[ir::kMaxSubscripts] = {};
      int rank = 0;
      for (int i = 0; i < b.graph.index.size; ++i) {
        if (b.free(value) >> i & 1) index[rank++] = static_cast<int16_t>(i);
      }
      m.post = AddPost(value, index, rank);
      return;
    }
    pass.output = static_cast<int16_t>(value);
    m.pass = AddPass(pass);
  }
  // The map whose class names the positions of `index` stand for.
  constexpr int16_t ClassSymbol(int index) const {
    for (int i = 0; i < b.graph.symbol.size; ++i) {
      const ir::Symbol& s = b.graph.symbol[i];
      if (s.kind == ir::Kind::kMap && s.target == b.graph.index[index].axis) {
        return static_cast<int16_t>(i);
      }
    }
    return -1;
  }

  constexpr void LowerStart() {
    PassIr pass;
    for (AssignIr& assign : Items(p.start)) {
      const int value = Extract(a.Canonical(assign.node));
      AddTotals(value, pass);
      assign.post = ParamPost(value, assign.symbol);
    }
    p.start_pass = AddPass(pass);
  }

  constexpr void LowerBuild() {
    PassIr pass;
    for (int t = 0; t < b.graph.total.size; ++t) {
      if (!(build >> t & 1)) continue;
      const int row = b.graph.total[t].row_index;
      if (pass.row_index >= 0 && pass.row_index != row) b.fail(26);
      pass.row_index = static_cast<int16_t>(row);
      pass.total.push(static_cast<int16_t>(t));
    }
    p.build = AddPass(pass);
  }

  // ---- f and Omega.

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
    if (!Proximal(id, coefficient, s)) smooth = a.Add(smooth, a.Mul(coefficient, id));
  }
  constexpr bool Plain(int id) const { return b.free(id) == 0 && !HasParam(id) && !HasDataSum(id); }

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
      case ir::Op::kAbs: penalty.kind = PenaltyKind::kL1; break;
      case ir::Op::kSq: penalty.kind = PenaltyKind::kSquaredL2; break;
      case ir::Op::kNorm:
        penalty.kind = PenaltyKind::kGroupL2;
        penalty.group = 1u << a.at(core).index;
        while (a.is(inner, ir::Op::kNorm)) {
          penalty.group |= 1u << a.at(inner).index;
          inner = a.at(inner).a;
        }
        break;
      default: return false;
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
  // A parameter read at its own indices, all of which are in `mask`.
  constexpr bool IsWholeParam(int id, uint32_t mask) {
    const ir::Node n = a.at(id);
    if (n.op != ir::Op::kParam) return false;
    int16_t index[ir::kMaxSubscripts] = {};
    CanonicalIndices(n.symbol, index);
    uint32_t seen = 0;
    for (int i = 0; i < n.subs; ++i) {
      if (!n.sub[i].plain() || n.sub[i].index != index[i]) return false;
      seen |= 1u << n.sub[i].index;
    }
    return seen == mask;
  }

  // |x|, max and the like in the smooth rest of Omega: no proximal operator is known for it.
  constexpr bool HasKink(int id) const {
    if (id < 0 || !HasParam(id)) return false;
    const ir::Node& n = a.at(id);
    switch (n.op) {
      case ir::Op::kAbs: case ir::Op::kMax: case ir::Op::kMin: case ir::Op::kMaxOver:
      case ir::Op::kMinOver: case ir::Op::kRelu: case ir::Op::kNorm: return true;
      case ir::Op::kLet: return HasKink(b.graph.let[n.symbol].lowered);
      default: return HasKink(n.a) || HasKink(n.b) || HasKink(n.c);
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
  constexpr void MarkProducts(int id, int depth) {
    if (id < 0 || depth > 200) return;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kMul) {
      const uint64_t x = Params(n.a), y = Params(n.b);
      if (x && y && (x | y) != x) p.product_params |= x | y;
      if (x && y && (x | y) != y) p.product_params |= x | y;
    }
    if (n.op == ir::Op::kLet) MarkProducts(b.graph.let[n.symbol].lowered, depth + 1);
    MarkProducts(n.a, depth + 1);
    MarkProducts(n.b, depth + 1);
    MarkProducts(n.c, depth + 1);
  }

  // ---- Sweep: coordinate updates over maintained views.
  constexpr void LowerSweep(StatementIr& s);
  constexpr int Live(int id, StatementIr& s);
  constexpr bool IsColumn(int id, const StatementIr& s) const;
  constexpr void FindViews(int id, StatementIr& s);

  ProgramIr& p;
  Builder& b;
  Algebra a;
  int f = -1, smooth = -1;  // of the Minimize at hand
  uint64_t build = 0;       // totals of data alone that rows need
};

// Each sum over data in the new value is of data alone (known before the run) or live: one column
// of the data matrix against values of the row. A let that the live sums read, and that is affine in
// the swept parameter, is the view that the sweep maintains.
constexpr void Lowering::LowerSweep(StatementIr& s) {
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

constexpr bool Lowering::IsColumn(int id, const StatementIr& s) const {
  const ir::Node& n = a.at(id);
  return n.op == ir::Op::kData && n.subs == 2 && n.sub[0].plain() && n.sub[1].plain() &&
         n.sub[0].index == s.row_index && n.sub[1].index == s.axis_index;
}

constexpr int Lowering::Live(int id, StatementIr& s) {
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
constexpr void Lowering::FindViews(int id, StatementIr& s) {
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

}  // namespace gyre::internal
