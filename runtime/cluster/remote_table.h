// RemoteTable: a worker process's view of state that owners hold, without the network.
//
// Its logical workers read the newest parameters that have arrived and add into accumulators of
// their own; when all of them have ended a stage their sum leaves as one contribution, in pieces
// with sequence numbers, and is kept until the owner has recorded it. The owner's keys are cut
// among shards, each with a stream of its own: a contribution leaves on all of them, and a reader
// sees the newest range of each, so its stamp is their minimum. NextFrame says what to send now,
// Receive takes what arrived, Resume goes on after a broken stream: whoever has the streams (or a
// test) drives these three. The clock limit arrives the same way; sums and the model to evaluate in
// a pause on shard 0's stream alone.
//
// With replicas every process, and the coordinator, is an owner of all keys. Contributions then
// leave for each of them (destination 0 is the coordinator, 1 + p process p, this one included),
// and parameters come from the owner in this process alone, by Publish; limits, sums and pauses
// come from the coordinator as before. "Shard" below is then a destination.
//
// Thread-safe as StateTable says; NextFrame, Receive and Resume of one shard each from one thread
// at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "ops/aligned.h"
#include "runtime/cluster/parcel_queue.h"
#include "runtime/cluster/rate_meter.h"
#include "runtime/cluster/shards.h"
#include "runtime/cluster/snapshot.h"
#include "runtime/cluster/version_pool.h"
#include "runtime/cluster/wire.h"
#include "runtime/contribution.h"
#include "runtime/env.h"
#include "runtime/histogram.h"
#include "runtime/mutex.h"
#include "runtime/state.h"
#include "runtime/table.h"

namespace gyre {

class RemoteTable final : public StateTable {
 public:
  struct Options {
    uint32_t process = 0, incarnation = 0, epoch = 1;
    // Logical workers of this process: first_worker .. first_worker + workers.
    int first_worker = 0, workers = 1;
    int shards = 1;
    int replicas = 0;  // > 0: the processes, each an owner
    // Of replicas: contributions leave by SetContribute, what goes to others by Queue.
    bool merged = false;
    // Clocks whose contributions may be under way: the lag; of async a small number.
    int window = 1;
    // The owner folds each process on its own and has one accumulator for it: with several shards
    // a stage leaves when all of them have the one before.
    bool linear = false;
    RateMeter* meter = nullptr;  // told of what leaves for other processes and has arrived
    // By stage of the clock; outlives the table.
    const std::vector<StageEncoding>* encoding = nullptr;
  };
  // `state` is used for its layout and element type.
  RemoteTable(const Options& options, const ParamState* state, Env* env);

  // ---- For cursors.
  bool Ready(int worker, Stage need) override;
  Stamp Read(int worker, Clock clock, Stage need, const void** param) override;
  double* const* Write(int worker, Clock clock, int slice, double scale) override;
  OuterTerms* const* Terms(int worker, Clock clock, int slice) override;
  void Release(int worker, Clock clock) override;
  void Done(int worker, Stage stage) override;
  bool FoldReady(Stage* /*stage*/, int* /*part*/) override { return false; }
  void Fold(Stage /*stage*/, int /*part*/) override {}
  absl::Status Apply(const Parcel& parcel) override;
  int Blocker(Stage /*need*/) const override { return -1; }

  Clock limit() const { return limit_.load(std::memory_order_seq_cst); }
  int64_t pause() const { return pause_.load(std::memory_order_seq_cst); }

  // ---- Sums over all processes, and pauses.
  // This process's share of sum number `round`: 0 before the run, then one for each pause.
  void SendPartial(int64_t round, std::vector<double> share);
  // The sum of round 0, once it has arrived.
  bool SumArrived() const { return sum_arrived_.load(std::memory_order_acquire); }
  const std::vector<double>& sum() const { return sum_; }  // REQUIRES: SumArrived
  // Called with the model before pause() counts it, by the thread in Receive.
  using OnModel = std::function<void(const double* model, Clock clock)>;
  void SetOnModel(OnModel on_model);
  // Replicas: lends the model that the owner in this process holds to what it is given.
  using LendModel = std::function<void(const std::function<void(const double* model)>&)>;
  void SetLendModel(LendModel lend_model);

  // ---- Merged: called with this process's sum of a stage, which is copied. Before any cursor
  // runs.
  using Contribute = std::function<void(Stage stage, const double* sum)>;
  void SetContribute(Contribute contribute) { contribute_ = std::move(contribute); }
  // Something for destination `shard`, as its stage `number`.
  void Queue(int shard, Stage number, std::shared_ptr<const void> owner,
             const std::vector<WireSegment>& segments);
  // Whether all that was queued has arrived.
  bool AllDelivered() const;

  // ---- Replicas: from the owner in this process.
  // A newer state of it; an older one is dropped.
  void Publish(std::shared_ptr<const Snapshot> snapshot);
  // Destination `shard` has this process's contributions of stages < `own`.
  void Delivered(int shard, Stage own);

