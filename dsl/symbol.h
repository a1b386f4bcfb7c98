// What a program declares: data, sign, map, param, local, latent, count, hyper; and `let`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

#include "dsl/axis.h"

namespace gyre {
namespace internal {

template <class... Is>
constexpr void SetSubscripts(Builder& b, ir::Node& n, const Env& env, const Is&... subscript) {
  static_assert(sizeof...(Is) <= ir::kMaxSubscripts, "GY008: a tensor has at most five axes");
  ((n.sub[n.subs++] = subscript.subscript(b, env)), ...);
}

constexpr ir::Op ReadOf(ir::Kind kind) {
  switch (kind) {
    case ir::Kind::kParam: case ir::Kind::kTyped: return ir::Op::kParam;
    case ir::Kind::kLocal: return ir::Op::kLocal;
    case ir::Kind::kCount: return ir::Op::kCount;
    case ir::Kind::kHyper: return ir::Op::kHyper;
    case ir::Kind::kMap: case ir::Kind::kLatent: return ir::Op::kKey;
    default: return ir::Op::kData;
  }
}

template <class S, class E>
struct Assignment {
  S target;
  E value;
};

template <class E>
constexpr auto AsExpression(const E& e);  // numbers become literals; expr.h

template <class J>
inline constexpr bool kMaySubscript = AnIndex<J> || Key<J> || AnAffine<J>;

#define GYRE_NO_ASSIGNMENT                                                                   \
  template <class V>                                                                         \
  constexpr auto operator=(const V&) const {                                                 \
    static_assert(kNever<V>,                                                                 \
                  "GY018: only a whole param, local or latent is assigned, P = expression; " \
                  "data, maps, hypers and lets are not; to compare, write ==");              \
    return Refused{};                                                                        \
  }

#define GYRE_CHECK_SUBSCRIPTS                                                                   \
  static_assert((internal::kMaySubscript<Js> && ...),                                            \
                "GY029: a subscript is an index, an affine form of indices (2 * i + a) or a map, " \
                "not a number or an expression; one position: sum(d, where(d == 3, X))");       \
  static_assert(sizeof...(Js) == sizeof...(Is),                                                 \
                "GY005: wrong number of subscripts; give one for each declared axis");          \
  static_assert((kRangesOver<Js, Is> && ...),                                                   \
                "GY001: a subscript ranges over another axis than the one declared there; check " \
                "their order, or map it to that axis with map<\"name\">(from, to)")

// S read at given subscripts.
template <class S, class... Js>
struct At : ExprTag {
  static constexpr bool kNumbers = S::kNumbers || (Js::kNumbers || ...);
  S source;
  std::tuple<Js...> subscripts;
  using free = Union<typename Js::free...>;
  constexpr int emit(Builder& b, const Env& env) const {
    return std::apply([&](const Js&... j) { return source.read(b, env, j...); }, subscripts);
  }
  GYRE_NO_ASSIGNMENT
};
template <class S, class... Js>
struct KeyAt : KeyTag {
  static constexpr bool kNumbers = S::kNumbers || (Js::kNumbers || ...);
  S source;
  std::tuple<Js...> subscripts;
  using free = Union<typename Js::free...>;
  using target = typename S::target;
  constexpr int emit(Builder& b, const Env& env) const {
    return std::apply([&](const Js&... j) { return source.read(b, env, j...); }, subscripts);
  }
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s;
    s.node = static_cast<int16_t>(emit(b, env));
    return s;
  }
  GYRE_NO_ASSIGNMENT
};

// The read itself, once its subscripts were found fine.
template <class... Js, class S, class... Is>
constexpr auto Read([[maybe_unused]] const S& symbol, List<Is...>, [[maybe_unused]] Js... j) {
  if constexpr (sizeof...(Js) == sizeof...(Is)) {
    if constexpr ((kRangesOver<Js, Is> && ...)) {
      if constexpr (Key<S>) {
        return KeyAt<S, Js...>{{}, symbol, {j...}};
      } else {
        return At<S, Js...>{{}, symbol, {j...}};
      }
    } else {
      return Refused{};
    }
  } else {
    return Refused{};
  }
}

// A real tensor: data, parameter, local state or table of counts.
template <ir::Kind K, Name N, class... Is>
struct Tensor : ExprTag {
  static constexpr ir::Kind kKind = K;
  static constexpr auto kName = N;
  using free = Union<typename Is::free...>;
  using indices = List<Is...>;

