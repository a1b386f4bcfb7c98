// An index that is bound again inside its own sum.
// EXPECT: GY030
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
constexpr auto e = d.prime();
constexpr auto program = Minimize(mean(n, y * sum(d, X * w * sum(e, X(n, e) * w(e)))));
#else
constexpr auto program = Minimize(mean(n, y * sum(d, X * w * sum(d, X * w))));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
