// Crew: the worker processes of a run as its coordinator sees them: started, watched, named in
// words, and never left behind.
//
// Used by the coordinator's thread; NameOf by any thread.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/cluster/cluster.h"
#include "runtime/cluster/control_service.h"
#include "runtime/cluster/process.h"

namespace gyre {

class Crew {
 public:
  // `options` and `control` must outlive it.
  Crew(const ClusterOptions& options, int processes, ControlService* control)
      : options_(options), processes_(processes), control_(control) {}

  // Starts all workers, who are to serve the coordinator at `address`. `failed` is told of a worker
  // thread (kInproc) that ends with an error.
  absl::Status Start(const Program& program, const std::string& address, const std::string& token,
                     const std::function<void(int process, absl::Status)>& failed);

  // Not ok: a worker failed, or ended before its time; by name.
  absl::Status Check();
  // "worker process 2 (pid 71)".
  std::string NameOf(int process) const;
  // What every worker was last heard of.
  std::string Waiting() const;
  // Whether some worker was heard of within `silence` and does not wait.
  bool Computing(absl::Duration silence) const;
  bool AllFinished() const;

  // Workers get until `deadline` to end by themselves, then a last moment after SIGTERM.
  void StopProcesses(absl::Time deadline);
  // REQUIRES: nothing that they wait for goes on.
  void JoinThreads();

 private:
  absl::Status StartProcess(int process, const std::string& address, const std::string& token);
  std::string HowItEnded(int process);

  const ClusterOptions& options_;
  const int processes_;
  ControlService* const control_;
  std::vector<ChildProcess> child_;  // kLocal, by process
  std::vector<std::thread> thread_;  // kInproc
};

}  // namespace gyre
