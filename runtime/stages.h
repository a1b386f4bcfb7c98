// The stages of one clock: what a plan asks to be done, bound to the program that does it.
//
// Each FOLD or SWEEP task of the plan is one stage: contributions are gathered over rows (unless
// the statement needs none), then g is applied. A statement under Repeat is as many stages. Within
// a clock stage k + 1 reads what stage k left.
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
  int lag = 1;                 // of the gather's reads of parameters
  int64_t batch = 0;           // rows a clock of all workers; 0: all
  bool linear = false;         // contributions of one worker may be applied on their own
  Rule rule;
};

// Fails by name when the plan's tasks are not what the program does.
absl::StatusOr<std::vector<StagePlan>> BindStages(const Plan& plan, const Program& program);

}  // namespace gyre
