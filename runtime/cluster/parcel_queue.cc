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

void ParcelQueue::Add(Stage stage, std::shared_ptr<const void> owner, const double* data,
                      const KeyRange& range) {
  const int64_t pieces = (range.size() + kPieceDoubles - 1) / kPieceDoubles;
  Outgoing out{stage,
               std::move(owner),
               data,
               range,
               next_new_,
               static_cast<uint64_t>(std::max<int64_t>(1, pieces))};  // an empty range is said too
  next_new_ += out.pieces;
  outgoing_.push_back(std::move(out));
}

bool ParcelQueue::Next(Stage last, wire::Header header, grpc::ByteBuffer* frame) {
  if (next_sent_ >= next_new_) return false;
  for (const Outgoing& out : outgoing_) {
    if (next_sent_ >= out.first + out.pieces) continue;
    GYRE_CHECK(next_sent_ >= out.first, "a parcel that is wanted was let go");
    if (out.stage > last) return false;
    header.set_stage(out.stage);
    header.set_sequence(next_sent_);
    header.set_stage_done(next_sent_ + 1 == out.first + out.pieces);
    const int64_t sent = static_cast<int64_t>(next_sent_ - out.first) * kPieceDoubles;
    *frame = PieceOf(&header, out.owner, out.data, out.range, out.range.begin + sent);
    ++next_sent_;
    return true;
  }
  return false;
}

void ParcelQueue::Forget(Stage recorded) {
  while (!outgoing_.empty() && outgoing_.front().stage < recorded) outgoing_.pop_front();
}

}  // namespace gyre
