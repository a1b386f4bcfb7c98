// Sixty lets that each read the one before twice: said at once, not after minutes.
// EXPECT: GY090
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto w = param<"w">(d);
constexpr auto h0 = let<"h0">(n, sum(d, X * w));
constexpr auto h1 = let<"h1">(n, h0 + tanh(h0));
constexpr auto h2 = let<"h2">(n, h1 + tanh(h1));
constexpr auto h3 = let<"h3">(n, h2 + tanh(h2));
constexpr auto h4 = let<"h4">(n, h3 + tanh(h3));
constexpr auto h5 = let<"h5">(n, h4 + tanh(h4));
constexpr auto h6 = let<"h6">(n, h5 + tanh(h5));
constexpr auto h7 = let<"h7">(n, h6 + tanh(h6));
constexpr auto h8 = let<"h8">(n, h7 + tanh(h7));
constexpr auto h9 = let<"h9">(n, h8 + tanh(h8));
constexpr auto h10 = let<"h10">(n, h9 + tanh(h9));
constexpr auto h11 = let<"h11">(n, h10 + tanh(h10));
constexpr auto h12 = let<"h12">(n, h11 + tanh(h11));
constexpr auto h13 = let<"h13">(n, h12 + tanh(h12));
constexpr auto h14 = let<"h14">(n, h13 + tanh(h13));
constexpr auto h15 = let<"h15">(n, h14 + tanh(h14));
constexpr auto h16 = let<"h16">(n, h15 + tanh(h15));
constexpr auto h17 = let<"h17">(n, h16 + tanh(h16));
constexpr auto h18 = let<"h18">(n, h17 + tanh(h17));
constexpr auto h19 = let<"h19">(n, h18 + tanh(h18));
constexpr auto h20 = let<"h20">(n, h19 + tanh(h19));
constexpr auto h21 = let<"h21">(n, h20 + tanh(h20));
constexpr auto h22 = let<"h22">(n, h21 + tanh(h21));
constexpr auto h23 = let<"h23">(n, h22 + tanh(h22));
constexpr auto h24 = let<"h24">(n, h23 + tanh(h23));
constexpr auto h25 = let<"h25">(n, h24 + tanh(h24));
constexpr auto h26 = let<"h26">(n, h25 + tanh(h25));
constexpr auto h27 = let<"h27">(n, h26 + tanh(h26));
constexpr auto h28 = let<"h28">(n, h27 + tanh(h27));
constexpr auto h29 = let<"h29">(n, h28 + tanh(h28));
constexpr auto h30 = let<"h30">(n, h29 + tanh(h29));
constexpr auto h31 = let<"h31">(n, h30 + tanh(h30));
constexpr auto h32 = let<"h32">(n, h31 + tanh(h31));
constexpr auto h33 = let<"h33">(n, h32 + tanh(h32));
constexpr auto h34 = let<"h34">(n, h33 + tanh(h33));
constexpr auto h35 = let<"h35">(n, h34 + tanh(h34));
constexpr auto h36 = let<"h36">(n, h35 + tanh(h35));
constexpr auto h37 = let<"h37">(n, h36 + tanh(h36));
constexpr auto h38 = let<"h38">(n, h37 + tanh(h37));
constexpr auto h39 = let<"h39">(n, h38 + tanh(h38));
constexpr auto h40 = let<"h40">(n, h39 + tanh(h39));
constexpr auto h41 = let<"h41">(n, h40 + tanh(h40));
constexpr auto h42 = let<"h42">(n, h41 + tanh(h41));
constexpr auto h43 = let<"h43">(n, h42 + tanh(h42));
constexpr auto h44 = let<"h44">(n, h43 + tanh(h43));
constexpr auto h45 = let<"h45">(n, h44 + tanh(h44));
constexpr auto h46 = let<"h46">(n, h45 + tanh(h45));
constexpr auto h47 = let<"h47">(n, h46 + tanh(h46));
constexpr auto h48 = let<"h48">(n, h47 + tanh(h47));
constexpr auto h49 = let<"h49">(n, h48 + tanh(h48));
constexpr auto h50 = let<"h50">(n, h49 + tanh(h49));
constexpr auto h51 = let<"h51">(n, h50 + tanh(h50));
constexpr auto h52 = let<"h52">(n, h51 + tanh(h51));
constexpr auto h53 = let<"h53">(n, h52 + tanh(h52));
constexpr auto h54 = let<"h54">(n, h53 + tanh(h53));
constexpr auto h55 = let<"h55">(n, h54 + tanh(h54));
constexpr auto h56 = let<"h56">(n, h55 + tanh(h55));
constexpr auto h57 = let<"h57">(n, h56 + tanh(h56));
constexpr auto h58 = let<"h58">(n, h57 + tanh(h57));
constexpr auto h59 = let<"h59">(n, h58 + tanh(h58));
constexpr auto h60 = let<"h60">(n, h59 + tanh(h59));

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sq(y - h12)));
#else
constexpr auto program = Minimize(mean(n, sq(y - h60)));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
