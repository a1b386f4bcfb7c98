// The kernel of a pass: its schedule, unrolled at compile time into loops over blocks of rows.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "dsl/contract.h"
#include "dsl/eval.h"
#include "ops/contract.h"

namespace gyre::internal {

#if defined(__clang__)
#define GYRE_ROWS_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define GYRE_ROWS_LOOP _Pragma("GCC ivdep")
#endif

template <class T, class F>
inline void StoreRows(T* out, int64_t rows, F f) {
  GYRE_ROWS_LOOP
  for (int64_t i = 0; i < rows; ++i) out[i] = static_cast<T>(f(i));
}

// The memory of one call: slots and temporaries, and the rows of a block.
struct KernelLayout {
  int64_t rows = 0;                 // of a block
  int64_t stride = 0;               // rows between inner positions of a slot: rows, aligned
  int64_t slot[kMaxSlots] = {};            // offsets in elements
  int64_t temporary = 0;            // rows elements, three times
  int64_t contraction = 0;
  int64_t dense[ir::kMaxSymbols] = {};
  int64_t elements = 0;
};

template <class U, class T>
class Kernel {
 public:
  static constexpr const ProgramIr& kIr = U::kIr;
  static constexpr const PassIr& kPass = U::kPass;
  static constexpr const Schedule& kSchedule = kPass.schedule;
  static constexpr int kStages = kSchedule.stage.size;

  static KernelLayout Layout(const Block* data, const int64_t* extent) {
    KernelLayout l;
    int64_t per_row = 3, fixed = 0, outputs = 1;
    for (const Slot& s : kSchedule.slot) {
      if (s.storage >= 0) continue;
      (s.rows ? per_row : fixed) += Inner(s, extent);
      if (s.rows) outputs = std::max(outputs, Inner(s, extent));
    }
    for (int i = 0; i < kIr.builder.graph.symbol.size; ++i) {
      if (ReadsElements(i) && data[i].format != Format::kDense) per_row += data[i].cols;
    }
    const int64_t bytes = per_row * static_cast<int64_t>(sizeof(T));
    l.rows = BlockRows(data, bytes, outputs);
    l.rows = (l.rows + 7) / 8 * 8;
    l.stride = (l.rows + 15) / 16 * 16;
    int64_t next = 0;
    const auto take = [&](int64_t elements) {
      const int64_t at = next;
      next += (elements + 15) / 16 * 16;
      return at;
    };
    for (int i = 0; i < kSchedule.slot.size; ++i) {
      const Slot& s = kSchedule.slot[i];
      l.slot[i] = s.storage >= 0 ? l.slot[s.storage] : take(Inner(s, extent) * (s.rows ? l.stride : 1));
    }
    l.temporary = take(3 * l.stride);
    int64_t contraction = l.rows;
    for (const Stage& s : kSchedule.stage) {
      if (s.kind == StageKind::kContract || s.kind == StageKind::kAddOuter) {
        const int64_t m = Product(s.index, s.rank, extent), k = Product(s.k, s.k_rank, extent);
        contraction = std::max(contraction, ContractScratch(l.rows, m, s.kind == StageKind::kContract ? 0 : k));
      }
    }
    l.contraction = take(contraction);
    for (int i = 0; i < kIr.builder.graph.symbol.size; ++i) {
      l.dense[i] = -1;
      if (ReadsElements(i) && data[i].format != Format::kDense) {
        l.dense[i] = take(l.rows * data[i].cols);
      }
    }
    l.elements = next;
    return l;
  }

  // Rows of a block: as few as the widest matrix wants, all where one comes by columns.
  static int64_t BlockRows(const Block* data, int64_t bytes_per_row, int64_t outputs) {
    int64_t fewest = 0, whole = 0;
    const auto add = [&](const Block& matrix) {
      const int64_t rows = RowsPerBlock(matrix, bytes_per_row, outputs);
      if (matrix.format == Format::kCsc) whole = std::max(whole, rows);
      fewest = fewest == 0 ? rows : std::min(fewest, rows);
    };
    for (const Stage& s : kSchedule.stage) {
      if (s.matrix.symbol >= 0) add(data[s.matrix.symbol]);
    }
    for (int i = 0; i < kIr.builder.graph.symbol.size; ++i) {
      if (ReadsElements(i) && (data[i].cols > 1 || data[i].format != Format::kDense)) add(data[i]);
    }
    if (fewest == 0) return std::clamp<int64_t>((256 << 10) / bytes_per_row, 64, 2048);
    return std::max(fewest, whole);
  }

