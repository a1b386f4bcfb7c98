// Worker processes on this machine: started, watched and never left behind.
//
//   absl::StatusOr<ChildProcess> child = ChildProcess::Start({"/proc/self/exe", "worker"},
//   {"A=1"});
//   ...
//   if (absl::optional<int> status = child->Poll()) ...it ended...
//
// A child asks the kernel to be killed when its parent ends, however that happens, and the
// destructor kills and reaps it. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace gyre {

class ChildProcess {
 public:
  // Runs argv[0] with this process's environment and `environment` (NAME=VALUE) on top. The thread
  // that starts a child must live as long as the child should: the kernel's notice of the parent's
  // end is the end of that thread.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& argv,
                                            const std::vector<std::string>& environment);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // kills it if it still runs

  pid_t pid() const { return pid_; }

  // The wait status once it has ended; never blocks.
  absl::optional<int> Poll();
  // Waits to `deadline` at most.
  absl::optional<int> Wait(absl::Time deadline);
  // Ends and reaps it: SIGTERM, and after `patience` SIGKILL.
  void Stop(absl::Duration patience);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = 0;  // 0: moved from
  absl::optional<int> status_;
};

// "exit status 1", "killed by signal 9 (Killed)".
std::string DescribeWaitStatus(int status);

}  // namespace gyre
