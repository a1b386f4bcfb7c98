// A constraint on a sum of squares, for which no projection is known.
// EXPECT: GY023
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto s = let<"s">(n, sum(d, X * w));

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sq(y - s))).SubjectTo(w >= 0);
#else
constexpr auto program = Minimize(mean(n, sq(y - s))).SubjectTo(sum(d, sq(w)) <= 1);
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