  static int64_t Scratch(const Block* data, const int64_t* extent, int64_t) {
    return (Layout(data, extent).elements + 64) * static_cast<int64_t>(sizeof(T));
  }

  static void Run(const KernelArgs& args) {
    Kernel kernel(args);
    kernel.RunAll(std::make_integer_sequence<int, kStages>{});
  }

 private:
  explicit Kernel(const KernelArgs& args) : args_(args), layout_(Layout(args.data, args.extent)) {
    T* const base = static_cast<T*>(args.scratch);
    for (int i = 0; i < kSchedule.slot.size; ++i) slot_[i] = base + layout_.slot[i];
    temporary_ = base + layout_.temporary;
    contraction_ = base + layout_.contraction;
    for (int i = 0; i < kIr.builder.graph.symbol.size; ++i) data_[i] = args.data[i];
    c_.data = data_;
    c_.origin = origin_;
    c_.param = reinterpret_cast<const T* const*>(args.param);
    c_.total = args.total;
    c_.hyper = args.hyper;
    c_.literal = args.literal;
    c_.extent = args.extent;
    c_.slot = slot_;
    c_.stride = layout_.stride;
    c_.seed = args.seed;
    c_.epoch = args.epoch;
  }

  template <int... S>
  void RunAll(std::integer_sequence<int, S...>) {
    (RunInvariant<S>(), ...);
    for (int64_t begin = args_.row_begin; begin < args_.row_end; begin += layout_.rows) {
      rows_ = std::min(layout_.rows, args_.row_end - begin);
      begin_ = begin;
      c_.first_row = args_.first_row + begin;
      for (int i = 0; i < kIr.builder.graph.symbol.size; ++i) origin_[i] = begin;
      DensifyAll();
      (RunStage<S>(), ...);
      if constexpr (kPass.output >= 0) WriteOutput();
    }
  }

  // ---- Shapes.
  static int64_t Extent(int index, const int64_t* extent) {
    return extent[kIr.builder.graph.index[index].axis];
  }
  static int64_t Product(const int16_t* index, int rank, const int64_t* extent) {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= Extent(index[i], extent);
    return n;
  }
  static int64_t Inner(const Slot& s, const int64_t* extent) { return Product(s.index, s.rank, extent); }

  // Is the data matrix `symbol` read element by element, outside a contraction?
  static constexpr bool ReadsElements(int symbol) {
    const ir::Symbol& s = kIr.builder.graph.symbol[symbol];
    if (s.kind != ir::Kind::kData || s.rank < 2) return false;
    for (const Stage& st : kSchedule.stage) {
      if (st.node >= 0 && Fused(st.kind) && Mentions(st.node, symbol, st)) return true;
    }
    return false;
  }
  static constexpr bool Fused(StageKind k) {
    return k == StageKind::kMap || k == StageKind::kReduce || k == StageKind::kAddScalar ||
           k == StageKind::kAddRows || k == StageKind::kScatter;
  }
  static constexpr bool Mentions(int id, int symbol, const Stage& st) {
    if (id < 0) return false;
    const ir::Node& n = NodeOf<U>(id);
    if (id != st.node && U::SlotOf(id, StageIndex(st)) >= 0) return false;
    if (n.op == ir::Op::kData && n.symbol == symbol) return true;
    return Mentions(n.a, symbol, st) || Mentions(n.b, symbol, st) || Mentions(n.c, symbol, st);
  }
  static constexpr int StageIndex(const Stage& st) {
    for (int i = 0; i < kStages; ++i) {
      if (kSchedule.stage[i].node == st.node && kSchedule.stage[i].slot == st.slot &&
          kSchedule.stage[i].target == st.target) {
        return i;
      }
    }
    return 0;
  }

  void DensifyAll() {
    for (int i = 0; i < kIr.builder.graph.symbol.size; ++i) {
      if (layout_.dense[i] < 0) continue;
      T* to = static_cast<T*>(args_.scratch) + layout_.dense[i];
      Densify<T>(args_.data[i], begin_, rows_, to);
      data_[i] = {Format::kDense, kTypeOf<T>, to, nullptr, nullptr, rows_, args_.data[i].cols, args_.data[i].cols};
      origin_[i] = 0;
    }
  }

