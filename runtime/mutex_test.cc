#include "runtime/mutex.h"

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

// A queue whose items own memory: without the annotations ThreadSanitizer reports it as racing.
TEST(MutexTest, GuardsAQueueBetweenThreads) {
  constexpr int kProducers = 3, kItems = 500;
  Mutex mutex;
  CondVar changed;
  std::deque<std::vector<int>> queue;
  int64_t sum = 0;
  int done = 0;
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&] {
      for (int i = 0; i < kItems; ++i) {
        MutexLock lock(&mutex);
        queue.push_back({i});
        changed.Signal();
      }
      MutexLock lock(&mutex);
      ++done;
      changed.SignalAll();
    });
  }
  for (int c = 0; c < 2; ++c) {
    threads.emplace_back([&] {
      for (;;) {
        MutexLock lock(&mutex);
        while (queue.empty() && done < kProducers) changed.Wait(&mutex);
        if (queue.empty()) return;
        sum += queue.front()[0];
        queue.pop_front();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, int64_t{kProducers} * kItems * (kItems - 1) / 2);
}

TEST(MutexTest, TryLockFailsWhileHeldElsewhere) {
  Mutex mutex;
  const auto free = [&mutex] {
    if (!mutex.TryLock()) return false;
    mutex.AssertHeld();
    mutex.Unlock();
    return true;
  };
  bool free_elsewhere = true;
  {
    MutexLock lock(&mutex);
    std::thread([&] { free_elsewhere = free(); }).join();
  }
  EXPECT_FALSE(free_elsewhere);
  EXPECT_TRUE(free());
}

TEST(CondVarTest, WaitsEndAtTheirDeadline) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(&mutex);
  while (!never.WaitWithTimeout(&mutex, absl::Milliseconds(1))) {
  }
  const absl::Time deadline = absl::Now() + absl::Milliseconds(1);
  while (!never.WaitWithDeadline(&mutex, deadline)) {
  }
  EXPECT_GE(absl::Now(), deadline);
  mutex.AssertHeld();
}

TEST(CondVarTest, SignalEndsAWaitBeforeItsDeadline) {
  Mutex mutex;
  CondVar changed;
  bool set = false;
  std::thread setter([&] {
    MutexLock lock(&mutex);
    set = true;
    changed.Signal();
  });
  bool expired = false;
  {
    MutexLock lock(&mutex);
    while (!set && !expired) expired = changed.WaitWithTimeout(&mutex, absl::Minutes(1));
  }
  setter.join();
  EXPECT_TRUE(set);
  EXPECT_FALSE(expired);
}

}  // namespace
}  // namespace gyre
