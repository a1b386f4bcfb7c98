// Observed staleness of reads: how many clocks of another worker a read had not seen.
//
// Recorded by one worker, merged after the run. Buckets are exact up to kBuckets - 2; moments are
// exact throughout.
#pragma once
#include <algorithm>
#include <cstdint>

#include "runtime/job.h"

namespace gyre {

class alignas(64) StalenessCounter {
 public:
  static constexpr int kBuckets = 64;

  void Record(int64_t staleness, int64_t times = 1) {
    staleness = std::max<int64_t>(staleness, 0);  // a worker ahead is not stale
    bucket_[std::min<int64_t>(staleness, kBuckets - 1)] += times;
    count_ += times;
    sum_ += staleness * times;
    squares_ += static_cast<double>(staleness * staleness * times);
    max_ = std::max(max_, staleness);
  }
  void Merge(const StalenessCounter& other) {
    for (int i = 0; i < kBuckets; ++i) bucket_[i] += other.bucket_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    squares_ += other.squares_;
    max_ = std::max(max_, other.max_);
  }
  Staleness Summary() const {
    Staleness s;
    s.max = max_;
    if (count_ == 0) return s;
    s.mean = static_cast<double>(sum_) / static_cast<double>(count_);
    s.variance = std::max(0.0, squares_ / static_cast<double>(count_) - s.mean * s.mean);
    s.histogram.assign(bucket_, bucket_ + std::min<int64_t>(max_, kBuckets - 1) + 1);
    return s;
  }

 private:
  int64_t bucket_[kBuckets] = {};
  int64_t count_ = 0, sum_ = 0, max_ = 0;
  double squares_ = 0;
};

}  // namespace gyre
