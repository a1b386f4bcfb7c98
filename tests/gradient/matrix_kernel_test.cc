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
// clang-format on

}  // namespace
}  // namespace gyre::vocabulary
