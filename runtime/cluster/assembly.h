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

// The part of the BUILD pass over `rows`; empty when the program has none.
std::vector<double> BuildShare(const Job& job, const std::vector<WorkerData>& rows);
// Points the totals of data alone into `flat`, which holds their sum over all rows.
void UseBuilt(const Job& job, const double* flat, PostContext* context);

}  // namespace gyre
