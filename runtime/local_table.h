// LocalTable: one worker. It adds and folds in place; a clock is the plain loop.
//
// One thread.
#pragma once
#include <vector>

#include "runtime/contribution.h"
#include "runtime/embedded_table.h"
#include "runtime/state.h"

namespace gyre {

class LocalTable final : public EmbeddedTable {
 public:
  LocalTable(ParamState* state, StageFolds* stages, ClockObserver* observer);

  bool Ready(int /*worker*/, Stage need) override { return applied_ >= need; }
  Stamp Read(int worker, Clock clock, Stage need, const void** param) override;
  Contribution* Open(int worker, Clock clock, int slice) override;
  double* const* Write(int worker, Clock clock, int slice, double scale) override;
  void Done(int /*worker*/, Stage stage) override { posted_ = stage; }
  bool FoldReady(Stage* stage, int* part) override;
  void Fold(Stage stage, int part) override;
  int Blocker(Stage /*need*/) const override { return -1; }

  void StartAt(Clock clock) override;
  Clock Folded() const override { return clock_; }
  Clock Slowest() const override { return clock_; }
  Clock Fastest() const override { return clock_; }
  Staleness ObservedStaleness() const override;

 private:
  ParamState* const state_;
  StageFolds* const stages_;
  ClockObserver* const observer_;
  AlignedArray<char> published_;            // empty: kernels read the masters
  std::vector<Contribution> contribution_;  // by stage of the clock
  Stage applied_ = 0, posted_ = 0;
  Clock clock_ = 0;
  size_t position_ = 0;  // applied_ = clock_ x stages + position_
  int64_t reads_ = 0;
};

}  // namespace gyre
