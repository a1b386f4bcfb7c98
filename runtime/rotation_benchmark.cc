// Blocks that go round with one slow worker, beside a barrier after every stratum: time of a clock.
// What a clock computes is the same, so that times to a target have this ratio as well.
//
//   ./bazelw run //runtime:rotation_benchmark
//
// A visit spins for as long as its rows are worth; one worker takes twice as long for each.
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "dsl/random.h"
#include "runtime/env.h"
#include "runtime/rotation.h"

namespace gyre {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kRows = 400000, kUsers = 20000, kItems = 5000;
constexpr double kNsPerRow = 100;
constexpr int kClocks = 5;

void Spin(double ns) {
  const auto until = Clock::now() + std::chrono::nanoseconds(static_cast<int64_t>(ns));
  while (Clock::now() < until) {
  }
}

double Seconds(int workers, const std::function<void(int)>& work) {
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int w = 0; w < workers; ++w) threads.emplace_back(work, w);
  for (std::thread& t : threads) t.join();
  return std::chrono::duration<double>(Clock::now() - begin).count() / kClocks;
}

void Run(int workers, double slow) {
  const rng::Stream draws(1, rng::Hash("rows"), 0);
  std::vector<int32_t> user, item;
  for (int64_t r = 0; r < kRows; ++r) {  // by a power law
    const double u = draws.Uniform(static_cast<uint64_t>(2 * r)),
                 v = draws.Uniform(static_cast<uint64_t>(2 * r + 1));
    user.push_back(static_cast<int32_t>(u * u * static_cast<double>(kUsers)));
    item.push_back(static_cast<int32_t>(std::pow(static_cast<double>(kItems), v)) - 1);
  }
  const std::vector<int64_t> keys = {kUsers, kItems};
  const KeyedGrid grid({user.data(), item.data()}, keys, kRows, KeyedGrid::CutsFor(keys, kRows), 1);
  const auto visit = [&](int stratum, int chain, int worker) {
    Spin(static_cast<double>(grid.end(stratum, chain) - grid.begin(stratum, chain)) * kNsPerRow *
         (worker == 0 ? slow : 1));
  };
  std::barrier all(workers);
  const double barrier = Seconds(workers, [&](int w) {
    for (int clock = 0; clock < kClocks; ++clock) {
      for (int s = 0; s < grid.strata(); ++s) {
        for (int c = w; c < grid.cuts(); c += workers) visit(s, c, w);
        all.arrive_and_wait();
      }
    }
  });
  MachineEnv env;
  Rotation rotation(grid, workers, 1, &env);
  const double rotating = Seconds(workers, [&](int w) {
    for (int clock = 0; clock < kClocks; ++clock) {
      Fold::Turn turn = Fold::Turn::kMore;
      while (turn != Fold::Turn::kLast) {
        turn = rotation.Next(w, [&](int s, int c) { visit(s, c, w); });
        if (turn == Fold::Turn::kWaits) std::this_thread::yield();
      }
      all.arrive_and_wait();
    }
  });
  std::printf(
      "%d workers, one %.0f x slower: a clock with barriers %.1f ms, rotating %.1f ms: %.2f x\n",
      workers, slow, 1e3 * barrier, 1e3 * rotating, rotating / barrier);
}

}  // namespace
}  // namespace gyre

int main() {
  for (const int workers : {2, 4}) {
    for (const double slow : {1.0, 2.0, 4.0}) gyre::Run(workers, slow);
  }
}
