// A sweep that reads the table of its sums in another way too.
// EXPECT: GY034
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Item : Axis<Item> {} v;
constexpr auto u = v.prime();

constexpr auto Q = data<"Q">(v, u);
constexpr auto c = data<"c">(v);
constexpr auto x = param<"x">(v);

#ifdef FIXED
constexpr auto program = Sweep(v, x = x + (c - sum(u, Q * x(u))) / sum(u, where(u == v, Q)));
#else
constexpr auto program = Sweep(v, x = x + (c - sum(u, Q * x(u))) / Q(v, v));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
