#include "runtime/cluster/rate_meter.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gyre {
namespace {

constexpr int64_t kSampleNs = 20'000'000;  // busy, for one sample of the rate
constexpr double kMemoryNs = 4e8;          // over which samples are averaged
constexpr double kMore = 1.25;
constexpr double kFirst = 65536;  // bytes, of the first clock
constexpr int64_t kAll = std::numeric_limits<int64_t>::max() / 2;

}  // namespace

void RateMeter::Queued(int64_t bytes) {
  MutexLock lock(&mutex_);
  if (under_way_ == 0) mark_ns_ = env_->Nanos(), arrived_ = 0;
  under_way_ += bytes;
}

void RateMeter::Delivered(int64_t bytes) {
  MutexLock lock(&mutex_);
  under_way_ = std::max<int64_t>(0, under_way_ - bytes);
  arrived_ += bytes;
  const int64_t now = env_->Nanos(), busy = now - mark_ns_;
  if (busy < kSampleNs) return;
  const double sample = static_cast<double>(arrived_) * 1e9 / static_cast<double>(busy);
  const double keep = rate_ == 0 ? 0 : std::exp(-static_cast<double>(busy) / kMemoryNs);
  rate_ = keep * rate_ + (1 - keep) * sample;
  mark_ns_ = now, arrived_ = 0;
}

int64_t RateMeter::Allowed(int64_t work_ns) {
  MutexLock lock(&mutex_);
  if (rate_ == 0) {  // twice as much, until something has taken a while
    window_ = std::min(static_cast<double>(kAll), std::max(kFirst, 2 * window_));
    return static_cast<int64_t>(window_);
  }
  const double carries = rate_ * static_cast<double>(work_ns) * 1e-9;
  window_ = under_way_ == 0 ? std::max(window_ * kMore, carries * kMore)
                            : std::max(0.0, carries - static_cast<double>(under_way_));
  return static_cast<int64_t>(std::min(window_ / copies_, static_cast<double>(kAll)));
}

double RateMeter::rate() const {
  MutexLock lock(&mutex_);
  return rate_;
}

int64_t RateMeter::under_way() const {
  MutexLock lock(&mutex_);
  return under_way_;
}

}  // namespace gyre
