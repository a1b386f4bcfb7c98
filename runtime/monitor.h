// Monitor: the only place where anything global is decided. Stop rules, the clock limit, the trace
// and the pauses in which the model is evaluated.
//
// `limit` is one number: a worker starts clock c only if c < limit. It is raised at boundaries,
// every plan.stop.boundary clocks, ahead of need when decision_lag is above 0. To stop is not to
// raise it, so all workers end at the same clock without a handshake. A pause is the same: the
// limit stays until all have arrived, all evaluate their rows, and the last one goes on.
//
// ClockDone is called by folds, in clock order; the rest is thread-safe.
#pragma once
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/archive.h"
#include "runtime/embedded_table.h"
#include "runtime/env.h"
#include "runtime/evaluator.h"
#include "runtime/job.h"
#include "runtime/plan_rules.h"

namespace gyre {

// When a run is saved, and how. `save` is called while the state is that of a whole clock.
struct CheckpointRules {
  Clock every = 0;         // clocks; 0: by time
  double seconds = 30;     // of training
  bool at_pauses = false;  // the state is whole in pauses only
  std::function<absl::Status(Clock clock, std::string monitor)> save;  // none: never
};

class Monitor final : public ClockObserver {
 public:
  struct Options {
    StopRules stop;
    EvaluationRules evaluation;
    CheckpointRules checkpoint;
    double epochs_per_clock = 1;
    int workers = 1;
    int lag = 1;  // clocks of reads: parameters must hold still this long to be called still
  };
  Monitor(const Options& options, const Job& job, StageFolds* stages, ParamState* state,
          Evaluator* evaluator, Env* env);

  void SetTable(const EmbeddedTable* table) { table_ = table; }
  // Before Start: goes on from `clock` with what Save was given.
  absl::Status Resume(Clock clock, absl::string_view bytes);
  void Start();

  void ClockDone(Clock completed) override {
    if (completed >= next_) Boundary(completed);
  }

  Clock limit() const override { return limit_.load(std::memory_order_seq_cst); }
  bool finished() const { return finished_.load(std::memory_order_seq_cst); }
  // Ends the run at once; the first error is kept by the caller.
  void Abort();

  // Number of the pause that workers at the limit are to take part in; 0 before the first.
  int64_t pause() const { return pause_.load(std::memory_order_seq_cst); }
  // Worker `w` evaluates its rows. Called once for each worker and pause.
  void TakePart(int worker);

  // After the run.
  const absl::Status& status() const { return status_; }
  // Evaluates the copies that a deferred evaluation kept.
  void EvaluateCopies();
  void Report(RunResult* result) const;

 private:
  void Boundary(Clock clock);
  void TakeByProduct(Clock clock);
  void Measured(const TracePoint& point);
  void Raise(Clock clock);
  bool Stops(Clock clock, int64_t train_ns);
  void Stop(StopReason reason, std::string detail);
  bool EvaluationIsDue(Clock clock) const;
  bool DueByTime() const;
  void KeepCopy(Clock clock);
  void GoOn(Clock clock);
  bool CheckpointIsDue(Clock clock) const;
  void Save(bool pause_left);
  void Visit(Archive& archive);
  void BeginPause();
  void EndPause();
  void Finish();
  void CheckObjective(Clock clock, double objective);
  bool HoldsStill(Clock clock);
  bool Measuring() const;
  bool Bounded() const;
  void Show(const TracePoint& point, int64_t now);
  double Seconds(int64_t ns) const { return static_cast<double>(ns) * 1e-9; }

  const Options options_;
  const Job& job_;
  StageFolds* const stages_;
  ParamState* const state_;
  Evaluator* const evaluator_;
  Env* const env_;
  const EmbeddedTable* table_ = nullptr;

  // Touched by whoever completes a boundary or a pause: one thread at a time.
  Clock next_ = 0, done_ = 0;
  int64_t start_ns_ = 0, paused_ns_ = 0, pause_begin_ns_ = 0, last_pause_train_ns_ = 0,
          pause_cost_ns_ = 0, shown_ns_ = 0;
  int64_t train_ns_ = 0;
  bool stopping_ = false, pause_wanted_ = false;
  StopReason reason_ = StopReason::kClocks;
  std::string detail_;
  absl::Status status_;
  double last_objective_ = 0;
  double last_metric_ = std::numeric_limits<double>::quiet_NaN();  // the first measure when last taken
  bool has_objective_ = false;
  // The window over which the objective must fall: where it starts, the best value there, values
  // since.
  Clock window_start_ = 0;
  double best_ = 0, window_best_ = 0;
  int window_values_ = 0;
  int unmoved_ = 0;  // boundaries in a row at which the parameters held still
  std::vector<TracePoint> trace_;
  Clock trace_stride_ = 1, trace_skip_ = 0;
  std::vector<double> model_;
  struct Copy {
    Clock clock;
    double seconds;
    std::vector<double> model;
  };
  std::vector<Copy> copy_;  // deferred evaluation
  Clock copy_stride_ = 1, copy_skip_ = 0;
  Clock resumed_ = 0, saved_ = 0;          // clocks
  int64_t resumed_ns_ = 0, saved_ns_ = 0;  // of training
  bool pause_left_ = false;                // of the checkpoint: a pause was due where it was made

  alignas(64) std::atomic<Clock> limit_{0};
  std::atomic<int64_t> pause_{0};
  std::atomic<bool> finished_{false};
  alignas(64) std::atomic<int> parts_left_{0};
};

}  // namespace gyre
