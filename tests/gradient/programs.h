// Programs that kernel_test.cc checks beside the examples.
#pragma once
#include "dsl/dsl.h"

// Matrix factorisation with biases (Koren, Bell and Volinsky 2009).
namespace gyre::factorisation {

constexpr struct Rating : Axis<Rating> {} r;
constexpr struct User : Axis<User> {} u;
constexpr struct Item : Axis<Item> {} i;
constexpr struct Rank : Axis<Rank, 8> {} k;

constexpr auto user = map<"user">(r, u);
constexpr auto item = map<"item">(r, i);
constexpr auto R = data<"rating">(r);
constexpr auto U = param<"U">(u, k);
constexpr auto V = param<"V">(i, k);
constexpr auto bu = param<"bu">(u);
constexpr auto bi = param<"bi">(i);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto score = let<"score">(u, i, sum(k, U * V) + bu + bi + b);
constexpr auto e = let<"e">(r, R - score(user(r), item(r)));

constexpr auto Mf =
    Minimize(sum(r, sq(e)) + lambda * (sum(u, k, sq(U)) + sum(i, k, sq(V)) + sum(u, sq(bu)) +
                                       sum(i, sq(bi))))
        .Start(U = normal(0, 0.1), V = normal(0, 0.1))
        .Predict<"rating">(score(user(r), item(r)))
        .Measure<"rmse">(sqrt(mean(r, sq(e))));

}  // namespace gyre::factorisation
