#include "runtime/cluster/wire.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace gyre {
namespace {

// Tags of gyre.wire.Frame: field number << 3 | length-delimited.
constexpr uint8_t kHeaderTag = (1 << 3) | 2;
constexpr uint8_t kPayloadTag = (2 << 3) | 2;
constexpr size_t kMaxVarint = 10;

uint8_t* PutVarint(uint8_t* to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<uint8_t>(value | 0x80);
  *to++ = static_cast<uint8_t>(value);
  return to;
}

// Tag, length and bytes of the header, then tag and length of the payload.
grpc::Slice Prefix(const wire::Header& header, size_t payload) {
  const size_t header_bytes = header.ByteSizeLong();
  uint8_t lengths[2 * kMaxVarint + 2];
  uint8_t* const header_end = PutVarint(lengths + 1, header_bytes);
  lengths[0] = kHeaderTag;
  const size_t before = static_cast<size_t>(header_end - lengths);
  uint8_t* end = header_end;
  if (payload > 0) {
    *end++ = kPayloadTag;
    end = PutVarint(end, payload);
  }
  const size_t after = static_cast<size_t>(end - header_end);
  grpc::Slice slice(before + header_bytes + after);
  auto* to = const_cast<uint8_t*>(slice.begin());
  std::memcpy(to, lengths, before);
  header.SerializeWithCachedSizesToArray(to + before);
  std::memcpy(to + before + header_bytes, header_end, after);
  return slice;
}

// Reads bytes across the slices of a message.
class SliceReader {
 public:
  explicit SliceReader(const std::vector<grpc::Slice>& slices) : slices_(slices) { Settle(); }

  bool Byte(uint8_t* byte) {
    if (slice_ == slices_.size()) return false;
    *byte = slices_[slice_].begin()[byte_++];
    Settle();
    return true;
  }
  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t byte = 0;
      if (!Byte(&byte)) return false;
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool Bytes(size_t count, char* to) {
    while (count > 0) {
      if (slice_ == slices_.size()) return false;
      const size_t some = std::min(count, slices_[slice_].size() - byte_);
      std::memcpy(to, slices_[slice_].begin() + byte_, some);
      to += some;
      count -= some;
      byte_ += some;
      Settle();
    }
    return true;
  }
  size_t Left() const {
    size_t left = 0;
    for (size_t s = slice_; s < slices_.size(); ++s) left += slices_[s].size();
    return left - byte_;
  }
  size_t slice() const { return slice_; }
  size_t byte() const { return byte_; }

 private:
  void Settle() {  // skips exhausted slices
    while (slice_ < slices_.size() && byte_ == slices_[slice_].size()) {
      ++slice_;
      byte_ = 0;
    }
  }
  const std::vector<grpc::Slice>& slices_;
  size_t slice_ = 0, byte_ = 0;
};

void DropOwner(void* owner) { delete static_cast<std::shared_ptr<const void>*>(owner); }

}  // namespace

grpc::Slice Alias(std::shared_ptr<const void> owner, const void* data, size_t bytes) {
  return grpc::Slice(const_cast<void*>(data), bytes, DropOwner,
                     new std::shared_ptr<const void>(std::move(owner)));
}

grpc::ByteBuffer EncodeFrame(const wire::Header& header) {
  const grpc::Slice prefix = Prefix(header, 0);
  return grpc::ByteBuffer(&prefix, 1);
}

grpc::ByteBuffer EncodeFrame(const wire::Header& header, const grpc::Slice& payload) {
  const grpc::Slice slices[2] = {Prefix(header, payload.size()), payload};
  return grpc::ByteBuffer(slices, payload.size() > 0 ? 2 : 1);
}

absl::Status ReceivedFrame::Decode(grpc::ByteBuffer* buffer) {
  slice_.clear();
  if (!buffer->Dump(&slice_).ok()) return absl::DataLossError("frame: unreadable message");
  buffer->Clear();
  SliceReader reader(slice_);
  uint8_t tag = 0;
  uint64_t size = 0;
  if (!reader.Byte(&tag) || tag != kHeaderTag || !reader.Varint(&size) || size > reader.Left()) {
    return absl::DataLossError("frame: malformed start");
  }
  char fixed[256];  // nearly every header; only refusals carry words
  std::string large;
  char* header = fixed;
  if (size > sizeof(fixed)) {
    large.resize(size);
    header = large.data();
  }
  reader.Bytes(size, header);
  if (!header_.ParseFromArray(header, static_cast<int>(size))) {
    return absl::DataLossError("frame: malformed header");
  }
  payload_bytes_ = 0;
  if (reader.Left() == 0) return absl::OkStatus();
  if (!reader.Byte(&tag) || tag != kPayloadTag || !reader.Varint(&size) || size != reader.Left()) {
    return absl::DataLossError("frame: malformed payload");
  }
  first_slice_ = reader.slice();
  first_byte_ = reader.byte();
  payload_bytes_ = size;
  return absl::OkStatus();
}

void ReceivedFrame::CopyTo(void* to) const {
  auto* out = static_cast<uint8_t*>(to);
  size_t skip = first_byte_, left = payload_bytes_;
  for (size_t s = first_slice_; left > 0; ++s, skip = 0) {
    const size_t count = slice_[s].size() - skip;
    std::memcpy(out, slice_[s].begin() + skip, count);
    out += count;
    left -= count;
  }
}

}  // namespace gyre
