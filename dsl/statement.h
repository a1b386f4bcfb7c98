// Statements: how parameters change. Minimize, Iterate, Sweep and Resample, and what follows them
// with a dot: .Predict .Measure .Start .SubjectTo .Then .Repeat .Until .Alternate .Delta .Update.
#pragma once
#include <string_view>
#include <tuple>

#include "dsl/statement_body.h"

namespace gyre {
namespace internal {

struct StatementTag {};

template <Name N>
struct Rule {};
template <class C>
constexpr std::string_view RuleOf(const C&, std::string_view otherwise) {
  return otherwise;
}
template <Name N>
constexpr std::string_view RuleOf(const ByClause<N>&, std::string_view) {
  return N.view();
}

template <class P>
inline constexpr bool kIsParam = false;
template <Name N, class... Is>
inline constexpr bool kIsParam<Tensor<ir::Kind::kParam, N, Is...>> = true;

template <class Body>
inline constexpr bool kAlternates = false;
template <class E>
inline constexpr bool kAlternates<MinimizeBody<E>> = true;
template <class... As>
inline constexpr bool kAlternates<IterateBody<As...>> = true;

template <class Body, class... Clauses>
struct TypedStatement : StatementTag {
  Body body;
  std::tuple<Clauses...> clauses;

  constexpr int16_t emit(ProgramIr& p) const {
    StatementIr s;
    body.emit(p, s);
    std::apply([&](const Clauses&... c) { ((s.update_rule = RuleOf(c, s.update_rule)), ...); },
               clauses);
    std::apply([&](const Clauses&... c) { (c.emit(p), ...); }, clauses);
    const int id = p.statement.push(s);
    if (p.statement.overflow || p.measure.overflow || p.prediction.overflow || p.start.overflow ||
        p.constraint.overflow || s.assign.overflow || s.child.overflow) {
      p.builder.fail(90);
    }
    return static_cast<int16_t>(id);
  }

