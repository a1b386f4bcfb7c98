// Pacer: a token bucket, for what a process sends on all of its streams together.
//
// Thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "runtime/mutex.h"

namespace gyre {

class Pacer {
 public:
  explicit Pacer(double bytes_per_second)
      : rate_(bytes_per_second), most_(std::max(64e3, bytes_per_second * 0.02)), level_(most_) {}

  // Takes `bytes` out of the bucket, and says when they may be sent.
  absl::Time Take(size_t bytes) {
    MutexLock lock(&mutex_);
    const absl::Time now = absl::Now();
    level_ = std::min(most_, level_ + rate_ * absl::ToDoubleSeconds(now - at_));
    at_ = now;
    level_ -= static_cast<double>(bytes);
    return level_ >= 0 ? now : now + absl::Seconds(-level_ / rate_);
  }

 private:
  const double rate_, most_;
  Mutex mutex_;
  double level_ ABSL_GUARDED_BY(mutex_);
  absl::Time at_ ABSL_GUARDED_BY(mutex_) = absl::Now();
};

}  // namespace gyre
