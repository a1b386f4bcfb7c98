// A map that does not say what it maps to.
// EXPECT: GY009
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
constexpr auto label = map<"label">(n, c);
#else
constexpr auto label = map<"label">(n);
#endif

}  // namespace slip
