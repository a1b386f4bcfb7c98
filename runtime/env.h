// Time and sleep, behind an interface so that a run can be put on virtual time.
//
// Sleeping is an eventcount: a lane that found nothing to do observes, looks once more, and sleeps
// only if nothing was published in between:
//
//   const uint32_t seen = env->Observe();
//   if (anything to do) env->Cancel();
//   else if (!env->Sleep(seen, deadline)) { ... the deadline passed ... }
//
// Whoever publishes stores with sequential consistency and then calls Wake, which is one load when
// nobody sleeps. Thread-safe.
#pragma once
#include <atomic>
#include <cstdint>

#include "runtime/mutex.h"

namespace gyre {

class Env {
 public:
  virtual ~Env() = default;
  virtual int64_t Nanos() = 0;                                     // monotonic
  virtual uint32_t Observe() = 0;                                  // announces a sleeper
  virtual void Cancel() = 0;                                       // it found something to do
  virtual bool Sleep(uint32_t observed, int64_t deadline_ns) = 0;  // false: the deadline passed
  virtual void Wake() = 0;
  virtual bool MaySpin() const = 0;  // before sleeping
};

class MachineEnv final : public Env {
 public:
  int64_t Nanos() override;
  uint32_t Observe() override;
  void Cancel() override;
  bool Sleep(uint32_t observed, int64_t deadline_ns) override;
  void Wake() override;
  bool MaySpin() const override { return true; }

 private:
  alignas(64) std::atomic<uint32_t> epoch_{0};
  alignas(64) std::atomic<int32_t> sleepers_{0};
};

// Time moves only when all `threads` of the run sleep: then it jumps to the nearest deadline, which
// passes. A test of an hour's wait takes no time.
class VirtualEnv final : public Env {
 public:
  explicit VirtualEnv(int threads) : threads_(threads) {}

  int64_t Nanos() override;
  uint32_t Observe() override;
  void Cancel() override {}
  bool Sleep(uint32_t observed, int64_t deadline_ns) override;
  void Wake() override;
  bool MaySpin() const override { return false; }
  void Advance(int64_t ns);

 private:
  const int threads_;
  Mutex mutex_;
  CondVar changed_;
  int64_t now_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  int sleeping_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t nearest_ ABSL_GUARDED_BY(mutex_) = INT64_MAX;
};

}  // namespace gyre
