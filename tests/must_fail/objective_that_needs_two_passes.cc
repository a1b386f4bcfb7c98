// An objective whose gradient in a row needs a sum over all rows first.
// EXPECT: GY022
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
constexpr auto program = Minimize(mean(n, sq(s)) - sq(mean(n, s)));
#else
constexpr auto program = Minimize(mean(n, sq(s - mean(n, s))));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
