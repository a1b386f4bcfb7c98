// Lane: one compute thread that runs several cursors.
//
// Each cursor runs until it is blocked, then the next one. When all are blocked the lane looks a
// while longer (at most 20 microseconds, and only while lanes have cores of their own), then sleeps
// with a deadline. When the deadline passes and no lane is at work, the run fails with a report of
// who waits for what.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/cursor.h"
#include "runtime/env.h"

namespace gyre {

class Lane {
 public:
  struct Options {
    bool spin = true;
    int64_t stall_ns = 60'000'000'000;
  };
  // `running` counts the lanes of the run that are not asleep, from before the first starts, and so
  // tells a stall from a long kernel.
  Lane(const Options& options, std::vector<Cursor*> cursors, ClockGate* gate, Env* env,
       std::atomic<int>* running);

  // Until the run has finished, or failed.
  void Run();

 private:
  bool StepAll(bool* finished);
  bool LookAWhile(bool* finished);
  bool Rest(bool* finished);
  std::string Report() const;

  const Options options_;
  const std::vector<Cursor*> cursors_;
  ClockGate* const gate_;
  Env* const env_;
  std::atomic<int>* const running_;
};

}  // namespace gyre
