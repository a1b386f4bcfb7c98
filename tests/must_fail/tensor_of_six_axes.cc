// A tensor of more than five axes.
// EXPECT: GY008
// EXPECT: five axes
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
constexpr auto T = data<"T">(n, d, c, n.prime(), d.prime());
constexpr auto f = T(n, d, c, n.prime(), d.prime());
#else
constexpr auto T = data<"T">(n, d, c, n.prime(), d.prime(), c.prime());
constexpr auto f = Minimize(sum(n, T(n, d, c, n.prime(), d.prime(), c.prime())));
#endif

}  // namespace slip
