// Derived kernels against the reference interpreter. Scalar functions, reductions inside a row, and penalties.
#include "tests/gradient/vocabulary.h"

namespace gyre::vocabulary {
namespace {

// clang-format off
KERNELS(Scalars, Minimize(mean(n, sq(y - b))).Measure<"mean">(mean(n, y)))

KERNELS(ScalarFunctions, Minimize(mean(n,
    y * (0.1 * exp(0.2 * s) + log(p) + log1p(sq(s)) + sqrt(p) + abs(s) + relu(s) + sigmoid(s) +
         tanh(s) + log1p(exp(-s)) + s * round(s) - lgamma(p) + hinge(1 - t * s)))))

KERNELS(Stop, Minimize(mean(n, sq(s) + s * stop(y) + stop(y))))
KERNELS(StopOfParameters, Minimize(mean(n, sq(s - stop(tanh(s))) + stop(p) * s)))

KERNELS(FunctionsOfTwo, Minimize(mean(n,
    y * (s / p + pow(p, 1.5) + pow(p, b) + min(s, p - 1) + max(s, 0.1) + soft(s, 0.2) +
         clip(s, -0.5, 0.5) + where(s > 0 && !(t == 1.0), sq(s), 0.5 * s)))))

// Of equal scores (an empty row's) the first takes the gradient of the maximum, and a product with
// zeros among its factors has the right one.
KERNELS(Ties, Minimize(mean(n, y * (max(c, s + 0 * z) + prod(c, where(label(n) == c, 0 * z, 1 + z))))))

// `bias` keeps the scores of an empty row apart: central differences want a slope.
constexpr auto bias = param<"bias">(c);
constexpr auto v = let<"v">(n, c, sum(d, X * W) + bias);
KERNELS(RowReductions, Minimize(mean(n,
    y * (max(c, v) + min(c, v) + prod(c, v) + logsumexp(c, v) + norm(c, v) + sum(c, tanh(v))))))

KERNELS(Penalties, Minimize(mean(n, sq(y - s)) + lambda * sum(d, sq(factor) * abs(w)) +
    0.5 * lambda * sum(d, sq(w)) + sum(d, log1p(sq(w)))))

KERNELS(GroupPenalty, Minimize(mean(n, xent(c, z, label)) + lambda * sum(c, norm(d, W))))

KERNELS(SumsOfDataInRows, Minimize(mean(n, sq(s - (y - mean(n, y)))) / sum(n, sq(y))))
// clang-format on

}  // namespace
}  // namespace gyre::vocabulary