  template <class... Js>
  constexpr auto operator()(Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return Read<Js...>(*this, List<Is...>{}, j...);
  }
  template <class E>
  constexpr auto operator=(const E& e) const {
    static_assert(K == ir::Kind::kParam || K == ir::Kind::kTyped || K == ir::Kind::kLocal,
                  "GY018: only a whole param, local or latent is assigned, P = expression; "
                  "data, maps, hypers and lets are not; to compare, write ==");
    return Assignment<Tensor, decltype(AsExpression(e))>{*this, AsExpression(e)};
  }
  static constexpr int declare(Builder& b) {
    ir::Symbol s;
    s.name = N.view();
    s.kind = K;
    ((s.axis[s.rank++] = b.graph.index[IndexOf<Is>(b)].axis), ...);
    return b.symbol(s);
  }
  template <class... Js>
  constexpr int read(Builder& b, const Env& env, const Js&... j) const {
    ir::Node n;
    n.op = ReadOf(K);
    n.symbol = static_cast<int16_t>(declare(b));
    SetSubscripts(b, n, env, j...);
    return b.add(n);
  }
  constexpr int emit(Builder& b, const Env& env) const { return read(b, env, Is{}...); }
};

// A table over the values of its keys: how many data have them.
template <Name N, class... Ks>
struct Count : Tensor<ir::Kind::kCount, N, typename Ks::target...> {
  using Base = Tensor<ir::Kind::kCount, N, typename Ks::target...>;
  template <class... Js>
  constexpr At<Count, Js...> operator()(Js... j) const {
    static_assert(sizeof...(Js) == sizeof...(Ks),
                  "GY005: wrong number of subscripts; give one for each key that is counted");
    static_assert((kRangesOver<Js, typename Ks::target> && ...),
                  "GY001: a subscript ranges over another axis than the key counted there; check "
                  "their order");
    return {{}, *this, {j...}};
  }
  template <class... Js>
  constexpr int read(Builder& b, const Env& env, const Js&... j) const {
    const int symbol = Base::declare(b);
    int i = 0;
    ((b.graph.symbol[symbol].key[i++] = static_cast<int16_t>(Ks{}.emit(b, {}))), ...);
    return Base::read(b, env, j...);
  }
  constexpr int emit(Builder& b, const Env& env) const {
    return read(b, env, typename Ks::target{}...);
  }
};

// A parameter whose elements are of a trivially copyable type T.
template <Name N, class T, class... Is>
struct Typed : Tensor<ir::Kind::kTyped, N, Is...> {
  using value_type = T;
  template <class E>
  constexpr auto operator=(const E& e) const { return Assignment<Typed, E>{*this, e}; }
};

// An integer-valued tensor over From... whose values are positions on To.
template <ir::Kind K, Name N, class To, class... From>
struct MapSymbol : KeyTag {
  static constexpr ir::Kind kKind = K;
  using target = typename To::axis_type;
  using free = Union<typename From::free...>;

  using Indices = List<From...>;
  template <class... Js>
  constexpr auto operator()(Js... j) const {
    return ReadMap(Indices{}, j...);
  }
  template <class... Is, class... Js>
  constexpr auto ReadMap(List<Is...>, Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return Read<Js...>(*this, List<Is...>{}, j...);
  }
  template <class E>
  constexpr auto operator=(const E& e) const {
    static_assert(K == ir::Kind::kLatent,
                  "GY018: only a whole param, local or latent is assigned, P = expression; "
                  "data, maps, hypers and lets are not; to compare, write ==");
    return Assignment<MapSymbol, decltype(AsExpression(e))>{*this, AsExpression(e)};
  }
  static constexpr int declare(Builder& b) {
    ir::Symbol s;
    s.name = N.view();
    s.kind = K;
    ((s.axis[s.rank++] = b.graph.index[IndexOf<From>(b)].axis), ...);
    s.target = b.graph.index[IndexOf<To>(b)].axis;
    return b.symbol(s);
  }
  template <class... Js>
  constexpr int read(Builder& b, const Env& env, const Js&... j) const {
    ir::Node n;
    n.op = ir::Op::kKey;
    n.symbol = static_cast<int16_t>(declare(b));
    SetSubscripts(b, n, env, j...);
    return b.add(n);
  }
  constexpr int emit(Builder& b, const Env& env) const { return read(b, env, From{}...); }
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s;
    s.node = static_cast<int16_t>(emit(b, env));
    return s;
  }
};

template <Name N>
struct Hyper : ExprTag {
  GYRE_NO_ASSIGNMENT
  static constexpr bool kNumbers = true;
  double value = 0;
  using free = List<>;
  constexpr int emit(Builder& b, const Env&) const {
    for (int i = 0; i < b.graph.symbol.size; ++i) {
      if (b.graph.symbol[i].name == N.view()) return b.leaf(ir::Op::kHyper, i);
    }
    ir::Symbol s;
    s.name = N.view();
    s.kind = ir::Kind::kHyper;
    s.literal = static_cast<int16_t>(b.slot(value));
    return b.leaf(ir::Op::kHyper, b.symbol(s));
  }
};

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
// From (name, number) back to the type: Bind<N, H, E> defines the function that Bound<N, H> declares.
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

