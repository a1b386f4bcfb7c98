#include "runtime/env.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace gyre {
namespace {

TEST(MachineEnv, ADeadlineThatPassed) {
  MachineEnv env;
  const int64_t start = env.Nanos();
  EXPECT_FALSE(env.Sleep(env.Observe(), start + 2'000'000));
  EXPECT_GE(env.Nanos() - start, 2'000'000);
}

TEST(MachineEnv, WhatIsPublishedAfterTheLookWakes) {
  MachineEnv env;
  const uint32_t seen = env.Observe();
  env.Wake();
  EXPECT_TRUE(env.Sleep(seen, env.Nanos() + 60'000'000'000));
}

TEST(MachineEnv, NoWakeIsLost) {
  MachineEnv env;
  std::atomic<int> turn{0};
  constexpr int kTurns = 2000;
  const auto play = [&](int mine) {
    for (int t = mine; t < kTurns; t += 2) {
      while (turn.load() != t) {
        const uint32_t seen = env.Observe();
        if (turn.load() == t)
          env.Cancel();
        else
          ASSERT_TRUE(env.Sleep(seen, env.Nanos() + 60'000'000'000));
      }
      turn.store(t + 1);
      env.Wake();
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  EXPECT_EQ(turn.load(), kTurns);
}

TEST(VirtualEnv, JumpsToTheDeadlineWhenAllSleep) {
  VirtualEnv env(1);
  constexpr int64_t kHour = 3'600'000'000'000;
  EXPECT_FALSE(env.Sleep(env.Observe(), kHour));
  EXPECT_EQ(env.Nanos(), kHour);
}

TEST(VirtualEnv, DoesNotPassTimeWhileAnyoneIsAwake) {
  VirtualEnv env(2);
  const uint32_t seen = env.Observe();  // here: on a busy machine the thread may start after Wake
  std::thread sleeper([&] { EXPECT_TRUE(env.Sleep(seen, 1000)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(env.Nanos(), 0);
  env.Wake();
  sleeper.join();
}

}  // namespace
}  // namespace gyre
