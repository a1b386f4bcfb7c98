// What a program declares: data, sign, map, param, local, latent, count, hyper.
#pragma once
#include "dsl/read.h"

namespace gyre {
namespace internal {

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
  constexpr auto operator=(const E& e) const {
    return Assignment<Typed, E>{*this, e};
  }
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
#define GYRE_WANTS_AXES(WORD)                                                                    \
  template <Name N, class... Is>                                                                 \
  requires(!(AnIndex<Is> && ...)) constexpr auto WORD(const Is&...) {                            \
    static_assert(internal::kNever<Is...>, "GY027: " #WORD                                       \
                                           "<\"name\">(...) takes indices of axes, declared as " \
                                           "constexpr struct Sample : Axis<Sample> {} n;");      \
    return internal::Refused{};                                                                  \
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
constexpr internal::Typed<N, T, Is...> param(Is...) {
  return {};
}
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
requires(!(Key<Ks> && ...)) constexpr auto count(const Ks&...) {
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
constexpr internal::Hyper<N> hyper(double value) {
  return {{}, value};
}

}  // namespace gyre
