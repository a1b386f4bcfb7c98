// RunGate: the gate that the cursors of one process see: the monitor, and the first failure.
//
// Thread-safe.
#pragma once
#include <utility>

#include "absl/status/status.h"
#include "runtime/cursor.h"
#include "runtime/monitor.h"
#include "runtime/mutex.h"

namespace gyre {

class RunGate final : public ClockGate {
 public:
  explicit RunGate(Monitor* monitor) : monitor_(monitor) {}
  Clock limit() const override { return monitor_->limit(); }
  bool finished() const override { return monitor_->finished(); }
  int64_t pause() const override { return monitor_->pause(); }
  void TakePart(int worker) override { monitor_->TakePart(worker); }
  void Fail(absl::Status status) override {
    {
      MutexLock lock(&mutex_);
      if (status_.ok()) status_ = std::move(status);
    }
    monitor_->Abort();
  }
  absl::Status status() {
    MutexLock lock(&mutex_);
    return status_;
  }

 private:
  Monitor* const monitor_;
  Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
