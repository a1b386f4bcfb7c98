// A gather whose key ranges over another axis.
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
constexpr auto label = map<"label">(n, c);
constexpr auto W = param<"W">(c, d);

#ifdef FIXED
constexpr auto f = W(label(n), d);
#else
constexpr auto f = W(c, label(n));
#endif

}  // namespace slip
