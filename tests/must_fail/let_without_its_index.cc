// A let that does not name an index of its expression.
// EXPECT: GY003
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);

#ifdef FIXED
constexpr auto r = let<"r">(n, y - sum(d, X * w));
#else
constexpr auto r = let<"r">(y - sum(d, X * w));
#endif

}  // namespace slip
