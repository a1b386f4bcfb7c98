// From a typed program to a Program: lowers at compile time, reports coded errors, instantiates the
// kernels and writes down what the planner needs to know of them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "dsl/each.h"
#include "dsl/kernel.h"
#include "dsl/lower.h"
#include "dsl/program.h"
#include "dsl/statement.h"
#include "dsl/sweep.h"

namespace gyre {
namespace internal {

template <class S>
consteval ProgramIr LowerProgram() {
  ProgramIr p;
  p.root = S{}.emit(p);
  Lowering(p).Run();
  return p;
}

template <class S>
struct Compiled {
  static constexpr ProgramIr kIr = LowerProgram<S>();
};

// Only a number is a template argument here, so that compilers print little before the message.
template <int Code>
constexpr void CheckProgram() {
  static_assert(Code != 11, "GY011: nothing to minimise: the objective uses no parameter");
  static_assert(Code != 12, "GY012: the objective has no sum over data; write a sum or mean over a data axis "
                 "(an axis of data over which no parameter is declared)");
  static_assert(Code != 14, "GY014: two declarations share a name but not a kind and rank; rename one");
  static_assert(Code != 15, "GY015: a let is defined by way of itself, or two lets share a name; rename one");
  static_assert(Code != 16, "GY016: delta(parameter) has no .Delta before it");
  static_assert(Code != 22, "GY022: a sum over data that depends on parameters is needed row by row, or element by "
                 "element inside a function, so the gradient would need a second pass over the data; "
                 "expand it until every such sum is a number that stands outside, as "
                 "mean(n, sq(s - mean(n, s))) is mean(n, sq(s)) - sq(mean(n, s)); functions of such "
                 "numbers are fine: sqrt(mean(n, sq(r)))");
  static_assert(Code != 23, "GY023: .SubjectTo understands parameter >= bound, parameter <= bound and "
                 "sum(axes, parameter) == number");
  static_assert(Code != 24, "GY024: a penalty with abs, max or norm that has no proximal operator; use "
                 "sum(axes, abs(p)), sum(axes, sq(p)) or sum(i, norm(j, p)) of a whole parameter");
  static_assert(Code != 26, "GY026: one statement sums over two data axes, and a statement makes one pass over the rows "
                 "of one axis; give each axis a statement, with .Then(Iterate(...)), or put both data sets "
                 "into one with an indicator: where(kind == 1, e1, e2)");
  static_assert(Code != 30, "GY030: an index is bound twice; give one of them a .prime()");
  static_assert(Code != 31, "GY031: an affine subscript is read through a map; name a let in between");
  static_assert(Code != 32, "GY032: a let with rows is read at indices it was not declared with, where its value "
                 "is needed; name another let over those indices");
  static_assert(Code != 33, "GY033: a draw whose mean or width depends on a parameter is differentiated; write "
                 "mean + width * normal(0, 1)");
  static_assert(Code != 34, "GY034: this Sweep has no derived kernel: it must assign one parameter over the swept "
                 "axis, from sums over data of the data matrix's column times values of the row, one "
                 "named let of which is affine in the parameter (let<\"r\">(n, y - sum(d, X * beta)))");
  static_assert(Code != 90, "GY090: the program is too large: more than 640 nodes, 96 lets with their adjoints, 48 "
                 "symbols, 24 parameters in a statement or 12 statements (docs/language.md, Limits)");
  static_assert(Code == 0 || Code == 11 || Code == 12 || Code == 14 || Code == 15 ||
                    Code == 16 || (Code >= 22 && Code <= 26) || (Code >= 30 && Code <= 34) ||
                    Code == 90 || Code == kRefused,
                "GY099: the program does not lower");
}

// The parts of assembly that do not depend on the program's type; compile.cc.
Post MakePost(const ProgramIr& ir, int post, const std::vector<PostFn>& fns);
void Describe(const ProgramIr& ir, Program& program, const std::vector<PostFn>& posts);

template <class S>
Program Compile(const S& source) {
  CheckProgram<Compiled<S>::kIr.builder.error>();
  if constexpr (Compiled<S>::kIr.builder.error == 0) {
    using P = Compiled<S>;
    ProgramIr values;
    source.emit(values);
    Program program;
    program.graph = P::kIr.builder.graph;
    program.literal.assign(values.builder.literal, values.builder.literal + values.builder.graph.literals);
    [&]<int... I>(std::integer_sequence<int, I...>) {
      (program.pass.push_back([] {
        Pass pass;
        pass.f32 = &Kernel<PassUnit<P, I>, float>::Run;
        pass.f64 = &Kernel<PassUnit<P, I>, double>::Run;
        pass.scratch = [](const Block* data, const int64_t* extent, int64_t size) {
          return size == 4 ? Kernel<PassUnit<P, I>, float>::Scratch(data, extent, size)
                           : Kernel<PassUnit<P, I>, double>::Scratch(data, extent, size);
        };
        return pass;
      }()), ...);
    }(std::make_integer_sequence<int, P::kIr.pass.size>{});
    std::vector<PostFn> posts;
    [&]<int... I>(std::integer_sequence<int, I...>) {
      (posts.push_back(&RunPost<P, I>), ...);
    }(std::make_integer_sequence<int, P::kIr.post.size>{});
    Describe(P::kIr, program, posts);
    if constexpr (P::kIr.beyond == Beyond::kNothing) AttachSweeps<P>(program.root);
    return program;
  } else {
    return Program();
  }
}

// The command line of a program: run, explain, plan, predict, worker. Defined in runtime/driver.
int Main(int argc, char** argv, const Program& program);

}  // namespace internal

// The whole main of a program.
template <class S>
  requires std::derived_from<S, internal::StatementTag>
int Main(int argc, char** argv, const S& program) {
  return internal::Main(argc, argv, internal::Compile(program));
}
template <class S>
int Main(int, char**, const S&) {
  static_assert(internal::kNever<S>, "GY035: a program is a statement: Minimize(objective), "
                                     "Iterate(P = expression), Sweep(index, P = expression)");
  return 2;
}

}  // namespace gyre
