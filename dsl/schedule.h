// Chooses the loops of a pass: which values are contractions, which are fused elementwise maps, which
// are reductions, and how each total is added to. The rules read the structure only: which indices
// each factor of a product uses, and which factors live with a row.
#pragma once
#include "dsl/algebra.h"
#include "dsl/program_ir.h"

namespace gyre::internal {

class Scheduler {
 public:
  constexpr Scheduler(Algebra& algebra, Schedule& schedule, int row_index)
      : a(algebra), b(algebra.b), s(schedule), row(row_index), row_bit(1u << row_index) {}

  // Adds the stages of total `t`, the `position`-th of the pass. Returns its structure.
  constexpr void AddTotal(const ir::Total& t, int position) {
    Stage st;
    st.target = static_cast<int16_t>(position);
    int body = a.at(t.node).a;
    if (t.rank == 0) {
      Prepare(body);
      st.kind = StageKind::kAddScalar;
      st.node = static_cast<int16_t>(body);
      s.stage.push(st);
      return;
    }
    Factors factors;
    bool negative = false;
    a.Flatten(body, false, factors, negative);
    if (!negative && (TryNorms(t, st, factors) || TryScatter(t, st, factors) ||
                      TryProduct(t, st, factors))) {
      return;
    }
    Prepare(body);
    st.kind = StageKind::kAddRows;
    st.node = static_cast<int16_t>(body);
    SetInner(st, t);
    s.stage.push(st);
  }

  // Stores `node`, which has a slot, as the row's own state.
  constexpr void AddStore(int symbol, int node, const int16_t* inner, int rank) {
    Stage st;
    st.kind = StageKind::kStore;
    st.node = static_cast<int16_t>(node);
    st.other = static_cast<int16_t>(symbol);
    for (int i = 0; i < rank; ++i) st.index[st.rank++] = inner[i];
    s.stage.push(st);
    if (s.stage.overflow) b.fail(90);
  }

  // The slot that holds `node`, computed if need be. Row indices excluded, inner indices in the order
  // of a let's declaration, else of first use.
  constexpr int Materialise(int node) {
    for (int i = 0; i < s.slot.size; ++i) {
      if (s.slot[i].node == node) return i;
    }
    const ir::Node n = a.at(node);
    if (!(n.free & row_bit)) {
      HoistFrom(node, n.free);
      return Emit(StageKind::kInvariant, node);
    }
    if (n.op == ir::Op::kLet && IsDeclaredRead(n)) {
      const int body = b.graph.let[n.symbol].lowered;
      if (IsReduction(a.at(body).op) && SameOrder(n.symbol, body)) return Materialise(body);
      Prepare(body);
      return Emit(StageKind::kMap, node, body);
    }
    if (n.op == ir::Op::kLet) return Renamed(node);
    if (n.op == ir::Op::kSum && LiesAlong(n.a, n.index)) return Emit(StageKind::kSumAlong, node);
    if (n.op == ir::Op::kSum) {
      const int slot = TryContract(node);
      if (slot >= 0) return slot;
    }
    if (IsReduction(n.op)) {
      Prepare(n.a);
      return Emit(StageKind::kReduce, node);
    }
    Prepare(node);
    return Emit(StageKind::kMap, node);
  }

  // Makes every value that `node` needs and that is not elementwise available in a slot.
  constexpr void Prepare(int node) {
    if (node < 0) return;
    const ir::Node n = a.at(node);
    for (int i = 0; i < n.subs; ++i) Prepare(n.sub[i].node);
    if (n.op == ir::Op::kLet && (n.free & row_bit)) {
      Materialise(node);
      return;
    }
    if (n.a < 0 && n.op != ir::Op::kLet) return;
    if (!(n.free & row_bit) || IsReduction(n.op)) {
      Materialise(node);
      return;
    }
    Prepare(n.a);
    Prepare(n.b);
    Prepare(n.c);
  }

  static constexpr bool IsReduction(ir::Op op) {
    return op >= ir::Op::kSum && op <= ir::Op::kAny;
  }

