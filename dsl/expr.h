// Expressions: arithmetic, scalar functions, comparisons, selections and draws over symbols.
//
// An expression is a stateless type that mirrors its formula; only literals carry a value. `emit`
// folds it into a graph.
#pragma once
#include <tuple>
#include <type_traits>

#include "dsl/symbol.h"

namespace gyre {
namespace internal {

template <class T>
concept Number = std::is_arithmetic_v<std::remove_cvref_t<T>>;
template <class T>
concept Operand = Expression<T> || Number<T>;
template <class T>
concept Comparable = Expression<T> || Number<T> || AnIndex<T> || Key<T>;

struct Literal : ExprTag {
  static constexpr bool kNumbers = true;
  double value = 0;
  using free = List<>;
  constexpr int emit(Builder& b, const Env&) const {
    return b.leaf(ir::Op::kLiteral, b.slot(value));
  }
};

// The value of an index as a number, in comparisons.
template <class I>
struct Position : ExprTag {
  using free = typename I::free;
  constexpr int emit(Builder& b, const Env& env) const {
    const ir::Subscript s = I{}.subscript(b, env);
    if (s.node >= 0) return s.node;
    ir::Node n;
    n.op = ir::Op::kPosition;
    n.subs = 1;
    n.sub[0] = s;
    return b.add(n);
  }
};

template <class E>
constexpr auto AsExpression(const E& e) {
  if constexpr (Number<E>) {
    return Literal{{}, static_cast<double>(e)};
  } else if constexpr (AnIndex<E>) {
    return Position<E>{};
  } else {
    return e;
  }
}
template <class E>
using AsExpressionT = decltype(AsExpression(std::declval<const E&>()));

template <ir::Op Op, class... Es>
struct Apply : ExprTag {
  static constexpr bool kNumbers = (Es::kNumbers || ...);
  std::tuple<Es...> operand;
  using free = Union<typename Es::free...>;
  constexpr int emit(Builder& b, const Env& env) const {
    int id[4] = {-1, -1, -1, -1};
    int i = 0;
    std::apply([&](const Es&... e) { ((id[i++] = e.emit(b, env)), ...); }, operand);
    return b.node(Op, id[0], id[1], id[2]);
  }
};
template <ir::Op Op, class... Es>
constexpr Apply<Op, AsExpressionT<Es>...> MakeApply(const Es&... e) {
  return {{}, {AsExpression(e)...}};
}

struct SizeTag {};
template <class I>
struct Size : ExprTag {
  using free = List<>;
  constexpr int emit(Builder& b, const Env&) const {
    return b.leaf(ir::Op::kSize, b.graph.index[IndexOf<I>(b)].axis);
  }
};
template <class I>
struct Batch : ExprTag {
  using free = List<>;
  constexpr int emit(Builder& b, const Env&) const {
    return b.leaf(ir::Op::kBatch, b.graph.index[IndexOf<I>(b)].axis);
  }
};
struct Epoch : ExprTag {
  using free = List<>;
  constexpr int emit(Builder& b, const Env&) const { return b.leaf(ir::Op::kEpoch, -1); }
};

// A draw: a pure function of (seed, its own identity, its index tuple, clock).
template <ir::Op Op, class... Es>
struct Draw : ExprTag {
  static constexpr bool kNumbers = (Es::kNumbers || ...);
  std::tuple<Es...> operand;
  using free = Union<typename Es::free...>;
  constexpr int emit(Builder& b, const Env& env) const {
    int id[2] = {-1, -1};
    int i = 0;
    std::apply([&](const Es&... e) { ((id[i++] = e.emit(b, env)), ...); }, operand);
    ir::Node n;
    n.op = Op;
    n.a = static_cast<int16_t>(id[0]);
    n.b = static_cast<int16_t>(id[1]);
    n.symbol = static_cast<int16_t>(b.drawn);
    if (b.drawn >= 0) {
      const ir::Symbol& s = b.graph.symbol[b.drawn];
      for (n.subs = 0; n.subs < s.rank; ++n.subs) {
        int prime = 0;
        for (int j = 0; j < n.subs; ++j) prime += s.axis[j] == s.axis[n.subs];
        n.sub[n.subs].index = static_cast<int16_t>(b.index(s.axis[n.subs], prime));
      }
    }
    return b.add(n);
  }
};

// The place of position i in a random permutation of its axis.
template <class I>
struct Shuffle : KeyTag {
  using free = typename I::free;
  using target = typename I::axis_type;
  constexpr int emit(Builder& b, const Env& env) const {
    ir::Node n;
    n.op = ir::Op::kShuffle;
    n.subs = 1;
    n.sub[0] = I{}.subscript(b, env);
    return b.add(n);
  }
  constexpr ir::Subscript subscript(Builder& b, const Env& env) const {
    ir::Subscript s;
    s.node = static_cast<int16_t>(emit(b, env));
    return s;
  }
};

}  // namespace internal

// The place of each position of an axis in a random permutation of it, repeatable by --seed:
// where(shuffle(n) == k, x) picks a random datum for each k.
template <AnIndex I>
constexpr internal::Shuffle<I> shuffle(I) {
  return {};
}

// The number of positions of an axis; of a data axis: all rows, not one worker's.
template <AnIndex I>
constexpr internal::Size<I> size(I) {
  return {};
}
// The rows of an axis in the mini-batch at hand.
template <AnIndex I>
constexpr internal::Batch<I> batch(I) {
  return {};
}
// Passes over the data so far, for schedules.
inline constexpr internal::Epoch epoch{};

#define GYRE_BINARY(OP, NODE)                                                                   \
  template <internal::Operand A, internal::Operand B>                                           \
  requires(Expression<A> || Expression<B>) constexpr auto operator OP(const A& a, const B& b) { \
    return internal::MakeApply<ir::Op::NODE>(a, b);                                             \
  }
// Positions are not numbers.
namespace internal {
template <class A>
concept APosition = Key<A> || AnIndex<A>;
template <class A, class B>
concept Mixed = (Key<A> && (Operand<B> || Key<B>)) || (Key<B> && Operand<A>) ||
                (AnIndex<A> && Expression<B>) || (Expression<A> && AnIndex<B>);
}  // namespace internal
#define GYRE_POSITION_IS_NO_NUMBER                                                         \
  "GY021: a map, a latent or an index is a position, not a number: it may be a subscript " \
  "(w(label(n))) or be compared (where(label(n) == c, e)); numbers come with data<\"name\">"
#define GYRE_NO_BINARY(OP)                                             \
  template <class A, class B>                                          \
  requires internal::Mixed<A, B>                                       \
  constexpr auto operator OP(const A&, const B&) {                     \
    static_assert(internal::kNever<A, B>, GYRE_POSITION_IS_NO_NUMBER); \
    return internal::Refused{};                                        \
  }
GYRE_NO_BINARY(+)
GYRE_NO_BINARY(-)
GYRE_NO_BINARY(*)
GYRE_NO_BINARY(/)
#undef GYRE_NO_BINARY
constexpr auto operator^(const Expression auto& a, const auto&) {
  static_assert(internal::kNever<decltype(a)>, "GY038: ^ is no power; write sq(x), or pow(x, y)");
  return internal::Refused{};
}

GYRE_BINARY(+, kAdd)
GYRE_BINARY(-, kSub)
GYRE_BINARY(*, kMul)
GYRE_BINARY(/, kDiv)
#undef GYRE_BINARY

#define GYRE_COMPARE(OP, NODE, FIRST, SECOND)                                                     \
  template <internal::Comparable A, internal::Comparable B>                                       \
  requires(!internal::Number<A> || !internal::Number<B>) constexpr auto operator OP(const A& a,   \
                                                                                    const B& b) { \
    return internal::MakeApply<ir::Op::NODE>(FIRST, SECOND);                                      \
  }
GYRE_COMPARE(==, kEq, a, b)
GYRE_COMPARE(!=, kNe, a, b)
GYRE_COMPARE(<, kLt, a, b)
GYRE_COMPARE(<=, kLe, a, b)
GYRE_COMPARE(>, kLt, b, a)
GYRE_COMPARE(>=, kLe, b, a)
#undef GYRE_COMPARE
constexpr auto operator&&(const Expression auto& a, const Expression auto& b) {
  return internal::MakeApply<ir::Op::kAnd>(a, b);
}
constexpr auto operator||(const Expression auto& a, const Expression auto& b) {
  return internal::MakeApply<ir::Op::kOr>(a, b);
}
constexpr auto operator!(const Expression auto& a) { return internal::MakeApply<ir::Op::kNot>(a); }

#define GYRE_UNARY(FN, NODE)                                                                   \
  constexpr auto FN(const Expression auto& e) { return internal::MakeApply<ir::Op::NODE>(e); } \
  template <Key A>                                                                             \
  constexpr auto FN(const A&) {                                                                \
    static_assert(internal::kNever<A>, GYRE_POSITION_IS_NO_NUMBER);                            \
    return internal::Refused{};                                                                \
  }
GYRE_UNARY(operator-, kNeg)
GYRE_UNARY(exp, kExp)
GYRE_UNARY(log, kLog)
GYRE_UNARY(log1p, kLog1p)
GYRE_UNARY(sqrt, kSqrt)
GYRE_UNARY(sq, kSq)
GYRE_UNARY(abs, kAbs)
GYRE_UNARY(relu, kRelu)
GYRE_UNARY(hinge, kRelu)  // hinge(1 - m) = max(0, 1 - m)
GYRE_UNARY(sigmoid, kSigmoid)
GYRE_UNARY(tanh, kTanh)
GYRE_UNARY(lgamma, kLgamma)
GYRE_UNARY(digamma, kDigamma)  // the derivative of lgamma
GYRE_UNARY(stop, kStop)  // its derivative is zero
GYRE_UNARY(round, kRound)
#undef GYRE_UNARY

#define GYRE_FUNCTION(FN, NODE)                                                        \
  template <internal::Operand A, internal::Operand B>                                  \
  requires(Expression<A> || Expression<B>) constexpr auto FN(const A& a, const B& b) { \
    return internal::MakeApply<ir::Op::NODE>(a, b);                                    \
  }
GYRE_FUNCTION(pow, kPow)
GYRE_FUNCTION(min, kMin)
GYRE_FUNCTION(max, kMax)
GYRE_FUNCTION(soft, kSoft)  // soft-thresholding: sign(a) max(|a| - b, 0)
#undef GYRE_FUNCTION

constexpr auto clip(const Expression auto& e, const internal::Operand auto& low,
                    const internal::Operand auto& high) {
  return min(max(e, low), high);
}

// where(condition, a): a where it holds, else 0; where(condition, a, b): else b.
template <internal::Operand A, internal::Operand B = int>
constexpr auto where(const Expression auto& condition, const A& a, const B& b) {
  return internal::MakeApply<ir::Op::kWhere>(condition, a, b);
}
template <internal::Operand A>
constexpr auto where(const Expression auto& condition, const A& a) {
  return internal::MakeApply<ir::Op::kWhere>(condition, a, internal::Zero{});
}

template <class C, class... Rest>
requires(!Expression<C> && (Term<C> || (Term<Rest> || ...))) constexpr auto where(const C&,
                                                                                  const Rest&...) {
  static_assert(internal::kNever<C>,
                "GY020: where(condition, a [, b]) begins with a condition: a comparison such as "
                "label(n) == c or y > 0 (one = assigns)");
  return internal::Refused{};
}

// Draws, for .Start and for noise. Arguments: mean and standard deviation; low and high; P(1).
template <internal::Operand A, internal::Operand B>
constexpr auto normal(const A& mean, const B& deviation) {
  return internal::Draw<ir::Op::kNormal, internal::AsExpressionT<A>, internal::AsExpressionT<B>>{
      {}, {internal::AsExpression(mean), internal::AsExpression(deviation)}};
}
template <internal::Operand A, internal::Operand B>
constexpr auto uniform(const A& low, const B& high) {
  return internal::Draw<ir::Op::kUniform, internal::AsExpressionT<A>, internal::AsExpressionT<B>>{
      {}, {internal::AsExpression(low), internal::AsExpression(high)}};
}
template <internal::Operand A>
constexpr auto bernoulli(const A& p) {
  return internal::Draw<ir::Op::kBernoulli, internal::AsExpressionT<A>>{
      {}, {internal::AsExpression(p)}};
}

}  // namespace gyre
