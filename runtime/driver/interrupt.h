// Ctrl-C: the first one asks the run to stop at its next boundary and keep the model reached, the
// second ends the process at once. SIGTERM is treated alike.
//
//   InterruptScope interrupt;              // one at a time in a process
//   job.stop_requested = interrupt.flag();
#pragma once
#include <signal.h>

#include <atomic>

namespace gyre::driver {

class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();  // gives the signals back
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  const std::atomic<bool>* flag() const;
  bool requested() const { return flag()->load(); }

 private:
  struct sigaction interrupt_, terminate_;
};

}  // namespace gyre::driver
