// Who stands behind a server of parcels: an owner of parameters, or a mesh that merges what it
// gets.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "compiler/graph/clock.h"
#include "runtime/cluster/ledger.h"
#include "runtime/cluster/wire.h"

namespace gyre {

// Thread-safe.
class ParcelReceiver {
 public:
  virtual ~ParcelReceiver() = default;
  // See Inbox.
  virtual absl::StatusOr<wire::Header> Admit(int shard, const wire::Header& hello) = 0;
  virtual absl::StatusOr<Ledger::Verdict> Receive(int shard, const ReceivedFrame& frame) = 0;
  virtual uint64_t Next(int shard, int process) = 0;
  // Stages of the process that are here for good.
  virtual Stage Done(int process) = 0;
  // 0 until parcels may come; rises when something has changed that others are to be told.
  virtual uint64_t version() const = 0;
};

}  // namespace gyre
