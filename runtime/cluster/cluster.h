// A run over several processes: coordinator and parameter server here, workers elsewhere, gRPC
// between them.
//
//   // The process that was asked to train:
//   ClusterOptions options;
//   options.kind = ClusterOptions::Kind::kLocal;
//   options.worker_command = {"/proc/self/exe", "worker"};
//   absl::StatusOr<RunResult> result = RunCluster(job, options);
//
//   // Each worker it starts, told by its environment whom to serve:
//   absl::Status status = ServeWorker(program, options, load_my_rows);
//
// The plan says how many logical workers there are and over how many processes they spread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "runtime/cluster/security.h"
#include "runtime/job.h"

namespace gyre {

class Plan;

// What a worker process is asked to load.
struct WorkerShare {
  const Plan* plan = nullptr;
  int process = 0, processes = 1;
  int first_worker = 0;  // logical workers [first_worker, first_worker + rows.size())
  std::vector<std::pair<int64_t, int64_t>> rows;  // of each of them, in the whole data
  std::vector<std::string> setting;               // ClusterOptions::setting
  std::string bundle;                             // ClusterOptions::bundle
  Type type = Type::kFloat64;
};

// Gives the rows of the share: `worker[i]` for logical worker first_worker + i. What it points to
// lives until ServeWorker returns.
struct LoadedShare {
  std::vector<WorkerData> worker;
};
using DataLoader = std::function<absl::StatusOr<LoadedShare>(const WorkerShare&)>;

struct ClusterOptions {
  enum class Kind : uint8_t {
    kLocal,   // worker processes on this machine, started here
    kInproc,  // workers as threads of this process: the same code and sockets, for tests
    kWait,    // workers are started by somebody else and told this coordinator's address
  };
  Kind kind = Kind::kLocal;
  std::string listen = "127.0.0.1:0";  // port 0: any free one; shard k of the parameter server
                                       // listens k ports higher, or on any free one
  SecurityOptions security;
  std::vector<std::string> worker_command;      // kLocal: argv; --coordinator=HOST:PORT is appended
  std::vector<std::string> worker_environment;  // NAME=VALUE
  DataLoader loader;                            // kInproc
  std::vector<std::string> setting;             // handed to every worker's loader
  std::string bundle;                           // likewise, any bytes
  absl::Duration start_deadline = absl::Seconds(60);  // for workers to register and load
  absl::Duration stop_deadline = absl::Seconds(10);   // for workers to report and end
  std::function<void(const std::string& address)> on_listening;
};

// Runs the plan over processes. `job` is as for RunEmbedded, but its workers' rows need not be
// here: only their ranges are used, tensors without a data axis, and held-out rows. The sums that a
// run starts with (of data alone, and of the program's first parameters) come from the workers; but
// see NeedsRowsToStart in runtime/start.h.
// InvalidArgument: the user's mistake (address, security, port in use). Other errors name the
// worker or the wait that failed; no process is left behind either way.
absl::StatusOr<RunResult> RunCluster(const Job& job, const ClusterOptions& options);

struct WorkerOptions {
  std::string coordinator;   // HOST:PORT
  SecurityOptions security;  // token: from GYRE_TOKEN when empty
  int process = -1;          // negative: from GYRE_PROCESS, else any that is free
  absl::Duration connect_deadline = absl::Seconds(30);  // to be connected, and to be given the job
  uint32_t incarnation = 0;
};

inline constexpr char kProcessVariable[] = "GYRE_PROCESS";
// Set for workers that a coordinator has started itself: it says what went wrong, they need not.
inline constexpr char kStartedVariable[] = "GYRE_STARTED";

// Serves one run and returns when it is over.
absl::Status ServeWorker(const Program& program, const WorkerOptions& options,
                         const DataLoader& loader);

}  // namespace gyre
