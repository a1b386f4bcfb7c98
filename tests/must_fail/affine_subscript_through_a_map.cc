// An affine subscript of a let that is read through a map.
// EXPECT: GY031
#include "dsl/dsl.h"

namespace slip {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;
constexpr struct Class : Axis<Class> {} c;

constexpr struct Row : Span<Row> {} i;
constexpr auto T = data<"T">(n, i);
constexpr auto place = map<"place">(n, i);
constexpr auto b = param<"b">();
constexpr auto next = let<"next">(n, i, T(n, i + 1));

#ifdef FIXED
constexpr auto program = Minimize(mean(n, sum(i, sq(b - next))));
#else
constexpr auto program = Minimize(mean(n, sq(b - next(n, place(n)))));
#endif

}  // namespace slip

int main(int argc, char** argv) { return gyre::Main(argc, argv, slip::program); }
