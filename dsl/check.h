// What is said of slips that show only when the whole program is lowered; docs/errors.md.
#pragma once
#include "dsl/builder.h"

namespace gyre::internal {

// Only a number is a template argument here, so that compilers print little before the message.
template <int Code>
constexpr void CheckProgram() {
  static_assert(Code != 11, "GY011: nothing to minimise: the objective uses no parameter");
  static_assert(Code != 12,
                "GY012: the objective has no sum over data; write a sum or mean over a data axis "
                "(an axis of data over which no parameter is declared)");
  static_assert(Code != 14,
                "GY014: two declarations share a name but not a kind and rank; rename one");
  static_assert(Code != 15,
                "GY015: a let is defined by way of itself, or two lets share a name; rename one");
  static_assert(Code != 16, "GY016: delta(parameter) has no .Delta before it");
  static_assert(
      Code != 22,
      "GY022: a sum over data that depends on parameters is needed row by row, or element by "
      "element inside a function, so the gradient would need a second pass over the data; "
      "expand it until every such sum is a number that stands outside, as "
      "mean(n, sq(s - mean(n, s))) is mean(n, sq(s)) - sq(mean(n, s)); functions of such "
      "numbers are fine: sqrt(mean(n, sq(r)))");
  static_assert(Code != 23,
                "GY023: .SubjectTo understands parameter >= bound, parameter <= bound and "
                "sum(axes, parameter) == number");
  static_assert(Code != 24,
                "GY024: a penalty with abs, max or norm that has no proximal operator; use "
                "sum(axes, abs(p)), sum(axes, sq(p)) or sum(i, norm(j, p)) of a whole parameter");
  static_assert(
      Code != 26,
      "GY026: one statement sums over two data axes, and a statement makes one pass over the rows "
      "of one axis; give each axis a statement, with .Then(Iterate(...)), or put both data sets "
      "into one with an indicator: where(kind == 1, e1, e2)");
  static_assert(Code != 30, "GY030: an index is bound twice; give one of them a .prime()");
  static_assert(Code != 31,
                "GY031: an affine subscript is read through a map; name a let in between");
  static_assert(
      Code != 32,
      "GY032: a value is read along a diagonal, Q(d, d), at another row, let(m) for let(n), or "
      "through a key that depends on the index which the let sums over, for which nothing is "
      "derived; name a let over the indices that you need, or prime the index inside the let");
  static_assert(Code != 33,
                "GY033: a draw whose mean or width depends on a parameter is differentiated; write "
                "mean + width * normal(0, 1)");
  static_assert(
      Code != 34,
      "GY034: this Sweep has no derived kernel: it must assign one parameter over the swept "
      "axis, from sums over what the data has of the item: a column of the data matrix times "
      "values of the row, one named let of which is affine in the parameter "
      "(let<\"r\">(n, y - sum(d, X * beta))); a row of a table (sum(u, Q(v, u) * x(u))), read in "
      "no other way; or the rows of a key (sum(e, where(from(e) == v, w * x(to(e)))))");
  static_assert(
      Code != 41,
      "GY041: this Resample has no derived sampler: its weights are a value of the row t and the "
      "topic k, made of counts over maps of t and over the latent, read at the row's own keys, "
      "N(word(t), k), of parameters and of data, without sums over k that differ with k");
  static_assert(Code != 42,
                "GY042: .Alternate after an Iterate names each parameter that it assigns, once");
  static_assert(
      Code != 90,
      "GY090: the program is too large: more than 640 nodes, 96 lets with their adjoints, 48 "
      "symbols, 24 parameters in a statement or 12 statements (docs/language.md, Limits)");
  static_assert(Code == 0 || Code == 11 || Code == 12 || Code == 14 || Code == 15 || Code == 16 ||
                    (Code >= 22 && Code <= 26) || (Code >= 30 && Code <= 34) || Code == 41 || Code == 42 || Code == 90 ||
                    Code == kRefused,
                "GY099: the program does not lower");
}

}  // namespace gyre::internal
