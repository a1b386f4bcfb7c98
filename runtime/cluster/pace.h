// Pace: clocks that take a stated time, for experiments with stragglers on fewer cores than
// workers.
//
// A worker process (of --cluster=local, inproc or a file) whose environment has
//
//   GYRE_PACE=ms=20,slow=2,share=0.3,seed=1
//
// takes 20 ms for what a worker computes for a stage of a clock, and for a share of them, drawn by
// worker and clock, twice as long: what is left after computing is slept. With of=4 in place of
// share one of workers 0 to 3 is slow in each clock, drawn by clock. Only ms is required; slow is 1
// and share 0 unless given, seed 1. All workers' draws can be repeated by whoever knows the seed. A
// lane sleeps for all its workers: give each a lane of its own. Results are those of a run without
// it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/table.h"

namespace gyre {

inline constexpr char kPaceVariable[] = "GYRE_PACE";

struct Pace {
  absl::Duration length = absl::ZeroDuration();
  double slow = 1;   // >= 1: what a slow clock takes, of `length`
  double share = 0;  // of clocks that are slow
  int of = 0;        // > 0: one of that many workers is, in every clock
  uint64_t seed = 1;

  // InvalidArgument: what does not read as above, in one line.
  static absl::StatusOr<Pace> Parse(absl::string_view text);
  absl::Duration LengthOf(int worker, Clock clock) const;
};

// A table whose tasks take as long as the pace says, from Read to Done. Thread-safe as StateTable
// says.
class PacedTable final : public StateTable {
 public:
  // Of workers first_worker to first_worker + workers - 1 of `table`, which outlives it.
  PacedTable(const Pace& pace, StateTable* table, int first_worker, int workers)
      : pace_(pace),
        table_(table),
        first_worker_(first_worker),
        until_(static_cast<size_t>(workers)) {}

  bool Ready(int worker, Stage need) override { return table_->Ready(worker, need); }
  Stamp Read(int worker, Clock clock, Stage need, const void** param) override;
  double* const* Write(int worker, Clock clock, int slice, double scale) override {
    return table_->Write(worker, clock, slice, scale);
  }
  OuterTerms* const* Terms(int worker, Clock clock, int slice) override {
    return table_->Terms(worker, clock, slice);
  }
  void Release(int worker, Clock clock) override { table_->Release(worker, clock); }
  void Done(int worker, Stage stage) override;
  bool FoldReady(Stage* stage, int* part) override { return table_->FoldReady(stage, part); }
  void Fold(Stage stage, int part) override { table_->Fold(stage, part); }
  absl::Status Apply(const Parcel& parcel) override { return table_->Apply(parcel); }
  int Blocker(Stage need) const override { return table_->Blocker(need); }

 private:
  absl::Time& Until(int worker) { return until_[static_cast<size_t>(worker - first_worker_)]; }

  const Pace pace_;
  StateTable* const table_;
  const int first_worker_;
  std::vector<absl::Time> until_;  // by worker: when the task at hand may be over
};

}  // namespace gyre
