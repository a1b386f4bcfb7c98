// An update that speaks of a Delta that was not given.
// EXPECT: GY016
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

#ifdef FIXED
constexpr auto program = Iterate(w).Delta(sum(n, X * r)).Update(w + 0.01 * delta(w));
#else
constexpr auto program = Iterate(w = w + 0.01 * delta(w));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
