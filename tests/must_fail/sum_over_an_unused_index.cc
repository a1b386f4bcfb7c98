// A sum over an index that its summand does not use.
// EXPECT: GY002
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
constexpr auto f = sum(n, y);
#else
constexpr auto f = sum(d, y);
#endif

}  // namespace slip
