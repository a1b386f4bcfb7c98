// StateTable: the state that a task reads and adds to, whatever its storage.
//
// A table holds the parameters changed by one statement (or, at lag 1 in one process, by all
// statements of a clock). A task reads a snapshot and adds into a private accumulator; nothing is
// shared per element, so kernels keep the vector units and ThreadSanitizer stays clean.
//
//   if (table->Ready(w, need)) {
//     Stamp stamp = table->Read(w, clock, need, param);     // fills param[symbol]
//     double* const* target = table->Write(w, clock, 0, 1); // zeroed, by position in Pass::total
//     kernel(...);
//     table->Release(w, clock);                             // unpins; the Delta may leave
//     table->Done(w, stage);                                // posts the stage
//   }
//   Stage stage; int part;
//   if (table->FoldReady(&stage, &part)) table->Fold(stage, part);
//
// Calls with the same worker come from one thread at a time; calls with different workers and folds
// may be concurrent. Nothing here blocks, allocates or locks within a clock.
#pragma once
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "compiler/graph/clock.h"
#include "ops/outer_terms.h"

namespace gyre {

// What a snapshot contains: every Delta of clocks < complete, and the reader's own of clocks < own.
struct Stamp {
  Clock complete = 0;
  Clock own = 0;
};

// ---- Between processes.

struct Origin {
  uint32_t process = 0, incarnation = 0;
};

// A run of sequence numbers of one origin. A merged parcel lists several.
struct SequenceRun {
  Origin origin;
  uint64_t first = 0, last = 0;
};

// A piece of Delta on its way to an owner, or of the state on its way to a reader. The header is
// small; the payload is raw aligned bytes that alias the table, valid during the call only.
struct Parcel {
  uint32_t epoch = 0;
  uint16_t table = 0, part = 0;
  Clock clock = 0;
  bool clock_done = false;  // the last parcel of this clock, table and part
  uint8_t payload = 0;      // Write::Payload
  uint8_t codec = 0;
  absl::Span<const SequenceRun> from;
  absl::Span<const std::byte> bytes;
  Stamp stamp;  // owner -> reader
};

// ---- State at a cut: exactly the Delta of clocks < `cut`.

class CheckpointWriter;
class CheckpointReader;

class Checkpointable {
 public:
  virtual ~Checkpointable() = default;
  virtual absl::Status Save(Clock cut, CheckpointWriter* to) = 0;
  virtual absl::Status Load(Clock cut, CheckpointReader* from) = 0;
};

class StateTable {
 public:
  virtual ~StateTable() = default;

  // True when every Delta that `need` counts is in. Never blocks.
  virtual bool Ready(int worker, Stage need) = 0;

  // Pins a snapshot until Release and sets param[symbol] for each symbol the table holds.
  // REQUIRES: Ready(worker, need).
  virtual Stamp Read(int worker, Clock clock, Stage need, const void** param) = 0;

  // Accumulators for the worker's Delta of this clock, zeroed, by position in Pass::total. `slice`
  // is the stage of the clock that the task writes; what it adds counts `scale` times
  // (mini-batches). REQUIRES: Ready for the read of the same task.
  virtual double* const* Write(int worker, Clock clock, int slice, double scale) = 0;

  // Where the outer products among them are kept apart, as KernelArgs::terms says; cleared by
  // Write. Null: all are summed.
  virtual OuterTerms* const* Terms(int /*worker*/, Clock /*clock*/, int /*slice*/) {
    return nullptr;
  }

  // The task is over: the snapshot is unpinned and what was added may leave.
  virtual void Release(int worker, Clock clock) = 0;

  // One writing task is over: `stage` = stages of this worker that have ended, this one included.
  virtual void Done(int worker, Stage stage) = 0;

  // True when something may be folded by the caller, who must then call Fold with what was set.
  virtual bool FoldReady(Stage* stage, int* part) = 0;
  virtual void Fold(Stage stage, int part) = 0;

  // From the transport; merges, never blocks. A table of one process refuses.
  virtual absl::Status Apply(const Parcel& parcel) = 0;

  // The worker that holds back `need`, for the report of a wait; -1: none, or unknown.
  virtual int Blocker(Stage need) const = 0;
};

}  // namespace gyre
