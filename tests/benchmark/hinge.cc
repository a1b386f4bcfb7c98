// A support vector machine as liblinear's -s 3 has it: no intercept, sums in place of means.
#include "dsl/dsl.h"

namespace hinge_svm {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = sign<"label">(n);
constexpr auto w = param<"w">(d);
constexpr auto C = hyper<"C">(1);

constexpr auto score = let<"score">(n, sum(d, X * w));

constexpr auto Svm = Minimize(C * sum(n, hinge(1 - y * score)) + 0.5 * sum(d, sq(w)))
    .Predict<"score">(score);

}  // namespace hinge_svm

int main(int argc, char** argv) { return gyre::Main(argc, argv, hinge_svm::Svm); }
