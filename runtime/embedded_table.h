// What the tables of one process have in common: all parameters, all stages of a clock.
//
// LocalTable one worker · SharedTable lag 1 in place, lag > 1 as a ring of versions · LinearTable
// contributions of one worker at a time.
#pragma once
#include <algorithm>

#include "absl/status/status.h"
#include "runtime/contribution.h"
#include "runtime/histogram.h"
#include "runtime/stage_fold.h"
#include "runtime/table.h"

namespace gyre {

// Told of every completed clock, in order and by one thread at a time, before readers see it.
class ClockObserver {
 public:
  virtual ~ClockObserver() = default;
  virtual void ClockDone(Clock completed) = 0;
  // No clock from here on may be started: a stage that gathers nothing is not held back by workers.
  virtual Clock limit() const { return kNever; }
};

class EmbeddedTable : public StateTable {
 public:
  void Release(int /*worker*/, Clock /*clock*/) override {}
  absl::Status Apply(const Parcel& /*parcel*/) override {
    return absl::FailedPreconditionError("a table of one process takes no parcels");
  }
  // The accumulator that Write gives the targets of, cleared, to be filled with what came from
  // elsewhere.
  virtual Contribution* Open(int worker, Clock clock, int slice) = 0;
  // Before the run: the state already holds the clocks below `clock`, and nothing else.
  virtual void StartAt(Clock clock) = 0;
  // Clocks that are folded. Approximate while the run goes on.
  virtual Clock Folded() const = 0;
  // The clocks that the slowest and the fastest worker have contributed.
  virtual Clock Slowest() const = 0;
  virtual Clock Fastest() const = 0;
  virtual Staleness ObservedStaleness() const = 0;
};

}  // namespace gyre
