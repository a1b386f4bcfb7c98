// LinearTable: contributions of one worker's clock are folded on their own, in the order they come.
//
// For folds that are LINEAR, under SSP (lag > 1) or without a bound (lag -1). A worker whose
// contribution is not folded yet cannot start its next clock (one accumulator a worker), so a
// worker always reads its own writes. Folding is guarded by a try-lock that nobody waits for: who
// holds it folds all that is posted, publishes once, and looks again.
//
// Readers pin one of lanes + 2 published copies: at most `lanes` are read at once and one is
// current, so one is always free to be written. Pin, then look whether the copy is still current: a
// folder that looked before the pin does not choose the current copy, one that looks after sees the
// pin.
//
// Thread-safe as StateTable says.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "runtime/contribution.h"
#include "runtime/embedded_table.h"
#include "runtime/env.h"
#include "runtime/frontier.h"
#include "runtime/state.h"

namespace gyre {

class LinearTable final : public EmbeddedTable {
 public:
  // REQUIRES: one stage a clock.
  LinearTable(int workers, int lanes, ParamState* state, StageFold* stage, ClockObserver* observer,
              Env* env);

  bool Ready(int worker, Stage need) override;
  Stamp Read(int worker, Clock clock, Stage need, const void** param) override;
  Contribution* Open(int worker, Clock clock, int slice) override;
  double* const* Write(int worker, Clock clock, int slice, double scale) override;
  OuterTerms* const* Terms(int worker, Clock clock, int slice) override;
  void Release(int worker, Clock clock) override;
  void Done(int worker, Stage stage) override;
  bool FoldReady(Stage* stage, int* part) override;
  void Fold(Stage stage, int part) override;
  int Blocker(Stage need) const override { return folded_.Blocker(need); }

  void StartAt(Clock clock) override;
  Clock Folded() const override { return folded_.Complete(); }
  Clock Slowest() const override { return posted_.Complete(); }
  Clock Fastest() const override;
  Staleness ObservedStaleness() const override;

 private:
  struct alignas(64) Copy {
    std::atomic<int> pins{0};
    AlignedArray<char> value;
    std::vector<Clock> folded;  // by worker: what is in
    Clock complete = 0;
  };
  struct alignas(64) Worker {
    explicit Worker(const Layout& layout) : contribution(layout) {}
    Contribution contribution;
    StalenessCounter staleness;
    const Copy* seen = nullptr;
    Copy* pinned = nullptr;
  };

  Copy* Pin();
  bool AnyPosted() const;
  void FoldOne(int worker);
  void Publish();

  const int workers_;
  ParamState* const state_;
  StageFold* const stage_;
  ClockObserver* const observer_;
  Env* const env_;
  std::vector<std::unique_ptr<Worker>> worker_;
  std::vector<std::unique_ptr<Copy>> copy_;
  Frontier posted_, folded_;
  alignas(64) std::atomic<Copy*> current_{nullptr};
  alignas(64) std::atomic<bool> folding_{false};
  // Guarded by folding_.
  std::vector<Clock> count_;
  Clock complete_ = 0;
};

}  // namespace gyre
