// Multiclass logistic regression by stochastic dual coordinate ascent (Shalev-Shwartz and Zhang 2013), all rows at
// once. Every row has a dual vector z, one number for each class, that lives with it; the weights are what all
// of them add up to,
//
//   W = 1 / (lambda n) sum over rows of z x',
//
// so that a step of a row changes W by an outer product. It minimises mean xent + lambda / 2 |W|^2 over centred
// features, which stand in for an intercept. The gap between that and its dual bounds how far both are from the end.
#include "dsl/dsl.h"

namespace multiclass_dual {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;
constexpr auto e = d.prime();

constexpr auto X = data<"X">(n, d);
constexpr auto label = map<"label">(n, c);
constexpr auto z = local<"z">(n, c);
constexpr auto W = param<"W">(c, d);
constexpr auto center = param<"center">(d);  // of the training data
constexpr auto lambda = hyper<"lambda">(1);

constexpr auto x = let<"x">(n, d, X - center);
constexpr auto score = let<"score">(n, c, sum(d, W * x));
constexpr auto loss = let<"loss">(n, xent(c, score, label));

// The conjugate of the loss is the entropy of q, a distribution, less its sign.
constexpr auto q = let<"q">(n, c, (label(n) == c) - z);
constexpr auto conjugate = let<"conjugate">(n, sum(c, q * log(max(q, 1e-30))));
constexpr auto row_gap = let<"row_gap">(n, loss + conjugate + sum(c, z * score));

// |sum of dz x'|^2 <= spread * sum of |dz|^2: the norm of the Gram matrix is no less than its largest eigenvalue.
constexpr auto average = let<"average">(d, mean(n, X));
constexpr auto gram = let<"gram">(d, e, sum(n, X * X(n, e)) - size(n) * average * average(e));
constexpr auto spread = let<"spread">(norm(d, e, gram));

// The conjugate is strongly convex, with modulus 2. A row goes as far from z towards minus the slope of its loss as,
// by these two, can only raise the dual when all others do the same.
constexpr auto way = let<"way">(n, c, q - softmax(c, score));
constexpr auto length2 = let<"length2">(n, sum(c, sq(way)));
constexpr auto step = let<"step">(n, clip((row_gap + length2) / max(length2 * (2 + spread / (lambda * size(n))), 1e-30), 0, 1));
constexpr auto dz = let<"dz">(n, c, step * way);

constexpr auto penalty = 0.5 * lambda * sum(c, d, sq(W));
constexpr auto MulticlassDual =
    Iterate(W = W + sum(n, dz * x) / (lambda * size(n)), z = z + dz)
        .Start(center = average)
        .Until(1e-6)
        .Predict<"class">(argmax(c, score))
        .Measure<"accuracy">(mean(n, argmax(c, score) == label(n)))
        .Measure<"primal">(mean(n, loss) + penalty)
        .Measure<"dual">(-mean(n, conjugate) - penalty)
        .Measure<"gap">(mean(n, loss + conjugate) + 2 * penalty);

static_assert(DeltaIsSufficientFactors<decltype(MulticlassDual), decltype(W)>);

}  // namespace multiclass_dual

int main(int argc, char** argv) { return gyre::Main(argc, argv, multiclass_dual::MulticlassDual); }
