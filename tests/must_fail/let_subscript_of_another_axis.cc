// A let read at an index of another axis.
// EXPECT: GY001
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
constexpr auto f = sum(n, r(n));
#else
constexpr auto f = sum(d, r(d));
#endif

}  // namespace slip
