// let<"name">(indices..., expression): a named value, the unit of sharing, differentiation,
// materialisation and explanation.
#pragma once
#include <cstdint>
#include <string_view>
#include <utility>

#include "dsl/expr.h"

namespace gyre {
namespace internal {

// A let's type names its expression by a number. So what a compiler prints, and what it mangles,
// stays as short as the formula that uses the let; spelled out, a chain of lets that each read the
// one before twice would double with every let.
template <class E>
constexpr uint64_t TypeHash() {
  uint64_t h = 0xCBF29CE484222325u;
  for (const char c : std::string_view(__PRETTY_FUNCTION__)) {
    h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  }
  return h;
}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-template-friend"
#endif
// From (name, number) back to the type: Bind<N, H, E> defines the function that Bound<N, H>
// declares.
template <Name N, uint64_t H>
struct Bound {
  friend constexpr auto TypeOf(Bound);
};
template <Name N, uint64_t H, class E>
struct Bind {
  friend constexpr auto TypeOf(Bound<N, H>) { return List<E>{}; }
};
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
template <class L>
struct FirstOf;
template <class E>
struct FirstOf<List<E>> {
  using type = E;
};
template <Name N, uint64_t H>
using BoundType = typename FirstOf<decltype(TypeOf(Bound<N, H>{}))>::type;

template <Name N, uint64_t H>
inline constexpr char kIdentity = 0;

// The expression of a let: kept only if it carries numbers, for a chain of lets would double with
// every let here too.
template <class E, bool Keep = E::kNumbers>
struct Kept {
  E kept;
  constexpr Kept() = default;
  constexpr explicit Kept(const E& e) : kept(e) {}
  constexpr const E& value() const { return kept; }
};
template <class E>
struct Kept<E, false> {
  constexpr Kept() = default;
  constexpr explicit Kept(const E&) {}
  constexpr E value() const { return {}; }
};

// Read at its own indices, or at others; read through a gather it is inlined there, unless the key
// depends on an index that the let sums over.
template <bool IsKey, Name N, uint64_t H, class... Is>
struct LetBase : std::conditional_t<IsKey, KeyTag, ExprTag> {
  using E = BoundType<N, H>;
  static constexpr bool kNumbers = E::kNumbers;
  using free = Union<typename Is::free...>;

  constexpr LetBase() = default;
  constexpr explicit LetBase(const E& e) : kept(e) {}

  constexpr int define(Builder& b) const {
    const int have = b.FindLet(N.view());
    if (have >= 0) {
      if (b.graph.let[have].identity != &kIdentity<N, H>) b.fail(15);
      return have;
    }
    const int body = kept.value().emit(b, Env{});
    const int again = b.FindLet(N.view());
    if (again >= 0) return b.fail(15), again;
    ir::Let let;
    let.name = N.view();
    let.body = static_cast<int16_t>(body);
    let.identity = &kIdentity<N, H>;
    ((let.index[let.rank++] = static_cast<int16_t>(IndexOf<Is>(b))), ...);
    const int id = b.graph.let.push(let);
    if (b.graph.let.overflow) b.fail(90);
    return id;
  }

  template <class... Js>
  constexpr int read(Builder& b, const Env& env, const Js&... j) const {
    ir::Node n;
    n.op = ir::Op::kLet;
    SetSubscripts(b, n, env, j...);
    for (int i = 0; i < n.subs; ++i) {
      if (n.sub[i].node < 0) continue;
      const bool captured = std::exchange(b.captured, false);
      const int value = inlined(b, n);
      if (!std::exchange(b.captured, captured)) return value;
    }
    n.symbol = static_cast<int16_t>(define(b));
    return b.add(n);
  }
  constexpr int emit(Builder& b, const Env& env) const { return read(b, env, Is{}...); }

 private:
  constexpr int inlined(Builder& b, const ir::Node& n) const {
    Env inner;
    [[maybe_unused]] int i = 0;
    [[maybe_unused]] const auto bind = [&](int index) {
      inner.of[index] = n.sub[i++];
      inner.renamed |= 1u << index;
    };
    (bind(IndexOf<Is>(b)), ...);
    return kept.value().emit(b, inner);
  }

