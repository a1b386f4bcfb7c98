#include "runtime/cluster/parcel_queue.h"

#include <algorithm>
#include <utility>

#include "runtime/cluster/check.h"

namespace gyre {
namespace {

constexpr int64_t kPieceDoubles = static_cast<int64_t>(kPieceBytes / sizeof(double));

}  // namespace

grpc::ByteBuffer PieceOf(wire::Header* header, std::shared_ptr<const void> owner,
                         const double* data, const KeyRange& range, int64_t at) {
  const int64_t count = std::min(kPieceDoubles, range.end - at);
  header->set_offset(at);
  header->set_size(count);
  header->set_last(at + count == range.end);
  if (count == 0) return EncodeFrame(*header);
  return EncodeFrame(
      *header, Alias(std::move(owner), data + at, static_cast<size_t>(count) * sizeof(double)));
}

void ParcelQueue::Add(Stage stage, std::shared_ptr<const void> owner,
                      const std::vector<WireSegment>& segments) {
  Outgoing out{stage, std::move(owner), {}, next_new_, 0};
  int64_t offset = 0;
  for (const WireSegment& segment : segments) {
    for (int64_t at = 0; at < segment.bytes;) {
      const int64_t bytes = std::min(static_cast<int64_t>(kPieceBytes), segment.bytes - at);
      out.piece.push_back({{segment.data + at, bytes}, offset});
      at += bytes;
      offset += bytes;
    }
  }
  if (out.piece.empty()) out.piece.emplace_back();  // that there is nothing is said too
  next_new_ += out.piece.size();
  out.bytes = offset;
  outgoing_.push_back(std::move(out));
}

bool ParcelQueue::Next(Stage last, wire::Header header, grpc::ByteBuffer* frame) {
  if (next_sent_ >= next_new_) return false;
  for (const Outgoing& out : outgoing_) {
    if (next_sent_ >= out.first + out.piece.size()) continue;
    GYRE_CHECK(next_sent_ >= out.first, "a parcel that is wanted was let go");
    if (out.stage > last) return false;
    const Piece& piece = out.piece[next_sent_ - out.first];
    header.set_stage(out.stage);
    header.set_sequence(next_sent_);
    header.set_stage_done(next_sent_ + 1 == out.first + out.piece.size());
    header.set_offset(piece.offset);
    header.set_size(piece.segment.bytes);
    *frame = piece.segment.bytes == 0
                 ? EncodeFrame(header)
                 : EncodeFrame(header, Alias(out.owner, piece.segment.data,
                                             static_cast<size_t>(piece.segment.bytes)));
    ++next_sent_;
    return true;
  }
  return false;
}

int64_t ParcelQueue::Forget(Stage recorded) {
  int64_t bytes = 0;
  while (!outgoing_.empty() && outgoing_.front().stage < recorded) {
    bytes += outgoing_.front().bytes;
    outgoing_.pop_front();
  }
  return bytes;
}

}  // namespace gyre
