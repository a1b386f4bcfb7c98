// Linear support vector machine with the hinge loss (Cortes and Vapnik 1995).
#include "dsl/dsl.h"

namespace svm_hinge {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = sign<"label">(n);  // any two labels, as -1 and +1
constexpr auto w = param<"w">(d);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.01);

constexpr auto score = let<"score">(n, sum(d, X * w) + b);
constexpr auto slack = let<"slack">(n, hinge(1 - y * score));  // max(0, 1 - y * score)

constexpr auto SvmHinge = Minimize(mean(n, slack) + 0.5 * lambda * sum(d, sq(w)))
    .Predict<"score">(score)
    .Measure<"accuracy">(mean(n, y * score > 0));

}  // namespace svm_hinge

int main(int argc, char** argv) { return gyre::Main(argc, argv, svm_hinge::SvmHinge); }
