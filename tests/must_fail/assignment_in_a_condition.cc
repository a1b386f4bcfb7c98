// = where == is meant.
// EXPECT: GY018
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto label = map<"label">(n, c);
constexpr auto w = param<"w">(d);
constexpr auto W = param<"W">(c, d);
constexpr auto b = param<"b">();
constexpr auto lambda = hyper<"lambda">(0.1);
constexpr auto s = let<"s">(n, sum(d, X * w) + b);
constexpr auto z = let<"z">(n, c, sum(d, X * W));

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sum(c, where(label(n) == c, sq(y - z)))));
#else
constexpr auto program = Minimize(mean(n, sum(c, where(label(n) = c, sq(y - z)))));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