  // ---- For the stream of a shard.
  int shards() const { return static_cast<int>(shard_.size()); }
  wire::Header Hello(int shard) const { return NewHeader(shard, wire::Header::HELLO); }
  void Resume(int shard, const wire::Header& welcome);
  bool NextFrame(int shard, grpc::ByteBuffer* frame);
  absl::Status Receive(int shard, const ReceivedFrame& frame);
  // Whether what leaves for `shard` stays in this process.
  bool Here(int shard) const {
    return replicas() && shard == 1 + static_cast<int>(options_.process);
  }
  // Called whenever NextFrame of that shard may have something.
  void SetPump(int shard, std::function<void()> pump);

  // ---- For reports.
  Stage complete() const { return complete_.load(std::memory_order_acquire); }
  Stage recorded() const { return recorded_.load(std::memory_order_acquire); }
  StalenessCounter ObservedStaleness() const;
  // Not what stays in this process; of replicas, the part that does not go to the coordinator.
  int64_t bytes_sent() const { return sent_.load(std::memory_order_relaxed); }
  int64_t bytes_sent_to_peers() const { return sent_to_peers_.load(std::memory_order_relaxed); }
  int64_t bytes_received() const { return received_.load(std::memory_order_relaxed); }

 private:
  struct Slot {  // one stage of one clock of the window
    Slot(const StageEncoding& encoding, int workers);
    std::vector<std::unique_ptr<Contribution>> part;  // by local worker
    std::vector<const Contribution*> parts;
    AlignedArray<double> sum;  // of several workers, or of a scaled one
    EncodedContribution encoded;
    std::atomic<int> left;  // workers that have not ended the stage
  };
  struct Partial {
    int64_t round = -1;
    std::shared_ptr<const std::vector<double>> share;
    int64_t sent = 0;
    bool done = true;
  };
  struct Shard {
    Shard(const KeyRange& keys, int64_t element)
        : range(keys), pool((keys.end - keys.begin) * element) {}
    const KeyRange range;               // of the parameters
    std::shared_ptr<Version> arriving;  // only the thread in Receive
    // Guarded by mutex_.
    VersionPool pool;
    std::shared_ptr<const Version> latest;
    ParcelQueue outgoing;
    Stage recorded = 0;
    Clock limit = 0;
    std::function<void()> pump;
  };
  struct alignas(64) Worker {
    std::shared_ptr<const Version> pinned;
    const void* seen = nullptr;  // the copy that its pointers are set to
    Stage stage = 0;
    StalenessCounter staleness;
  };

  Worker& At(int worker) { return *worker_[static_cast<size_t>(worker - options_.first_worker)]; }
  Slot& SlotOf(Clock clock, int slice) { return *slot_[SlotIndex(clock, slice)]; }
  size_t SlotIndex(Clock clock, int slice) const;
  Stage StagesPerClock() const { return static_cast<Stage>(options_.encoding->size()); }
  bool replicas() const { return options_.replicas > 0; }
  uint32_t PartOf(int shard) const { return replicas() ? 0 : static_cast<uint32_t>(shard); }
  Shard& ShardAt(int shard) const { return *shard_[static_cast<size_t>(shard)]; }
  wire::Header NewHeader(int shard, wire::Header::Kind kind) const;
  void Pump(int shard);
  void PumpAll();
  bool NextPartial(grpc::ByteBuffer* frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReceiveUpdate(int shard, const ReceivedFrame& frame);
  absl::Status ReceiveArray(const ReceivedFrame& frame, std::vector<double>* to);
  absl::Status ReceiveModel(const ReceivedFrame& frame);
  void TakePause();
  void Arrived(int shard, const wire::Header& header);
  void Note(int shard, const wire::Header& header);
  bool Recorded(int shard, Stage own) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Gather() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const ParamState* const state_;
  Env* const env_;
  Contribute contribute_;
  std::vector<std::shared_ptr<Slot>> slot_;
  // By stage of the clock: what rounding has left. Of whoever ends a stage.
  std::vector<AlignedArray<double>> rest_;
  std::vector<std::unique_ptr<Worker>> worker_;

  // Only the thread in Receive of shard 0.
  std::vector<double> model_;
  std::vector<double> sum_;  // read by others once sum_arrived_

  // Minima over shards.
  std::atomic<Stage> complete_{-1};  // of the newest version; -1: none has arrived
  std::atomic<Stage> recorded_{0};   // own stages that the owner has recorded
  std::atomic<Clock> limit_{0};
  std::atomic<int64_t> pause_{0};
  std::atomic<bool> sum_arrived_{false};
  std::atomic<int64_t> sent_{0}, sent_to_peers_{0}, received_{0};

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Shard>> shard_;
  // All parameters; with several shards, put together from their ranges by the first who reads.
  VersionPool pool_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Version> current_ ABSL_GUARDED_BY(mutex_);
  bool stale_ ABSL_GUARDED_BY(mutex_) = true;  // a newer range has arrived
  Partial partial_ ABSL_GUARDED_BY(mutex_);
  OnModel on_model_ ABSL_GUARDED_BY(mutex_);
  LendModel lend_model_ ABSL_GUARDED_BY(mutex_);
  uint64_t published_ ABSL_GUARDED_BY(mutex_) = 0;  // version of the snapshot
  // Replicas: a pause that begins once the state has come to `stage`; round 0: none.
  struct Pause {
    int64_t round = 0;
    Stage stage = 0;
  };
  Pause coming_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
