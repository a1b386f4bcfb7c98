// A job: a program, a plan and bound data; and what running it yields.
//
//   Job job;
//   job.program = &program; job.plan = &plan; ...
//   absl::StatusOr<RunResult> result = RunEmbedded(job);
//
// Embedded execution runs all logical workers of the plan in this process, on
// plan.cluster.lanes threads, through shared memory.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "compiler/graph/clock.h"
#include "dsl/program.h"
#include "ops/view.h"

namespace gyre {

class Plan;
class Env;

// The rows of one logical worker. `data` is by symbol and lives as long as the run; tensors without
// a data axis are whole. Workers of one process may share `data` and differ in their range.
struct WorkerData {
  const Block* data = nullptr;
  int64_t row_begin = 0, row_end = 0;
  int64_t first_row = 0;  // row 0 of `data` among the rows of all workers
};

// One point of the trace: the state after `clock` clocks and `seconds` of training.
struct TracePoint {
  Clock clock = 0;
  double seconds = 0;
  double objective = 0;  // of the whole training data, penalties included; NaN: not known here
  double metric = 0;     // the program's first measure; NaN: not taken here
};

struct Progress {
  TracePoint point;
  Clock slowest = 0, fastest = 0;  // clocks of the slowest and the fastest worker
};

// Where the state of a run is kept, to go on from after it was stopped or lost. An embedded run
// heeds it; see runtime/checkpoint.h.
struct CheckpointOptions {
  std::string path;     // a file; empty: none is kept
  bool resume = false;  // begin where the file ends
  double seconds = 30;  // of training between two, where the plan names no number of clocks
};

struct Job {
  const Program* program = nullptr;
  const Plan* plan = nullptr;
  std::vector<double> hyper;       // by symbol; of kHyper symbols
  std::vector<int64_t> extent;     // by axis; of a data axis: the rows of all workers together
  Type type = Type::kFloat64;      // element type of bound data and of the parameters kernels read
  std::vector<WorkerData> worker;  // by logical worker: Cluster::workers of them
  std::vector<WorkerData>
      test;  // held-out rows for the measures; empty: measured on the training data
  std::vector<int64_t> test_extent;  // by axis
  std::vector<Block> sweep_data;  // by symbol: column views for SWEEP tasks; empty: made at start
  std::vector<std::vector<double>>
      start;  // by symbol: where to start; empty entries as the program says
  uint64_t seed = 1;
  std::function<void(const Progress&)> progress;  // at boundaries, about ten times a second at most
  const std::atomic<bool>* stop_requested = nullptr;  // Ctrl-C: stops at the next boundary
  absl::Duration stall_deadline =
      absl::Seconds(60);  // without any progress: fail, naming who waits for what
  Env* env = nullptr;     // time and sleep; null: the machine's
  CheckpointOptions checkpoint;
};

enum class StopReason : uint8_t { kClocks, kSeconds, kTolerance, kTarget, kRequested, kConverged };
const char* Name(StopReason reason);  // "clocks", "seconds", ...

struct Staleness {  // clocks of another worker that a read had not seen
  double mean = 0, variance = 0;
  int64_t max = 0;
  std::vector<int64_t> histogram;  // [s]: reads with staleness s; the last bucket holds all above
};

struct TaskCounters {
  std::string task;  // id in the plan
  uint64_t fired = 0;
  int64_t busy_ns = 0, waited_ns = 0;  // over all workers
};

// What one phase of the plan ended with.
struct PhaseResult {
  std::vector<double> hyper;  // by symbol
  std::vector<std::vector<double>> parameter;
  double objective = 0, gap = 0;
  std::vector<double> measure;
  Clock clocks = 0;
  double seconds = 0;         // of training
  StopReason stop_reason = StopReason::kClocks;
};

struct RunResult {
  std::vector<std::vector<double>>
      parameter;  // by symbol; empty for symbols that are no parameters
  Clock clocks = 0;
  StopReason stop_reason = StopReason::kClocks;
  std::string detail;           // one line about the stop
  std::string certificate;      // what the update promises, in numbers of these data; may be empty
  double objective = 0;         // at `parameter`, exact; NaN: the program has none
  double gap = std::numeric_limits<double>::quiet_NaN();  // a bound of how far that is above the
                                                          // minimum; NaN: the rule knows none
  std::vector<double> measure;  // by Program::measure, at `parameter`
  bool measured_on_test = false;
  std::string evaluated;  // how the trace was: "by-product", "paused", "deferred", "none"
  std::vector<TracePoint> trace;
  double train_seconds = 0;     // wall time of clocks; pauses for evaluation are left out
  double evaluate_seconds = 0;  // those pauses
  Clock resumed_clocks = 0;     // of those, done before the checkpoint that the run went on from ...
  double resumed_seconds = 0;   // ... and the training they took, part of train_seconds
  int64_t rows = 0;             // since then: rows visited by GATHER and SWEEP tasks, all clocks together
  std::vector<PhaseResult> phase;  // by phase of the plan; all else is that of the last, but clocks
                                   // and seconds, which are of all
  Staleness staleness;
  std::vector<TaskCounters> counters;
  int64_t bytes_sent = 0, bytes_received = 0;
};

// Runs the plan as written. Fails by name when the plan does not fit the program or the data, when
// a staleness bound is violated, or when nothing moves for `stall_deadline`.
absl::StatusOr<RunResult> RunEmbedded(const Job& job);

}  // namespace gyre
