// An assigned value with an index that its target lacks.
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
constexpr auto p = Iterate(w = w + sum(n, X * r));
#else
constexpr auto p = Iterate(w = w + X * r);
#endif

}  // namespace slip
