// Multiclass logistic regression: a score for every class, the softmax of the scores, cross entropy.
#include "dsl/dsl.h"

namespace multiclass_logistic {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto label = map<"label">(n, c);
constexpr auto W = param<"W">(c, d);
constexpr auto b = param<"b">(c);
constexpr auto lambda = hyper<"lambda">(0.001);

constexpr auto logit = let<"logit">(n, c, sum(d, W * X) + b);

constexpr auto Multiclass = Minimize(mean(n, xent(c, logit, label)) + lambda * sum(c, d, sq(W)))
    .Predict<"class">(argmax(c, logit))
    .Measure<"accuracy">(mean(n, argmax(c, logit) == label(n)));

// What a sample adds to the gradient by W is an outer product.
static_assert(DeltaIsSufficientFactors<decltype(Multiclass), decltype(W)>);

}  // namespace multiclass_logistic

int main(int argc, char** argv) { return gyre::Main(argc, argv, multiclass_logistic::Multiclass); }
