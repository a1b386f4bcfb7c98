#include "runtime/plan_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/graph/clock.h"

namespace gyre {
namespace {

// The least interval of the EVALUATE tasks of one kind that cost something; 0 when none names one.
int64_t EveryOf(const Plan& plan, bool objective) {
  int64_t least = 0;
  for (const Task& task : plan.task()) {
    if (task.kind() != Task::EVALUATE || task.byproduct()) continue;
    if (task.measure().empty() != objective || task.every() <= 0) continue;
    least = least == 0 ? task.every() : std::min<int64_t>(least, task.every());
  }
  return least;
}

}  // namespace

double EpochsPerClock(const StagePlan& stage, const std::vector<int64_t>& extent) {
  if (stage.pass == nullptr || stage.batch <= 0) return 1;
  const int64_t rows = extent[static_cast<size_t>(stage.pass->row_axis)];
  return rows > 0 ? std::min(1.0, static_cast<double>(stage.batch) / static_cast<double>(rows)) : 1;
}

int LagOf(const std::vector<StagePlan>& stages) {
  int lag = 1;
  for (const StagePlan& s : stages)
    if (s.lag > lag || s.lag == kAsync) lag = s.lag;
  return lag;
}

StopRules StopRulesOf(const Plan& plan, const Program& program) {
  const auto& stop = plan.stop();
  StopRules rules;
  rules.max_clocks = stop.max_clocks();
  rules.max_seconds = stop.max_seconds();
  rules.tolerance = stop.tolerance();
  rules.has_target = stop.has_target();
  rules.target = stop.target();
  rules.boundary = std::max<Clock>(1, stop.boundary());
  rules.decision_lag = stop.decision_lag();
  const Statement& root = program.root;  // the loop of the program itself, when it is the clock
  if (root.kind == StatementKind::kRepeat)
    rules.max_clocks = rules.max_clocks > 0 ? std::min(rules.max_clocks, root.repeat) : root.repeat;
  if (root.kind == StatementKind::kUntil && rules.tolerance == 0) rules.tolerance = root.tolerance;
  return rules;
}

absl::StatusOr<EvaluationRules> EvaluationRulesOf(const Plan& plan,
                                                  const std::vector<StagePlan>& stages,
                                                  const std::vector<int64_t>& extent) {
  const Evaluation& evaluation = plan.evaluation();
  EvaluationRules rules;
  if (evaluation.mode() == Evaluation::CONCURRENT)
    return absl::UnimplementedError(
        "plan: evaluation CONCURRENT needs cores of its own, which this build does not set aside; "
        "use PAUSED or DEFERRED");
  rules.deferred = evaluation.mode() == Evaluation::DEFERRED;
  if (rules.deferred && plan.stop().has_target())
    return absl::FailedPreconditionError(
        "plan: a target is judged while the run goes on, and evaluation DEFERRED looks at the "
        "objective after it; use PAUSED, or another rule to stop");
  const bool batched = std::any_of(stages.begin(), stages.end(), [&](const StagePlan& s) {
    return EpochsPerClock(s, extent) < 1;
  });
  rules.by_product = evaluation.mode() == Evaluation::BYPRODUCT && LagOf(stages) == 1 && !batched &&
                     stages.size() == 1 && stages[0].statement->kind == StatementKind::kMinimize;
  if (evaluation.budget() > 0) rules.pause_share = evaluation.budget();
  rules.objective_every = EveryOf(plan, true);
  rules.measures_every = EveryOf(plan, false);
  return rules;
}

}  // namespace gyre