 private:
  // Is `id` elementwise along `index`, with parameters along it that the row names by keys? Then it is
  // summed row by row: the other way round would read them with a stride, each row its own.
  constexpr bool LiesAlong(int id, int index) const {
    bool named = false;
    return CanLieAlong(id, index, named) && named;
  }
  constexpr bool CanLieAlong(int id, int index, bool& named) const {
    if (id < 0) return true;
    const ir::Node& n = a.at(id);
    using enum ir::Op;
    if (n.op == kData || n.op == kKey || n.op == kLocal)
      return !a.uses(id, index) && n.subs == 1 && n.sub[0].plain();
    if (n.op == kLet || n.op == kTotal || n.op == kPosition || n.op == kShuffle || n.op >= kSum)
      return false;
    for (int i = 0; i < n.subs; ++i) {
      const ir::Subscript& sub = n.sub[i];
      if (sub.node < 0 && !sub.plain()) return false;
      const bool along = sub.plain() && sub.index == index && i == n.subs - 1;
      if (!along && (b.Free(sub) >> index & 1)) return false;
      if (!CanLieAlong(sub.node, index, named)) return false;
      named = named || (sub.node >= 0 && (b.free(sub.node) & row_bit) && a.uses(id, index));
    }
    return CanLieAlong(n.a, index, named) && CanLieAlong(n.b, index, named) &&
           CanLieAlong(n.c, index, named);
  }

  // A value without rows is evaluated in full at each of its positions. Reductions inside, and lets
  // that hold some, get slots of their own where the loops around them, over `context`, run over more
  // than what they depend on.
  constexpr void HoistFrom(int id, uint32_t context) {
    if (id < 0 || !HasReduction(id)) return;
    const ir::Node n = a.at(id);
    for (int i = 0; i < n.subs; ++i) HoistFrom(n.sub[i].node, context);
    if (n.op == ir::Op::kLet) {
      const ir::Let let = b.graph.let[n.symbol];
      return context & ~n.free ? Hoist(let.lowered) : HoistFrom(let.lowered, b.free(let.lowered));
    }
    if (IsReduction(n.op)) {
      if (context & ~n.free) return Hoist(id);
      context |= 1u << n.index;
    }
    for (int child : {n.a, n.b, n.c}) HoistFrom(child, context);
  }
  constexpr void Hoist(int id) {
    if (b.free(id) & row_bit) return;
    Materialise(id);
  }
  constexpr bool HasReduction(int id) const {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    return IsReduction(n.op) || (n.op == ir::Op::kLet && HasReduction(b.graph.let[n.symbol].lowered)) ||
           HasReduction(n.a) || HasReduction(n.b) || HasReduction(n.c);
  }

  constexpr int Emit(StageKind kind, int node, int value = -1) {
    Slot slot;
    slot.node = static_cast<int16_t>(node);
    slot.stage = static_cast<int16_t>(s.stage.size);
    slot.rows = b.free(node) & row_bit;
    const ir::Op op = a.at(value >= 0 ? value : node).op;
    slot.integer = op == ir::Op::kArgmax || op == ir::Op::kArgmin || op == ir::Op::kKey;
    Stage st;
    st.kind = kind;
    st.node = static_cast<int16_t>(value >= 0 ? value : node);
    const ir::Node& n = a.at(node);
    if (n.op == ir::Op::kLet) {
      const ir::Let& let = b.graph.let[n.symbol];
      for (int i = 0; i < let.rank; ++i) {
        if (let.index[i] != row) slot.index[slot.rank++] = let.index[i];
      }
    } else {
      for (int i = 0; i < b.graph.index.size; ++i) {
        if (i != row && (n.free >> i & 1)) {
          if (slot.rank == ir::kMaxSubscripts) return b.fail(90), 0;
          slot.index[slot.rank++] = static_cast<int16_t>(i);
        }
      }
    }
    st.rank = slot.rank;
    for (int i = 0; i < slot.rank; ++i) st.index[i] = slot.index[i];
    st.slot = static_cast<int16_t>(s.slot.push(slot));
    s.stage.push(st);
    if (s.slot.overflow || s.stage.overflow) b.fail(90);
    return st.slot;
  }

