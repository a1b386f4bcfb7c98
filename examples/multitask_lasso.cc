// Multi-task lasso (Obozinski, Taskar and Jordan 2010): several responses share which features they
// use. The penalty is on the norm of a feature's coefficients over all tasks.
#include "dsl/dsl.h"

namespace multitask_lasso {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Task : Axis<Task> {} t;

constexpr auto X = data<"X">(n, d);
constexpr auto Y = data<"Y">(n, t);
constexpr auto W = param<"W">(d, t);
constexpr auto b = param<"b">(t);
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto yhat = let<"yhat">(n, t, sum(d, X * W) + b);
constexpr auto r = let<"r">(n, t, Y - yhat);

constexpr auto MultitaskLasso =
    Minimize(0.5 * mean(n, sum(t, sq(r))) + lambda * sum(d, norm(t, W)))
        .Predict<"Y">(yhat)
        .Measure<"rmse">(sqrt(mean(n, sum(t, sq(r)))));

}  // namespace multitask_lasso

int main(int argc, char** argv) { return gyre::Main(argc, argv, multitask_lasso::MultitaskLasso); }
