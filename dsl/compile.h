// From a typed program to a Program: lowers at compile time, reports coded errors, instantiates the
// kernels and writes down what the planner needs to know of them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "dsl/check.h"
#include "dsl/each.h"
#include "dsl/kernel.h"
#include "dsl/lower.h"
#include "dsl/program.h"
#include "dsl/keyed_kernel.h"
#include "dsl/row_function.h"
#include "dsl/sample_weight.h"
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
    program.literal.assign(values.builder.literal,
                           values.builder.literal + values.builder.graph.literals);
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
      }()),
       ...);
    }
    (std::make_integer_sequence<int, P::kIr.pass.size>{});
    std::vector<PostFn> posts;
    [&]<int... I>(std::integer_sequence<int, I...>) { (posts.push_back(&RunPost<P, I>), ...); }
    (std::make_integer_sequence<int, P::kIr.post.size>{});
    Describe(P::kIr, program, posts);
    if constexpr (P::kIr.beyond == Beyond::kNothing) {
      AttachSweeps<P>(program.root);
      AttachPredictors<P>(program.root);
      AttachKeyed<P>(program.root);
      AttachSamplers<P>(program.root);
    }
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
  static_assert(internal::kNever<S>,
                "GY035: a program is a statement: Minimize(objective), "
                "Iterate(P = expression), Sweep(index, P = expression)");
  return 2;
}

}  // namespace gyre
