// Checkpoint: a run at a clock boundary, as one file.
//
// It holds exactly the Delta of the clocks before `clock`: the parameters, the state of every fold
// (line searches, momentum, maintained views) and of the stop rules. A run that goes on from it
// under BSP gives the same bits as one that was never stopped. Contributions under way are not
// saved: workers make them again.
//
// A file is written beside its place and renamed, so it is whole or not there; its checksum tells
// damage. What it belongs to (program, plan, hyper-parameters, data) is part of it, and anything
// else is refused with what differs. Functions here are thread-compatible.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/job.h"

namespace gyre {

struct Checkpoint {
  // What it belongs to.
  std::string name;           // of the program, for people
  uint64_t program = 0;       // fingerprint
  uint64_t plan = 0;          // ExecutionFingerprint
  uint64_t data = 0;          // of the bound data, every number of it
  std::vector<double> hyper;  // by symbol

  // The state.
  Clock clock = 0;
  std::vector<double> model;      // the masters, flat over the state's layout
  std::vector<std::string> fold;  // by stage; behind them the state that lives with rows
  std::string monitor;
};

// Of all in a plan that decides what its clocks compute. Two plans that differ in when they stop or
// in what explain shows are one here: a run may go on for longer than it was first asked to.
uint64_t ExecutionFingerprint(const Plan& plan);

// An empty state that belongs to `job`.
Checkpoint CheckpointOf(const Job& job);

// Writes beside `path` and renames. InvalidArgument: the file system refused, with its reason.
absl::Status WriteCheckpoint(const std::string& path, const Checkpoint& checkpoint);

// NotFound when there is none; InvalidArgument for a file that is damaged or no checkpoint.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path);

// Whether `found`, read from `path`, belongs to the run that `mine` was made for.
absl::Status CheckCheckpoint(const std::string& path, const Checkpoint& found,
                             const Checkpoint& mine, const Program& program);

}  // namespace gyre
