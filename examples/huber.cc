// Huber regression (Huber 1964): squares small residuals and takes the size of large ones, so that
// outliers do not decide the fit. `delta`, in the units of y, is where one becomes the other.
#include "dsl/dsl.h"

namespace huber {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto beta = param<"beta">(d);
constexpr auto b = param<"b">();
constexpr auto delta = hyper<"delta">(50);
constexpr auto lambda = hyper<"lambda">(0.001);

constexpr auto yhat = let<"yhat">(n, sum(d, X * beta) + b);
constexpr auto r = let<"r">(n, y - yhat);
constexpr auto loss = let<"loss">(
    n, where(abs(r) <= delta, 0.5 * sq(r), delta * (abs(r) - 0.5 * delta)));

constexpr auto HuberRegression = Minimize(mean(n, loss) + lambda * sum(d, sq(beta)))
    .Predict<"y">(yhat)
    .Measure<"mae">(mean(n, abs(r)));

}  // namespace huber

int main(int argc, char** argv) { return gyre::Main(argc, argv, huber::HuberRegression); }
