// Ridge regression whose penalty has a weight for every feature: data without a row axis, read by the
// objective, by a measure and, here, by rows too.
#include "dsl/dsl.h"

namespace feature_weights {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto weight = data<"weight">(d);
constexpr auto beta = param<"beta">(d);

constexpr auto r = let<"r">(n, y - sum(d, X * weight * beta));

constexpr auto Weighted = Minimize(0.5 * mean(n, sq(r)) + sum(d, weight * sq(beta)))
                              .Measure<"penalty">(sum(d, weight * sq(beta)))
                              .Measure<"fit">(mean(n, sq(r)));

}  // namespace feature_weights

int main(int argc, char** argv) { return gyre::Main(argc, argv, feature_weights::Weighted); }
