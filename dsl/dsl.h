// The DSL: the only include of a program. See docs/tutorial.
//
//   constexpr struct Sample : Axis<Sample> {} n;       constexpr struct Feature : Axis<Feature> {} d;
//   constexpr auto X = data<"X">(n, d);                constexpr auto y = data<"y">(n);
//   constexpr auto beta = param<"beta">(d);
//   constexpr auto r = let<"r">(n, y - sum(d, X * beta));
//   constexpr auto Ridge = Minimize(0.5 * mean(n, sq(r)) + 0.1 * sum(d, sq(beta)));
//   int main(int argc, char** argv) { return gyre::Main(argc, argv, Ridge); }
#pragma once
#include "dsl/axis.h"
#include "dsl/compile.h"
#include "dsl/each.h"
#include "dsl/expr.h"
#include "dsl/let.h"
#include "dsl/reduce.h"
#include "dsl/statement.h"
#include "dsl/structure.h"
#include "dsl/symbol.h"
