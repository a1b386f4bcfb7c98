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

}  // namespace

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
