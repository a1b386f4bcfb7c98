// One name for data and a parameter.
// EXPECT: GY014
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
constexpr auto v = param<"v">();
constexpr auto program = Minimize(mean(n, sq(y - s - v)));
#else
constexpr auto v = param<"y">();
constexpr auto program = Minimize(mean(n, sq(y - s - v)));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
