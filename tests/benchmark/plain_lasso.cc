// The Lasso without an intercept, as the libraries beside it are given it.
#include "dsl/dsl.h"

namespace plain_lasso {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto beta = param<"beta">(d);
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto yhat = let<"yhat">(n, sum(d, X * beta));

constexpr auto PlainLasso = Minimize(0.5 * mean(n, sq(y - yhat)) + lambda * sum(d, abs(beta)))
    .Predict<"y">(yhat);

}  // namespace plain_lasso

int main(int argc, char** argv) { return gyre::Main(argc, argv, plain_lasso::PlainLasso); }
