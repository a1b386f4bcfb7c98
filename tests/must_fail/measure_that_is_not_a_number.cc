// A measure that is one number for every sample.
// EXPECT: GY007
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
constexpr auto p = Minimize(sum(n, sq(r))).Measure<"rmse">(sqrt(mean(n, sq(r))));
#else
constexpr auto p = Minimize(sum(n, sq(r))).Measure<"rmse">(sq(r));
#endif

}  // namespace slip
