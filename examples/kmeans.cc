// k-means (Lloyd 1982): every sample joins its nearest center, every center moves to the mean of
// its samples.
#include "dsl/dsl.h"

namespace kmeans {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Cluster : Axis<Cluster, 10> {} k;  // --extent=Cluster=20 for more

constexpr auto X = data<"X">(n, d);
constexpr auto C = param<"center">(k, d);

constexpr auto distance = let<"distance">(n, k, sum(d, sq(X - C)));
constexpr auto nearest = let<"nearest">(n, argmin(k, distance));
constexpr auto count = let<"count">(k, sum(n, where(nearest(n) == k, 1)));
constexpr auto total = let<"total">(k, d, sum(n, where(nearest(n) == k, X)));

constexpr auto KMeans = Iterate(C = where(count > 0, total / count, C))
    .Start(C = sum(n, where(shuffle(n) == k, X)))  // distinct samples, at random
    .Until(1e-6)
    .Predict<"cluster">(nearest)
    .Measure<"inertia">(sum(n, min(k, distance)));

}  // namespace kmeans

int main(int argc, char** argv) { return gyre::Main(argc, argv, kmeans::KMeans); }
