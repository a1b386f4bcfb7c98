// A parameter read on its diagonal.
// EXPECT: GY032
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
constexpr auto e = d.prime();
constexpr auto Q = param<"Q">(d, e);

#ifdef FIXED
constexpr auto program = Minimize(mean(n, y * sum(d, e, X(n, d) * Q * X(n, e))));
#else
constexpr auto program = Minimize(mean(n, y * sum(d, X * Q(d, d))));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
