// Fused elementwise evaluation: a node of the graph as a small function of the row, built by value.
//
// Make<Unit, Stage, Node>(context, indices) fixes the inner indices and returns a functor f(i) over
// the rows of the block. Pointers and numbers are loaded into the functor, so that a loop
// `out[i] = f(i)` holds them in registers and vectorises. A node without rows is evaluated in full,
// reductions and lets included, and becomes a constant.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include "dsl/program_ir.h"
#include "dsl/random.h"
#include "ops/aligned.h"
#include "ops/normal_equations.h"
#include "ops/simd_math.h"

namespace gyre::internal {

#define GYRE_INLINE [[gnu::always_inline]] inline

struct Indices {
  int64_t at[ir::kMaxIndices] = {};
};

// What a post solved last, by node: the numbers of one system stand together.
struct Solution {
  Indices of;  // the other indices
  AlignedArray<double> x;
};
using Solutions = std::map<int, Solution>;
// Values of a reduction that a post has found, row-major over its free indices: those outside of it
// need not find them again.
struct Reduced {
  std::vector<double> value;
  std::vector<char> known;
};
inline constexpr int64_t kMostReduced = int64_t{1} << 22;

// What an evaluation may read. T: element type of parameters and slots; D: of data.
template <class T, class D = T>
struct Context {
  using Value = T;
  using Datum = D;
  const Block* data = nullptr;            // by symbol
  const int64_t* origin = nullptr;        // by symbol: row of `data` where the block begins
  const T* const* param = nullptr;        // by symbol
  const int32_t* const* count = nullptr;  // by symbol: of a table of counts, the row at hand
  const double* const* total = nullptr;   // by total
  const double* hyper = nullptr;
  const double* literal = nullptr;
  Solutions* solved = nullptr;            // of posts
  Reduced* reduced = nullptr;             // of posts, by node
  const int64_t* extent = nullptr;        // by axis
  T* const* slot = nullptr;
  const T* given = nullptr;               // rows of the value that the unit takes as given
  int64_t stride = 0;                     // rows between inner positions of a slot
  int64_t first_row = 0;                  // the block's first row among the rows of all workers
  uint64_t seed = 0;
  double epoch = 0;
};

// A post: no rows, no slots.
template <class P>
struct PostUnit {
  static constexpr const ProgramIr& kIr = P::kIr;
  static constexpr int kRow = -1;
  static constexpr int SlotOf(int, int) { return -1; }
  static constexpr bool IsView(int) { return false; }
  static constexpr bool IsGiven(int) { return false; }
  static constexpr bool IsItem(int) { return false; }
  static constexpr bool IsLive(int) { return false; }
  static constexpr bool IsCount(int) { return false; }
};
template <class P, int Pass>
struct PassUnit {
  using Source = P;
  static constexpr const ProgramIr& kIr = P::kIr;
  static constexpr const PassIr& kPass = P::kIr.pass[Pass];
  static constexpr int kRow = kPass.row_index;
  // The slot that holds node `id` before stage `stage`, or -1.
  static constexpr int SlotOf(int id, int stage) {
    const auto& slots = kPass.schedule.slot;
    for (int i = 0; i < slots.size; ++i) {
      if (slots[i].node == id && slots[i].stage < stage) return i;
    }
    // A let may be its body's value under another name.
    const ir::Node& n = kIr.builder.graph.node[id];
    if (n.op == ir::Op::kLet && (n.free >> kRow & 1)) {
      return SlotOf(kIr.builder.graph.let[n.symbol].lowered, stage);
    }
    return -1;
  }
  static constexpr bool IsView(int) { return false; }
  static constexpr bool IsGiven(int) { return false; }
  static constexpr bool IsItem(int) { return false; }
  static constexpr bool IsLive(int) { return false; }
  static constexpr bool IsCount(int) { return false; }
};

// Functions of an inner index for one row at a time.
template <class P, int Index>
struct AlongUnit {
  static constexpr const ProgramIr& kIr = P::kIr;
  static constexpr int kRow = Index;
  static constexpr int SlotOf(int, int) { return -1; }
  static constexpr bool IsView(int) { return false; }
  static constexpr bool IsGiven(int) { return false; }
  static constexpr bool IsItem(int) { return false; }
  static constexpr bool IsLive(int) { return false; }
  static constexpr bool IsCount(int) { return false; }
};

template <class U>
constexpr const ir::Node& NodeOf(int id) { return U::kIr.builder.graph.node[id]; }
template <class U>
constexpr bool HasRows(int id) {
  return U::kRow >= 0 && (NodeOf<U>(id).free >> (U::kRow < 0 ? 0 : U::kRow) & 1);
}
template <class U, class C>
GYRE_INLINE int64_t ExtentOf(const C& c, int index) {
  return c.extent[U::kIr.builder.graph.index[index].axis];
}

// Coordinate updates: lets with rows are views kept up to date by the sweep, or computed from them.
// Each live sum has rows of its own.
template <class P, int S, int Row>
struct SweepUnit {
  static constexpr const ProgramIr& kIr = P::kIr;
  static constexpr const StatementIr& kStatement = P::kIr.statement[S];
  static constexpr int kRow = Row;
  static constexpr int SlotOf(int, int) { return -1; }
  static constexpr bool IsView(int let) {
    for (int l : kStatement.maintained) {
      if (l == let) return true;
    }
    return false;
  }
  static constexpr bool IsGiven(int) { return false; }
  // What changes from item to item is read where it stands: functions of the row outlive items.
  static constexpr bool IsItem(int index) { return index == kStatement.axis_index; }
  static constexpr bool IsLive(int total) {
    for (const LiveSumIr& sum : kStatement.live) {
      if (sum.total == total) return true;
    }
    return false;
  }
  static constexpr bool IsCount(int) { return false; }
};

// ---- Functions of the row.

template <class V>
struct Constant {
  V value;
  GYRE_INLINE V operator()(int64_t) const { return value; }
};
template <class V>
struct Column {
  const V* values;
  GYRE_INLINE V operator()(int64_t i) const { return values[i]; }
};
template <class V, class F>
struct Load {
  const V* values;
  F offset;
  GYRE_INLINE V operator()(int64_t i) const { return values[offset(i)]; }
};
template <class V, class F>
struct LoadAs {
  const double* values;
  F offset;
  GYRE_INLINE V operator()(int64_t i) const { return static_cast<V>(values[offset(i)]); }
};
template <class V, class S>
struct Latest {
  const S* value;
  GYRE_INLINE V operator()(int64_t) const { return static_cast<V>(*value); }
};
// Of a table of counts, where the datum at hand is not counted.
template <class V>
struct CountRow {
  const int32_t* values;
  GYRE_INLINE V operator()(int64_t i) const { return static_cast<V>(values[i]); }
};
struct RowOffset {
  int64_t first, stride;
  GYRE_INLINE int64_t operator()(int64_t i) const { return first + i * stride; }
};
template <class F>
struct KeyOffset {
  F key;
  int64_t stride;
  GYRE_INLINE int64_t operator()(int64_t i) const { return static_cast<int64_t>(key(i)) * stride; }
};
template <class F, class G>
struct SumOffset {
  F f;
  G g;
  GYRE_INLINE int64_t operator()(int64_t i) const { return f(i) + g(i); }
};

inline double Digamma(double x);
inline double Trigamma(double x);

template <ir::Op Op, class T, class X>
GYRE_INLINE auto Unary(X v) {
  const T x = static_cast<T>(v);
  using enum ir::Op;
  if constexpr (Op == kNeg) return -x;
  else if constexpr (Op == kExp) return simd::Exp(x);
  else if constexpr (Op == kLog) return simd::Log(x);
  else if constexpr (Op == kLog1p) return simd::Log1p(x);
  else if constexpr (Op == kSqrt) return simd::Sqrt(x);
  else if constexpr (Op == kSq) return x * x;
  else if constexpr (Op == kAbs) return simd::Abs(x);
  else if constexpr (Op == kSign) return static_cast<T>(x > 0) - static_cast<T>(x < 0);
  else if constexpr (Op == kRelu) return x > 0 ? x : T{0};
  else if constexpr (Op == kSigmoid) return simd::Sigmoid(x);
  else if constexpr (Op == kTanh) return simd::Tanh(x);
  else if constexpr (Op == kLgamma) return simd::Lgamma(x);
  else if constexpr (Op == kDigamma) return static_cast<T>(Digamma(static_cast<double>(x)));
  else if constexpr (Op == kTrigamma) return static_cast<T>(Trigamma(static_cast<double>(x)));
  else if constexpr (Op == kSoftplus) return simd::Softplus(x);
  else if constexpr (Op == kNot) return !(v != 0);
  else if constexpr (Op == kRound) return static_cast<T>(std::nearbyint(x));
  else if constexpr (Op == kStop) return x;
  else static_assert(Op == kNeg, "unary");
}

// The derivative of lgamma: recurrence to x >= 6, then the asymptotic series (Abramowitz & Stegun
// 6.3.18).
inline double Digamma(double x) {
  double value = 0;
  for (; x < 6; ++x) value -= 1 / x;
  const double f = 1 / (x * x);
  return value + std::log(x) - 0.5 / x -
         f * (1.0 / 12 - f * (1.0 / 120 - f * (1.0 / 252 - f * (1.0 / 240 - f * (1.0 / 132)))));
}

// Its derivative, in the same way (Abramowitz & Stegun 6.4.12).
inline double Trigamma(double x) {
  double value = 0;
  for (; x < 6; ++x) value += 1 / (x * x);
  const double f = 1 / (x * x);
  return value + 1 / x + 0.5 * f +
         f / x * (1.0 / 6 - f * (1.0 / 30 - f * (1.0 / 42 - f * (1.0 / 30 - f * (5.0 / 66)))));
}

template <ir::Op Op, class T, class X, class Y>
GYRE_INLINE auto Binary(X a, Y b) {
  using enum ir::Op;
  if constexpr (Op == kEq || Op == kNe || Op == kLt || Op == kLe) {
    using C = std::conditional_t<std::is_integral_v<X> && std::is_integral_v<Y>, int64_t, T>;
    const C x = static_cast<C>(a), y = static_cast<C>(b);
    if constexpr (Op == kEq) return x == y;
    else if constexpr (Op == kNe) return x != y;
    else if constexpr (Op == kLt) return x < y;
    else return x <= y;
  } else if constexpr (Op == kAnd) {
    return (a != 0) & (b != 0);
  } else if constexpr (Op == kOr) {
    return (a != 0) | (b != 0);
  } else {
    const T x = static_cast<T>(a), y = static_cast<T>(b);
    if constexpr (Op == kAdd) return x + y;
    else if constexpr (Op == kSub) return x - y;
    else if constexpr (Op == kMul) return x * y;
    else if constexpr (Op == kDiv) return x / y;
    else if constexpr (Op == kPow) return simd::Pow(x, y);
    else if constexpr (Op == kMin) return y < x ? y : x;
    else if constexpr (Op == kMax) return x < y ? y : x;
    else if constexpr (Op == kSoft) {
      const T m = simd::Abs(x) - y;
      return m > 0 ? simd::CopySign(m, x) : T{0};
    } else static_assert(Op == kAdd, "binary");
  }
}

template <ir::Op Op, class T, class F>
struct UnaryFn {
  F f;
  GYRE_INLINE auto operator()(int64_t i) const { return Unary<Op, T>(f(i)); }
};
template <ir::Op Op, class T, class F, class G>
struct BinaryFn {
  F f;
  G g;
  GYRE_INLINE auto operator()(int64_t i) const { return Binary<Op, T>(f(i), g(i)); }
};
template <class T, class C, class F, class G>
struct WhereFn {
  C c;
  F f;
  G g;
  GYRE_INLINE auto operator()(int64_t i) const {
    const auto x = f(i);
    const auto y = g(i);
    using R = std::conditional_t<std::is_same_v<decltype(f(i)), decltype(g(i))>, decltype(f(i)), T>;
    return c(i) != 0 ? static_cast<R>(x) : static_cast<R>(y);
  }
};

template <class U, int S, int Id, class C>
GYRE_INLINE auto Make(const C& c, Indices& p);

struct ShuffleFn {
  uint64_t seed;
  int64_t first, rows;
  GYRE_INLINE int32_t operator()(int64_t i) const {
    return static_cast<int32_t>(rng::Shuffled(seed, first + i, rows));
  }
};
struct RowPosition {
  int64_t first;
  GYRE_INLINE int32_t operator()(int64_t i) const { return static_cast<int32_t>(first + i); }
};

// ---- Subscripts.

// The value of a subscript without rows.
template <class U, int S, int Id, int Dim, class C>
GYRE_INLINE int64_t SubscriptValue(const C& c, Indices& p) {
  constexpr ir::Subscript s = NodeOf<U>(Id).sub[Dim];
  if constexpr (s.node >= 0) {
    return static_cast<int64_t>(Make<U, S, s.node>(c, p)(0));
  } else {
    int64_t v = p.at[s.index];
    if constexpr (s.scale0 >= 0) v *= static_cast<int64_t>(c.literal[s.scale0]);
    if constexpr (s.second >= 0) {
      int64_t w = p.at[s.second];
      if constexpr (s.scale1 >= 0) w *= static_cast<int64_t>(c.literal[s.scale1]);
      v += w;
    }
    if constexpr (s.offset >= 0) v += static_cast<int64_t>(c.literal[s.offset]);
    return v;
  }
}

// The element offset of node Id's subscripts as a function of the row; `stride` is of dimension Dim
// and grows outwards. `row_stride` overrides the stride of the first dimension (data tensors).
template <class U, int S, int Id, int Dim, class C>
GYRE_INLINE auto OffsetOf(const C& c, Indices& p, const int64_t* extents, int64_t stride,
                          int64_t row_stride, int64_t row_origin) {
  constexpr ir::Node n = NodeOf<U>(Id);
  constexpr ir::Subscript s = n.sub[Dim];
  const int64_t here = Dim == 0 && row_stride >= 0 ? row_stride : stride;
  const auto mine = [&] {
    if constexpr (s.plain() && s.index == U::kRow && U::kRow >= 0) {
      return RowOffset{(Dim == 0 ? row_origin : 0) * here, here};
    } else if constexpr (s.node >= 0 && HasRows<U>(s.node < 0 ? 0 : s.node)) {
      const auto key = Make<U, S, s.node>(c, p);
      return KeyOffset<std::remove_const_t<decltype(key)>>{key, here};
    } else {
      return Constant<int64_t>{SubscriptValue<U, S, Id, Dim>(c, p) * here};
    }
  }();
  if constexpr (Dim == 0) {
    return mine;
  } else {
    const auto rest =
        OffsetOf<U, S, Id, Dim - 1>(c, p, extents, stride * extents[Dim], row_stride, row_origin);
    return SumOffset<std::remove_const_t<decltype(mine)>, std::remove_const_t<decltype(rest)>>{mine, rest};
  }
}

template <class V, class F>
GYRE_INLINE auto LoadAt(const V* values, const F& offset) {
  if constexpr (std::is_same_v<F, Constant<int64_t>>) {
    return Constant<V>{values[offset.value]};
  } else {
    return Load<V, F>{values, offset};
  }
}

// A read of a tensor stored row-major over its symbol's axes; data tensors have rows apart by the
// block's stride.
template <class U, int S, int Id, class V, class C>
GYRE_INLINE auto ReadTensor(const C& c, Indices& p, const V* values, bool data) {
  constexpr ir::Node n = NodeOf<U>(Id);
  constexpr bool rows = HasRows<U>(Id);
  if constexpr (n.subs == 0) {
    return Constant<V>{values[0]};
  } else {
    constexpr ir::Symbol symbol = U::kIr.builder.graph.symbol[n.symbol];
    int64_t extents[ir::kMaxSubscripts] = {};
    for (int i = 0; i < symbol.rank; ++i) extents[i] = c.extent[symbol.axis[i]];
    const int64_t origin = data && rows ? c.origin[n.symbol] : 0;
    if constexpr (rows && n.subs == 1 && n.sub[0].plain()) {
      return Column<V>{values + origin};
    } else {
      const int64_t row_stride = data && n.subs > 1 ? c.data[n.symbol].stride : -1;
      const auto offset = OffsetOf<U, S, Id, n.subs - 1>(c, p, extents, 1, row_stride, origin);
      if constexpr (!rows) {
        return Constant<V>{values[offset(0)]};
      } else {
        return LoadAt(values, offset);
      }
    }
  }
}

template <class U, int Slot, class C>
GYRE_INLINE auto ReadSlot(const C& c, Indices& p) {
  using T = typename C::Value;
  constexpr const internal::Slot& slot = U::kPass.schedule.slot[Slot];
  int64_t offset = 0;
  for (int i = 0; i < slot.rank; ++i) {
    offset = offset * ExtentOf<U>(c, slot.index[i]) + p.at[slot.index[i]];
  }
  if constexpr (slot.integer && slot.rows) {
    return Column<int32_t>{reinterpret_cast<const int32_t*>(c.slot[Slot]) + offset * c.stride};
  } else if constexpr (slot.integer) {
    return Constant<int32_t>{reinterpret_cast<const int32_t*>(c.slot[Slot])[offset]};
  } else if constexpr (slot.rows) {
    return Column<T>{c.slot[Slot] + offset * c.stride};
  } else {
    return Constant<T>{c.slot[Slot][offset]};
  }
}

// A reduction without rows, in double; of argmax and argmin the position.
template <class U, int S, int Id, class C>
double ReduceAll(const C& c, Indices& p) {
  constexpr ir::Node n = NodeOf<U>(Id);
  using enum ir::Op;
  const int64_t extent = ExtentOf<U>(c, n.index);
  const int64_t kept = p.at[n.index];
  int64_t& at = p.at[n.index];
  const auto value = [&] { return static_cast<double>(Make<U, S, n.a>(c, p)(0)); };
  double r = n.op == kProd ? 1 : 0;
  int64_t best = 0;
  if constexpr (n.op == kSum || n.op == kProd || n.op == kNorm || n.op == kAny) {
    for (at = 0; at < extent; ++at) {
      const double v = value();
      if constexpr (n.op == kSum) r += v;
      if constexpr (n.op == kProd) r *= v;
      if constexpr (n.op == kNorm) r += v * v;
      if constexpr (n.op == kAny) r = r != 0 || v != 0;
    }
    if constexpr (n.op == kNorm) r = std::sqrt(r);
  } else {
    constexpr double sign = n.op == kMinOver || n.op == kArgmin ? -1 : 1;
    double most = -std::numeric_limits<double>::infinity();
    for (at = 0; at < extent; ++at) {
      const double v = sign * value();
      if (v > most) most = v, best = at;
    }
    r = sign * most;
    if constexpr (n.op == kLogSumExp) {
      double sum = 0;
      for (at = 0; at < extent; ++at) sum += std::exp(value() - most);
      r = std::isfinite(most) ? most + std::log(sum) : most;
    }
  }
  p.at[n.index] = kept;
  return n.op == kArgmax || n.op == kArgmin ? static_cast<double>(best) : r;
}

template <class U, int Id, class C>
GYRE_INLINE int64_t FreePositions(const C& c) {
  constexpr uint32_t free = NodeOf<U>(Id).free;
  int64_t positions = 1;
  for (int i = 0; i < U::kIr.builder.graph.index.size; ++i) {
    if (free >> i & 1) positions *= ExtentOf<U>(c, i);
  }
  return positions;
}

template <class U, int S, int Id, class C>
double ReduceOnce(const C& c, Indices& p) {
  constexpr uint32_t free = NodeOf<U>(Id).free;
  const int64_t positions = FreePositions<U, Id>(c);
  if (c.reduced == nullptr || positions > kMostReduced) return ReduceAll<U, S, Id>(c, p);
  Reduced& all = c.reduced[Id];
  if (all.value.empty())
    all.value.resize(static_cast<size_t>(positions)), all.known.resize(static_cast<size_t>(positions));
  int64_t at = 0;
  for (int i = 0; i < U::kIr.builder.graph.index.size; ++i) {
    if (free >> i & 1) at = at * ExtentOf<U>(c, i) + p.at[i];
  }
  double& value = all.value[static_cast<size_t>(at)];
  if (!std::exchange(all.known[static_cast<size_t>(at)], char{1})) value = ReduceAll<U, S, Id>(c, p);
  return value;
}

template <class U, int S, int Id, class C>
auto ReduceNow(const C& c, Indices& p) {
  using T = typename C::Value;
  constexpr ir::Op op = NodeOf<U>(Id).op;
  const double value = U::kRow < 0 ? ReduceOnce<U, S, Id>(c, p) : ReduceAll<U, S, Id>(c, p);
  if constexpr (op == ir::Op::kArgmax || op == ir::Op::kArgmin) {
    return Constant<int32_t>{static_cast<int32_t>(value)};
  } else {
    return Constant<T>{static_cast<T>(value)};
  }
}

// One number of the solution of a symmetric positive definite system.
template <class U, int S, int Id, class C>
auto SolveNow(const C& c, Indices& p) {
  constexpr ir::Node n = NodeOf<U>(Id);
  constexpr ir::Node matrix = NodeOf<U>(n.a);
  constexpr int i = NodeOf<U>(n.c).sub[0].index, j = matrix.index;
  const int64_t extent = ExtentOf<U>(c, i), width = NormalWidth<double>(extent);
  const int64_t kept_i = std::exchange(p.at[i], 0), kept_j = p.at[j];
  Solution& solution = (*c.solved)[Id];
  const auto same = [&] {
    if (solution.x.size() == 0) return false;
    for (int k = 0; k < ir::kMaxIndices; ++k) {
      if ((n.free >> k & 1) && solution.of.at[k] != p.at[k]) return false;
    }
    return true;
  };
  if (!same()) {
    solution.of = p;
    AlignedArray<double> a(width * width), b(width), x(width);
    for (p.at[i] = 0; p.at[i] < extent; ++p.at[i]) {
      b[p.at[i]] = static_cast<double>(Make<U, S, n.b>(c, p)(0));
      for (p.at[j] = p.at[i]; p.at[j] < extent; ++p.at[j])
        a[p.at[i] * width + p.at[j]] = static_cast<double>(Make<U, S, matrix.a>(c, p)(0));
      p.at[j] = kept_j;
    }
    SolveCholesky(extent, width, a.data(), b.data(), x.data());
    solution.x = std::move(x);
  }
  p.at[i] = kept_i;
  return Constant<typename C::Value>{static_cast<typename C::Value>(solution.x[kept_i])};
}

// A draw, identified by its symbol and subscripts; after the start also by its kind and the clock.
template <class U, int S, int Id, class C>
auto DrawNow(const C& c, Indices& p) {
  using T = typename C::Value;
  constexpr ir::Node n = NodeOf<U>(Id);
  constexpr std::string_view name =
      n.symbol >= 0 ? U::kIr.builder.graph.symbol[n.symbol < 0 ? 0 : n.symbol].name : std::string_view{};
  int64_t at[ir::kMaxSubscripts] = {};
  for (int i = 0; i < n.subs; ++i) at[i] = p.at[n.sub[i].index];
  const bool start = U::kRow >= 0 || c.epoch < 0;  // sums draw at the start only
  const rng::Stream stream(c.seed, rng::Hash(name) + (start ? 0 : 1 + static_cast<uint64_t>(n.op)),
                           start ? 0 : 1 + static_cast<uint64_t>(c.epoch));
  const uint64_t counter = rng::Fold(at, n.subs);
  const auto x = static_cast<double>(Make<U, S, n.a>(c, p)(0));
  if constexpr (n.op == ir::Op::kBernoulli) {
    return Constant<T>{static_cast<T>(stream.Bernoulli(counter, x))};
  } else {
    const auto y = static_cast<double>(Make<U, S, n.b>(c, p)(0));
    const double draw = n.op == ir::Op::kNormal ? x + y * stream.Normal(counter)
                                                : x + (y - x) * stream.Uniform(counter);
    return Constant<T>{static_cast<T>(draw)};
  }
}

// Where in the row at hand of a table of counts the node reads: at another index over the latent, or
// at its only number.
template <class U, int Id>
GYRE_INLINE int64_t LatentPosition(const Indices& p) {
  constexpr ir::Node n = NodeOf<U>(Id);
  constexpr const auto& graph = U::kIr.builder.graph;
  constexpr ir::Symbol count = graph.symbol[n.symbol];
  for (int i = 0; i < n.subs; ++i) {
    const ir::Node& key = graph.node[count.key[i]];
    if (graph.symbol[key.symbol].kind == ir::Kind::kLatent) return p.at[n.sub[i].index];
  }
  return 0;
}

template <class U, int S, int Id, class C>
GYRE_INLINE auto Make(const C& c, Indices& p) {
  using T = typename C::Value;
  constexpr ir::Node n = NodeOf<U>(Id);
  constexpr int slot = U::SlotOf(Id, S);
  using enum ir::Op;
  if constexpr (U::IsGiven(Id)) {
    return Column<T>{c.given};
  } else if constexpr (slot >= 0) {
    return ReadSlot<U, slot>(c, p);
  } else if constexpr (n.op == kLiteral) {
    return Constant<T>{static_cast<T>(c.literal[n.symbol])};
  } else if constexpr (n.op == kConst) {
    return Constant<T>{static_cast<T>(n.value)};
  } else if constexpr (n.op == kHyper) {
    return Constant<T>{static_cast<T>(c.hyper[n.symbol])};
  } else if constexpr (n.op == kSize) {
    return Constant<T>{static_cast<T>(c.extent[n.symbol])};
  } else if constexpr (n.op == kEpoch) {
    return Constant<T>{static_cast<T>(c.epoch)};
  } else if constexpr (n.op == kPosition) {
    if constexpr (n.sub[0].plain() && n.sub[0].index == U::kRow) {
      return RowPosition{c.first_row};
    } else if constexpr (n.sub[0].plain() && U::IsItem(n.sub[0].index)) {
      return Latest<int32_t, int64_t>{&p.at[n.sub[0].index]};
    } else {
      return Constant<int32_t>{static_cast<int32_t>(SubscriptValue<U, S, Id, 0>(c, p))};
    }
  } else if constexpr (n.op == kShuffle) {
    return ShuffleFn{c.seed, c.first_row, ExtentOf<U>(c, n.sub[0].index)};
  } else if constexpr (n.op == kData || n.op == kLocal) {
    return ReadTensor<U, S, Id>(c, p, c.data[n.symbol].template data<typename C::Datum>(), true);
  } else if constexpr (n.op == kKey) {
    return ReadTensor<U, S, Id>(c, p, c.data[n.symbol].template data<int32_t>(), true);
  } else if constexpr (n.op == kParam && U::IsCount(n.symbol)) {
    if constexpr (HasRows<U>(Id)) {
      return CountRow<T>{c.count[n.symbol]};
    } else {
      return Constant<T>{static_cast<T>(c.count[n.symbol][LatentPosition<U, Id>(p)])};
    }
  } else if constexpr (n.op == kParam) {
    return ReadTensor<U, S, Id>(c, p, c.param[n.symbol], false);
  } else if constexpr (n.op == kTotal) {
    constexpr ir::Total total = U::kIr.builder.graph.total[n.symbol];
    const double* values = c.total[n.symbol];
    if constexpr (U::IsLive(n.symbol)) {
      return Latest<T, double>{values};
    } else if constexpr (n.subs == 0) {
      return Constant<T>{static_cast<T>(*values)};
    } else {
      int64_t extents[ir::kMaxSubscripts] = {};
      for (int i = 0; i < n.subs; ++i) extents[i] = ExtentOf<U>(c, total.index[i]);
      const auto offset = OffsetOf<U, S, Id, n.subs - 1>(c, p, extents, 1, -1, 0);
      if constexpr (HasRows<U>(Id)) {
        return LoadAs<T, std::remove_const_t<decltype(offset)>>{values, offset};
      } else {
        return Constant<T>{static_cast<T>(values[offset(0)])};
      }
    }
  } else if constexpr (n.op == kLet) {
    constexpr ir::Let let = U::kIr.builder.graph.let[n.symbol];
    if constexpr (HasRows<U>(Id)) {
      if constexpr (U::IsView(n.symbol)) {
        return Column<T>{c.slot[n.symbol]};
      } else {
        return Make<U, S, let.lowered>(c, p);
      }
    } else {
    int64_t at[ir::kMaxSubscripts] = {};
    [&]<int... D>(std::integer_sequence<int, D...>) {
      ((at[D] = SubscriptValue<U, S, Id, D>(c, p)), ...);
    }(std::make_integer_sequence<int, n.subs>{});
    Indices inner = p;
    for (int i = 0; i < n.subs; ++i) inner.at[let.index[i]] = at[i];
    return Make<U, S, let.lowered>(c, inner);
    }
  } else if constexpr (n.op == kSolve) {
    return SolveNow<U, S, Id>(c, p);
  } else if constexpr (n.op == kNormal || n.op == kUniform || n.op == kBernoulli) {
    return DrawNow<U, S, Id>(c, p);
  } else if constexpr (n.op >= kSum && n.op <= kAny) {
    static_assert(!HasRows<U>(Id), "a reduction with rows has a slot");
    return ReduceNow<U, S, Id>(c, p);
  } else if constexpr (n.op == kWhere) {
    const auto condition = Make<U, S, n.a>(c, p);
    const auto x = Make<U, S, n.b>(c, p);
    const auto y = Make<U, S, n.c>(c, p);
    return WhereFn<T, std::remove_const_t<decltype(condition)>, std::remove_const_t<decltype(x)>,
                   std::remove_const_t<decltype(y)>>{condition, x, y};
  } else if constexpr (n.b >= 0) {
    const auto x = Make<U, S, n.a>(c, p);
    const auto y = Make<U, S, n.b>(c, p);
    return BinaryFn<n.op, T, std::remove_const_t<decltype(x)>, std::remove_const_t<decltype(y)>>{x, y};
  } else {
    const auto x = Make<U, S, n.a>(c, p);
    return UnaryFn<n.op, T, std::remove_const_t<decltype(x)>>{x};
  }
}

}  // namespace gyre::internal
