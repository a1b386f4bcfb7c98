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

}  // namespace gyre
