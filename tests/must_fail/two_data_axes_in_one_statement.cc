// A statement that sums over two data axes.
// EXPECT: GY026
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto b = param<"b">();
constexpr auto r = let<"r">(n, y - sum(d, X * w) - b);
constexpr struct Other : Axis<Other> {} m;
constexpr auto z = data<"z">(m);

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sq(r)));
#else
constexpr auto program = Minimize(mean(n, sq(r)) + mean(m, sq(z - b)));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
