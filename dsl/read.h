// A symbol or let read at subscripts, and what is said when they do not fit. Assignments, as data.
#pragma once
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
    case ir::Kind::kParam:
    case ir::Kind::kTyped:
    case ir::Kind::kCount:
      return ir::Op::kParam;
    case ir::Kind::kLocal:
      return ir::Op::kLocal;
    case ir::Kind::kHyper:
      return ir::Op::kHyper;
    case ir::Kind::kMap:
    case ir::Kind::kLatent:
      return ir::Op::kKey;
    default:
      return ir::Op::kData;
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

#define GYRE_CHECK_SUBSCRIPTS                                                                      \
  static_assert((internal::kMaySubscript<Js> && ...),                                              \
                "GY029: a subscript is an index, an affine form of indices (2 * i + a) or a map, " \
                "not a number or an expression; one position: sum(d, where(d == 3, X))");          \
  static_assert(sizeof...(Js) == sizeof...(Is),                                                    \
                "GY005: wrong number of subscripts; give one for each declared axis");             \
  static_assert((kRangesOver<Js, Is> && ...),                                                      \
                "GY001: a subscript ranges over another axis than the one declared there; check "  \
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

}  // namespace internal
}  // namespace gyre
