// Logistic regression with an L1 penalty: a sparse classifier.
#include "dsl/dsl.h"

namespace logistic_l1 {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = sign<"label">(n);  // any two labels, as -1 and +1
constexpr auto w = param<"w">(d);
constexpr auto b = param<"b">();
constexpr auto weight = data<"weight">(n);  // all ones unless --data=weight=FILE
constexpr auto lambda = hyper<"lambda">(0.01);

constexpr auto score = let<"score">(n, sum(d, X * w) + b);

constexpr auto LogisticL1 =
    Minimize(mean(n, weight * log1p(exp(-(y * score)))) + lambda * sum(d, abs(w)))
        .Predict<"probability">(sigmoid(score))
        .Measure<"accuracy">(mean(n, y * score > 0));

}  // namespace logistic_l1

int main(int argc, char** argv) { return gyre::Main(argc, argv, logistic_l1::LogisticL1); }
