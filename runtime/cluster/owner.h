// Owner: the parameter server's state without its network.
//
// It stands between frames and a table of the embedded runtime whose workers are the processes of
// the run: contributions that pass the ledger are written into that table, stages are folded as
// soon as they are complete (PER_CLOCK and COMPLETE: all processes, in order; LINEAR: each on its
// own), and readers are given snapshots with stamps. What a process sent of an unfinished stage is
// its pending accumulator: it becomes part of the state at the stage's last piece and vanishes when
// the process is fenced.
//
// Thread-safe. Folds, and the table's ClockObserver, run under the owner's lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/aligned.h"
#include "runtime/cluster/ledger.h"
#include "runtime/cluster/wire.h"
#include "runtime/embedded_table.h"
#include "runtime/mutex.h"
#include "runtime/state.h"

namespace gyre {

// The parameters as readers get them: in the run's element type. Immutable once handed out.
struct Snapshot {
  AlignedArray<char> bytes;
  int64_t element = 8;  // bytes of one
  Stage complete = 0;
  std::vector<Stage> own;       // by process: its stages that are recorded
  std::vector<Stage> included;  // by process: its stages that are in the parameters
  uint64_t version = 0;
};

// Snapshots that nobody reads any more, to be filled again: theirs is the largest memory of an
// owner, and touching fresh pages would cost more than the copy. A snapshot comes back when its
// last reader, often gRPC's, lets it go. Thread-safe; outlives the owner as long as readers do.
class SnapshotPool : public std::enable_shared_from_this<SnapshotPool> {
 public:
  std::unique_ptr<Snapshot> Take();
  std::shared_ptr<const Snapshot> Share(std::unique_ptr<Snapshot> snapshot);

 private:
  static constexpr size_t kMost = 3;  // one is current, one on its way, one being filled
  void Return(std::unique_ptr<Snapshot> snapshot);

  Mutex mutex_;
  std::vector<std::unique_ptr<Snapshot>> free_ ABSL_GUARDED_BY(mutex_);
};

class Owner {
 public:
  struct Options {
    int processes = 1;
    int window = 1;       // clocks a process may be ahead of what is complete; 0: no bound
    bool linear = false;  // folds per process: stamps say what is in of whom
    uint32_t epoch = 1;
    Type type = Type::kFloat64;
  };
  explicit Owner(const Options& options);

  // The state it is to own; until then processes are admitted and nothing else. `table` has one
  // worker per process, a single lane, and is used by this owner alone; `stages` are the table's.
  // The first stage of a clock gathers.
  void Attach(EmbeddedTable* table, const StageFolds* stages, const ParamState* state);

  // A HELLO: the WELCOME that tells the process where to go on. Refuses what is fenced or foreign.
  absl::StatusOr<wire::Header> Admit(const wire::Header& hello);

  // A PARCEL. Duplicates are dropped; kGap wants a RESEND from Next(). A parcel that cannot be (a
  // piece out of place, a stage beyond the bound) is an error, and the stream must end.
  absl::StatusOr<Ledger::Verdict> Receive(const ReceivedFrame& frame);
  uint64_t Next(int process);

  // The state as it is; the same object as long as nothing was folded. REQUIRES: version() > 0.
  std::shared_ptr<const Snapshot> Latest();
  // Rises with every fold; 0 before Attach.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  Stage Done(int process);

  // Runs `body` between folds.
  void Locked(const std::function<void()>& body);
  // "process 2 holds back stage 7".
  std::string Laggard();

 private:
  struct Incoming {
    double* flat = nullptr;  // the table's accumulator for the stage under way
    int64_t filled = 0;
  };
  absl::Status CheckPiece(const wire::Header& header, size_t payload_bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Stage StagesPerClock() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return static_cast<Stage>(stages_->size());
  }

  const Options options_;
  std::atomic<uint64_t> version_{0};
  Mutex mutex_;
  EmbeddedTable* table_ ABSL_GUARDED_BY(mutex_) = nullptr;
  const StageFolds* stages_ ABSL_GUARDED_BY(mutex_) = nullptr;
  const ParamState* state_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Stage folded_ ABSL_GUARDED_BY(mutex_) = 0;
  Ledger ledger_ ABSL_GUARDED_BY(mutex_);
  std::vector<Incoming> incoming_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> latest_ ABSL_GUARDED_BY(mutex_);
  const std::shared_ptr<SnapshotPool> pool_;
};

}  // namespace gyre