  // A let of this row read at other indices than declared, h(n, g) for h(n, f): the same slot under
  // other names.
  constexpr int Renamed(int node) {
    const ir::Node n = a.at(node);
    const ir::Let let = b.graph.let[n.symbol];
    uint32_t seen = 0;
    bool permutes = true;
    for (int i = 0; i < n.subs; ++i) {
      const int index = n.sub[i].index;
      permutes = permutes && n.sub[i].plain() && !(seen >> index & 1) &&
                 (let.index[i] == row) == (index == row);
      if (permutes) seen |= 1u << index;
    }
    if (!permutes) return b.fail(32), 0;
    ir::Node declared = n;
    for (int i = 0; i < n.subs; ++i) declared.sub[i].index = let.index[i];
    declared.free = 0;
    const int storage = Materialise(b.add(declared));
    Slot slot = s.slot[storage];
    slot.node = static_cast<int16_t>(node);
    slot.storage = static_cast<int16_t>(slot.storage >= 0 ? slot.storage : storage);
    for (int i = 0; i < slot.rank; ++i) {
      for (int j = 0; j < let.rank; ++j) {
        if (s.slot[storage].index[i] == let.index[j]) slot.index[i] = n.sub[j].index;
      }
    }
    const int id = s.slot.push(slot);
    if (s.slot.overflow) b.fail(90);
    return id;
  }

  constexpr bool IsDeclaredRead(const ir::Node& n) const {
    const ir::Let& let = b.graph.let[n.symbol];
    for (int i = 0; i < n.subs; ++i) {
      if (!n.sub[i].plain() || n.sub[i].index != let.index[i]) return false;
    }
    return true;
  }
  // May a let be an alias of its body's slot: are the body's indices in the let's order?
  constexpr bool SameOrder(int let_id, int body) const {
    const ir::Let& let = b.graph.let[let_id];
    int last = -1;
    for (int i = 0; i < let.rank; ++i) {
      if (let.index[i] == row) continue;
      if (let.index[i] < last) return false;
      last = let.index[i];
    }
    return a.at(body).free == LetMask(let);
  }
  constexpr uint32_t LetMask(const ir::Let& let) const {
    uint32_t mask = 0;
    for (int i = 0; i < let.rank; ++i) mask |= 1u << let.index[i];
    return mask;
  }

  // A data tensor read at plain subscripts, the row first: what contraction kernels take.
  constexpr bool IsDataMatrix(int node) const {
    const ir::Node& n = a.at(node);
    if (n.op != ir::Op::kData || n.subs < 2 || n.sub[0].index != row) return false;
    uint32_t seen = 0;
    for (int i = 0; i < n.subs; ++i) {
      if (!n.sub[i].plain() || (seen >> n.sub[i].index & 1)) return false;
      seen |= 1u << n.sub[i].index;
    }
    return true;
  }

  // The row side of a contraction as a matrix; its inner indices go to k.
  constexpr MatrixIr Matrix(int node, Stage& st) {
    MatrixIr m;
    const ir::Node n = a.at(node);
    if (IsDataMatrix(node)) {
      m.symbol = n.symbol;
      for (int i = 1; i < n.subs; ++i) st.k[st.k_rank++] = n.sub[i].index;
      return m;
    }
    m.slot = static_cast<int16_t>(Materialise(node));
    const Slot& slot = s.slot[m.slot];
    for (int i = 0; i < slot.rank; ++i) st.k[st.k_rank++] = slot.index[i];
    return m;
  }

