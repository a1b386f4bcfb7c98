// k-means that starts at the first samples, so that another library can start at the same centers.
#include "dsl/dsl.h"

namespace kmeans_from_first {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Cluster : Axis<Cluster, 100> {} k;

constexpr auto X = data<"X">(n, d);
constexpr auto first = data<"first">(k, d);
constexpr auto C = param<"center">(k, d);

constexpr auto distance = let<"distance">(n, k, sum(d, sq(X - C)));
constexpr auto nearest = let<"nearest">(n, argmin(k, distance));
constexpr auto count = let<"count">(k, sum(n, where(nearest(n) == k, 1)));
constexpr auto total = let<"total">(k, d, sum(n, where(nearest(n) == k, X)));

constexpr auto KMeans = Iterate(C = where(count > 0, total / count, C))
    .Start(C = first)
    .Measure<"inertia">(sum(n, min(k, distance)));

}  // namespace kmeans_from_first

int main(int argc, char** argv) { return gyre::Main(argc, argv, kmeans_from_first::KMeans); }
