// The stages of one clock: what a plan asks to be done, bound to the program that does it.
//
// The tape of the plan (compiler/graph/tape.h) says what is done and in which order. Each of its
// FOLD and SWEEP tasks is one stage: contributions are gathered over rows (unless the statement
// needs none), then g is applied. Within a clock stage k + 1 reads what stage k left. The program
// says what a task computes, and that nothing of it is left out.
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/plan.pb.h"
#include "dsl/program.h"
#include "runtime/fold.h"

namespace gyre {

struct StagePlan {
  const Statement* statement = nullptr;
  const Pass* pass = nullptr;  // null: no sums over rows
  int gather = -1, fold = -1;  // tasks; `fold` is the FOLD or SWEEP task
  int schedule = -1;           // task that chooses what `gather` works on; -1: all rows
  int lag = 1;                 // of the gather's reads of parameters
  int64_t batch = 0;           // rows a clock of all workers; 0: all
  int64_t every = 1;           // the stage is run by clocks that are multiples of this
  bool moves = false;          // rows change copies in place (local_copy.h); the fold adds the moves
  bool linear = false;         // contributions of one worker may be applied on their own
  Rule rule;
};

// Fails by name when the plan's tasks are not what the program does, or not what this build can do.
// REQUIRES: the plan is verified.
absl::StatusOr<std::vector<StagePlan>> BindStages(const Plan& plan, const Program& program);

}  // namespace gyre
