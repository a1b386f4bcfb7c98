// The programs whose kernels kernel_benchmark measures.
#include "dsl/dsl.h"
#include "dsl/kernel_benchmark_call.h"

namespace gyre::kernel_benchmark {
namespace {

constexpr struct Sample : Axis<Sample> {
} n;
constexpr struct Feature : Axis<Feature> {
} d;
constexpr struct Class : Axis<Class, 10> {
} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto label = map<"label">(n, c);
constexpr auto w = param<"w">(d);
constexpr auto W = param<"W">(c, d);

constexpr auto s = let<"s">(n, sum(d, X* w));
constexpr auto z = let<"z">(n, c, sum(d, X* W));
constexpr auto huber = let<"huber">(n, where(abs(s - y) <= 1, 0.5 * sq(s - y), abs(s - y) - 0.5));

constexpr auto distance = let<"distance">(n, c, sum(d, sq(X - W)));
constexpr auto nearest = let<"nearest">(n, argmin(c, distance));
constexpr auto count = let<"count">(c, sum(n, where(nearest(n) == c, 1)));
constexpr auto total = let<"total">(c, d, sum(n, where(nearest(n) == c, X)));

}  // namespace

#define GYRE_PROGRAM(NAME, ...)                                    \
  const Program& NAME() {                                          \
    static const Program program = internal::Compile(__VA_ARGS__); \
    return program;                                                \
  }
GYRE_PROGRAM(LeastSquares, Minimize(0.5 * sum(n, sq(s - y))))
GYRE_PROGRAM(Logistic, Minimize(sum(n, log1p(exp(-(y* s))))))
GYRE_PROGRAM(Huber, Minimize(sum(n, huber)))
GYRE_PROGRAM(Poisson, Minimize(sum(n, exp(s) - y * s)))
GYRE_PROGRAM(Hinge, Minimize(sum(n, hinge(1 - y * s))))
GYRE_PROGRAM(Multiclass, Minimize(sum(n, xent(c, z, label))))
GYRE_PROGRAM(KMeans, Iterate(W = where(count > 0, total / count, W)))

}  // namespace gyre::kernel_benchmark
