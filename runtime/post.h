// What posts see: bound data without rows, constants, and pointers to totals and parameters.
//
// One context serves one caller at a time. Everything it points to lives as long as the run.
#pragma once
#include <vector>

#include "dsl/program.h"

namespace gyre {

struct PostContext {
  const Program* program = nullptr;
  const Block* data = nullptr;      // by symbol
  const double* hyper = nullptr;    // by symbol
  const int64_t* extent = nullptr;  // by axis
  uint64_t seed = 0;
  double epoch = 0;
  std::vector<const double*> total;      // by total
  const double* const* param = nullptr;  // by symbol
  const double* gathered = nullptr;      // of a stage of moves: all of them, in its layout

  void Run(const Post& post, double* out) const {
    PostArgs args;
    args.data = data;
    args.total = total.data();
    args.param = param;
    args.hyper = hyper;
    args.literal = program->literal.data();
    args.extent = extent;
    args.seed = seed;
    args.epoch = epoch;
    args.out = out;
    post.fn(args);
  }
};

}  // namespace gyre
