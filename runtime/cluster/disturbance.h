// Disturbance: links that are late and break, for tests.
//
// While one lives, every stream of frames that begins in this process delivers what either end
// writes after a latency, in order, and now and then ends in place of delivering: what was under
// way is lost, as when a connection is. Streams of orders and reports (control_stream.h) are left
// alone.
//
//   Disturbance network({.latency = absl::Milliseconds(1), .cut = 0.01});
//   result = RunCluster(job, options);  // of kind kInproc: all ends are here
//   EXPECT_GT(network.cuts(), 0);
//
// Thread-safe. One at a time; streams end before it does.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "runtime/cluster/stream.h"
#include "runtime/mutex.h"

namespace gyre {

class Disturbance {
 public:
  struct Options {
    absl::Duration latency = absl::ZeroDuration();  // of every frame ...
    absl::Duration jitter = absl::ZeroDuration();   // ... and up to this much more, uniformly
    double cut = 0;     // the probability that a frame breaks its stream
    uint64_t seed = 1;  // each stream draws from its own
  };
  explicit Disturbance(const Options& options);
  ~Disturbance();
  Disturbance(const Disturbance&) = delete;
  Disturbance& operator=(const Disturbance&) = delete;

  // All streams break, and none lasts, for this long.
  void Outage(absl::Duration length);

  int64_t cuts() const { return cuts_.load(); }

 private:
  class Stream;
  std::unique_ptr<FrameStream> Wrap(std::unique_ptr<FrameStream> beneath,
                                    std::function<void()> cancel);
  bool Down() const;

  const Options options_;
  mutable Mutex mutex_;
  std::set<Stream*> stream_ ABSL_GUARDED_BY(mutex_);
  absl::Time down_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t streams_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int64_t> cuts_{0};
};

}  // namespace gyre
