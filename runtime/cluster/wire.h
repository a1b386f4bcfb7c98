// Frames: how bulk data crosses a stream without being re-encoded.
//
// On the wire a frame is the message gyre.wire.Frame (a header, then raw bytes), so any protobuf
// reader understands it. It is written and read by hand, over gRPC's slices: the payload of a sent
// frame aliases the sender's memory, and that of a received frame is copied once, from the
// transport's slices to where it belongs. Integers and floats are little-endian, as on every
// machine this runs on.
//
// Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "runtime/cluster/cluster.pb.h"

namespace gyre {

// Elements of a large array travel in pieces of this many bytes: big enough that the cost of a
// message vanishes, small enough that receiving overlaps sending and buffers stay small.
inline constexpr size_t kPieceBytes = size_t{1} << 20;
// The largest message that is accepted; a peer that sends more is in error.
inline constexpr int kMaxMessageBytes = 4 << 20;

// Bytes at `data` that live as long as `owner` does. No copy; `owner` is let go when gRPC is done.
grpc::Slice Alias(std::shared_ptr<const void> owner, const void* data, size_t bytes);

grpc::ByteBuffer EncodeFrame(const wire::Header& header);
grpc::ByteBuffer EncodeFrame(const wire::Header& header, const grpc::Slice& payload);

// A received frame: the header parsed, the payload still in the transport's slices.
class ReceivedFrame {
 public:
  // Takes over `buffer`. An error names what is malformed; the frame must not be used then.
  absl::Status Decode(grpc::ByteBuffer* buffer);

  const wire::Header& header() const { return header_; }
  size_t payload_bytes() const { return payload_bytes_; }
  // Writes the whole payload to `to`. REQUIRES: room for payload_bytes().
  void CopyTo(void* to) const;

 private:
  wire::Header header_;
  std::vector<grpc::Slice> slice_;
  size_t first_slice_ = 0;  // where the payload starts: slice, and byte within it
  size_t first_byte_ = 0;
  size_t payload_bytes_ = 0;
};

}  // namespace gyre
