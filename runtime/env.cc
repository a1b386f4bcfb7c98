#include "runtime/env.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gyre {
namespace {

constexpr int64_t kBillion = 1000000000;

long Futex(std::atomic<uint32_t>* word, int op, uint32_t value, const timespec* deadline) {
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
  return syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), op | FUTEX_PRIVATE_FLAG, value,
                 deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

int64_t MachineEnv::Nanos() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kBillion + t.tv_nsec;
}

uint32_t MachineEnv::Observe() {
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  return epoch_.load(std::memory_order_seq_cst);
}

void MachineEnv::Cancel() { sleepers_.fetch_sub(1, std::memory_order_relaxed); }

bool MachineEnv::Sleep(uint32_t observed, int64_t deadline_ns) {
  const timespec until = {deadline_ns / kBillion, deadline_ns % kBillion};
  bool in_time = true;
  while (in_time && epoch_.load(std::memory_order_seq_cst) == observed) {
    const long result = Futex(&epoch_, FUTEX_WAIT_BITSET, observed, &until);  // absolute time
    in_time = !(result != 0 && errno == ETIMEDOUT);
  }
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return in_time;
}

void MachineEnv::Wake() {
  if (sleepers_.load(std::memory_order_seq_cst) == 0) return;
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  Futex(&epoch_, FUTEX_WAKE, INT32_MAX, nullptr);
}

int64_t VirtualEnv::Nanos() {
  MutexLock lock(&mutex_);
  return now_;
}

uint32_t VirtualEnv::Observe() {
  MutexLock lock(&mutex_);
  return epoch_;
}

bool VirtualEnv::Sleep(uint32_t observed, int64_t deadline_ns) {
  MutexLock lock(&mutex_);
  ++sleeping_;
  nearest_ = std::min(nearest_, deadline_ns);
  while (epoch_ == observed && now_ < deadline_ns) {
    if (sleeping_ < threads_) {
      changed_.Wait(&mutex_);
      continue;
    }
    now_ = std::max(now_, nearest_);
    nearest_ = INT64_MAX;
    changed_.SignalAll();
    if (now_ < deadline_ns) nearest_ = deadline_ns;
  }
  --sleeping_;
  if (epoch_ != observed) nearest_ = INT64_MAX;
  return epoch_ != observed;
}

void VirtualEnv::Wake() {
  MutexLock lock(&mutex_);
  ++epoch_;
  changed_.SignalAll();
}

void VirtualEnv::Advance(int64_t ns) {
  MutexLock lock(&mutex_);
  now_ += ns;
  changed_.SignalAll();
}

}  // namespace gyre
