#include "runtime/cluster/helped_env.h"

#include <utility>

namespace gyre {
namespace {

// The env in whose Receive this thread is.
thread_local const HelpedEnv* receiving = nullptr;

}  // namespace

void HelpedEnv::SetWork(std::function<bool()> work) {
  MutexLock lock(&mutex_);
  while (helping_) changed_.Wait(&mutex_);
  work_ = std::move(work);
}

void HelpedEnv::Wake() {
  if (receiving == this) {
    woken_ = true;
  } else {
    machine_.Wake();
  }
}

void HelpedEnv::Receive(const std::function<void()>& receive) {
  receiving = this;
  woken_ = false;
  receive();
  if (woken_ && !Help()) {
    receiving = nullptr;
    machine_.Wake();
  }
  receiving = nullptr;
}

bool HelpedEnv::Help() {
  if (rest_ > 0) {
    --rest_;
    return false;
  }
  const std::function<bool()>* work = nullptr;
  {
    MutexLock lock(&mutex_);
    if (!work_ || !asleep_) return false;
    helping_ = true;
    work = &work_;  // nobody changes it while helping_
  }
  const int64_t start = machine_.Nanos();
  const bool done = (*work)();
  if (machine_.Nanos() - start > kShortNs) rest_ = kRest;
  MutexLock lock(&mutex_);
  helping_ = false;
  ++helped_;
  changed_.SignalAll();
  return done;
}

bool HelpedEnv::Sleep(uint32_t observed, int64_t deadline_ns) {
  uint64_t helped = 0;
  {
    MutexLock lock(&mutex_);
    asleep_ = true;
    helped = helped_;
  }
  const bool woken = machine_.Sleep(observed, deadline_ns);
  MutexLock lock(&mutex_);
  asleep_ = false;
  while (helping_) changed_.Wait(&mutex_);
  return woken || helped != helped_;  // a lane that was helped has not stood still
}

}  // namespace gyre
