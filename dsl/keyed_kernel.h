// The kernel of a predictor of keyed rows: rows of the data in turn, each of which moves the
// parameters' rows that its keys name, in place.
//
// A step is one of stochastic gradients in which every row of a parameter has a step of its own,
// AdaGrad's (Duchi, Hazan and Singer 2011) over the mean square of the row's gradients (Chin et al.
// 2015):
//   g = slope * d view / d row + decay * row
//   row -= step / sqrt(history) g,   history += mean g^2
// followed by the prox of what is not smooth. Numbers that all rows share do not move: what their
// Newton step needs is added up.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>

#include "dsl/row_function.h"

namespace gyre::internal {

template <class P, int S, class T>
class KeyedKernel {
 public:
  explicit KeyedKernel(KeyedArgs& args) : args_(args) {
    for (int64_t& o : origin_) o = args.begin;
    c_.data = args.data;
    c_.origin = origin_;
    c_.total = args.total;
    c_.hyper = args.hyper;
    c_.literal = args.literal;
    c_.extent = args.extent;
    c_.given = static_cast<const T*>(args.view);
    c_.first_row = args.begin;
    for (int t = 0; t < kTerms.size; ++t) {
      const int64_t head = std::min<int64_t>(args.rank[t], kKeyedHead);
      inverse_[t][0] = T{1} / static_cast<T>(head);
      inverse_[t][1] = T{1} / static_cast<T>(std::max<int64_t>(1, args.rank[t] - head));
    }
  }

  void Run() {
    const auto slope = Make<U, 0, U::kPredictor.slope>(c_, p_);
    const auto curvature = Make<U, 0, U::kPredictor.curvature>(c_, p_);
    T* const view = static_cast<T*>(args_.view);
    for (int64_t r = args_.begin; r < args_.end; ++r) {
      const int64_t i = r - args_.begin;
      T value = args_.offset != nullptr ? static_cast<T>(args_.offset[r]) : T{0};
      ForTerms([&]<int K>() { value += Value<K>(r); });
      view[i] = value;
      if (args_.step <= 0) continue;
      const auto u = static_cast<T>(slope(i));
      const auto h = kShares ? static_cast<double>(curvature(i)) : 0.0;
      ForTerms([&]<int K>() { Move<K>(r, u, h); });
    }
  }

 private:
  using U = PredictorUnit<P, S>;
  static constexpr auto& kTerms = U::kPredictor.term;
  static constexpr int kLanes = kKeyedAlignment / static_cast<int>(sizeof(T));
  typedef T Lanes __attribute__((vector_size(kKeyedAlignment), may_alias));

  static constexpr int First(int term) {
    int at = 0;
    for (int t = 0; t < term; ++t) at += kTerms[t].factor.size;
    return at;
  }
  // Factors of a term that are rows, or numbers.
  struct Part {
    int size = 0;
    int at[5] = {};  // among all factors
  };
  static constexpr Part PartOf(int term, bool rows) {
    Part part;
    for (int f = 0; f < kTerms[term].factor.size; ++f) {
      if ((kTerms[term].factor[f].rank_at >= 0) == rows) part.at[part.size++] = First(term) + f;
    }
    return part;
  }
  static constexpr bool Shared(int term, int factor) {
    return kTerms[term].factor[factor - First(term)].map < 0;
  }
  static constexpr bool SharesAny() {
    for (const KeyedTermIr& term : kTerms) {
      for (const KeyedFactorIr& f : term.factor) {
        if (f.map < 0) return true;
      }
    }
    return false;
  }
  static constexpr bool kShares = SharesAny();

  template <class F>
  static void ForTerms(F f) {
    [&]<int... K>(std::integer_sequence<int, K...>) { (f.template operator()<K>(), ...); }
    (std::make_integer_sequence<int, kTerms.size>{});
  }

