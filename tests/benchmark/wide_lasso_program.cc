// The program that wide_lasso measures.
#include "dsl/dsl.h"

namespace wide_lasso {
using namespace gyre;

constexpr struct Sample : Axis<Sample> {} n;
constexpr struct Feature : Axis<Feature> {} d;

constexpr auto X = data<"X">(n, d);
constexpr auto y = data<"y">(n);
constexpr auto beta = param<"beta">(d);
constexpr auto lambda = hyper<"lambda">(0.1);

constexpr auto r = let<"r">(n, y - sum(d, X * beta));
constexpr auto Lasso = Minimize(0.5 * mean(n, sq(r)) + lambda * sum(d, abs(beta)));

}  // namespace wide_lasso

namespace gyre {

Program WideLasso() { return internal::Compile(wide_lasso::Lasso); }

}  // namespace gyre
