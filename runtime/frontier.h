// Frontier: completed stages of every worker for one clock group.
//
// Each worker posts into a cache line of its own; a reader looks at the worker that held it back the
// last time before it looks at any other, so a wait costs one load a look. Post is the publication of
// everything the worker has written before it, and the only synchronisation between workers.
// Thread-safe; Post of one worker from one thread at a time.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "compiler/graph/clock.h"

namespace gyre {

class Frontier {
 public:
  explicit Frontier(int workers) : workers_(workers), line_(new Line[static_cast<size_t>(workers)]) {}

  int workers() const { return workers_; }
  Stage Done(int worker) const { return line_[static_cast<size_t>(worker)].done.load(std::memory_order_seq_cst); }

  // Sequentially consistent, so that a sleeper either sees it or is seen by Env::Wake.
  void Post(int worker, Stage done) {
    line_[static_cast<size_t>(worker)].done.store(done, std::memory_order_seq_cst);
  }

  // The smallest over all workers that have not been dropped.
  Stage Complete() const {
    Stage least = kNever;
    for (int w = 0; w < workers_; ++w) least = Done(w) < least ? Done(w) : least;
    return least;
  }

  // Complete() >= need. The laggard is a hint: any thread may set it.
  bool Ready(Stage need) {
    const int first = laggard_.load(std::memory_order_relaxed);
    if (Done(first) < need) return false;
    for (int i = 1; i < workers_; ++i) {
      const int w = first + i < workers_ ? first + i : first + i - workers_;
      if (Done(w) < need) {
        laggard_.store(w, std::memory_order_relaxed);
        return false;
      }
    }
    return true;
  }

  // A worker that `need` waits for; -1: none.
  int Blocker(Stage need) const {
    for (int w = 0; w < workers_; ++w)
      if (Done(w) < need) return w;
    return -1;
  }

  // Membership: the worker leaves the minimum.
  void Drop(int worker) { Post(worker, kNever); }

 private:
  struct alignas(64) Line {
    std::atomic<Stage> done{0};
  };
  const int workers_;
  std::unique_ptr<Line[]> line_;
  alignas(64) std::atomic<int> laggard_{0};
};

}  // namespace gyre
