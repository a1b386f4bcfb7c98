// Reductions over one or several axes.
#pragma once
#include "dsl/expr.h"

namespace gyre {
namespace internal {

template <class E>
constexpr int EmitReduce(Builder& b, ir::Op op, int index, const E& operand, const Env& env) {
  Env inner = env;
  inner.renamed &= ~(1u << index);
  if (b.Captures(index, inner)) b.captured = true;
  return b.node(op, operand.emit(b, inner), -1, -1, index);
}

template <ir::Op Op, class I, class E>
struct Reduce : ExprTag {
  static constexpr bool kNumbers = E::kNumbers;
  E operand;
  using free = Minus<typename E::free, typename I::free>;
  constexpr int emit(Builder& b, const Env& env) const {
    return EmitReduce(b, Op, IndexOf<I>(b), operand, env);
  }
};
template <ir::Op Op, class I, class E>
struct ReduceToKey : KeyTag {
  static constexpr bool kNumbers = E::kNumbers;
  E operand;
  using free = Minus<typename E::free, typename I::free>;
  using target = typename I::axis_type;
  constexpr int emit(Builder& b, const Env& env) const {
    return EmitReduce(b, Op, IndexOf<I>(b), operand, env);
  }
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s;
    s.node = static_cast<int16_t>(emit(b, env));
    return s;
  }
};

template <ir::Op Op, class I, class E>
constexpr auto MakeReduce(I, const E& e) {
  using Body = AsExpressionT<E>;
  static_assert(!Key<E>, GYRE_POSITION_IS_NO_NUMBER);
  static_assert(kSubset<typename I::free, typename Body::free>,
                "GY002: the reduced expression does not use the index it is reduced over; add the "
                "subscript, or multiply by size(index) if that is what you mean");
  return Reduce<Op, I, Body>{{}, AsExpression(e)};
}
template <ir::Op Op, class I, class J, class... Rest>
requires(sizeof...(Rest) > 0) constexpr auto MakeReduce(I i, J j, const Rest&... rest) {
  return MakeReduce<Op>(i, MakeReduce<Op>(j, rest...));
}

}  // namespace internal

// sum(i, e), sum(i, j, e), ...
template <AnIndex I, class... Rest>
constexpr auto sum(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kSum>(i, rest...);
}
// The product over i.
template <AnIndex I, class... Rest>
constexpr auto prod(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kProd>(i, rest...);
}
template <AnIndex I, class... Rest>
requires(!AnIndex<Rest> || ...) constexpr auto max(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kMaxOver>(i, rest...);
}
template <AnIndex I, class... Rest>
requires(!AnIndex<Rest> || ...) constexpr auto min(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kMinOver>(i, rest...);
}
// log(sum(i, exp(e))), computed without overflow.
template <AnIndex I, class... Rest>
constexpr auto logsumexp(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kLogSumExp>(i, rest...);
}
// The Euclidean norm over i, ...: sqrt(sum(i, ..., sq(e))), with derivative 0 at 0.
template <AnIndex I, class... Rest>
constexpr auto norm(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kNorm>(i, rest...);
}
template <AnIndex I, class... Rest>
constexpr auto any(I i, const Rest&... rest) {
  return internal::MakeReduce<ir::Op::kAny>(i, rest...);
}
template <AnIndex I, class E>
constexpr auto mean(I i, const E& e) {
  return sum(i, e) / size(i);
}
template <AnIndex I, AnIndex J, class E>
constexpr auto mean(I i, J j, const E& e) {
  return sum(i, j, e) / (size(i) * size(j));
}
template <AnIndex I, AnIndex J, AnIndex K, class E>
constexpr auto mean(I i, J j, K k, const E& e) {
  return sum(i, j, k, e) / (size(i) * size(j) * size(k));
}

