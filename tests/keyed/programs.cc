#include "tests/keyed/programs.h"

#include "dsl/dsl.h"

namespace gyre {
namespace {

constexpr struct Rating : Axis<Rating> {} r;
constexpr struct User : Axis<User> {} u;
constexpr struct Item : Axis<Item> {} i;
constexpr struct Time : Axis<Time> {} t;
constexpr struct Rank : Axis<Rank, 3> {} k;

constexpr auto user = map<"user">(r, u);
constexpr auto item = map<"item">(r, i);
constexpr auto time = map<"time">(r, t);
constexpr auto friend_of = map<"friend">(r, u);
constexpr auto R = data<"rating">(r);
constexpr auto lambda = hyper<"lambda">(0.02);

constexpr auto U = param<"U">(u, k);
constexpr auto V = param<"V">(i, k);
constexpr auto Vt = param<"V">(k, i);
constexpr auto W = param<"W">(t, k);
constexpr auto bu = param<"bu">(u);
constexpr auto bi = param<"bi">(i);
constexpr auto b = param<"b">();

constexpr auto size_of_factors = sum(u, k, sq(U)) + sum(i, k, sq(V));
constexpr auto size_of_biases = sum(u, sq(bu)) + sum(i, sq(bi));
constexpr auto score = let<"score">(u, i, sum(k, U * V) + bu + bi + b);
constexpr auto inner = let<"inner">(u, i, sum(k, U * V));
constexpr auto e = let<"e">(r, R - score(user(r), item(r)));
constexpr auto plain = let<"plain">(r, R - inner(user(r), item(r)));
constexpr auto apart = let<"apart">(r, R - sum(k, U(user(r), k) * Vt(k, item(r)) * W(time(r), k)));
constexpr auto baseline = let<"baseline">(r, R - bu(user(r)) - bi(item(r)) - b);

// Rows that say that something was seen, and how often; all pairs beside them.
constexpr auto mu = hyper<"mu">(0.5);
constexpr auto weight = data<"weight">(r);
constexpr auto bt = param<"bt">(t);
constexpr auto seen = sum(k, U(user(r), k) * V(item(r), k));
constexpr auto triple = let<"triple">(u, i, t, sum(k, U * Vt * W));
constexpr auto seen_triple = triple(user(r), item(r), time(r));
constexpr auto size_of_tensor = sum(u, k, sq(U)) + sum(k, i, sq(Vt)) + sum(t, k, sq(W));

template <class F>
Program FromFactors(const F& f) {
  return internal::Compile(Minimize(f).Start(U = normal(0, 0.3), V = normal(0, 0.3)).template Measure<"whole">(f));
}
template <class F>
Program FromTensor(const F& f) {
  return internal::Compile(Minimize(f)
                               .Start(U = normal(0, 0.5), Vt = normal(0, 0.5), W = normal(0, 0.5))
                               .template Measure<"whole">(f));
}

}  // namespace

Program Implicit() {
  constexpr auto all = sum(u, sum(i, sq(sum(k, U(u, k) * V(i, k)))));
  return FromFactors(sum(r, (1 + R) * sq(1 - seen) - sq(seen)) + all + lambda * size_of_factors);
}

Program ImplicitBiased() {
  constexpr auto s = score(user(r), item(r));
  return FromFactors(sum(r, (1 + R) * sq(1 - s) - mu * sq(s)) + mu * sum(u, i, score * score) +
                     lambda * (size_of_factors + size_of_biases));
}

Program ImplicitTensor() {
  return FromTensor(sum(r, (1 + R) * sq(1 - seen_triple) - sq(seen_triple)) + sum(u, i, t, sq(triple)) +
                    lambda * size_of_tensor);
}

Program AllRows() { return FromFactors(sum(r, weight * sq(plain)) + lambda * size_of_factors); }

Program AllRowsBiased() {
  return FromFactors(sum(r, weight * sq(e)) + lambda * (size_of_factors + size_of_biases));
}

Program AllRowsTensor() { return FromTensor(sum(r, weight * sq(apart)) + lambda * size_of_tensor); }

Program ImplicitInPart() {
  constexpr auto s = let<"s">(r, 1 - seen - bu(user(r)) - bt(time(r)));
  return FromFactors(sum(r, (1 + R) * sq(s)) + 0.5 * mean(u, mean(i, sq(inner + bu - 0.1))) +
                     lambda * (size_of_factors + sum(u, sq(bu)) + sum(t, sq(bt))));
}

Program FourthPowers() {
  return FromFactors(sum(r, sq(plain)) + sum(u, i, sq(sq(inner))) + lambda * size_of_factors);
}

Program Biased() {
  return internal::Compile(Minimize(sum(r, sq(e)) + lambda * (size_of_factors + size_of_biases))
                               .Start(U = normal(0, 0.3), V = normal(0, 0.3))
                               .Measure<"rmse">(sqrt(mean(r, sq(e)))));
}

Program Weighted() {
  constexpr auto size = let<"size">(r, sum(k, sq(U(user(r), k))) + sum(k, sq(V(item(r), k))));
  return internal::Compile(Minimize(sum(r, sq(e) + lambda * size))
                               .Start(U = normal(0, 0.3), V = normal(0, 0.3))
                               .Measure<"rmse">(sqrt(mean(r, sq(e)))));
}

Program NonNegative() {
  return internal::Compile(Minimize(sum(r, sq(plain)) + lambda * size_of_factors)
                               .SubjectTo(U >= 0, V >= 0)
                               .Start(U = uniform(0, 1), V = uniform(0, 1))
                               .Measure<"rmse">(sqrt(mean(r, sq(plain)))));
}

Program Logistic() {
  constexpr auto sign = where(R > 0, 1, -1);
  return internal::Compile(
      Minimize(mean(r, log1p(exp(-(sign * inner(user(r), item(r)))))) + 0.0005 * lambda * size_of_factors)
          .Start(U = normal(0, 0.3), V = normal(0, 0.3)));
}

Program Tensor() {
  return internal::Compile(
      Minimize(sum(r, sq(apart)) + lambda * (sum(u, k, sq(U)) + sum(k, i, sq(Vt)) + sum(t, k, sq(W))))
          .Start(U = normal(0, 0.5), Vt = normal(0, 0.5), W = normal(0, 0.5))
          .Measure<"rmse">(sqrt(mean(r, sq(apart)))));
}

Program Baseline() {
  return internal::Compile(Minimize(sum(r, sq(baseline)) + lambda * size_of_biases)
                               .Measure<"rmse">(sqrt(mean(r, sq(baseline)))));
}

Program Alternating() {
  return internal::Compile(Minimize(sum(r, sq(e)) + lambda * (size_of_factors + size_of_biases))
                               .Start(U = normal(0, 0.3), V = normal(0, 0.3))
                               .Measure<"rmse">(sqrt(mean(r, sq(e))))
                               .Alternate(U, V));
}

Program AlternatingSparse() {
  return internal::Compile(Minimize(sum(r, sq(R) * sq(plain)) + lambda * size_of_factors + lambda * sum(u, k, abs(U)))
                               .Start(U = normal(0, 0.3), V = normal(0, 0.3))
                               .Measure<"rmse">(sqrt(mean(r, sq(plain))))
                               .Alternate(V, U));
}

Program Plain() {
  return internal::Compile(Minimize(sum(r, sq(plain)) + lambda * size_of_factors)
                               .Start(U = normal(0, 0.3), V = normal(0, 0.3))
                               .Alternate(V, U));
}

Program Explicit() {
  constexpr auto j = k.prime();
  constexpr auto Gu = let<"Gu">(u, k, j, sum(r, where(user(r) == u, V(item(r), k) * V(item(r), j))) + where(k == j, lambda));
  constexpr auto hu = let<"hu">(u, k, sum(r, where(user(r) == u, R * V(item(r), k))));
  constexpr auto Gi = let<"Gi">(i, k, j, sum(r, where(item(r) == i, U(user(r), k) * U(user(r), j))) + where(k == j, lambda));
  constexpr auto hi = let<"hi">(i, k, sum(r, where(item(r) == i, R * U(user(r), k))));
  return internal::Compile(Iterate(U = solve(k, j, Gu, hu), V = solve(k, j, Gi, hi))
                               .Alternate(V, U)
                               .Start(U = normal(0, 0.3), V = normal(0, 0.3)));
}

Program Graph() {
  constexpr auto both = let<"both">(r, R - sum(k, U(user(r), k) * U(friend_of(r), k)));
  return internal::Compile(Minimize(sum(r, sq(both)) + lambda * sum(u, k, sq(U))).Start(U = normal(0, 0.3)));
}

}  // namespace gyre
