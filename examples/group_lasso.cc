// Group lasso for logistic regression (Yuan and Lin 2006; Meier, van de Geer and Buehlmann 2008).
//
// Each of ten measurements of a cell nucleus comes as three statistics: its mean, its standard error
// and its worst value. The penalty keeps or drops a measurement with all its statistics.
#include "dsl/dsl.h"

namespace group_lasso {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Statistic : Axis<Statistic, 3> {} s;
constexpr struct Measurement : Axis<Measurement, 10> {} m;

constexpr auto X = data<"X">(n, s, m);
constexpr auto y = sign<"label">(n);  // any two labels, as -1 and +1
constexpr auto w = param<"w">(s, m);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.05);

constexpr auto score = let<"score">(n, sum(s, m, X * w) + b);
constexpr auto loss = let<"loss">(n, log1p(exp(-(y * score))));

constexpr auto GroupLasso = Minimize(mean(n, loss) + lambda * sum(m, norm(s, w)))
    .Predict<"probability">(sigmoid(score))
    .Measure<"accuracy">(mean(n, y * score > 0));

}  // namespace group_lasso

int main(int argc, char** argv) { return gyre::Main(argc, argv, group_lasso::GroupLasso); }
