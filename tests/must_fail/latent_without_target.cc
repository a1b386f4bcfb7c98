// A latent that does not say what it ranges over.
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
constexpr auto r = let<"r">(n, y - sum(d, X * w));

#ifdef FIXED
constexpr auto z = latent<"z">(n, c);
#else
constexpr auto z = latent<"z">(n);
#endif

}  // namespace slip
