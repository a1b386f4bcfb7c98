// A cheap clock for counters: cycles of the processor's constant-rate counter, else nanoseconds.
#pragma once
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace gyre {

inline int64_t Cycles() {
#if defined(__x86_64__)
  return static_cast<int64_t>(__rdtsc());
#else
  return std::chrono::steady_clock::now().time_since_epoch().count();
#endif
}

// Adds up how long something takes, at little cost: what takes less than about a microsecond is
// timed once in 16 times and counted 16-fold (reading the counter costs up to 25 ns on a virtual
// machine, a third of an empty clock). One writer; others may read approximately.
class Stopwatch {
 public:
  // The start, or 0 when this time is not measured.
  int64_t Start() { return (fired_++ & mask_) == 0 ? Cycles() : 0; }
  void Stop(int64_t start) {
    if (start == 0) return;
    const int64_t took = Cycles() - start;
    busy_ += took * static_cast<int64_t>(mask_ + 1);
    mask_ = took < kShort ? kSkip : 0;
  }
  uint64_t fired() const { return fired_; }
  int64_t busy() const { return busy_; }  // cycles

 private:
  static constexpr int64_t kShort = 3000;  // cycles, about a microsecond
  static constexpr uint64_t kSkip = 15;
  uint64_t fired_ = 0, mask_ = 0;
  int64_t busy_ = 0;
};

}  // namespace gyre
