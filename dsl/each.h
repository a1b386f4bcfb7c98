// Plain C++ on views: each(axis, Functor{}, views...) calls the functor once for each position of
// the axis. Its arguments are what it reads, the target of the assignment what it writes.
//
//   struct Descend {  // for each sample: its node, that node's split, its bins
//     int operator()(View<int> at, View<Split> s, View<int, Feature> x) const { ... }
//   };
//   Iterate(node = each(n, Descend{}, node(n), split(node(n)), bin(n, d)))
//
// A functor with a member `Merge` (the monoid of its results) may also be run on parts of the data.
#pragma once
#include <cstdint>
#include <tuple>

#include "dsl/expr.h"

namespace gyre {

// A strided tensor as a functor sees it: at(f, c), at.size(axis), at() of a single value.
template <class T, class... Axes>
class View {
 public:
  static constexpr int kRank = sizeof...(Axes);

  // `extent` and `stride` have kRank elements, which outlive the view.
  constexpr View(const T* values, const int64_t* extent, const int64_t* stride)
      : values_(values), extent_(extent), stride_(stride) {}

  template <class... Ints>
  constexpr const T& operator()(Ints... at) const {
    static_assert(sizeof...(Ints) == sizeof...(Axes),
                  "GY005: wrong number of subscripts; give one for each axis of the view");
    int64_t offset = 0;
    [[maybe_unused]] int i = 0;
    ((offset += stride_[i++] * static_cast<int64_t>(at)), ...);
    return values_[offset];
  }
  // The extent of the first axis of that kind.
  template <AnIndex I>
  constexpr int64_t size(I) const {
    static_assert((std::is_same_v<typename I::axis_type, typename Axes::axis_type> || ...),
                  "GY001: the view has no such axis");
    int found = -1, i = 0;
    ((found =
          found < 0 && std::is_same_v<typename I::axis_type, typename Axes::axis_type> ? i : found,
      ++i),
     ...);
    return extent_[found];
  }

 private:
  const T* values_;
  const int64_t* extent_;
  const int64_t* stride_;
};

namespace internal {

// May `F` be run on parts of the data, its results put together by F::Merge?
template <class F>
concept Merges = requires {
  typename F::Merge;
}
|| requires { &F::Merge; };

template <class I, class F, class... Vs>
struct Each : ExprTag {
  static constexpr bool kNumbers = (Vs::kNumbers || ...);
  F functor;
  std::tuple<Vs...> views;
  using free = typename I::free;
  constexpr int emit(Builder& b, const Env& env) const {
    const int index = IndexOf<I>(b);
    Env inner = env;
    inner.renamed &= ~(1u << index);
    int chain = -1;
    std::apply(
        [&](const Vs&... v) {
          ((chain = b.node(ir::Op::kChain, v.emit(b, inner), -1, chain)), ...);
        },
        views);
    ir::Node n;
    n.op = ir::Op::kEach;
    n.a = static_cast<int16_t>(chain);
    n.index = static_cast<int16_t>(index);
    n.symbol = static_cast<int16_t>(b.functor({TypeName<F>(), Merges<F>}));
    return b.add(n);
  }
};

template <class V>
concept AView = Expression<V> || Key<V>;

}  // namespace internal

// The functor's result at every position of axis i, on what is left of the views' other axes.
template <AnIndex I, class F, internal::AView... Vs>
constexpr internal::Each<I, F, Vs...> each(I, const F& functor, const Vs&... views) {
  static_assert((internal::kSubset<typename I::free, typename Vs::free> || ...),
                "GY002: none of the views has the axis that each(axis, ...) goes over");
  return {{}, functor, {views...}};
}

}  // namespace gyre
