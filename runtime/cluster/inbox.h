// Inbox: what one shard of the parameter server has received, exactly once.
//
// A shard owns one range of the keys. Its inbox holds the ledger of the parcels of that range and
// writes each piece where it belongs; what the pieces become is the owner's business. A process
// sends the pieces of a stage in order, and its stages in order.
//
// Thread-safe; the inboxes of different shards do not wait for each other.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/graph/clock.h"
#include "runtime/cluster/ledger.h"
#include "runtime/cluster/shards.h"
#include "runtime/cluster/wire.h"
#include "runtime/mutex.h"

namespace gyre {

// Where contributions go. Called under the inbox's lock.
class ContributionSink {
 public:
  virtual ~ContributionSink() = default;
  // The whole vector of totals that `process` contributes to `stage`; an error when that stage
  // cannot be under way.
  virtual absl::StatusOr<double*> Open(int process, Stage stage) = 0;
  // The range of `shard` is complete for all stages < `done` of `process`.
  virtual void Arrived(int shard, int process, Stage done) = 0;
};

class Inbox {
 public:
  struct Options {
    int shard = 0, processes = 1;
    uint32_t epoch = 1;
  };
  explicit Inbox(const Options& options);

  // What may come from now on: this shard's range of the totals of each stage of a clock; empty
  // for a stage that gathers nothing. Until then processes are admitted and nothing else.
  void Attach(std::vector<KeyRange> range, ContributionSink* sink);

  // A HELLO: the WELCOME that tells the process where to go on. Refuses what is fenced or foreign.
  absl::StatusOr<wire::Header> Admit(const wire::Header& hello);

  // A PARCEL. Duplicates are dropped; kGap wants a RESEND from Next(). A parcel that cannot be (a
  // piece out of place, a stage beyond the bound) is an error, and the stream must end.
  absl::StatusOr<Ledger::Verdict> Receive(const ReceivedFrame& frame);
  uint64_t Next(int process);

 private:
  struct Incoming {
    double* flat = nullptr;  // the totals of the stage under way; null: none is
    Stage stage = 0;
    int64_t next = 0;  // element that the next piece starts with
  };
  absl::Status CheckPiece(const wire::Header& header, size_t payload_bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const KeyRange& RangeOf(Stage stage) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return range_[static_cast<size_t>(stage % static_cast<Stage>(range_.size()))];
  }

  const Options options_;
  Mutex mutex_;
  ContributionSink* sink_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<KeyRange> range_ ABSL_GUARDED_BY(mutex_);
  Ledger ledger_ ABSL_GUARDED_BY(mutex_);
  std::vector<Incoming> incoming_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
