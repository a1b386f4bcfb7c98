// Fold: g of one statement. It takes the complete totals of a stage and moves the parameters.
//
// Folds run one at a time and in stage order; what they read and write is theirs meanwhile. They do
// not allocate after Start.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/graph/clock.h"
#include "dsl/program.h"
#include "runtime/env.h"
#include "runtime/layout.h"
#include "runtime/post.h"
#include "runtime/state.h"

namespace gyre {

class Fold {
 public:
  virtual ~Fold() = default;

  // Called with the starting point in `state`, and again whenever hyper-parameters were changed.
  // May move it (a first point to evaluate).
  virtual absl::Status Start(ParamState* state) = 0;

  // `context` holds the totals of this stage and the epoch; parameters move in `state`.
  virtual void Apply(const PostContext& context, ParamState* state) = 0;

  // A worker's share of a clock, where the fold reads the data itself: before Apply, by all workers
  // at once. Where reads may be older (FoldSetup::lag above 1), also beside Apply of earlier
  // clocks.
  virtual void Work(int /*worker*/) {}
  // The same in turns, for folds whose workers wait for each other within a clock; called until it
  // is the last. Whoever makes another worker's turn possible wakes FoldSetup::env.
  enum class Turn : uint8_t { kLast, kMore, kWaits };
  virtual Turn WorkTurn(int worker, double /*epoch*/) {
    Work(worker);
    return Turn::kLast;
  }

  // Whether one worker's contribution may be applied on its own (the fold is LINEAR); then Apply
  // gets that worker's totals alone, of `share` of all workers.
  virtual void ApplyShare(const PostContext& context, double /*share*/, ParamState* state) {
    Apply(context, state);
  }

  // The whole objective at the point where the last totals were gathered, penalties included; NaN
  // when g does not know it.
  virtual double objective() const { return std::numeric_limits<double>::quiet_NaN(); }
  // Relative change of the parameters by the last Apply; NaN when it is not measured.
  virtual double change() const { return std::numeric_limits<double>::quiet_NaN(); }
  // The whole objective at the parameters that the last Apply left; NaN when it is not known.
  virtual double objective_now() const { return std::numeric_limits<double>::quiet_NaN(); }
  // Whether that is to stand when the run is over: evaluated anew it may cost more than the run.
  virtual bool has_last_word() const { return false; }
  // The objective of the model so far, where it differs from the point under trial; else
  // objective().
  virtual double best_objective() const { return objective(); }
  // True when no further Apply will move anything.
  virtual bool converged() const { return false; }
  // A bound of how far objective() is above the minimum, which the tolerance is then about; NaN: it
  // is not known.
  virtual double gap() const { return std::numeric_limits<double>::quiet_NaN(); }
  // What is promised about the run, in numbers of its data; empty: nothing.
  virtual std::string certificate() const { return ""; }
  // Nanoseconds spent choosing what the clocks work on.
  virtual int64_t schedule_ns() const { return 0; }
  // True while Applies measure and the model holds still: no sign of an end.
  virtual bool measuring() const { return false; }
  // Not ok: the fold gave up, and why.
  virtual absl::Status status() const { return absl::OkStatus(); }

  // Replaces, in the flat vector `model` over the state's layout, what the fold knows better than
  // the state: the state may hold a point under trial.
  virtual void Model(const ParamState& /*state*/, double* /*model*/) const {}

