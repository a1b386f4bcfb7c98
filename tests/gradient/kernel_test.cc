// Derived kernels against the reference interpreter: every operator and every way in which rows meet
// parameters, on dense, CSR and CSC data in float and double, over shapes with empty rows and single
// columns. Operators are put together so that few kernels cover all of them.
#include "dsl/dsl.h"
#include "gtest/gtest.h"
#include "tests/gradient/programs.h"
#include "tests/oracle/harness.h"

namespace gyre {
namespace {

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

#define KERNELS(NAME, ...) \
  TEST(KernelTest, NAME) { CheckEverywhere(internal::Compile(__VA_ARGS__)); }

// clang-format off
KERNELS(Scalars, Minimize(mean(n, sq(y - b))).Measure<"mean">(mean(n, y)))

KERNELS(ScalarFunctions, Minimize(mean(n,
    y * (0.1 * exp(0.2 * s) + log(p) + log1p(sq(s)) + sqrt(p) + abs(s) + relu(s) + sigmoid(s) +
         tanh(s) + log1p(exp(-s)) + s * round(s) - lgamma(p) + hinge(1 - t * s)))))

// Central differences would see what stop() hides: here it hides nothing.
KERNELS(Stop, Minimize(mean(n, sq(s) + s * stop(y) + stop(y))))

KERNELS(FunctionsOfTwo, Minimize(mean(n,
    y * (s / p + pow(p, 1.5) + pow(p, b) + min(s, p - 1) + max(s, 0.1) + soft(s, 0.2) +
         clip(s, -0.5, 0.5) + where(s > 0 && !(t == 1.0), sq(s), 0.5 * s)))))

// `bias` keeps the scores of an empty row apart: equal ones have no gradient of their maximum.
constexpr auto bias = param<"bias">(c);
constexpr auto v = let<"v">(n, c, sum(d, X * W) + bias);
KERNELS(RowReductions, Minimize(mean(n,
    y * (max(c, v) + min(c, v) + prod(c, v) + logsumexp(c, v) + norm(c, v) + sum(c, tanh(v))))))

KERNELS(CrossEntropy, Minimize(mean(n, xent(c, z, label)) + lambda * sum(c, d, sq(W)))
    .Measure<"accuracy">(mean(n, argmax(c, z) == label(n)))
    .Measure<"worst">(mean(n, argmin(c, z) == label(n)))
    .Measure<"positive">(mean(n, any(c, z > 0.5))))

KERNELS(Gathers, Minimize(mean(n, sq(y - sum(d, X * W(label(n), d))))))
KERNELS(GatheredLets, Minimize(mean(n, sq(y - z(n, label(n))))))

KERNELS(Distances, Minimize(mean(n, y * sum(d, sq(X - w)))))

KERNELS(QuadraticForm, Minimize(mean(n, y * sum(d, e, X(n, d) * Q * X(n, e)))))

KERNELS(HiddenLayer, Minimize(mean(n,
    xent(c, let<"out">(n, c, sum(k, V * let<"hidden">(n, k, tanh(sum(d, U * X))))), label))))

KERNELS(Penalties, Minimize(mean(n, sq(y - s)) + lambda * sum(d, sq(factor) * abs(w)) +
    0.5 * lambda * sum(d, sq(w)) + sum(d, log1p(sq(w)))))
KERNELS(GroupPenalty, Minimize(mean(n, xent(c, z, label)) + lambda * sum(c, norm(d, W))))

KERNELS(SumsOfDataInRows, Minimize(mean(n, sq(s - (y - mean(n, y)))) / sum(n, sq(y))))

constexpr auto C = param<"C">(c, d);
constexpr auto distance = let<"distance">(n, c, sum(d, sq(X - C)));
constexpr auto nearest = let<"nearest">(n, argmin(c, distance));
constexpr auto members = let<"members">(c, sum(n, where(nearest(n) == c, 1)));
constexpr auto totals = let<"totals">(c, d, sum(n, where(nearest(n) == c, X)));
KERNELS(GroupedSums, Iterate(C = where(members > 0, totals / members, C))
    .Measure<"inertia">(sum(n, min(c, distance))))

KERNELS(LinearUpdates, Iterate(w = w + 0.1 * sum(n, X * (y - s)), b = b + mean(n, y - s))
    .Start(w = sum(n, X * y) / size(n), b = mean(n, y)))
KERNELS(Factorisation, factorisation::Mf)
// clang-format on

}  // namespace
}  // namespace gyre
