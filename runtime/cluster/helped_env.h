// HelpedEnv: the machine's Env, in which the thread that receives may do the work of a sleeping
// lane.
//
// Parameters arrive on the thread that reads the stream. Waking the lane's thread for them costs
// tens of microseconds on an idle core, half of a round trip; when the work is short the reading
// thread does it at once, while the lane sleeps on. Long work is left to the lane, because nothing
// is read in the meantime.
//
//   env.Receive([&] { status = table.Receive(frame); });   // the reading thread
//
// Thread-safe; Receive from one thread at a time, one lane only.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "runtime/env.h"
#include "runtime/mutex.h"

namespace gyre {

class HelpedEnv final : public Env {
 public:
  // What the lane would do when woken, as far as it goes without blocking; false when the lane
  // itself must look (the run is over). Empty: nobody helps. Waits for help in progress.
  void SetWork(std::function<bool()> work);

  // Runs `receive`, and if that woke the lane, does its work here or wakes it.
  void Receive(const std::function<void()>& receive);

  int64_t Nanos() override { return machine_.Nanos(); }
  uint32_t Observe() override { return machine_.Observe(); }
  void Cancel() override { machine_.Cancel(); }
  bool Sleep(uint32_t observed, int64_t deadline_ns) override;
  void Wake() override;
  bool MaySpin() const override { return machine_.MaySpin(); }

 private:
  // Work longer than this is not helped with for a while: many times what waking costs.
  static constexpr int64_t kShortNs = 200'000;
  static constexpr int kRest = 64;

  bool Help();

  MachineEnv machine_;
  bool woken_ = false;  // by the reading thread within Receive, and only touched by it
  int rest_ = 0;        // the reading thread's: events not to help with
  Mutex mutex_;
  CondVar changed_;
  std::function<bool()> work_ ABSL_GUARDED_BY(mutex_);
  bool asleep_ ABSL_GUARDED_BY(mutex_) = false;
  bool helping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t helped_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gyre