  MatrixView<T> View(const MatrixIr& m, const Stage& st) const {
    MatrixView<T> v;
    v.stride = layout_.stride;
    v.rows = rows_;
    v.k = Product(st.k, st.k_rank, args_.extent);
    if (m.symbol >= 0) {
      v.block = args_.data + m.symbol;
      v.first = begin_;
    } else {
      v.slot = slot_[m.slot];
    }
    return v;
  }

  // Calls f(flat position) for every combination of st.index[0 .. rank), with indices_ set.
  template <int S, int Dim = 0, class F>
  void ForInner(F f, int64_t at = 0) {
    constexpr const Stage& st = kSchedule.stage[S];
    if constexpr (Dim == st.rank) {
      f(at);
    } else {
      const int64_t extent = Extent(st.index[Dim], args_.extent);
      for (int64_t i = 0; i < extent; ++i) {
        indices_.at[st.index[Dim]] = i;
        ForInner<S, Dim + 1>(f, at * extent + i);
      }
    }
  }

  template <int S>
  void RunInvariant() {
    constexpr const Stage& st = kSchedule.stage[S];
    if constexpr (st.kind == StageKind::kInvariant) {
      ForInner<S>([&](int64_t at) {
        const auto v = Make<U, S, st.node>(c_, indices_)(0);
        if constexpr (kSchedule.slot[st.slot].integer) {
          reinterpret_cast<int32_t*>(slot_[st.slot])[at] = static_cast<int32_t>(v);
        } else {
          slot_[st.slot][at] = static_cast<T>(v);
        }
      });
    }
  }

  template <int S>
  void RunStage() {
    constexpr const Stage& st = kSchedule.stage[S];
    constexpr StageKind kind = st.kind;
    if constexpr (kind == StageKind::kMap) {
      ForInner<S>([&](int64_t at) {
        if constexpr (kSchedule.slot[st.slot].integer) {
          StoreRows(reinterpret_cast<int32_t*>(slot_[st.slot]) + at * layout_.stride, rows_,
                    Make<U, S, st.node>(c_, indices_));
        } else {
          StoreRows(slot_[st.slot] + at * layout_.stride, rows_, Make<U, S, st.node>(c_, indices_));
        }
      });
    } else if constexpr (kind == StageKind::kReduce) {
      ForInner<S>([&](int64_t at) { Reduce<S>(slot_[st.slot] + at * layout_.stride); });
    } else if constexpr (kind == StageKind::kSumAlong) {
      ForInner<S>([&](int64_t at) { SumAlong<st.node>(slot_[st.slot] + at * layout_.stride); });
    } else if constexpr (kind == StageKind::kContract) {
      const T* other = st.other_is_slot ? slot_[st.other] : c_.param[st.other];
      Contract<T>(View(st.matrix, st), other, Product(st.index, st.rank, args_.extent), st.k_major,
                  slot_[st.slot], contraction_);
    } else if constexpr (kind == StageKind::kRowNorms) {
      RowNorms2<T>(args_.data[st.matrix.symbol], begin_, rows_, slot_[st.slot]);
    } else if constexpr (kind == StageKind::kAddScalar) {
      StoreRows(temporary_, rows_, Make<U, S, st.node>(c_, indices_));
      args_.target[st.target][0] += Sum<T>(temporary_, rows_);
    } else if constexpr (kind == StageKind::kAddRows) {
      ForInner<S>([&](int64_t at) {
        StoreRows(temporary_, rows_, Make<U, S, st.node>(c_, indices_));
        args_.target[st.target][at] += Sum<T>(temporary_, rows_);
      });
    } else if constexpr (kind == StageKind::kAddVector) {
      ContractRows<T>(View(st.matrix, st), st.slot >= 0 ? slot_[st.slot] : nullptr,
                      args_.target[st.target], contraction_);
    } else if constexpr (kind == StageKind::kAddOuter) {
      const int64_t m = Product(st.index, st.rank, args_.extent);
      OuterTerms* const terms = args_.terms == nullptr ? nullptr : args_.terms[st.target];
      if (terms != nullptr) {
        AppendOuter<T>(View(st.matrix, st), slot_[st.slot], m, terms, contraction_);
      } else {
        ContractOuter<T>(View(st.matrix, st), slot_[st.slot], m, st.k_major, args_.target[st.target],
                         contraction_);
      }
    } else if constexpr (kind == StageKind::kAddNorms) {
      AddColumnNorms2Of(st);
    } else if constexpr (kind == StageKind::kScatter) {
      Scatter<S>();
    } else if constexpr (kind == StageKind::kScatterAlong) {
      ScatterAlong<S>();
    } else if constexpr (kind == StageKind::kStore) {
      Store<S>();
    } else if constexpr (kind == StageKind::kScatterRows) {
      int32_t* key = reinterpret_cast<int32_t*>(temporary_);
      StoreRows(key, rows_, Make<U, S, st.key>(c_, indices_));
      constexpr int total = kPass.total[st.target];
      const int64_t keys = Extent(kIr.builder.graph.total[total].index[0], args_.extent);
      AddRowsByKey<T>(args_.data[st.matrix.symbol], begin_, rows_, key,
                      st.slot >= 0 ? slot_[st.slot] : nullptr, keys, args_.target[st.target]);
    }
  }

