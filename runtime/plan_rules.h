// What a plan, and the program's own outermost loop, say about the end of a run, its evaluation and
// its checkpoints. Pure functions.
#pragma once
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/plan.pb.h"
#include "dsl/program.h"
#include "runtime/stages.h"

namespace gyre {

struct StopRules {
  Clock max_clocks = 0;    // 0: no bound
  double max_seconds = 0;  // 0: no bound
  double tolerance =
      0;  // relative change of the objective (of the parameters, without one); 0: off
  bool has_target = false;
  double target = 0;  // objective at most this
  Clock boundary = 1;
  int decision_lag = 0;

  bool ends() const { return max_clocks > 0 || max_seconds > 0 || tolerance > 0 || has_target; }
};

StopRules StopRulesOf(const Plan& plan, const Program& program);

// When the model is evaluated.
struct EvaluationRules {
  bool by_product = false;  // the folds' objective is exact: one read sees exactly one clock
  bool deferred = false;    // after the run, from copies kept where an evaluation was due
  double pause_share = 0.05;
  // Boundaries between two evaluations of the objective and of the measures. 0: the plan does not
  // say; by time, so that pauses take at most `pause_share` of it.
  int64_t objective_every = 0, measures_every = 0;
};

// Unimplemented for a mode that this executor lacks.
absl::StatusOr<EvaluationRules> EvaluationRulesOf(const Plan& plan,
                                                  const std::vector<StagePlan>& stages,
                                                  const std::vector<int64_t>& extent);

// Share of the rows of its axis that a clock of the stage visits; 1 without rows.
double EpochsPerClock(const StagePlan& stage, const std::vector<int64_t>& extent);

// Of the gathers: 0 and 1 are BSP, kAsync is unbounded.
int LagOf(const std::vector<StagePlan>& stages);

}  // namespace gyre