  // sum over K of (row factors) x (factors without rows): one matrix product.
  constexpr int TryContract(int node) {
    uint32_t summed = 0;
    int body = node;
    while (a.is(body, ir::Op::kSum)) {
      summed |= 1u << a.at(body).index;
      body = a.at(body).a;
    }
    Factors factors, rows, others;
    bool negative = false;
    a.Flatten(body, false, factors, negative);
    if (negative) return -1;
    for (const Factor& f : factors) ((b.free(f.node) & row_bit) ? rows : others).push(f);
    if (rows.size == 1 && others.size == 0 && a.is(rows[0].node, ir::Op::kSq) && !rows[0].inverse &&
        IsDataMatrix(a.at(rows[0].node).a) && b.free(rows[0].node) == (summed | row_bit)) {
      const int slot = Emit(StageKind::kRowNorms, node);
      s.stage[s.slot[slot].stage].matrix.symbol = a.at(a.at(rows[0].node).a).symbol;
      return slot;
    }
    if (rows.size == 0 || others.size == 0) return -1;
    const int left = rows.size == 1 && !rows[0].inverse ? rows[0].node : a.Product(rows);
    const int right = others.size == 1 && !others[0].inverse ? others[0].node : a.Product(others);
    if (b.free(left) != (summed | row_bit) || (b.free(right) & summed) != summed) return -1;
    Stage st;
    st.kind = StageKind::kContract;
    st.matrix = Matrix(left, st);
    const uint32_t outer = b.free(right) & ~summed;
    if (!Other(right, outer, st)) return -1;
    const int slot = Emit(StageKind::kContract, node);
    Stage& made = s.stage[s.slot[slot].stage];
    made.matrix = st.matrix;
    made.other = st.other;
    made.other_is_slot = st.other_is_slot;
    made.k_major = st.k_major;
    made.k_rank = st.k_rank;
    for (int i = 0; i < st.k_rank; ++i) made.k[i] = st.k[i];
    // The result's inner indices stand in the order of the other side's.
    for (int i = 0; i < st.rank; ++i) made.index[i] = s.slot[slot].index[i] = st.index[i];
    return slot;
  }

  // The side without rows, as (outer, k) or (k, outer). A parameter is read where it lies if its
  // axes are in such an order; anything else is laid out so.
  constexpr bool Other(int node, uint32_t outer, Stage& st) {
    const ir::Node n = a.at(node);
    if (n.op == ir::Op::kParam) {
      bool plain = n.subs > 0;
      uint32_t seen = 0;
      for (int i = 0; i < n.subs; ++i) {
        plain = plain && n.sub[i].plain() && !(seen >> n.sub[i].index & 1);
        if (plain) seen |= 1u << n.sub[i].index;
      }
      if (plain) {
        const int m = n.subs - st.k_rank;
        bool outer_first = true, k_first = true;
        for (int i = 0; i < st.k_rank; ++i) {
          outer_first = outer_first && n.sub[m + i].index == st.k[i];
          k_first = k_first && n.sub[i].index == st.k[i];
        }
        if (outer_first || k_first) {
          st.other = n.symbol;
          st.k_major = !outer_first;
          for (int i = 0; i < m; ++i) {
            st.index[st.rank++] = n.sub[outer_first ? i : st.k_rank + i].index;
          }
          return true;
        }
      }
    }
    for (int i = 0; i < b.graph.index.size; ++i) {
      if (outer >> i & 1) st.index[st.rank++] = static_cast<int16_t>(i);
    }
    if (st.rank + st.k_rank > ir::kMaxSubscripts) return false;
    HoistFrom(node, b.free(node));
    Stage lay;  // into an anonymous slot: (outer, k)
    lay.kind = StageKind::kInvariant;
    lay.node = static_cast<int16_t>(node);
    for (int i = 0; i < st.rank; ++i) lay.index[lay.rank++] = st.index[i];
    for (int i = 0; i < st.k_rank; ++i) lay.index[lay.rank++] = st.k[i];
    st.other_is_slot = true;
    st.other = LaidOut(lay);
    if (st.other >= 0) return true;
    Slot slot;
    slot.stage = static_cast<int16_t>(s.stage.size);
    slot.rank = lay.rank;
    for (int i = 0; i < lay.rank; ++i) slot.index[i] = lay.index[i];
    st.other = lay.slot = static_cast<int16_t>(s.slot.push(slot));
    s.stage.push(lay);
    return true;
  }
  // The slot where another contraction has laid out the same, -1: none.
  constexpr int16_t LaidOut(const Stage& lay) const {
    for (const Stage& st : s.stage) {
      bool same = st.kind == StageKind::kInvariant && st.node == lay.node && st.rank == lay.rank;
      for (int i = 0; i < lay.rank; ++i) same = same && st.index[i] == lay.index[i];
      if (same) return st.slot;
    }
    return -1;
  }