  int64_t Key(int factor, int64_t r) const {
    const int32_t* const key = args_.factor[factor].key;
    return key != nullptr ? key[r] : 0;
  }
  template <int K>
  T* Row(int factor, int64_t r) const {
    return static_cast<T*>(args_.factor[factor].value) + Key(factor, r) * args_.width[K];
  }
  T& Number(int factor, int64_t r) const {
    return static_cast<T*>(args_.factor[factor].value)[Key(factor, r)];
  }

  template <int K>
  T Numbers(int64_t r) const {
    constexpr Part part = PartOf(K, false);
    auto product = static_cast<T>(args_.scale[K]);
    for (int f = 0; f < part.size; ++f) product *= Number(part.at[f], r);
    return product;
  }
  template <int K>
  T Inner(int64_t r) const {
    constexpr Part part = PartOf(K, true);
    if constexpr (part.size == 0) {
      return T{1};
    } else {
      const Lanes* row[part.size];
      for (int f = 0; f < part.size; ++f)
        row[f] = reinterpret_cast<const Lanes*>(Row<K>(part.at[f], r));
      Lanes sum = {};
      for (int64_t k = 0; k < args_.width[K] / kLanes; ++k) {
        Lanes product = row[0][k];
        for (int f = 1; f < part.size; ++f) product *= row[f][k];
        sum += product;
      }
      return Sum(sum);
    }
  }
  // In pairs: a chain of additions would wait for each.
  template <int N = kLanes>
  static T Sum(const Lanes& v, int at = 0) {
    if constexpr (N == 1) {
      return v[at];
    } else {
      return Sum<N / 2>(v, at) + Sum<N / 2>(v, at + N / 2);
    }
  }

  template <int K>
  T Value(int64_t r) {
    numbers_[K] = Numbers<K>(r);
    inner_[K] = Inner<K>(r);
    return numbers_[K] * inner_[K];
  }

  T StepOf(const KeyedRows& f, int64_t key) const {
    return static_cast<T>(args_.step) / std::sqrt(static_cast<const T*>(f.history)[key]);
  }
  static T DecayOf(const KeyedRows& f, int64_t key) {
    return f.decay != nullptr ? static_cast<const T*>(f.decay)[key] : T{0};
  }

  template <int K>
  void Move(int64_t r, T slope, double curvature) {
    MoveRows<K>(r, slope * numbers_[K]);
    constexpr Part part = PartOf(K, false);
    T old[5] = {};
    for (int f = 0; f < part.size; ++f) old[f] = Number(part.at[f], r);
    for (int f = 0; f < part.size; ++f) {
      T by = static_cast<T>(args_.scale[K]) * inner_[K];
      for (int other = 0; other < part.size; ++other) by *= other == f ? T{1} : old[other];
      if (Shared(K, part.at[f])) {
        args_.slope[part.at[f]] += static_cast<double>(slope * by);
        args_.curvature[part.at[f]] += curvature * static_cast<double>(by * by);
        continue;
      }
      const KeyedRows& rows = args_.factor[part.at[f]];
      const int64_t key = Key(part.at[f], r);
      const T g = slope * by + DecayOf(rows, key) * old[f], step = StepOf(rows, key);
      T& number = static_cast<T*>(rows.value)[key];
      number -= step * g;
      static_cast<T*>(rows.history)[key] += g * g;
      if (rows.proximal) Prox(rows, key, step, &number);
    }
  }

