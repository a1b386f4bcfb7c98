// RateMeter: what a process's links carry, from what it has handed to them and what has arrived.
//
// A closed loop: nobody says how fast the links are. While something is under way, bytes that
// arrive over the time they take are the rate; what may leave with a clock is what the rate carries
// while its rows are visited, less what is still under way: so much never makes anybody wait. Where
// nothing is under way the links take more than they were given, and the next clock may have a
// quarter more.
//
// Thread-safe.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/env.h"
#include "runtime/fold.h"
#include "runtime/mutex.h"

namespace gyre {

class RateMeter final : public SendBudget {
 public:
  // `copies`: of what leaves, one for each destination; Allowed is about one of them.
  RateMeter(Env* env, int copies) : env_(env), copies_(copies) {}

  void Queued(int64_t bytes);     // handed to the links
  void Delivered(int64_t bytes);  // of those: they have arrived
  int64_t Allowed(int64_t work_ns) override;

  double rate() const;  // bytes a second; 0: not known yet
  int64_t under_way() const;

 private:
  Env* const env_;
  const int copies_;
  mutable Mutex mutex_;
  int64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t mark_ns_ ABSL_GUARDED_BY(mutex_) = 0;  // busy and not measured since
  int64_t arrived_ ABSL_GUARDED_BY(mutex_) = 0;  // since then
  double rate_ ABSL_GUARDED_BY(mutex_) = 0;
  double window_ ABSL_GUARDED_BY(mutex_) = 0;  // bytes that Allowed gave last
};

}  // namespace gyre
