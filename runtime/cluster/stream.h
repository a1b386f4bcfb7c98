// A stream of frames between a worker and an owner, and its sending side.
//
// gRPC's generated stubs would copy every payload through a protobuf string; these few lines say
// the same method with byte buffers, in the way the generated code says it (gRPC has this as "raw"
// methods, but not for its synchronous interface, whose round trip is a fifth of the callback
// one's).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/channel_arguments.h"
#include "grpcpp/support/sync_stream.h"
#include "runtime/cluster/pacer.h"
#include "runtime/mutex.h"

namespace gyre {

// One end of a stream. One thread reads, one writes. False: the stream is over.
class FrameStream {
 public:
  virtual ~FrameStream() = default;
  virtual bool Read(grpc::ByteBuffer* frame) = 0;
  virtual bool Write(const grpc::ByteBuffer& frame) = 0;
};

// For tests: from here on every end of a stream that begins in this process is what `wrap` makes of
// it; null: as it is. `cancel` breaks what is beneath, and may be called as long as that lives.
using StreamWrapper = std::function<std::unique_ptr<FrameStream>(
    std::unique_ptr<FrameStream> stream, std::function<void()> cancel)>;
void WrapStreamsForTesting(StreamWrapper wrap);

// The server's side of ParameterServer.Exchange: `serve` runs on a thread of its own for each
// stream, and the stream ends when it returns.
class ExchangeService : public grpc::Service {
 public:
  using Serve = std::function<grpc::Status(grpc::ServerContext*, FrameStream*)>;
  explicit ExchangeService(Serve serve);

 private:
  const Serve serve_;
};

// The client's side. Safe to Cancel from any thread: a blocked Read or Write returns false.
class ExchangeClient : public FrameStream {
 public:
  // The token goes into the call; the stream is usable at once, and its first Read says whether the
  // server accepted it.
  ExchangeClient(std::shared_ptr<grpc::Channel> channel, const std::string& token);
  ~ExchangeClient() override;
  bool Read(grpc::ByteBuffer* frame) override { return frames_->Read(frame); }
  bool Write(const grpc::ByteBuffer& frame) override { return frames_->Write(frame); }
  void Cancel() { context_.TryCancel(); }
  // No more is written; waits for the server to end the stream and says how it did.
  // REQUIRES: nobody else is in Read or Write.
  absl::Status Finish();

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream_;
  std::unique_ptr<FrameStream> frames_;  // over stream_
  bool finished_ = false;
};

// Settings that both ends of a connection share: explicit message limits, large frames, keepalive
// (which is what notices a stopped or unplugged peer).
grpc::ChannelArguments ChannelSettings();
void ServerSettings(grpc::ServerBuilder* builder);

// Sends without ever making the caller wait for the peer.
//
// A small frame that certainly fits the peer's window is written by the caller, which saves waking
// a thread (half of a round trip); everything else is written by the sender's own thread. What to
// send is asked for at the last moment, so that newer state replaces older instead of queueing
// behind it. Thread-safe.
class Sender {
 public:
  // Fills the frame to send now and returns true, or returns false when nothing is due. Called by
  // one thread at a time, without a lock of the Sender.
  using Next = std::function<bool(grpc::ByteBuffer* frame)>;
  // `pacer`: of all that the process sends; null: as much as the streams take.
  Sender(FrameStream* stream, Next next, Pacer* pacer = nullptr);
  ~Sender();  // sends nothing more; waits for a write in progress

  void Pump();   // something may be due
  void Heard();  // a frame came from the peer, so what it answers has left the window
  bool broken() const;

 private:
  // Bytes in flight that the smallest flow-control window of HTTP/2, 64 KiB, has room for twice.
  static constexpr size_t kInlineBytes = 32 << 10;

  void Drain(bool may_block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Fetch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Loop();

  FrameStream* const stream_;
  const Next next_;
  Pacer* const pacer_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;  // a thread is in Drain: it alone touches frame_
  bool held_ ABSL_GUARDED_BY(mutex_) = false;  // frame_ is to be sent
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time not_before_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // of frame_
  grpc::ByteBuffer frame_;
  std::thread thread_;
};

}  // namespace gyre