  // Everything Apply depends on beside the parameters; Load, on a fold that was started with the
  // same setup, goes on to the bit.
  virtual std::string Save() const { return ""; }
  virtual absl::Status Load(absl::string_view bytes) {
    return bytes.empty() ? absl::OkStatus()
                         : absl::InvalidArgumentError("state of a fold that has none");
  }
};

// How much may leave a process. Thread-safe.
class SendBudget {
 public:
  virtual ~SendBudget() = default;
  // Bytes that may leave with a clock whose rows took so long, so that they are gone when those of
  // the next are done.
  virtual int64_t Allowed(int64_t work_ns) = 0;
};

// Which of the rows that have moved leave first, where not all do.
enum class SendOrder : uint8_t {
  kMagnitude,  // those that moved most, against how large they are
  kDeadline,   // those that have waited longest
  kFifo,       // round and round
  kRandom,
};

// One process of several, each with a copy of what its rows change in place (local_copy.h).
struct BetweenProcesses {
  int process = 0, processes = 1;
  int64_t clocks = 0;  // of the run at most; 0: no bound
  // What a clock moved may wait for as many clocks more, if it is beyond the budget. 0: it leaves.
  int hold = 0;
  SendOrder order = SendOrder::kMagnitude;
  SendBudget* budget = nullptr;  // where hold > 0
  int number_bytes = 8;          // of a number that travels
};

// What all folds of a run share. `sweep_data` is by symbol: column views.
struct FoldSetup {
  const Program* program = nullptr;
  PostContext context;  // totals of data alone filled in
  const Block* sweep_data = nullptr;
  std::vector<int64_t> extent;
  Type type = Type::kFloat64;  // of the data
  int workers = 1;             // that Work is asked of
  int lag = 1;                 // Work of a clock sees all Applies but those of the last lag - 1
  int64_t boundary = 1;        // clocks; after Apply of the last of them all workers are at rest
  Env* env = nullptr;
  std::vector<int32_t*> latent;  // by symbol: where passes read it, row by row; null: none does
  bool measure_change = false;   // no objective: stop rules look at the change
  uint64_t seed = 0;
  BetweenProcesses between;
};

// The update rule of a plan's FOLD task and its constants; 0: the rule's own default.
struct Rule {
  std::string name;  // "assign", "fista", "lbfgs", "owlqn", "sgd", "adagrad", "adam", "cd", "sdca",
                     // "mspg", "dsgd", "als", "gibbs"
  double step = 0, momentum = 0;
  std::string schedule;  // "constant", "inverse", "sqrt"
  double decay = 0;
  int memory = 0;
  double beta1 = 0, beta2 = 0, epsilon = 0;
  bool restart = false;
  double staleness_scale = 0;
  double tolerance = 0;  // relative; 0: the rule never declares itself done
  int64_t batch = 0;     // rows of a clock, all workers together; 0: all
  std::string select;    // cd: which coordinates move in a clock
  double coupling = 0;   // cd: the most that coordinates of one round may be coupled
  std::string sampler;   // gibbs: "dense" or "sparse"
  std::string cut_by;    // gibbs: by which key rows are cut; empty: blocks of all keys go round

  // Whether the fold visits coordinates, by Work, rather than folding totals of passes.
  bool by_coordinate() const { return name == "cd" || name == "sdca" || name == "mspg"; }
  // Whether it visits rows in blocks of keys, by WorkTurn.
  bool by_key() const { return name == "dsgd" || name == "als" || name == "gibbs"; }
};

// The fold of `statement` by `rule`: one of those below.
absl::StatusOr<std::unique_ptr<Fold>> MakeFold(const FoldSetup& setup, const Statement& statement,
                                               const Rule& rule);

// kIterate: all assignments at once, from old values.
std::unique_ptr<Fold> MakeAssignFold(const FoldSetup& setup, const Statement& statement);
// kMinimize: one of the update rules of ops/update.
absl::StatusOr<std::unique_ptr<Fold>> MakeMinimizeFold(const FoldSetup& setup,
                                                       const Statement& statement,
                                                       const Rule& rule);
// kMinimize: coordinate methods (ops/coordinate), on its linear predictor.
absl::StatusOr<std::unique_ptr<Fold>> MakeCoordinateFold(const FoldSetup& setup,
                                                         const Statement& statement,
                                                         const Rule& rule);
// kMinimize: rows in blocks of keys, in place, on its predictor of keyed rows.
absl::StatusOr<std::unique_ptr<Fold>> MakeKeyedFold(const FoldSetup& setup,
                                                    const Statement& statement, const Rule& rule);
// The owner's half of a statement whose rows change copies in place (local_copy.h): adds what has
// moved.
std::unique_ptr<Fold> MakeMovesFold(const FoldSetup& setup, const Statement& statement);
// kMinimize: exact minimisation over blocks of keyed rows in turn, where losses are squares.
absl::StatusOr<std::unique_ptr<Fold>> MakeAlternateFold(const FoldSetup& setup,
                                                        const Statement& statement);
// kResample: every datum's topic from its conditional, in blocks of keys.
absl::StatusOr<std::unique_ptr<Fold>> MakeSampleFold(const FoldSetup& setup,
                                                     const Statement& statement, const Rule& rule);
// kSweep: coordinate updates in place. By one worker; by several where the data says which items
// can be visited at once.
std::unique_ptr<Fold> MakeSweepFold(const FoldSetup& setup, const Statement& statement);

}  // namespace gyre
