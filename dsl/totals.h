// What rows contribute: every sum over a data axis becomes a *total*, and what reads totals becomes
// a *post*. The ground that the other parts of lowering stand on.
#pragma once
#include "dsl/algebra.h"
#include "dsl/program_ir.h"

namespace gyre::internal {

class Totals {
 public:
  constexpr explicit Totals(ProgramIr& program)
      : p(program), b(program.builder), a(program.builder) {}

 protected:
  template <class T, int N>
  struct Range {
    ir::Array<T, N>& array;
    constexpr T* begin() { return array.item; }
    constexpr T* end() { return array.item + array.size; }
  };
  template <class T, int N>
  static constexpr Range<T, N> Items(ir::Array<T, N>& array) {
    return {array};
  }

  static constexpr uint32_t IndexMask(const ir::Let& let) {
    uint32_t mask = 0;
    for (int i = 0; i < let.rank; ++i) mask |= 1u << let.index[i];
    return mask;
  }

  // A data axis leads a data tensor and carries no parameter and no table of counts.
  constexpr void MarkDataAxes() {
    for (const ir::Symbol& s : b.graph.symbol) {
      const bool state = s.kind == ir::Kind::kParam || s.kind == ir::Kind::kTyped ||
                         s.kind == ir::Kind::kHyper || s.kind == ir::Kind::kCount;
      if (!state && s.rank > 0 && !b.graph.axis[s.axis[0]].span)
        b.graph.axis[s.axis[0]].data = true;
    }
    for (const ir::Symbol& s : b.graph.symbol) {
      if (s.kind != ir::Kind::kParam && s.kind != ir::Kind::kTyped && s.kind != ir::Kind::kCount)
        continue;
      for (int i = 0; i < s.rank; ++i) b.graph.axis[s.axis[i]].data = false;
    }
  }

  // ---- Totals.

  // Does `id` read a sum over data, through lets too? Memoised: lets share values.
  constexpr bool HasDataSum(int id) {
    if (id < 0) return false;
    int8_t& known = known_sum_[id];
    if (known == 0) known = FindDataSum(a.at(id)) ? 1 : -1;
    return known > 0;
  }
  constexpr bool HasParam(int id) { return Params(id) != 0; }
  // The parameters and states that `id` depends on, a bit per symbol.
  constexpr uint64_t Params(int id) {
    if (id < 0) return 0;
    if (!known_params_[id]) {
      params_[id] = FindParams(a.at(id));
      known_params_[id] = true;
    }
    return params_[id];
  }

  // `id` with every sum over data replaced by the total that holds it.
  constexpr int Extract(int id, bool inside_rows = false) {
    if (!HasDataSum(id)) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kSum && a.data_index(n.index)) return Total(id, inside_rows);
    if (n.op == ir::Op::kLet) {
      const ir::Let let = b.graph.let[n.symbol];
      if (IsGather(n)) {
        if (IndexMask(let) & a.data_mask()) return b.fail(32), id;
        return AtKeys(Extract(let.lowered, inside_rows), let, n);
      }
      if (IndexMask(let) & a.data_mask()) return id;  // settled: a value of the row
      for (int i = 0; i < n.subs; ++i) {
        if (!n.sub[i].plain()) return b.fail(32), id;
      }
      return Extract(a.ReadAt(let.lowered, let, n), inside_rows);
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

  static constexpr bool IsGather(const ir::Node& n) {
    for (int i = 0; i < n.subs; ++i) {
      if (n.sub[i].node >= 0) return true;
    }
    return false;
  }
  // A let read through a key is left as such where the key depends on what the let sums over; that
  // can be a sum over data alone, which is known before any row is read.
  constexpr void CheckGathers() {
    for (int id = 0; id < b.graph.node.size; ++id) {
      const ir::Node& n = a.at(id);
      if (n.op == ir::Op::kLet && IsGather(n) && !HasDataSum(id)) b.fail(32);
    }
  }
  // `id`, an expression over the indices of `let` without sums over data, at the subscripts of `read`.
  constexpr int AtKeys(int id, const ir::Let& let, const ir::Node& read) {
    if (id < 0 || !(b.free(id) & IndexMask(let))) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kSolve) b.fail(32);  // one number of a system is not solved apart
    for (int i = 0; i < n.subs; ++i) {
      n.sub[i].node = static_cast<int16_t>(AtKeys(n.sub[i].node, let, read));
      for (int k = 0; k < let.rank; ++k) {
        if (n.sub[i].second == let.index[k]) b.fail(32);
        if (n.sub[i].index != let.index[k]) continue;
        if (!n.sub[i].plain()) b.fail(32);
        n.sub[i] = read.sub[k];
        break;
      }
    }
    for (int k = 0; k < let.rank && n.index >= 0; ++k) {
      if (b.Free(read.sub[k]) >> n.index & 1) b.fail(32);
    }
    n.a = static_cast<int16_t>(AtKeys(n.a, let, read));
    n.b = static_cast<int16_t>(AtKeys(n.b, let, read));
    n.c = static_cast<int16_t>(AtKeys(n.c, let, read));
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

  // Names the sums of data that rows of let `l` read.
  constexpr void SettleLet(int l) {
    const int settled = Extract(b.graph.let[l].lowered, true);
    if (settled == b.graph.let[l].lowered) return;
    b.graph.let[l].lowered = static_cast<int16_t>(settled);
    Forget();
  }
  // What is known of nodes by their ids, after ids or lets changed their meaning.
  constexpr void Forget() {
    for (int8_t& known : known_sum_) known = 0;
    for (bool& known : known_params_) known = false;
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

  ProgramIr& p;
  Builder& b;
  Algebra a;
  uint64_t build = 0;  // totals of data alone that rows need

 private:
  constexpr bool FindDataSum(const ir::Node& n) {
    if (n.op == ir::Op::kSum && a.data_index(n.index)) return true;
    if (n.op == ir::Op::kLet && HasDataSum(b.graph.let[n.symbol].lowered)) return true;
    for (int i = 0; i < n.subs; ++i) {
      if (HasDataSum(n.sub[i].node)) return true;
    }
    return HasDataSum(n.a) || HasDataSum(n.b) || HasDataSum(n.c);
  }
  constexpr uint64_t FindParams(const ir::Node& n) {
    if (n.op == ir::Op::kParam || n.op == ir::Op::kLocal) return uint64_t{1} << n.symbol;
    uint64_t mask = n.op == ir::Op::kLet ? Params(b.graph.let[n.symbol].lowered) : 0;
    for (int i = 0; i < n.subs; ++i) mask |= Params(n.sub[i].node);
    return mask | Params(n.a) | Params(n.b) | Params(n.c);
  }

  int8_t known_sum_[ir::kMaxNodes] = {};  // 1: has a sum over data, -1: has none
  bool known_params_[ir::kMaxNodes] = {};
  uint64_t params_[ir::kMaxNodes] = {};
};

}  // namespace gyre::internal