  constexpr void SetInner(Stage& st, const ir::Total& t) {
    for (int i = 0; i < t.rank; ++i) st.index[st.rank++] = t.index[i];
  }

  constexpr bool TryNorms(const ir::Total& t, Stage& st, const Factors& factors) {
    if (factors.size != 1 || factors[0].inverse || !a.is(factors[0].node, ir::Op::kSq)) return false;
    const int x = a.at(factors[0].node).a;
    if (!IsDataMatrix(x) || a.at(x).subs != t.rank + 1) return false;
    for (int i = 0; i < t.rank; ++i) {
      if (a.at(x).sub[i + 1].index != t.index[i]) return false;
    }
    st.kind = StageKind::kAddNorms;
    st.matrix.symbol = a.at(x).symbol;
    s.stage.push(st);
    return true;
  }

  // where(key == j, e) with j an index of the target: rows add to the row of the target they name.
  constexpr bool TryScatter(const ir::Total& t, Stage& st, const Factors& factors) {
    for (int f = 0; f < factors.size; ++f) {
      const ir::Node w = a.at(factors[f].node);
      if (factors[f].inverse || w.op != ir::Op::kWhere || !a.is(w.c, 0.0)) continue;
      const ir::Node eq = a.at(w.a);
      if (eq.op != ir::Op::kEq) continue;
      for (int side = 0; side < 2; ++side) {
        const int position = side == 0 ? eq.a : eq.b, key = side == 0 ? eq.b : eq.a;
        if (!a.is(position, ir::Op::kPosition) || !a.at(position).sub[0].plain()) continue;
        const int j = a.at(position).sub[0].index;
        int at = -1;
        for (int i = 0; i < t.rank; ++i) at = t.index[i] == j ? i : at;
        if (at < 0 || b.free(key) != row_bit) continue;
        int value = w.b;
        for (int g = 0; g < factors.size; ++g) {
          if (g == f) continue;
          value = factors[g].inverse ? a.Div(value, factors[g].node) : a.Mul(value, factors[g].node);
        }
        if (a.uses(value, j)) continue;
        Prepare(key);
        st.key = static_cast<int16_t>(key);
        st.key_position = static_cast<int8_t>(at);
        return Scatter(t, st, value, at);
      }
    }
    return false;
  }
  constexpr bool Scatter(const ir::Total& t, Stage& st, int value, int at) {
    Factors factors, weight;
    bool negative = false;
    a.Flatten(value, false, factors, negative);
    int matrix = -1;
    for (const Factor& f : factors) {
      if (matrix < 0 && !f.inverse && IsDataMatrix(f.node)) {
        matrix = f.node;
      } else {
        weight.push(f);
      }
    }
    const int w = matrix < 0 ? -1 : negative ? a.Neg(a.Product(weight)) : a.Product(weight);
    if (matrix >= 0 && at == 0 && t.rank == 2 && (b.free(w) & ~row_bit) == 0 &&
        a.at(matrix).subs == 2 && a.at(matrix).sub[1].index == t.index[1]) {
      st.kind = StageKind::kScatterRows;
      st.matrix.symbol = a.at(matrix).symbol;
      if (!a.is(w, 1.0)) st.slot = static_cast<int16_t>(RowVector(w));
      s.stage.push(st);
      return true;
    }
    if (at == 0 && t.rank == 2 && ScatterAlong(t.index[1], st, factors, negative)) return true;
    Prepare(value);
    st.kind = StageKind::kScatter;
    st.node = static_cast<int16_t>(value);
    for (int i = 0; i < t.rank; ++i) st.index[st.rank++] = t.index[i];
    s.stage.push(st);
    return true;
  }