  template <int S>
  void Store() {
    constexpr const Stage& st = kSchedule.stage[S];
    const Block& to = data_[st.other];
    T* const first = static_cast<T*>(const_cast<void*>(to.values)) + begin_ * to.stride;
    ForInner<S>([&](int64_t at) {
      const auto value = Make<U, S, st.node>(c_, indices_);
      for (int64_t i = 0; i < rows_; ++i) first[i * to.stride + at] = static_cast<T>(value(i));
    });
  }

  void AddColumnNorms2Of(const Stage& st) {
    AddColumnNorms2<T>(args_.data[st.matrix.symbol], begin_, rows_, args_.target[st.target]);
  }

  // Row by row: the rows of parameters that a row names lie along the index.
  template <int Id>
  void SumAlong(T* out) {
    constexpr ir::Node n = NodeOf<U>(Id);
    constexpr int kLanes = 16;
    const int64_t extent = Extent(n.index, args_.extent), whole = extent / kLanes * kLanes;
    for (int64_t r = 0; r < rows_; ++r) {
      indices_.at[U::kRow] = begin_ + r;
      const auto f = Make<AlongUnit<typename U::Source, n.index>, 0, n.a>(c_, indices_);
      alignas(64) T sum[kLanes] = {};
      for (int64_t k = 0; k < whole; k += kLanes) {
        GYRE_ROWS_LOOP
        for (int64_t l = 0; l < kLanes; ++l) sum[l] += static_cast<T>(f(k + l));
      }
      for (int64_t k = whole; k < extent; ++k) sum[k - whole] += static_cast<T>(f(k));
      for (int half = kLanes / 2; half > 0; half /= 2) {
        for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
      }
      out[r] = sum[0];
    }
  }

  template <int S>
  void Reduce(T* out) {
    constexpr const Stage& st = kSchedule.stage[S];
    constexpr ir::Node n = NodeOf<U>(st.node);
    using enum ir::Op;
    const int64_t extent = Extent(n.index, args_.extent), rows = rows_;
    int64_t& at = indices_.at[n.index];
    const auto each = [&](auto step) {
      for (at = 0; at < extent; ++at) step(Make<U, S, n.a>(c_, indices_));
    };
    if constexpr (n.op == kArgmax || n.op == kArgmin) {
      auto* place = reinterpret_cast<int32_t*>(out);
      T* const best = temporary_;
      StoreRows(best, rows, Constant<T>{kWorst<n.op>});
      StoreRows(place, rows, Constant<int32_t>{0});
      each([&](auto f) { Better<n.op>(best, place, static_cast<int32_t>(at), rows, f); });
    } else if constexpr (n.op == kLogSumExp) {
      T* const most = temporary_;
      T* const sum = temporary_ + layout_.stride;
      StoreRows(most, rows, Constant<T>{std::numeric_limits<T>::lowest()});
      each([&](auto f) { StoreRows(most, rows, Larger<decltype(f)>{most, f}); });
      StoreRows(sum, rows, Constant<T>{0});
      each([&](auto f) { StoreRows(sum, rows, AddExp<decltype(f)>{sum, most, f}); });
      StoreRows(out, rows, FinishLse{most, sum});
    } else {
      T* const acc = temporary_;
      StoreRows(acc, rows, Constant<T>{n.op == kProd ? T{1} : n.op == kMaxOver || n.op == kMinOver ? kWorst<n.op> : T{0}});
      each([&](auto f) { StoreRows(acc, rows, Accumulate<n.op, decltype(f)>{acc, f}); });
      if constexpr (n.op == kNorm) {
        StoreRows(out, rows, RootOf{acc});
      } else {
        StoreRows(out, rows, Column<T>{acc});
      }
    }
  }

