// A sum over two data axes at once.
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
constexpr struct Other : Axis<Other> {} m;
constexpr auto z = data<"z">(m);

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sq(y - s)));
#else
constexpr auto program = Minimize(sum(n, m, exp(z - s)));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