  template <class C>
  constexpr TypedStatement<Body, Clauses..., C> With(const C& clause) const {
    return {{}, body, std::tuple_cat(clauses, std::make_tuple(clause))};
  }
  // What the model says of a row: re-bound to other data by the `predict` command.
  template <Name N, class E>
  constexpr auto Predict(const E& e) const {
    return With(PredictClause<N, AsExpressionT<E>>{AsExpression(e)});
  }
  // A number that users judge the model by, on training and on held-out data.
  template <Name N, class E>
  constexpr auto Measure(const E& e) const {
    static_assert(kOneNumber<typename AsExpressionT<E>::free>,
                  "GY007: a measure is one number; reduce over every index, with mean or sum");
    return With(MeasureClause<N, AsExpressionT<E>>{AsExpression(e)});
  }
  // Where parameters start; the default is zero, scaled normal where parameters multiply
  // parameters.
  template <class... As>
  constexpr auto Start(const As&... assigns) const {
    CheckAssigns<As...>();
    if constexpr ((kIsAssignment<As> && ...)) {
      return With(StartClause<As...>{{assigns...}});
    } else {
      return *this;
    }
  }
  // The update rule, where the program rather than the planner chooses: .By(update<"adam">()).
  template <Name N>
  constexpr auto By(Rule<N>) const {
    return With(ByClause<N>{});
  }
  template <class R>
  constexpr TypedStatement By(const R&) const {
    static_assert(kNever<R>, "GY017: .By(update<\"adam\">()) takes an update rule by its name");
    return *this;
  }
  template <class... Cs>
  constexpr auto SubjectTo(const Cs&... conditions) const {
    static_assert((Expression<Cs> && ...),
                  "GY023: .SubjectTo takes conditions: parameter >= bound, parameter <= bound, "
                  "sum(axes, parameter) == number (one = assigns)");
    if constexpr ((Expression<Cs> && ...)) {
      return With(SubjectClause<Cs...>{{conditions...}});
    } else {
      return *this;
    }
  }
  template <class S>
  requires std::derived_from<S, StatementTag>
  constexpr TypedStatement<SequenceBody<TypedStatement, S>> Then(const S& next) const {
    return {{}, {*this, next}, {}};
  }
  template <class S>
  constexpr TypedStatement Then(const S&) const {
    static_assert(kNever<S>, "GY019: .Then takes a statement: .Then(Iterate(b = expression))");
    return *this;
  }
  constexpr TypedStatement<RepeatBody<TypedStatement>> Repeat(int times) const {
    return {{}, {*this, times}, {}};
  }
  // Repeats until the largest relative change of a parameter is below the tolerance.
  constexpr TypedStatement<UntilBody<TypedStatement>> Until(double tolerance) const {
    return {{}, {*this, tolerance}, {}};
  }
  // Of a Minimize: exact minimisation over blocks of parameters in turn, while the others stand. Of an
  // Iterate: its assignments one after another, each from what the ones before left.
  template <class... Ps>
  constexpr TypedStatement<AlternateBody<TypedStatement, Ps...>> Alternate(const Ps&...) const {
    static_assert((kIsParam<Ps> && ...), "GY018: .Alternate(U, V) takes whole parameters");
    static_assert(kAlternates<Body>, "GY018: .Alternate(U, V) follows a Minimize or an Iterate");
    return {{}, {*this}, {}};
  }
  // The explicit spelling of theta <- g(theta, Delta).
  template <class E>
  constexpr auto Delta(const E& e) const {
    return TypedStatement<ExplicitBody<decltype(body.param), E>>{{}, {body.param, e}, {}};
  }
  template <class E>
  constexpr auto Update(const E& e) const {
    return TypedStatement<ExplicitBody<decltype(body.param), decltype(body.delta), E>, Clauses...>{
        {}, {body.param, body.delta, e}, clauses};
  }
};

}  // namespace internal

template <internal::Operand E>
constexpr auto Minimize(const E& objective) {
  static_assert(Expression<E>, "GY011: nothing to minimise: the objective uses no parameter");
  static_assert(internal::kOneNumber<typename internal::AsExpressionT<E>::free>,
                "GY010: an objective is one number; reduce over every index, with sum or mean");
  using Body = internal::MinimizeBody<internal::AsExpressionT<E>>;
  return internal::TypedStatement<Body>{{}, {internal::AsExpression(objective)}, {}};
}
// All at once, from the old values.
template <class... As>
constexpr auto Iterate(const As&... assigns) {
  if constexpr (sizeof...(As) == 1 && (internal::kIsParam<As> && ...)) {
    return internal::TypedStatement<internal::NothingYet<As...>>{{}, {assigns...}, {}};
  } else {
    internal::CheckAssigns<As...>();
    if constexpr ((internal::kIsAssignment<As> && ...)) {
      return internal::TypedStatement<internal::IterateBody<As...>>{{}, {{assigns...}}, {}};
    } else {
      return internal::TypedStatement<internal::IterateBody<>>{};
    }
  }
}
// One position of an axis at a time, in any order, reading the latest values.
template <AnIndex I, class... As>
constexpr auto Sweep(I, const As&... assigns) {
  internal::CheckAssigns<As...>();
  if constexpr ((internal::kIsAssignment<As> && ...)) {
    return internal::TypedStatement<internal::SweepBody<I, As...>>{{}, {{assigns...}}, {}};
  } else {
    return internal::TypedStatement<internal::IterateBody<>>{};
  }
}
template <class A, class... As>
requires(!AnIndex<A>) constexpr auto Sweep(const A&, const As&...) {
  static_assert(internal::kNever<A>,
                "GY013: the first argument of Sweep is the index it goes over, as in "
                "Sweep(d, beta = expression)");
  return internal::TypedStatement<internal::IterateBody<>>{};
}
// Gibbs sampling: each latent in turn, from its conditional with the datum itself left out.
template <Key K, Expression W>
constexpr auto Resample(const K& variable, const W& weights) {
  return internal::TypedStatement<internal::ResampleBody<K, W>>{{}, {variable, weights}, {}};
}
// An update rule by its name: fista, lbfgs, owlqn, sgd, adagrad, adam, cd, sdca, mspg, dsgd, als.
template <Name N>
constexpr internal::Rule<N> update() {
  constexpr std::string_view name = N.view();
  static_assert(name == "fista" || name == "lbfgs" || name == "owlqn" || name == "sgd" ||
                    name == "adagrad" || name == "adam" || name == "cd" || name == "sdca" ||
                    name == "mspg" || name == "dsgd" || name == "als",
                "GY017: no such update rule; there are fista, lbfgs, owlqn, sgd, adagrad, adam, cd, "
                "sdca, mspg, dsgd, als");
  return {};
}
// In .Update: the sum that .Delta named.
template <class P>
constexpr internal::DeltaOf<P> delta(const P&) {
  return {};
}

}  // namespace gyre
