// Ridge regression (Hoerl and Kennard 1970): least squares with a squared penalty.
#include "dsl/dsl.h"

namespace ridge {
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

constexpr auto Ridge = Minimize(0.5 * mean(n, sq(r)) + 0.5 * lambda * sum(d, sq(beta)))
    .Predict<"y">(yhat)
    .Measure<"rmse">(sqrt(mean(n, sq(r))));

}  // namespace ridge

int main(int argc, char** argv) { return gyre::Main(argc, argv, ridge::Ridge); }
