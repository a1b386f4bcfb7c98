// What coordinator and workers derive from a plan and a program, each for its half of the run.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/cursor.h"
#include "runtime/embedded_table.h"
#include "runtime/env.h"
#include "runtime/job.h"
#include "runtime/monitor.h"
#include "runtime/stages.h"

namespace gyre {

class Assembly {
 public:
  // Refuses what cannot run over processes: sweeps, clocks that do not start with a gather.
  // `job` must outlive it.
  static absl::StatusOr<Assembly> Bind(const Job& job);

  int lag() const { return lag_; }  // of the gathers; kAsync: no bound
  bool linear() const;              // contributions of one process are folded on their own
  int window() const;               // clocks of contributions that may be under way
  double EpochsPerClock(const StagePlan& stage) const;
  const std::vector<StagePlan>& stages() const { return stages_; }
  std::vector<Layout> TotalLayouts() const;  // by stage; empty where nothing is gathered

  // The owner's half.
  absl::StatusOr<StageFolds> MakeFolds(const PostContext& context, ParamState* state) const;
  bool Ends() const;  // by a rule of the plan or of the program
  Monitor::Options MonitorOptions(int processes) const;
  std::unique_ptr<EmbeddedTable> MakeTable(int processes, ParamState* state, StageFolds* folds,
                                           ClockObserver* observer, Env* env) const;

  // A worker's half: the gathers of logical worker `worker` over `rows`, which are all it has.
  std::vector<GatherOp> MakeGathers(const PostContext& context, int worker,
                                    const WorkerData& rows) const;
  int64_t ScratchBytes(const WorkerData& rows) const;

 private:
  explicit Assembly(const Job& job) : job_(&job) {}

  const Job* job_;
  std::vector<StagePlan> stages_;
  int lag_ = 1;
  EvaluationRules evaluation_;
};

// What the workers of a process contribute to the sums that a run starts with, over `rows`: the
// program's BUILD pass (sums of data alone), and the pass that its first parameters are made from,
// where that reads no sum. Empty when the program has neither.
std::vector<double> StartShare(const Job& job, const std::vector<WorkerData>& rows);
// The two, in their sum over all rows. Points the totals of data alone into it.
void UseBuilt(const Job& job, const double* sum, PostContext* context);
// Null: the start pass is none, or has to be run where the rows are.
const double* StartTotals(const Job& job, const double* sum);

}  // namespace gyre
