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
#include "runtime/cluster/encoding.h"
#include "runtime/cluster/ledger.h"
#include "runtime/cluster/wire.h"
#include "runtime/mutex.h"

namespace gyre {

// Where contributions go. Called under the inbox's lock.
class ContributionSink {
 public:
  virtual ~ContributionSink() = default;
  // What `process` contributes to `stage`, to be filled; an error when that stage cannot be under
  // way.
  virtual absl::StatusOr<Contribution*> Open(int process, Stage stage) = 0;
  // The part of `shard` is complete for all stages < `done` of `process`.
  virtual void Arrived(int shard, int process, Stage done) = 0;
};

class Inbox {
 public:
  struct Options {
    int shard = 0, processes = 1;
    uint32_t epoch = 1;
  };
  explicit Inbox(const Options& options);

  // What may come from now on: this shard's part of each stage of a clock, of `shards`. Until then
  // processes are admitted and nothing else. The encodings outlive it.
  void Attach(const std::vector<StageEncoding>* encoding, int shards, ContributionSink* sink);
  // The same where what comes differs by process.
  void Attach(const std::vector<const std::vector<StageEncoding>*>& by_process, int shards,
              ContributionSink* sink);

  // A HELLO: the WELCOME that tells the process where to go on. Refuses what is fenced or foreign.
  absl::StatusOr<wire::Header> Admit(const wire::Header& hello);

  // A PARCEL. Duplicates are dropped; kGap wants a RESEND from Next(). A parcel that cannot be (a
  // piece out of place, a stage beyond the bound) is an error, and the stream must end.
  absl::StatusOr<Ledger::Verdict> Receive(const ReceivedFrame& frame);
  uint64_t Next(int process);
  Stage Done(int process);

 private:
  struct Incoming {
    std::vector<ContributionDecoder> decoder;  // by stage of a clock
    bool open = false;                         // a stage is under way
    Stage stage = 0;
  };
  absl::Status Take(const ReceivedFrame& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  Mutex mutex_;
  ContributionSink* sink_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Ledger ledger_ ABSL_GUARDED_BY(mutex_);
  std::vector<Incoming> incoming_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
