// From a program, the shape of its data and a machine to a plan: the planner's public face.
//
//   absl::StatusOr<Plan> plan = MakePlan(program, bound, profile, request);
//   std::cout << Explain(*plan, ExplainFormat::kText);
//   // ... later, perhaps from a file:
//   absl::Status ok = CheckPlan(*plan, program, bound);
//
// Everything is a pure function of its arguments: equal arguments give equal bytes. A user's mistake
// (a pin that is not legal, a plan of another program) is an InvalidArgument or FailedPrecondition of
// one line that says how to go on. Thread-safe: no state.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/plan.pb.h"
#include "compiler/profile.pb.h"
#include "compiler/trace.pb.h"
#include "dsl/program.h"
#include "ops/view.h"

namespace gyre {

// One bound tensor, whole (all workers' rows together).
struct TensorInfo {
  std::string symbol;
  Format format = Format::kDense;
  Type type = Type::kFloat64;
  int64_t rows = 0;
  int64_t cols = 0;       // entries of one row: the product of the other axes' extents
  int64_t nnz = 0;        // dense: rows * cols
  double row_skew = 1;    // largest over mean number of entries in a row,
  double col_skew = 1;    // in a column
};

struct BoundInfo {
  std::vector<int64_t> extent;      // by axis id of the program's graph
  std::vector<TensorInfo> tensor;   // in the order of the program's symbols
  Type type = Type::kFloat32;       // element type of the run
  uint64_t fingerprint() const;     // of the shape: extents, formats, types and counts of entries
};

// What the user asks for. Pins are demands: checked, and refused with the legal choices.
struct Request {
  std::string name = "program";     // for people
  int workers = 0;                  // logical workers; 0: the planner decides
  int lanes = 0;                    // most compute threads of a process; 0: the machine's
  int processes = 1;                // > 1 needs a cluster that is not embedded
  int shards = 0;                   // of the parameter server of a cluster; 0: one
  std::string cluster = "embedded"; // embedded, inproc, local, or a cluster description's name
  std::optional<int64_t> memory;    // bytes that data may take of it; the rest lies on disk
  std::string partition = "auto";   // auto, data, data[Axis], model, model[Axis], hybrid
  std::string bridge = "auto";      // auto, bsp, ssp:S, async
  std::string storage = "auto";     // auto, central, replica
  std::string topology = "auto";    // auto, star, p2p, ring, halton
  std::string payload = "auto";     // auto, full, sparse, factors
  std::string order = "auto";       // of what waits for the links: clock (nothing waits), magnitude, deadline, fifo, random
  double bandwidth = 0;             // bytes a second that a process may send; 0: no bound
  std::string codec = "auto";       // of sums between processes: auto, exact, f32, bf16, fp16
  std::string update = "auto";      // auto, fista, lbfgs, owlqn, sgd, adagrad, adam, cd, sdca,
                                    // mspg, dsgd, als
  int64_t batch = 0;                // rows a clock, all workers together; 0: the planner decides
  std::optional<double> step;       // of the update rule
  std::optional<double> momentum;
  std::string step_schedule = "auto";  // of mini-batch rules: auto, constant, inverse, sqrt
  std::string schedule = "auto";    // of coordinates: auto, sets, sap, priority, dependency, uniform
  std::string sampler = "auto";     // of a Resample: auto, dense, sparse
  std::optional<double> coupling;   // the most that coordinates of one round may be coupled
  std::optional<double> decay;
  int64_t max_clocks = 0;           // 0: the planner's bound (see StopRules in tasks.cc)
  double max_seconds = 0;           // 0: none
  double tolerance = 0;             // relative change of the objective; 0: the planner's default
  std::optional<double> target;     // objective value
  int64_t boundary = 0;             // clocks between decisions; 0: the planner decides
  int64_t checkpoint_every = 0;     // clocks; 0: never
  int64_t seed = 0;
  // The outer loop: runs one after another, each with hyper-parameters of its own and from where the
  // one before ended. Empty: one run.
  std::vector<Phase> phase;
};

absl::StatusOr<Plan> MakePlan(const Program& program, const BoundInfo& bound,
                              const Profile& profile, const Request& request);

// Whether `plan` may be executed for this program and data: fingerprints, its own hash, kernels and
// the legality of its lag graph. One line names what differs and how to get a plan that fits.
absl::Status CheckPlan(const Plan& plan, const Program& program, const BoundInfo& bound);

enum class ExplainFormat { kText, kJson, kDot, kHtml };
absl::StatusOr<ExplainFormat> ParseExplainFormat(absl::string_view name);

// Renders the proto and nothing else.
std::string Explain(const Plan& plan, ExplainFormat format = ExplainFormat::kText);
// The same with what was measured beside what was estimated, on the same ids.
std::string ExplainAnalyze(const Plan& plan, const Trace& trace,
                           ExplainFormat format = ExplainFormat::kText);
// A few lines for the start of a run.
std::string Summary(const Plan& plan);

// ---- Plan files: text protos.

std::string PlanToText(const Plan& plan);
// `where` names the file in messages.
absl::StatusOr<Plan> ParsePlan(absl::string_view text, absl::string_view where);
// Stamps a plan that was edited by hand with the hash of what it now says.
void Rehash(Plan* plan);

// ---- Machines.

// A profile for when none was measured: cautious figures of a two-core machine.
Profile DefaultProfile();
absl::StatusOr<Profile> ParseProfile(absl::string_view text, absl::string_view where);
uint64_t FingerprintOf(const Profile& profile);

}  // namespace gyre
