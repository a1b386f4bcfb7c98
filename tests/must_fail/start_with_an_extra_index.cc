// A start with an index that its parameter lacks.
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
constexpr auto W = param<"W">(c, d);

#ifdef FIXED
constexpr auto p = Minimize(sum(n, sq(r))).Start(w = normal(0, 0.1));
#else
constexpr auto p = Minimize(sum(n, sq(r))).Start(w = W);
#endif

}  // namespace slip
