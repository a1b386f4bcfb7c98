// An objective that is a plain number.
// EXPECT: GY011
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
constexpr auto p = Minimize(mean(n, sq(r)));
#else
constexpr auto p = Minimize(1.0);
#endif

}  // namespace slip
