// Owner: the parameter server's state without its network.
//
// It stands between frames and a table of the embedded runtime whose workers are the processes of
// the run. The keys are cut among shards, each with an inbox of its own, so that pushes of
// different shards do not wait for each other. A process's stage becomes part of the state when all
// shards have their range of it: stages are folded as soon as they are complete (PER_CLOCK and
// COMPLETE: all processes, in order; LINEAR: each on its own), and readers are given snapshots with
// stamps. What a process sent of an unfinished stage is pending: it vanishes when the process is
// fenced.
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
#include "runtime/cluster/inbox.h"
#include "runtime/cluster/parcel_receiver.h"
#include "runtime/cluster/shards.h"
#include "runtime/cluster/snapshot.h"
#include "runtime/cluster/wire.h"
#include "runtime/embedded_table.h"
#include "runtime/mutex.h"
#include "runtime/state.h"

namespace gyre {

class Owner final : public ParcelReceiver, private ContributionSink {
 public:
  struct Options {
    int processes = 1;
    int shards = 1;
    int window = 1;       // clocks a process may be ahead of what is complete; 0: no bound
    bool linear = false;  // folds per process: stamps say what is in of whom
    uint32_t epoch = 1;
    Type type = Type::kFloat64;
    bool merged = false;  // process 0 alone contributes: the sum over all
  };
  explicit Owner(const Options& options);

  // The state it is to own; until then processes are admitted and nothing else. `table` has one
  // worker per process (merged: one), a single lane, and is used by this owner alone; `stages` are
  // the table's, and `encoding` says how contributions to each of them come. The first stage of a
  // clock gathers.
  void Attach(EmbeddedTable* table, const StageFolds* stages,
              const std::vector<StageEncoding>* encoding, const ParamState* state);

  int shards() const { return options_.shards; }
  // See Inbox. REQUIRES: 0 <= shard < shards().
  absl::StatusOr<wire::Header> Admit(int shard, const wire::Header& hello) override {
    return At(shard).Admit(hello);
  }
  absl::StatusOr<Ledger::Verdict> Receive(int shard, const ReceivedFrame& frame) override {
    return At(shard).Receive(frame);
  }
  uint64_t Next(int shard, int process) override { return At(shard).Next(process); }

  // The state as it is; the same object as long as nothing was folded. REQUIRES: version() > 0.
  std::shared_ptr<const Snapshot> Latest();
  // Rises with every fold; 0 before Attach.
  uint64_t version() const override { return version_.load(std::memory_order_acquire); }
  // Stages of the process that all shards have.
  Stage Done(int process) override;
  // Merged: the sum of a stage, made in this process.
  absl::Status Give(Stage stage, const AlignedArray<double>& sum);

  // Runs `body` between folds.
  void Locked(const std::function<void()>& body);
  // "process 2 holds back stage 7".
  std::string Laggard();

 private:
  struct Pending {  // a stage that some shards have begun
    Stage stage = 0;
    Contribution* to = nullptr;  // the table's accumulator
  };
  struct Process {
    std::vector<Pending> pending;  // of a few clocks at most
    std::vector<Stage> arrived;    // by shard
    Stage done = 0;                // their minimum: posted to the table
  };

  Inbox& At(int shard) { return *inbox_[static_cast<size_t>(shard)]; }
  absl::StatusOr<Contribution*> Open(int process, Stage stage) override;
  void Arrived(int shard, int process, Stage done) override;
  absl::Status CheckBound(int process, Stage stage) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fold() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  std::vector<std::unique_ptr<Inbox>> inbox_;  // by shard; locked before mutex_
  std::atomic<uint64_t> version_{0};
  Mutex mutex_;
  EmbeddedTable* table_ ABSL_GUARDED_BY(mutex_) = nullptr;
  const StageFolds* stages_ ABSL_GUARDED_BY(mutex_) = nullptr;
  const ParamState* state_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Stage folded_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Process> process_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> latest_ ABSL_GUARDED_BY(mutex_);
  const std::shared_ptr<SnapshotPool> pool_;
};

}  // namespace gyre
