// What coordinator and workers derive from a plan and a program, each for its half of the run.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/plan.pb.h"
#include "runtime/cluster/encoding.h"
#include "runtime/cluster/pacer.h"
#include "runtime/cursor.h"
#include "runtime/embedded_table.h"
#include "runtime/env.h"
#include "runtime/job.h"
#include "runtime/local_copy.h"
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
  // By stage: how contributions travel; no field where nothing is gathered.
  const std::vector<StageEncoding>& encodings() const { return encodings_; }
  bool replicas() const { return replicas_; }  // every process is an owner of all parameters
  bool merged() const { return topology_ == Table::RING || topology_ == Table::HALTON; }
  Table::Topology topology() const { return topology_; }
  // Whom a contribution is sent to, but the process itself.
  int Destinations(int processes) const { return replicas_ ? processes : 1; }
  // Clocks whose contributions may be under way from a worker process.
  int WorkerWindow() const;
  // Clocks that a process may be ahead of what an owner has folded; 0: no bound. Replicas, and the
  // coordinator's copy, fold at their own pace. Whoever sends clock x has folded x - lag, so all
  // others have begun it, and so all owners have their contributions of x - lag - WorkerWindow().
  int OwnerWindow() const;

  // The owner's half.
  absl::StatusOr<StageFolds> MakeFolds(const PostContext& context, ParamState* state) const;
  bool Ends() const;  // by a rule of the plan or of the program
  Monitor::Options MonitorOptions(int processes) const;
  std::unique_ptr<EmbeddedTable> MakeTable(int processes, ParamState* state, StageFolds* folds,
                                           ClockObserver* observer, Env* env) const;

  // A worker's half. A stage that moves a copy has one for the process, of all its workers, made
  // first; by stage, null for others.
  using Copies = std::vector<std::unique_ptr<LocalCopy>>;
  absl::StatusOr<Copies> MakeCopies(const PostContext& context, int process, int processes,
                                    SendBudget* budget, Env* env) const;
  // The gathers of logical worker `worker`, the process's `place`-th, over `rows`, which are all it
  // has.
  std::vector<GatherOp> MakeGathers(const PostContext& context, int worker, int place,
                                    const WorkerData& rows, const Copies& copies) const;
  int64_t ScratchBytes(const WorkerData& rows) const;

 private:
  explicit Assembly(const Job& job) : job_(&job) {}

  absl::Status Encode();
  absl::Status EncodeMoves(const StagePlan& stage, StageEncoding* encoding) const;
  FoldSetup CopySetup() const;
  absl::Status BindHold(const StagePlan& stage, BetweenProcesses* between) const;

  const Job* job_;
  std::vector<StagePlan> stages_;
  std::vector<StageEncoding> encodings_;
  bool replicas_ = false;
  Table::Topology topology_ = Table::NONE;
  int lag_ = 1;
  EvaluationRules evaluation_;
};

// Of what a process sends, where the plan bounds it; null: it does not.
std::unique_ptr<Pacer> PacerOf(const Plan& plan);

// What the workers of a process contribute to the sums that a run starts with, over `rows`: the
// program's BUILD pass (sums of data alone), and the pass that its first parameters are made from,
// where that reads no sum. Empty when the program has neither.
std::vector<double> StartShare(const Job& job, const std::vector<WorkerData>& rows);
// The two, in their sum over all rows. Points the totals of data alone into it.
void UseBuilt(const Job& job, const double* sum, PostContext* context);
// Null: the start pass is none, or has to be run where the rows are.
const double* StartTotals(const Job& job, const double* sum);

}  // namespace gyre
