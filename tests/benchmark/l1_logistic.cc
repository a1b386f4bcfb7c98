// L1 logistic regression as liblinear's -s 6 has it: no intercept, sums in place of means.
#include "dsl/dsl.h"

namespace l1_logistic {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = sign<"label">(n);
constexpr auto w = param<"w">(d);
constexpr auto C = hyper<"C">(1);

constexpr auto score = let<"score">(n, sum(d, X * w));

constexpr auto L1Logistic = Minimize(C * sum(n, log1p(exp(-(y * score)))) + sum(d, abs(w)))
    .Predict<"score">(score);

}  // namespace l1_logistic

int main(int argc, char** argv) { return gyre::Main(argc, argv, l1_logistic::L1Logistic); }
