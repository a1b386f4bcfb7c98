// ParcelQueue: what a worker process has for one shard and the shard has not recorded yet.
//
// Contributions wait in the order of their stages, each cut into pieces with sequence numbers, and
// are kept until they are recorded, so that pieces can be sent again after a break. Bounded by the
// window: a worker starts no clock whose accumulator is still here. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "compiler/graph/clock.h"
#include "runtime/cluster/encoding.h"
#include "runtime/cluster/shards.h"
#include "runtime/cluster/wire.h"

namespace gyre {

// The piece that starts at element `at` of `range` of an array of doubles; sets offset, size and
// last.
grpc::ByteBuffer PieceOf(wire::Header* header, std::shared_ptr<const void> owner,
                         const double* data, const KeyRange& range, int64_t at);

class ParcelQueue {
 public:
  // The contribution to `stage`, whose segments live as long as `owner`.
  void Add(Stage stage, std::shared_ptr<const void> owner,
           const std::vector<WireSegment>& segments);
  // The next piece to send, of stages <= `last`; `header` names the process.
  bool Next(Stage last, wire::Header header, grpc::ByteBuffer* frame);
  // Goes on from piece `sequence`: after a gap or a break.
  void Rewind(uint64_t sequence) { next_sent_ = sequence; }
  bool empty() const { return outgoing_.empty(); }
  // Stages < `recorded` are not wanted again; the bytes that they had.
  int64_t Forget(Stage recorded);

 private:
  struct Piece {  // of one segment
    WireSegment segment;
    int64_t offset = 0;  // bytes of the stage before it
  };
  struct Outgoing {
    Stage stage = 0;
    std::shared_ptr<const void> owner;
    std::vector<Piece> piece;
    uint64_t first = 0;  // sequence number
    int64_t bytes = 0;
  };
  std::deque<Outgoing> outgoing_;
  uint64_t next_new_ = 0;   // sequence of the next piece made
  uint64_t next_sent_ = 0;  // of the next piece to send
};

}  // namespace gyre
