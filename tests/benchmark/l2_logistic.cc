// L2-regularised logistic regression as liblinear states it: a sum of losses, no intercept.
#include "dsl/dsl.h"

namespace l2_logistic {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = sign<"label">(n);
constexpr auto w = param<"w">(d);
constexpr auto C = hyper<"C">(1);

constexpr auto score = let<"score">(n, sum(d, X * w));

constexpr auto Logistic =
    Minimize(C * sum(n, log1p(exp(-(y * score)))) + 0.5 * sum(d, sq(w))).Predict<"score">(score);

}  // namespace l2_logistic

int main(int argc, char** argv) { return gyre::Main(argc, argv, l2_logistic::Logistic); }
