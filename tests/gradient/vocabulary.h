// What kernel tests share: a vocabulary of data and parameters, and the check itself.
#pragma once
#include "dsl/dsl.h"
#include "gtest/gtest.h"
#include "tests/oracle/harness.h"

namespace gyre::vocabulary {

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class, 3> {} c;
constexpr struct Rank : Axis<Rank, 2> {} k;
constexpr auto e = d.prime();

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto t = sign<"t">(n);
constexpr auto factor = data<"factor">(d);
constexpr auto label = map<"label">(n, c);
constexpr auto w = param<"w">(d);
constexpr auto b = param<"b">();
constexpr auto W = param<"W">(c, d);
constexpr auto V = param<"V">(c, k);
constexpr auto U = param<"U">(k, d);
constexpr auto Q = param<"Q">(d, e);
constexpr auto lambda = hyper<"lambda">(0.3);

constexpr auto s = let<"s">(n, sum(d, X * w) + b);
constexpr auto p = let<"p">(n, 1 + sq(s));  // positive
constexpr auto z = let<"z">(n, c, sum(d, X * W));

// The kernels of a statement against the reference interpreter, on every format, type and shape.
#define KERNELS(NAME, ...) \
  TEST(KernelTest, NAME) { gyre::CheckEverywhere(gyre::internal::Compile(__VA_ARGS__)); }

}  // namespace gyre::vocabulary
