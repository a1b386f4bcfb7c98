// A penalty with a kink and without a proximal operator.
// EXPECT: GY024
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto s = let<"s">(n, sum(d, X * w));
constexpr auto center = data<"center">(d);

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sq(y - s)) + sum(d, sq(w - center)));
#else
constexpr auto program = Minimize(mean(n, sq(y - s)) + sum(d, abs(w - center)));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
