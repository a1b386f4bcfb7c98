// Alarm: does something when a deadline passes, unless it is stopped before. For waits that cannot
// be given a deadline of their own, as a read of a stream.
//
//   Alarm alarm(deadline, [&] { stream.Cancel(); });
//   const bool got = stream.Read(&message);
//   if (alarm.Stop()) ...the deadline has passed...
//
// Thread-safe.
#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "runtime/mutex.h"

namespace gyre {

class Alarm {
 public:
  Alarm(absl::Time deadline, std::function<void()> ring)
      : ring_(std::move(ring)), thread_([this, deadline] { Wait(deadline); }) {}
  ~Alarm() { Stop(); }

  // Whether it has rung; it will not afterwards.
  bool Stop() {
    {
      MutexLock lock(&mutex_);
      stopped_ = true;
      changed_.SignalAll();
    }
    if (thread_.joinable()) thread_.join();
    MutexLock lock(&mutex_);
    return rung_;
  }

 private:
  void Wait(absl::Time deadline) {
    {
      MutexLock lock(&mutex_);
      while (!stopped_ && !changed_.WaitWithDeadline(&mutex_, deadline)) {
      }
      if (stopped_) return;
      rung_ = true;
    }
    ring_();
  }

  const std::function<void()> ring_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false, rung_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace gyre