  // A product of what lies along `index` and of numbers of the row.
  constexpr bool ScatterAlong(int index, Stage& st, const Factors& factors, bool negative) {
    Factors along, weight;
    bool named = false;
    for (const Factor& f : factors) {
      if (!a.uses(f.node, index)) {
        weight.push(f);
      } else if (CanLieAlong(f.node, index, named)) {
        along.push(f);
      } else {
        return false;
      }
    }
    if (!named) return false;
    const int w = negative ? a.Neg(a.Product(weight)) : a.Product(weight);
    st.kind = StageKind::kScatterAlong;
    st.node = static_cast<int16_t>(a.Product(along));
    if (!a.is(w, 1.0)) st.slot = static_cast<int16_t>(RowVector(w));
    s.stage.push(st);
    return true;
  }

  // A slot with one value per row, also for values that do not depend on it.
  constexpr int RowVector(int node) {
    if (b.free(node) & row_bit) return Materialise(node);
    Prepare(node);
    Slot slot;
    slot.stage = static_cast<int16_t>(s.stage.size);
    slot.rows = true;
    Stage st;
    st.kind = StageKind::kMap;
    st.node = static_cast<int16_t>(node);
    st.slot = static_cast<int16_t>(s.slot.push(slot));
    s.stage.push(st);
    return st.slot;
  }

  // Products whose factors split over the target's indices: sufficient factors.
  constexpr bool TryProduct(const ir::Total& t, Stage& st, const Factors& factors) {
    int matrix = -1;
    for (int f = 0; f < factors.size && matrix < 0; ++f) {
      if (!factors[f].inverse && IsDataMatrix(factors[f].node)) matrix = f;
    }
    uint32_t all = 0;
    for (int i = 0; i < t.rank; ++i) all |= 1u << t.index[i];
    uint32_t inner = 0;
    if (matrix >= 0) {
      inner = b.free(factors[matrix].node) & ~row_bit;
    } else {
      for (int f = 0; f < factors.size && matrix < 0; ++f) {  // the last component of the target
        const uint32_t mask = b.free(factors[f].node) & all;
        if ((mask >> t.index[t.rank - 1] & 1) && mask != all) inner = mask, matrix = f;
      }
      if (matrix < 0) return false;
    }
    Factors left, right;
    for (int f = 0; f < factors.size; ++f) {
      const uint32_t mask = b.free(factors[f].node) & all;
      if (mask & inner) {
        if (mask & ~inner) return false;
        right.push(factors[f]);
      } else {
        left.push(factors[f]);
      }
    }
    if ((inner & ~all) || right.size == 0) return false;
    const int v = right.size == 1 && !right[0].inverse ? right[0].node : a.Product(right);
    const int u = a.Product(left);
    if ((b.free(v) & ~row_bit) != inner || !(b.free(v) & row_bit)) return false;
    if ((b.free(u) & ~row_bit) != (all & ~inner)) return false;
    Stage probe;
    probe.matrix = Matrix(v, probe);
    // The target is (outer, k) or (k, outer), k in the matrix's order.
    const int m = t.rank - probe.k_rank;
    bool outer_first = true, k_first = true;
    for (int i = 0; i < probe.k_rank; ++i) {
      outer_first = outer_first && t.index[m + i] == probe.k[i];
      k_first = k_first && t.index[i] == probe.k[i];
    }
    if (!outer_first && !k_first) return false;
    st.matrix = probe.matrix;
    st.k_rank = probe.k_rank;
    for (int i = 0; i < probe.k_rank; ++i) st.k[i] = probe.k[i];
    if (m == 0) {
      st.kind = StageKind::kAddVector;
      if (!a.is(u, 1.0)) st.slot = static_cast<int16_t>(RowVector(u));
      s.stage.push(st);
      return true;
    }
    if (!(b.free(u) & row_bit)) return false;
    st.slot = static_cast<int16_t>(Materialise(u));
    const Slot& slot = s.slot[st.slot];
    for (int i = 0; i < m; ++i) {
      if (slot.index[i] != t.index[outer_first ? i : probe.k_rank + i]) return false;
    }
    st.kind = StageKind::kAddOuter;
    st.k_major = !outer_first;
    for (int i = 0; i < m; ++i) st.index[st.rank++] = slot.index[i];
    s.stage.push(st);
    return true;
  }

  Algebra& a;
  Builder& b;
  Schedule& s;
  const int row;
  const uint32_t row_bit;
};

}  // namespace gyre::internal