  template <int K>
  void MoveRows(int64_t r, T slope) {
    constexpr Part part = PartOf(K, true);
    if constexpr (part.size > 0) {
      constexpr int n = part.size;
      Lanes* row[n];
      T* history[n];
      T decay[n], step[2 * n];
      for (int f = 0; f < n; ++f) {
        const KeyedRows& rows = args_.factor[part.at[f]];
        const int64_t key = Key(part.at[f], r);
        row[f] = reinterpret_cast<Lanes*>(Row<K>(part.at[f], r));
        history[f] = static_cast<T*>(rows.history) + 2 * key;
        decay[f] = DecayOf(rows, key);
        for (int i = 0; i < 2; ++i)
          step[2 * f + i] = static_cast<T>(args_.step) / std::sqrt(history[f][i]);
      }
      // The first numbers of a row have a history of their own, and a clock in which they move
      // alone.
      const int64_t all = args_.width[K] / kLanes,
                    head = std::min<int64_t>(all, kKeyedHead / kLanes);
      const int64_t last = args_.first ? head : all;
      Lanes squares[2 * n] = {};
      for (int64_t k = 0; k < head; ++k) MoveLanes<n>(k, row, slope, decay, step, squares);
      for (int64_t k = head; k < last; ++k)
        MoveLanes<n>(k, row, slope, decay, step + 1, squares + 1);
      for (int f = 0; f < n; ++f) {
        history[f][0] += Sum(squares[2 * f]) * inverse_[K][0];
        history[f][1] += Sum(squares[2 * f + 1]) * inverse_[K][1];
        const KeyedRows& rows = args_.factor[part.at[f]];
        if (!rows.proximal) continue;
        T* const x = reinterpret_cast<T*>(row[f]);
        const int64_t key = Key(part.at[f], r), numbers = std::min(args_.rank[K], last * kLanes);
        for (int64_t k = 0; k < numbers; ++k)
          Prox(rows, key, step[2 * f + (k < kKeyedHead ? 0 : 1)], x + k);
      }
    }
  }
  template <int N>
  static void MoveLanes(int64_t k, Lanes* const* row, T slope, const T* decay, const T* step,
                        Lanes* squares) {
    Lanes old[N];
    for (int f = 0; f < N; ++f) old[f] = row[f][k];
    for (int f = 0; f < N; ++f) {
      Lanes by = Lanes{} + slope;
      for (int other = 0; other < N; ++other) {
        if (other != f) by *= old[other];
      }
      const Lanes g = by + decay[f] * old[f];
      squares[2 * f] += g * g;
      row[f][k] = old[f] - step[2 * f] * g;
    }
  }

  static void Prox(const KeyedRows& f, int64_t key, T step, T* x) {
    const T threshold = f.l1 != nullptr ? step * static_cast<const T*>(f.l1)[key] : T{0};
    const T m = std::max(std::abs(*x) - threshold, T{0});
    *x = std::clamp(std::copysign(m, *x), static_cast<T>(f.lower), static_cast<T>(f.upper));
  }

  KeyedArgs& args_;
  Context<T, T> c_;
  Indices p_;
  int64_t origin_[ir::kMaxSymbols];
  // By term: one over the numbers that each history is the mean of; the values of the row at hand.
  static constexpr auto kTermCount = static_cast<size_t>(std::max(1, kTerms.size));
  T inverse_[kTermCount][2];
  T numbers_[kTermCount] = {}, inner_[kTermCount] = {};
};

template <class P, int S>
void RunKeyed(KeyedArgs& args) {
  if (args.single) {
    KeyedKernel<P, S, float>(args).Run();
  } else {
    KeyedKernel<P, S, double>(args).Run();
  }
}

// Gives every Minimize under `id` that has a predictor of keyed rows its kernel.
template <class P, int Id = P::kIr.root>
void AttachKeyed(Statement& statement) {
  static constexpr const StatementIr& ir = P::kIr.statement[Id];
  constexpr bool visits = ir.predictor.term.size > 0 && ir.predictor.all_keys.weight < 0;
  if constexpr (ir.predictor.view >= 0 && visits) {
    statement.predictor.visit = &RunKeyed<P, Id>;
  }
  [&]<int... C>(std::integer_sequence<int, C...>) {
    (AttachKeyed<P, ir.child[C]>(statement.child[C]), ...);
  }
  (std::make_integer_sequence<int, ir.child.size>{});
}

}  // namespace gyre::internal
