// A sweep that assigns a parameter without the swept axis.
// EXPECT: GY034
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
constexpr auto program = Sweep(d, w = w + 0.01 * sum(n, X * r)).Then(Iterate(b = b + mean(n, r)));
#else
constexpr auto program = Sweep(d, b = b + mean(n, r));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
