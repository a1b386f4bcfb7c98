// Frontier: completed stages of every worker for one clock group.
//
// Each worker posts into a cache line of its own; a reader looks at the worker that held it back
// the last time before it looks at any other, so a wait costs one load a look. Post is the
// publication of everything the worker has written before it, and the only synchronisation between
// workers. Thread-safe; Post of one worker from one thread at a time.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

#include "compiler/graph/clock.h"

namespace gyre {

class Frontier {
 public:
  explicit Frontier(int workers)
      : workers_(workers), line_(new Line[static_cast<size_t>(workers)]) {}

  int workers() const { return workers_; }
  Stage Done(int worker) const {
    return line_[static_cast<size_t>(worker)].done.load(std::memory_order_seq_cst);
  }

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

// The same when several workers are run by one thread: they post into a count of their own, and the
// thread publishes their minimum. Sixteen workers on two lanes then exchange two cache lines a
// clock.
//
// Workers w with the same w mod groups are a group. Post of workers of one group from one thread at
// a time; the rest is thread-safe.
class GroupedFrontier {
 public:
  GroupedFrontier(int workers, int groups)
      : workers_(workers),
        groups_(groups),
        lines_((workers + groups - 1) / groups / kStages + 1),
        frontier_(groups),
        line_(new Line[At(groups * lines_)]),
        group_(new Group[At(groups)]) {
    for (int w = 0; w < workers; ++w) ++group_[At(w % groups)].at_least;
  }

  Stage Done(int worker) const { return Slot(worker).load(std::memory_order_relaxed); }
  Stage Complete() const { return frontier_.Complete(); }
  bool Ready(Stage need) { return frontier_.Ready(need); }

  void Post(int worker, Stage done) {
    Group& g = group_[At(worker % groups_)];
    const Stage before = Done(worker);
    Slot(worker).store(done, std::memory_order_relaxed);
    if (before != g.least || --g.at_least > 0) return;
    g.least = kNever;
    for (int w = worker % groups_; w < workers_; w += groups_) {
      if (Done(w) < g.least) g.least = Done(w), g.at_least = 0;
      g.at_least += Done(w) == g.least;
    }
    frontier_.Post(worker % groups_, g.least);
  }

  // A worker that `need` waits for; -1: none.
  int Blocker(Stage need) const {
    for (int w = 0; w < workers_; ++w)
      if (Done(w) < need) return w;
    return -1;
  }

 private:
  struct alignas(64) Group {
    Stage least = 0;   // over its workers ...
    int at_least = 0;  // ... and how many are there
  };
  static constexpr int kStages = 8;  // of a cache line, all of one group
  struct alignas(64) Line {
    std::atomic<Stage> done[kStages] = {};
  };
  static size_t At(int i) { return static_cast<size_t>(i); }
  std::atomic<Stage>& Slot(int worker) const {
    const int place = worker / groups_;
    return line_[At(worker % groups_ * lines_ + place / kStages)].done[place % kStages];
  }

  const int workers_, groups_, lines_;
  Frontier frontier_;
  std::unique_ptr<Line[]> line_;
  std::unique_ptr<Group[]> group_;
};

}  // namespace gyre