  template <ir::Op Op>
  static constexpr T kWorst = Op == ir::Op::kArgmin || Op == ir::Op::kMinOver
                                  ? std::numeric_limits<T>::max()
                                  : std::numeric_limits<T>::lowest();
  template <ir::Op Op, class F>
  static void Better(T* best, int32_t* place, int32_t at, int64_t rows, F f) {
    GYRE_ROWS_LOOP
    for (int64_t i = 0; i < rows; ++i) {
      const T v = static_cast<T>(f(i)), b = best[i];
      const bool better = Op == ir::Op::kArgmin ? v < b : v > b;
      best[i] = better ? v : b;
      place[i] = better ? at : place[i];
    }
  }
  template <class F>
  struct Larger {
    const T* most;
    F f;
    GYRE_INLINE T operator()(int64_t i) const {
      const T v = static_cast<T>(f(i));
      return most[i] < v ? v : most[i];
    }
  };
  template <class F>
  struct AddExp {
    const T *sum, *most;
    F f;
    GYRE_INLINE T operator()(int64_t i) const { return sum[i] + simd::Exp(static_cast<T>(f(i)) - most[i]); }
  };
  struct FinishLse {
    const T *most, *sum;
    GYRE_INLINE T operator()(int64_t i) const { return most[i] + simd::Log(sum[i]); }
  };
  struct RootOf {
    const T* v;
    GYRE_INLINE T operator()(int64_t i) const { return simd::Sqrt(v[i]); }
  };
  template <ir::Op Op, class F>
  struct Accumulate {
    const T* acc;
    F f;
    GYRE_INLINE T operator()(int64_t i) const {
      const T x = acc[i], v = static_cast<T>(f(i));
      if constexpr (Op == ir::Op::kSum) return x + v;
      else if constexpr (Op == ir::Op::kProd) return x * v;
      else if constexpr (Op == ir::Op::kMaxOver) return x < v ? v : x;
      else if constexpr (Op == ir::Op::kMinOver) return v < x ? v : x;
      else if constexpr (Op == ir::Op::kNorm) return x + v * v;
      else return static_cast<T>(x != 0 || v != 0);
    }
  };

  // target(..., key, ...) += value, row by row; keys outside the axis add nothing.
  template <int S>
  void Scatter() {
    constexpr const Stage& st = kSchedule.stage[S];
    constexpr ir::Total total = kIr.builder.graph.total[kPass.total[st.target]];
    int64_t stride = 1, keys = 0;
    for (int i = total.rank - 1; i > st.key_position; --i) stride *= Extent(total.index[i], args_.extent);
    keys = Extent(total.index[st.key_position], args_.extent);
    double* const target = args_.target[st.target];
    ForRest<S, 0>([&](int64_t offset) {
      const auto key = Make<U, S, st.key>(c_, indices_);
      const auto value = Make<U, S, st.node>(c_, indices_);
      for (int64_t i = 0; i < rows_; ++i) {
        const auto k = static_cast<int64_t>(key(i));
        if (k >= 0 && k < keys) target[offset + k * stride] += static_cast<double>(value(i));
      }
    }, 0);
  }
  // The same where the values of a row, and what they are added to, lie along an index.
  template <int S>
  void ScatterAlong() {
    constexpr const Stage& st = kSchedule.stage[S];
    constexpr ir::Total total = kIr.builder.graph.total[kPass.total[st.target]];
    const int64_t keys = Extent(total.index[0], args_.extent), extent = Extent(total.index[1], args_.extent);
    const auto key = Make<U, S, st.key>(c_, indices_);
    for (int64_t r = 0; r < rows_; ++r) {
      const auto at = static_cast<int64_t>(key(r));
      if (at < 0 || at >= keys) continue;
      indices_.at[U::kRow] = begin_ + r;
      const auto f = Make<AlongUnit<typename U::Source, total.index[1]>, 0, st.node>(c_, indices_);
      double* const to = args_.target[st.target] + at * extent;
      double weight = 1;
      if constexpr (st.slot >= 0) weight = static_cast<double>(slot_[st.slot][r]);
      GYRE_ROWS_LOOP
      for (int64_t k = 0; k < extent; ++k) to[k] += weight * static_cast<double>(f(k));
    }
  }
  template <int S, int Dim, class F>
  void ForRest(F f, int64_t at) {
    constexpr const Stage& st = kSchedule.stage[S];
    if constexpr (Dim == st.rank) {
      f(at);
    } else {
      const int64_t extent = Extent(st.index[Dim], args_.extent);
      if constexpr (Dim == st.key_position) {
        ForRest<S, Dim + 1>(f, at * extent);
      } else {
        for (int64_t i = 0; i < extent; ++i) {
          indices_.at[st.index[Dim]] = i;
          ForRest<S, Dim + 1>(f, at * extent + i);
        }
      }
    }
  }

