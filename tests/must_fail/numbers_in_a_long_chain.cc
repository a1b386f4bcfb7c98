// Numbers in a long chain of lets that each read the one before twice.
// EXPECT: GY091
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

#ifdef FIXED
#define TIMES
#else
#define TIMES 0.5 *
#endif

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto h0 = let<"h0">(n, sum(d, X * w));
constexpr auto h1 = let<"h1">(n, h0 + TIMES tanh(h0));
constexpr auto h2 = let<"h2">(n, h1 + TIMES tanh(h1));
constexpr auto h3 = let<"h3">(n, h2 + TIMES tanh(h2));
constexpr auto h4 = let<"h4">(n, h3 + TIMES tanh(h3));
constexpr auto h5 = let<"h5">(n, h4 + TIMES tanh(h4));
constexpr auto h6 = let<"h6">(n, h5 + TIMES tanh(h5));
constexpr auto h7 = let<"h7">(n, h6 + TIMES tanh(h6));
constexpr auto h8 = let<"h8">(n, h7 + TIMES tanh(h7));
constexpr auto h9 = let<"h9">(n, h8 + TIMES tanh(h8));
constexpr auto h10 = let<"h10">(n, h9 + TIMES tanh(h9));
constexpr auto h11 = let<"h11">(n, h10 + TIMES tanh(h10));
constexpr auto h12 = let<"h12">(n, h11 + TIMES tanh(h11));
constexpr auto h13 = let<"h13">(n, h12 + TIMES tanh(h12));

constexpr auto program = Minimize(mean(n, sq(y - h13)));

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
