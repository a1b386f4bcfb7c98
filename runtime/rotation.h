// Blocks of keys that go round: who visits which block of a KeyedGrid when.
//
// The groups of the first map are a *chain* of blocks each; those of the other maps go from chain
// to chain. A block begins when the blocks before it that held its groups are done, which is all
// that workers wait for. A clock goes through all strata, in an order drawn for it. Every worker
// has chains of its own; one that would wait takes the next block of another's, so that a slow
// worker is left what it gets done. Who visits a block changes nothing: its rows and what it
// follows are the same.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "dsl/random.h"
#include "runtime/env.h"
#include "runtime/fold.h"
#include "runtime/keyed_grid.h"

namespace gyre {

class Rotation {
 public:
  // The grid and the env must outlive it.
  // `own`: a worker visits its own chains only, whose state it keeps.
  Rotation(const KeyedGrid& grid, int workers, uint64_t seed, Env* env, bool own = false)
      : grid_(grid),
        workers_(workers),
        reach_(own ? 1 : workers),
        seed_(seed),
        env_(env),
        chain_(static_cast<size_t>(grid.cuts())),
        done_(static_cast<size_t>(grid.maps() * grid.cuts())),
        worker_(static_cast<size_t>(workers)) {
    for (Worker& w : worker_) w.order.resize(static_cast<size_t>(grid.strata()));
  }

  // Clocks that `worker` has done.
  int64_t clocks(int worker) const { return worker_[static_cast<size_t>(worker)].clocks; }

  // Calls visit(stratum, chain) for one block that may begin, if there is one: of `worker`'s own
  // chains, else of the others'.
  template <class Visit>
  Fold::Turn Next(int worker, const Visit& visit) {
    Worker& own = worker_[static_cast<size_t>(worker)];
    const int64_t until = (own.clocks + 1) * grid_.strata();
    if (own.drawn != own.clocks) Draw(&own);
    bool left = false;
    for (int whose = 0; whose < reach_; ++whose) {
      for (int c = (worker + whose) % workers_; c < grid_.cuts(); c += workers_) {
        Chain& chain = chain_[static_cast<size_t>(c)];
        if (chain.steps.load() == until) continue;
        left = true;
        if (chain.visited.exchange(true)) continue;
        const int64_t step = chain.steps.load();
        const int stratum = own.order[static_cast<size_t>(step % grid_.strata())];
        if (step == until || !Arrived(stratum, c, step)) {
          chain.visited.store(false);
          continue;
        }
        visit(stratum, c);
        chain.steps.store(step + 1);
        for (int m = 1; m < grid_.maps(); ++m)
          DoneOf(m, grid_.group(stratum, c, m)).store(step + 1);
        chain.visited.store(false);
        if (workers_ > 1) env_->Wake();
        return Fold::Turn::kMore;
      }
    }
    if (left) return Fold::Turn::kWaits;
    ++own.clocks;
    return Fold::Turn::kLast;
  }

  // As after so many clocks. REQUIRES: all workers are at rest.
  void StartAt(int64_t clocks) {
    for (Worker& w : worker_) w.clocks = clocks;
    for (Chain& c : chain_) c.steps.store(clocks * grid_.strata());
    for (Done& d : done_) d.steps.store(clocks * grid_.strata());
  }

 private:
  struct alignas(64) Chain {
    std::atomic<int64_t> steps{0};  // blocks done, of all clocks together
    std::atomic<bool> visited{false};
  };
  struct alignas(64) Done {
    std::atomic<int64_t> steps{0};
  };
  struct alignas(64) Worker {
    int64_t clocks = 0, drawn = -1;  // done; of which `order` is
    std::vector<int> order;          // of the strata in a clock
  };

  std::atomic<int64_t>& DoneOf(int map, int group) {
    return done_[static_cast<size_t>(map * grid_.cuts() + group)].steps;
  }
  bool Arrived(int stratum, int c, int64_t step) {
    for (int m = 1; m < grid_.maps(); ++m)
      if (DoneOf(m, grid_.group(stratum, c, m)).load() != step) return false;
    return true;
  }
  // The same for all workers.
  void Draw(Worker* own) const {
    own->drawn = own->clocks;
    std::iota(own->order.begin(), own->order.end(), 0);
    const rng::Stream draws(seed_, rng::Hash("strata"), static_cast<uint64_t>(own->clocks));
    for (size_t s = own->order.size(); s > 1; --s) {
      const double at = draws.Uniform(s) * static_cast<double>(s);
      std::swap(own->order[s - 1], own->order[static_cast<size_t>(at)]);
    }
  }

  const KeyedGrid& grid_;
  const int workers_, reach_;  // workers whose chains one may visit, from itself on
  const uint64_t seed_;
  Env* const env_;
  std::vector<Chain> chain_;
  std::vector<Done> done_;  // by map and group: blocks that held it
  std::vector<Worker> worker_;
};

}  // namespace gyre
