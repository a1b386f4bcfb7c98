// Poisson regression: counts whose logarithm of the mean is linear (Nelder and Wedderburn 1972).
#include "dsl/dsl.h"

namespace poisson {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);  // counts
constexpr auto beta = param<"beta">(d);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.0001);

constexpr auto eta = let<"eta">(n, sum(d, X * beta) + b);
constexpr auto mu = let<"mu">(n, exp(eta));
constexpr auto deviance =
    let<"deviance">(n, 2 * (where(y > 0, y * (log(y) - eta)) - (y - mu)));

constexpr auto PoissonRegression = Minimize(mean(n, mu - y * eta) + lambda * sum(d, sq(beta)))
    .Predict<"mean">(mu)
    .Measure<"deviance">(mean(n, deviance));

}  // namespace poisson

int main(int argc, char** argv) { return gyre::Main(argc, argv, poisson::PoissonRegression); }
