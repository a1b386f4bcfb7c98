// A program of more statements than fit at compile time.
// EXPECT: GY090
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto b = param<"b">();
constexpr auto r = let<"r">(n, y - sum(d, X * w) - b);
constexpr auto two = Iterate(b = b + mean(n, r)).Then(Iterate(b = 0.5 * b));
constexpr auto four = two.Then(two);

#ifdef FIXED
constexpr auto program = four;
#else
constexpr auto program = four.Then(four).Then(four);
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
