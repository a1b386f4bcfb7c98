// More subscripts than axes.
// EXPECT: GY005
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
constexpr auto f = w(d);
#else
constexpr auto f = w(d, n);
#endif

}  // namespace slip
