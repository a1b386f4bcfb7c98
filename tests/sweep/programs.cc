#include "tests/sweep/programs.h"

#include "dsl/dsl.h"

namespace gyre {
namespace {

constexpr struct Edge : Axis<Edge> {} e;
constexpr struct Item : Axis<Item> {} v;
constexpr auto u = v.prime();

constexpr auto from = map<"from">(e, v);
constexpr auto to = map<"to">(e, v);
constexpr auto w = data<"w">(e);
constexpr auto c = data<"c">(v);
constexpr auto diag = data<"diag">(v);
constexpr auto Q = data<"Q">(v, u);
constexpr auto x = param<"x">(v);
constexpr auto rate = hyper<"rate">(2);

constexpr auto pull = sum(e, where(from == v, w * x(to))) + sum(e, where(to == v, w * x(from)));
constexpr auto weight = let<"weight">(v, sum(e, where(from == v, w)) + sum(e, where(to == v, w)));
constexpr auto apart = let<"apart">(e, x(from) - x(to));
constexpr auto slope = sum(e, where(from == v, w * apart)) - sum(e, where(to == v, w * apart));

}  // namespace

Program Quadratic() {
  return internal::Compile(Sweep(v, x = (c - sum(u, where(u != v, Q * x(u)))) / diag));
}

Program Smooth() {
  return internal::Compile(Sweep(v, x = (c + rate * pull) / (1 + rate * weight)));
}

Program Sparse() {
  return internal::Compile(
      Sweep(v, x = soft(c + rate * (weight * x - slope), 0.1) / (1 + rate * weight)));
}

int internal::Main(int, char**, const Program&) { return 1; }

}  // namespace gyre