// The position of the largest (smallest) e; the first of equals.
template <AnIndex I, Expression E>
constexpr internal::ReduceToKey<ir::Op::kArgmax, I, E> argmax(I, const E& e) {
  return {{}, e};
}
template <AnIndex I, Expression E>
constexpr internal::ReduceToKey<ir::Op::kArgmin, I, E> argmin(I, const E& e) {
  return {{}, e};
}
// A position of axis i drawn with probability proportional to the weights.
template <AnIndex I, Expression E>
constexpr internal::ReduceToKey<ir::Op::kDraw, I, E> draw(I, const E& weights) {
  return {{}, weights};
}

// Softmax cross-entropy of scores e over classes c against the class `label`, a key.
template <AnIndex C, Expression E, Key L>
constexpr auto xent(C c, const E& e, const L& label) {
  return logsumexp(c, e) - sum(c, where(label == c, e));
}
template <AnIndex C, Expression E>
constexpr auto softmax(C c, const E& e) {
  return exp(e - logsumexp(c, e));
}

// x(i) with sum(j, a x(j)) = b(i), for a symmetric positive definite matrix a(i, j); j = i.prime().
namespace internal {
template <class I, class J, class A, class B>
struct Solve : ExprTag {
  static constexpr bool kNumbers = A::kNumbers || B::kNumbers;
  A a;
  B b;
  using free = Union<Minus<typename A::free, typename J::free>, typename B::free>;
  constexpr int emit(Builder& builder, const Env& env) const {
    const int j = IndexOf<J>(builder);
    Env inner = env;
    inner.renamed &= ~(1u << j);
    if (builder.Captures(j, inner)) builder.captured = true;
    const int id = builder.node(ir::Op::kChain, a.emit(builder, inner), -1, Position<J>{}.emit(builder, inner), j);
    const int rhs = b.emit(builder, env);
    return builder.node(ir::Op::kSolve, id, rhs, Position<I>{}.emit(builder, env));
  }
};
}  // namespace internal
template <AnIndex I, AnIndex J, Expression A, Expression B>
constexpr internal::Solve<I, J, A, B> solve(I, J, const A& a, const B& b) {
  return {{}, a, b};
}

// What each reduction says when its first argument is no index.
#define GYRE_WANTS_INDEX(WORD)                                                                     \
  template <class A, class... Rest>                                                                \
  requires(Term<A> && (sizeof...(Rest) == 0 || (Term<Rest> || ...)) &&                             \
           sizeof...(Rest) < 2) constexpr auto                                                     \
  WORD(const A&, const Rest&...) {                                                                 \
    static_assert(internal::kNever<A, Rest...>,                                                    \
                  "GY013: the first argument of " #WORD " is the index it goes over, as in " #WORD \
                  "(n, expression)");                                                              \
    return internal::Refused{};                                                                    \
  }
GYRE_WANTS_INDEX(sum)
GYRE_WANTS_INDEX(mean)
GYRE_WANTS_INDEX(prod)
GYRE_WANTS_INDEX(logsumexp)
GYRE_WANTS_INDEX(norm)
GYRE_WANTS_INDEX(any)
GYRE_WANTS_INDEX(argmax)
GYRE_WANTS_INDEX(argmin)
GYRE_WANTS_INDEX(softmax)
GYRE_WANTS_INDEX(size)
GYRE_WANTS_INDEX(batch)
#undef GYRE_WANTS_INDEX
template <Term A>
constexpr auto max(const A&) {
  static_assert(internal::kNever<A>,
                "GY013: the first argument of max is the index it goes over, as in "
                "max(c, expression)");
  return internal::Refused{};
}
template <Term A>
constexpr auto min(const A&) {
  static_assert(internal::kNever<A>,
                "GY013: the first argument of min is the index it goes over, as in "
                "min(c, expression)");
  return internal::Refused{};
}
template <AnIndex C, class E, class L>
requires(!Key<L>) constexpr auto xent(C, const E&, const L&) {
  static_assert(internal::kNever<L>,
                "GY025: the label of xent(c, scores, label) is a map to the classes, "
                "map<\"label\">(n, c)");
  return internal::Refused{};
}

}  // namespace gyre
