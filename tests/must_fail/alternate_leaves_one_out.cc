// .Alternate of an Iterate that assigns more than it names.
// EXPECT: GY042
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr auto y = data<"y">(n);
constexpr auto a = param<"a">();
constexpr auto b = param<"b">();

#ifdef FIXED
constexpr auto program = Iterate(a = mean(n, y - b), b = mean(n, y - a)).Alternate(a, b);
#else
constexpr auto program = Iterate(a = mean(n, y - b), b = mean(n, y - a)).Alternate(a);
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
