// Distance metric learning (Xing, Ng, Jordan and Russell 2002; Weinberger and Saul 2009; in this form Xie et
// al. 2016): a linear map that brings similar things close together and keeps dissimilar ones a distance of at
// least one apart. A row is a pair: the difference of the two, and whether they are similar. The data that
// ship with it are pairs of images of digits, similar if they show the same one.
#include "dsl/dsl.h"

namespace metric_learning {
using namespace gyre;

constexpr struct Pair : Axis<Pair> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Rank : Axis<Rank, 16> {} k;

constexpr auto X = data<"X">(n, d);
constexpr auto similar = sign<"similar">(n);
constexpr auto L = param<"L">(k, d);
constexpr auto lambda = hyper<"lambda">(1);

constexpr auto image = let<"image">(n, k, sum(d, L * X));
constexpr auto distance = let<"distance">(n, sum(k, sq(image)));
constexpr auto loss = let<"loss">(n, where(similar > 0, distance, lambda * sq(hinge(1 - distance))));

constexpr auto euclidean = let<"euclidean">(n, sum(d, sq(X)));
constexpr auto usual = let<"usual">(sum(n, euclidean) / size(n));

constexpr auto MetricLearning = Minimize(mean(n, loss))
    .Start(L = normal(0, 0.01))
    .Predict<"distance">(distance)
    .Measure<"accuracy">(mean(n, similar * (0.5 - distance) > 0))
    .Measure<"accuracy_euclidean">(mean(n, similar * (usual - euclidean) > 0));

// What a pair adds to the gradient by L is an outer product: of its image and of itself.
static_assert(DeltaIsSufficientFactors<decltype(MetricLearning), decltype(L)>);

}  // namespace metric_learning

int main(int argc, char** argv) { return gyre::Main(argc, argv, metric_learning::MetricLearning); }
