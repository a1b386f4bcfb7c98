// Lasso (Tibshirani 1996): least squares whose L1 penalty leaves few coefficients that are not zero.
#include "dsl/dsl.h"

namespace lasso {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto beta = param<"beta">(d);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto yhat = let<"yhat">(n, sum(d, X * beta) + b);
constexpr auto r = let<"r">(n, y - yhat);

constexpr auto Lasso = Minimize(0.5 * mean(n, sq(r)) + lambda * sum(d, abs(beta)))
    .Predict<"y">(yhat)
    .Measure<"rmse">(sqrt(mean(n, sq(r))));

}  // namespace lasso

int main(int argc, char** argv) { return gyre::Main(argc, argv, lasso::Lasso); }
