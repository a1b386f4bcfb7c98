// Derived kernels against the reference interpreter. The ways in which rows of a matrix meet parameters.
#include "tests/gradient/vocabulary.h"

namespace gyre::vocabulary {
namespace {

// clang-format off
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

// A residual chain: each let is read twice, once at another index.
constexpr auto g = k.prime();
constexpr auto A0 = param<"A0">(k, d);
constexpr auto A1 = param<"A1">(k, g);
constexpr auto A2 = param<"A2">(k, g);
constexpr auto h0 = let<"h0">(n, k, sum(d, A0 * X));
constexpr auto h1 = let<"h1">(n, k, h0 + tanh(sum(g, A1 * h0(n, g))));
constexpr auto h2 = let<"h2">(n, k, h1 + tanh(sum(g, A2 * h1(n, g))));
KERNELS(ResidualChain, Minimize(mean(n, sq(y - sum(k, h2)))).Predict<"h">(h2))

// The same written once.
constexpr auto turned = unroll<"turn", 12>(n, k, sum(d, A0 * X), [](auto x) { return tanh(sum(g, A1 * x(n, g))); });
KERNELS(Unrolled, Minimize(mean(n, sq(y - sum(k, turned)))).Predict<"turn">(turned))

// The gradient of a function of sums over data: F'(T) is applied when T is known.
KERNELS(FunctionsOfTotals, Minimize(sqrt(1 + mean(n, sq(y - s))) + mean(n, s) * mean(n, sq(s))))
// clang-format on

}  // namespace
}  // namespace gyre::vocabulary