  // out[(row - row_begin) x row_size]: the output slot, rows outermost.
  void WriteOutput() {
    constexpr const Slot& slot = kSchedule.slot[kPass.output];
    const int64_t inner = Inner(slot, args_.extent);
    T* const out = static_cast<T*>(args_.out) + (begin_ - args_.row_begin) * inner;
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < inner; ++j) {
        const int64_t at = j * layout_.stride + i;
        out[i * inner + j] = slot.integer
                                 ? static_cast<T>(reinterpret_cast<const int32_t*>(slot_[kPass.output])[at])
                                 : slot_[kPass.output][at];
      }
    }
  }

  const KernelArgs& args_;
  const KernelLayout layout_;
  Context<T> c_;
  Indices indices_;
  T* slot_[kMaxSlots] = {};
  T* temporary_ = nullptr;
  T* contraction_ = nullptr;
  Block data_[ir::kMaxSymbols];
  int64_t origin_[ir::kMaxSymbols] = {};
  int64_t begin_ = 0, rows_ = 0;
};

// Whether node `id` has a reduction in it.
constexpr bool Reduces(const ir::Graph& g, int id) {
  if (id < 0) return false;
  const ir::Node& n = g.node[id];
  if (n.op >= ir::Op::kSum && n.op <= ir::Op::kAny) return true;
  if (n.op == ir::Op::kLet && Reduces(g, g.let[n.symbol].lowered)) return true;
  for (int i = 0; i < n.subs; ++i) {
    if (Reduces(g, n.sub[i].node)) return true;
  }
  return Reduces(g, n.a) || Reduces(g, n.b) || Reduces(g, n.c);
}

// g: an expression of totals and parameters at every position of its axes. D: element type of data.
template <class P, int Post, class D>
void RunPostOn(const PostArgs& args) {
  using U = PostUnit<P>;
  constexpr const PostIr& post = P::kIr.post[Post];
  Context<double, D> c;
  int64_t origin[ir::kMaxSymbols] = {};
  c.data = args.data;
  c.origin = origin;
  c.param = args.param;
  c.total = args.total;
  c.hyper = args.hyper;
  c.literal = args.literal;
  c.extent = args.extent;
  c.seed = args.seed;
  c.epoch = args.epoch;
  Solutions solved;
  c.solved = &solved;
  // Numbers alone: nothing outside of a reduction would ask for it again.
  constexpr const ir::Graph& graph = P::kIr.builder.graph;
  constexpr bool again = post.rank > 0 && Reduces(graph, post.node);
  std::vector<Reduced> reduced(again ? static_cast<size_t>(graph.node.size) : 0);
  c.reduced = again ? reduced.data() : nullptr;
  Indices p;
  int64_t count = 1;
  for (int i = 0; i < post.rank; ++i) count *= ExtentOf<U>(c, post.index[i]);
  for (int64_t at = 0; at < count; ++at) {
    args.out[at] = static_cast<double>(Make<U, 1 << 20, post.node>(c, p)(0));
    for (int i = post.rank - 1; i >= 0; --i) {  // the next position, row-major
      if (++p.at[post.index[i]] < ExtentOf<U>(c, post.index[i])) break;
      p.at[post.index[i]] = 0;
    }
  }
}

// A data tensor that node `id` reads, or -1.
constexpr int DataReadBy(const ir::Graph& g, int id) {
  if (id < 0) return -1;
  const ir::Node& n = g.node[id];
  if (n.op == ir::Op::kData) return n.symbol;
  int found = n.op == ir::Op::kLet ? DataReadBy(g, g.let[n.symbol].lowered) : -1;
  for (int i = 0; i < n.subs && found < 0; ++i) found = DataReadBy(g, n.sub[i].node);
  for (int child : {n.a, n.b, n.c}) {
    if (found < 0) found = DataReadBy(g, child);
  }
  return found;
}

template <class P, int Post>
void RunPost(const PostArgs& args) {
  constexpr int data = DataReadBy(P::kIr.builder.graph, P::kIr.post[Post].node);
  if constexpr (data >= 0) {
    if (args.data[data].type == Type::kFloat32) return RunPostOn<P, Post, float>(args);
  }
  RunPostOn<P, Post, double>(args);
}

}  // namespace gyre::internal
