// The arguments of a pass that do not change during a run.
#pragma once
#include "runtime/job.h"
#include "runtime/post.h"

namespace gyre {

inline KernelFn KernelOf(const Pass& pass, Type type) {
  return type == Type::kFloat32 ? pass.f32 : pass.f64;
}

// `context` outlives the arguments; rows, targets and parameters are the caller's to set.
inline KernelArgs ArgsOf(const PostContext& context, const WorkerData& rows) {
  KernelArgs args;
  args.data = rows.data;
  args.total = context.total.data();
  args.hyper = context.hyper;
  args.literal = context.program->literal.data();
  args.extent = context.extent;
  args.row_begin = rows.row_begin;
  args.row_end = rows.row_end;
  args.first_row = rows.first_row;
  args.seed = context.seed;
  return args;
}

inline int64_t ScratchOf(const Pass& pass, const WorkerData& rows, const int64_t* extent,
                         Type type) {
  return pass.scratch == nullptr ? 0 : pass.scratch(rows.data, extent, SizeOf(type));
}

}  // namespace gyre
