// A sweep whose value keeps the data axis.
// EXPECT: GY006
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto r = let<"r">(n, y - sum(d, X * w));

#ifdef FIXED
constexpr auto p = Sweep(d, w = w + sum(n, X * r));
#else
constexpr auto p = Sweep(d, w = w + X * r);
#endif

}  // namespace slip
