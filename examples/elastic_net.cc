// Elastic net (Zou and Hastie 2005): the L1 penalty selects, the squared one keeps correlated
// features together. `ratio` is the share of the first.
#include "dsl/dsl.h"

namespace elastic_net {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto beta = param<"beta">(d);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.1);
constexpr auto ratio = hyper<"ratio">(0.5);

constexpr auto yhat = let<"yhat">(n, sum(d, X * beta) + b);
constexpr auto r = let<"r">(n, y - yhat);

constexpr auto ElasticNet =
    Minimize(0.5 * mean(n, sq(r)) + lambda * ratio * sum(d, abs(beta)) +
             0.5 * lambda * (1 - ratio) * sum(d, sq(beta)))
        .Predict<"y">(yhat)
        .Measure<"rmse">(sqrt(mean(n, sq(r))));

}  // namespace elastic_net

int main(int argc, char** argv) { return gyre::Main(argc, argv, elastic_net::ElasticNet); }
