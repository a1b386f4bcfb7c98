// Cursor: one logical worker, as a position in its tape and a clock.
//
// Step runs at most one task instance and never blocks. Workers are cursors, not threads: sixteen
// of them on two lanes cost what their work costs. A cursor that cannot go on looks for a fold to
// do before it says so. Used by one lane at a time.
#pragma once
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compiler/graph/clock.h"
#include "ops/aligned.h"
#include "runtime/batches.h"
#include "runtime/cycles.h"
#include "runtime/job.h"
#include "runtime/local_copy.h"
#include "runtime/stages.h"
#include "runtime/table.h"

namespace gyre {

// What the cursors of a run ask of whoever decides about clocks.
class ClockGate {
 public:
  virtual ~ClockGate() = default;
  virtual Clock limit() const = 0;
  virtual bool finished() const = 0;
  virtual int64_t pause() const = 0;  // pauses so far that workers at the limit take part in
  virtual void TakePart(int worker) = 0;
  virtual void Fail(absl::Status status) = 0;
};

// One GATHER task of the tape, bound to its kernel.
struct alignas(64) GatherOp {
  int task = -1;  // in the plan
  int slice = 0;  // stage of the clock
  int64_t every = 1;  // other clocks than multiples of it add nothing
  Need need;
  KernelFn fn = nullptr;
  Fold* work = nullptr;  // whose WorkTurn it is, in place of a kernel; all null: only the read to wait for
  LocalCopy* copy = nullptr;  // the same in a process of several: what its rows moved is written
  int place = 0;              // the worker among those of the copy
  KernelArgs args;
  Batches batches{0, 0, 0, 0, 0};
  double epochs_per_clock = 1;
  Stopwatch watch;
  int64_t waited = 0;  // cycles in which its lane had nothing to do
  int64_t rows = 0;    // visited
};

class alignas(64) Cursor {
 public:
  enum State : uint8_t { kRan, kBlocked, kAtLimit, kFinished };

  // `symbols`: of the program. The names are for reports and parallel to `ops`.
  Cursor(int worker, std::vector<GatherOp> ops, std::vector<std::string> names, int symbols,
         int64_t scratch_bytes, StateTable* table, ClockGate* gate);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // Before the run: begins with `clock`.
  void StartAt(Clock clock) { clock_ = clock; }

  State Step();

  // Looks that find it blocked before it folds for others (default: none). Folds done by one lane
  // keep what they touch in one cache; when that lane is busy elsewhere the others take over.
  void set_patience(int looks) { patience_ = looks; }

  // The lane had nothing to do for `cycles` while this cursor was blocked.
  void AddWait(int64_t cycles) { ops_[position_].waited += cycles; }

  // "clock 41 of worker 3 waits for clock 40 of clock/grad; worker 1 has not done it"
  std::string Waiting() const;

  int worker() const { return worker_; }
  Clock clock() const { return clock_; }
  const std::vector<GatherOp>& ops() const { return ops_; }

 private:
  State AtLimit();
  State Blocked();
  bool TryFold();
  State Run(GatherOp* op, Stage need);
  State RunCopy(GatherOp* op, const Stamp& stamp, int64_t start);
  // What a turn of `op`'s fold or copy means.
  State Turned(Fold::Turn turn, GatherOp* op, int64_t start);
  State Post(GatherOp* op, int64_t start);
  bool WithinBound(const GatherOp& op, const Stamp& stamp) const;
  State Advance();

  const int worker_;
  std::vector<GatherOp> ops_;
  const std::vector<std::string> names_;
  StateTable* const table_;
  ClockGate* const gate_;
  std::vector<const void*> param_;  // by symbol
  AlignedArray<char> scratch_;
  Clock clock_ = 0;
  size_t position_ = 0;
  int64_t pauses_ = 0;
  int patience_ = 0, looks_ = 0;
};

}  // namespace gyre
