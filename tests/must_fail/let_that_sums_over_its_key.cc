// A let read through a key that depends on the index which the let sums over.
// EXPECT: GY032
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Group : Axis<Group> {} g;
constexpr auto e = d.prime();

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto group = map<"group">(d, g);
constexpr auto W = param<"W">(g, d);

#ifdef FIXED
constexpr auto size_of = let<"size_of">(g, sum(e, W(g, e)));
#else
constexpr auto size_of = let<"size_of">(g, sum(d, W));
#endif

constexpr auto program = Minimize(mean(n, sq(y - sum(d, X * size_of(group(d))))));

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