  Kept<E> kept;
};

template <Name N, uint64_t H, class... Is>
struct Let : LetBase<false, N, H, Is...> {
  using LetBase<false, N, H, Is...>::LetBase;
  GYRE_NO_ASSIGNMENT
  template <class... Js>
  constexpr auto operator()(Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return Read<Js...>(*this, List<Is...>{}, j...);
  }
};
template <Name N, uint64_t H, class... Is>
struct KeyLet : LetBase<true, N, H, Is...> {
  using LetBase<true, N, H, Is...>::LetBase;
  using target = typename BoundType<N, H>::target;
  GYRE_NO_ASSIGNMENT
  template <class... Js>
  constexpr auto operator()(Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return Read<Js...>(*this, List<Is...>{}, j...);
  }
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s;
    s.node = static_cast<int16_t>(this->emit(b, env));
    return s;
  }
};

template <Name N, class... Is, class E>
constexpr auto MakeLet(List<Is...>, const E& e) {
  static_assert(kSubset<typename E::free, Union<typename Is::free...>>,
                "GY003: the expression of this let uses an index that the let does not name; name "
                "it: let<\"name\">(i, j, expression)");
  static_assert(kSubset<Union<typename Is::free...>, typename E::free>,
                "GY004: this let names an index that its expression does not use; drop it");
  // The object doubles where a let reads the one before twice; 8 KB take g++ about four seconds.
  constexpr bool kShort = !E::kNumbers || sizeof(E) <= 8192;
  static_assert(kShort,
                "GY091: a long chain of lets, each reading the one before twice, with numbers in it; "
                "take the numbers out of the chain (into the first or last let, or a param)");
  constexpr uint64_t kHash = TypeHash<E>();
  (void)Bind<N, kHash, E>{};
  if constexpr (!kShort) {
    return Refused{};
  } else if constexpr (Key<E>) {
    return KeyLet<N, kHash, Is...>(e);
  } else {
    return Let<N, kHash, Is...>(e);
  }
}

// The name N with a number behind it.
template <Name N, int I>
consteval auto Numbered() {
  constexpr size_t kDigits = I < 10 ? 1 : 2, kEnd = N.view().size() + kDigits;
  char text[kEnd + 1] = {};
  std::copy_n(N.text, N.view().size(), text);
  for (size_t i = 0, rest = I; i < kDigits; ++i, rest /= 10)
    text[kEnd - 1 - i] = static_cast<char>('0' + rest % 10);
  return Name(text);
}
template <Name N, int I, int Times, class... Is, class E, class F>
constexpr auto Unrolled(List<Is...> at, const E& value, F step) {
  static_assert(0 < Times && Times < 100);
  const auto a = MakeLet<Numbered<N, I>()>(at, value);
  if constexpr (I == Times) {
    return a;
  } else {
    return Unrolled<N, I + 1, Times>(at, AsExpression(step(a)), step);
  }
}
}  // namespace internal
template <Name N, class E>
requires(Expression<E> || Key<E>) constexpr auto let(const E& e) {
  return internal::MakeLet<N>(internal::List<>{}, e);
}
template <Name N, AnIndex A, class E>
constexpr auto let(A, const E& e) {
  return internal::MakeLet<N>(internal::List<A>{}, internal::AsExpression(e));
}
template <Name N, AnIndex A, AnIndex B, class E>
constexpr auto let(A, B, const E& e) {
  return internal::MakeLet<N>(internal::List<A, B>{}, internal::AsExpression(e));
}
template <Name N, AnIndex A, AnIndex B, AnIndex C, class E>
constexpr auto let(A, B, C, const E& e) {
  return internal::MakeLet<N>(internal::List<A, B, C>{}, internal::AsExpression(e));
}
template <Name N, AnIndex A, AnIndex B, AnIndex C, AnIndex D, class E>
constexpr auto let(A, B, C, D, const E& e) {
  return internal::MakeLet<N>(internal::List<A, B, C, D>{}, internal::AsExpression(e));
}
template <Name N, AnIndex A, AnIndex B, AnIndex C, AnIndex D, AnIndex I, class E>
constexpr auto let(A, B, C, D, I, const E& e) {
  return internal::MakeLet<N>(internal::List<A, B, C, D, I>{}, internal::AsExpression(e));
}

// unroll<"a", 3>(n, k, first, [](auto a) { return f(a); }): the lets a1 = first, a2 = f(a1) and a3 = f(a2),
// of which it is the last.
template <Name N, int Times, AnIndex A, class E, class F>
constexpr auto unroll(A, const E& first, F step) {
  return internal::Unrolled<N, 1, Times>(internal::List<A>{}, internal::AsExpression(first), step);
}
template <Name N, int Times, AnIndex A, AnIndex B, class E, class F>
constexpr auto unroll(A, B, const E& first, F step) {
  return internal::Unrolled<N, 1, Times>(internal::List<A, B>{}, internal::AsExpression(first), step);
}
template <Name N, int Times, AnIndex A, AnIndex B, AnIndex C, class E, class F>
constexpr auto unroll(A, B, C, const E& first, F step) {
  return internal::Unrolled<N, 1, Times>(internal::List<A, B, C>{}, internal::AsExpression(first), step);
}

template <Name N, class A, class... Rest>
requires(!AnIndex<A> && sizeof...(Rest) > 0) constexpr auto let(const A&, const Rest&...) {
  static_assert(
      internal::kNever<A>,
      "GY028: let<\"name\">(i, j, expression) takes the indices first, the expression last");
  return internal::Refused{};
}

}  // namespace gyre
