// Lasso by coordinate descent (Friedman et al. 2007): one coefficient at a time, each set to its
// optimum with the others fixed. `r` is a view of `beta`, so it is kept up to date.
#include "dsl/dsl.h"

namespace lasso_cd {
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
constexpr auto norm2 = let<"norm2">(d, sum(n, sq(X)));

constexpr auto step = soft(beta + sum(n, X * r) / norm2, size(n) * lambda / norm2);
constexpr auto LassoCd =
    Sweep(d, beta = where(norm2 > 0, step))  // a column of zeros has no say
        .Then(Iterate(b = b + mean(n, r)))
        .Predict<"y">(yhat)
        .Measure<"rmse">(sqrt(mean(n, sq(r))));

}  // namespace lasso_cd

int main(int argc, char** argv) { return gyre::Main(argc, argv, lasso_cd::LassoCd); }
