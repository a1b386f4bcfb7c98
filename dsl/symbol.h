// What a program declares: data, sign, map, param, local, latent, count, hyper; and `let`.
#pragma once
#include <cstddef>
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

#define GYRE_CHECK_SUBSCRIPTS                                                                   \
  static_assert(sizeof...(Js) == sizeof...(Is),                                                 \
                "GY005: wrong number of subscripts; give one for each declared axis");          \
  static_assert((kRangesOver<Js, Is> && ...),                                                   \
                "GY001: a subscript ranges over another axis than the one declared there; check " \
                "their order, or map it to that axis with map<\"name\">(from, to)")

// S read at given subscripts.
template <class S, class... Js>
struct At : ExprTag {
  S source;
  std::tuple<Js...> subscripts;
  using free = Union<typename Js::free...>;
  constexpr int emit(Builder& b, const Env& env) const {
    return std::apply([&](const Js&... j) { return source.read(b, env, j...); }, subscripts);
  }
};
template <class S, class... Js>
struct KeyAt : KeyTag {
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
};

// A real tensor: data, parameter, local state or table of counts.
template <ir::Kind K, Name N, class... Is>
struct Tensor : ExprTag {
  static constexpr ir::Kind kKind = K;
  static constexpr auto kName = N;
  using free = Union<typename Is::free...>;
  using indices = List<Is...>;

  template <class... Js>
  constexpr At<Tensor, Js...> operator()(Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return {{}, *this, {j...}};
  }
  template <class E>
  constexpr auto operator=(const E& e) const {
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

  template <class... Js>
  constexpr KeyAt<MapSymbol, Js...> operator()(Js... j) const {
    static_assert(sizeof...(Js) == sizeof...(From),
                  "GY005: wrong number of subscripts; give one for each declared axis");
    static_assert((kRangesOver<Js, From> && ...),
                  "GY001: a subscript ranges over another axis than the one declared there");
    return {{}, *this, {j...}};
  }
  template <class E>
  constexpr Assignment<MapSymbol, E> operator=(const E& e) const { return {*this, e}; }
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

template <class T>
inline constexpr char kIdentity = 0;

// A named value: the unit of sharing, differentiation, materialisation and explanation. Read at its
// own indices, or at others; read through a gather it is inlined there.
template <bool IsKey, Name N, class E, class... Is>
struct LetBase : std::conditional_t<IsKey, KeyTag, ExprTag> {
  E value;
  using free = Union<typename Is::free...>;

  constexpr int define(Builder& b) const {
    const int have = b.FindLet(N.view());
    if (have >= 0) {
      if (b.graph.let[have].identity != &kIdentity<E>) b.fail(15);
      return have;
    }
    const int body = value.emit(b, Env{});
    const int again = b.FindLet(N.view());
    if (again >= 0) return b.fail(15), again;
    ir::Let let;
    let.name = N.view();
    let.body = static_cast<int16_t>(body);
    let.identity = &kIdentity<E>;
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
    int i = 0;
    const auto bind = [&](int index) {
      inner.of[index] = n.sub[i++];
      inner.renamed |= 1u << index;
    };
    (bind(IndexOf<Is>(b)), ...);
    return value.emit(b, inner);
  }
};

template <Name N, class E, class... Is>
struct Let : LetBase<false, N, E, Is...> {
  template <class... Js>
  constexpr At<Let, Js...> operator()(Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return {{}, *this, {j...}};
  }
};
template <Name N, class E, class... Is>
struct KeyLet : LetBase<true, N, E, Is...> {
  using target = typename E::target;
  template <class... Js>
  constexpr KeyAt<KeyLet, Js...> operator()(Js... j) const {
    GYRE_CHECK_SUBSCRIPTS;
    return {{}, *this, {j...}};
  }
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s;
    s.node = static_cast<int16_t>(this->emit(b, env));
    return s;
  }
};

template <class K>
struct KeyAxis {
  using type = typename K::axis_type;
};
template <Key K>
struct KeyAxis<K> {
  using type = typename K::target;
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
template <Name N, class... Ks>
constexpr internal::Tensor<ir::Kind::kCount, N, typename internal::KeyAxis<Ks>::type...> count(
    Ks...) {
  return {};
}
// A number that can be set by --name=value.
template <Name N>
constexpr internal::Hyper<N> hyper(double value) { return {{}, value}; }

}  // namespace gyre