// A named value: the unit of sharing, differentiation, materialisation and explanation. Read at its
// own indices, or at others; read through a gather it is inlined there.
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
      if (n.sub[i].node >= 0) return inlined(b, n);
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

// MapSymbol from a pack whose last element is the target.
template <ir::Kind K, Name N, class Done, class... Is>
struct MapFrom;
template <ir::Kind K, Name N, class... Done, class To>
struct MapFrom<K, N, List<Done...>, To> {
  using type = MapSymbol<K, N, To, Done...>;
};
template <ir::Kind K, Name N, class... Done, class I, class J, class... Rest>
struct MapFrom<K, N, List<Done...>, I, J, Rest...> : MapFrom<K, N, List<Done..., I>, J, Rest...> {};

}  // namespace internal

#define GYRE_CHECK_RANK \
  static_assert(sizeof...(Is) <= ir::kMaxSubscripts, "GY008: a tensor has at most five axes")

template <Name N, AnIndex... Is>
constexpr internal::Tensor<ir::Kind::kData, N, Is...> data(Is...) {
  GYRE_CHECK_RANK;
  return {};
}
#define GYRE_WANTS_AXES(WORD)                                                              \
  template <Name N, class... Is>                                                           \
    requires(!(AnIndex<Is> && ...))                                                        \
  constexpr auto WORD(const Is&...) {                                            \
    static_assert(internal::kNever<Is...>,                                                 \
                  "GY027: " #WORD "<\"name\">(...) takes indices of axes, declared as "      \
                  "constexpr struct Sample : Axis<Sample> {} n;");                         \
    return internal::Refused{};                                                                             \
  }
GYRE_WANTS_AXES(data)
GYRE_WANTS_AXES(sign)
GYRE_WANTS_AXES(param)
GYRE_WANTS_AXES(local)
GYRE_WANTS_AXES(map)
GYRE_WANTS_AXES(latent)
#undef GYRE_WANTS_AXES

// Two labels, taken as -1 and +1 (the smaller value is -1).
template <Name N, AnIndex... Is>
constexpr internal::Tensor<ir::Kind::kSign, N, Is...> sign(Is...) {
  GYRE_CHECK_RANK;
  return {};
}
template <Name N, AnIndex... Is>
constexpr internal::Tensor<ir::Kind::kParam, N, Is...> param(Is...) {
  GYRE_CHECK_RANK;
  return {};
}
template <Name N, class T, AnIndex... Is>
constexpr internal::Typed<N, T, Is...> param(Is...) { return {}; }
// A real parameter that lives with its datum.
template <Name N, AnIndex... Is>
constexpr internal::Tensor<ir::Kind::kLocal, N, Is...> local(Is...) {
  GYRE_CHECK_RANK;
  return {};
}
// map<"name">(from..., to): positions on `to`, given with the data.
template <Name N, AnIndex... Is>
constexpr typename internal::MapFrom<ir::Kind::kMap, N, internal::List<>, Is...>::type map(Is...) {
  static_assert(sizeof...(Is) >= 2, "GY009: map<\"name\">(from..., to) needs both axes");
  return {};
}
// latent<"name">(from..., to): positions on `to`, found by the program.
template <Name N, AnIndex... Is>
constexpr typename internal::MapFrom<ir::Kind::kLatent, N, internal::List<>, Is...>::type latent(
    Is...) {
  static_assert(sizeof...(Is) >= 2, "GY009: latent<\"name\">(from..., to) needs both axes");
  return {};
}
// A table declared by what it counts: count<"doc_topic">(doc(t), z(t)).
template <Name N, Key... Ks>
constexpr internal::Count<N, Ks...> count(Ks...) {
  return {};
}
template <Name N, class... Ks>
  requires(!(Key<Ks> && ...))
constexpr auto count(const Ks&...) {
  static_assert(internal::kNever<Ks...>,
                "GY027: count<\"name\">(...) takes the keys that it counts, maps or latents: "
                "count<\"topic\">(doc(t), z(t))");
  return internal::Refused{};
}
template <Name N>
constexpr auto hyper() {
  static_assert(internal::kNever<internal::Hyper<N>>,
                "GY036: hyper<\"name\">(value) needs its default value");
  return internal::Refused{};
}
// A number that can be set by --name=value.
template <Name N>
constexpr internal::Hyper<N> hyper(double value) { return {{}, value}; }

}  // namespace gyre
