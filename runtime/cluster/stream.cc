#include "runtime/cluster/stream.h"

#include <utility>

#include "absl/time/clock.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/impl/codegen/rpc_service_method.h"
#include "grpcpp/support/method_handler.h"
#include "runtime/cluster/security.h"
#include "runtime/cluster/wire.h"

namespace gyre {
namespace {

using grpc::ByteBuffer;
using grpc::internal::RpcMethod;

constexpr char kExchange[] = "/gyre.wire.ParameterServer/Exchange";

// gRPC's stream of either end.
template <class Stream>
class RawStream final : public FrameStream {
 public:
  explicit RawStream(Stream* stream) : stream_(stream) {}
  bool Read(ByteBuffer* frame) override { return stream_->Read(frame); }
  bool Write(const ByteBuffer& frame) override { return stream_->Write(frame); }

 private:
  Stream* const stream_;
};

struct Wrapping {
  Mutex mutex;
  StreamWrapper wrap ABSL_GUARDED_BY(mutex);
};
Wrapping& TheWrapping() {
  static auto* const wrapping = new Wrapping;
  return *wrapping;
}

template <class Stream>
std::unique_ptr<FrameStream> FramesOver(Stream* stream, std::function<void()> cancel) {
  auto raw = std::make_unique<RawStream<Stream>>(stream);
  StreamWrapper wrap;
  {
    MutexLock lock(&TheWrapping().mutex);
    wrap = TheWrapping().wrap;
  }
  if (!wrap) return raw;
  return wrap(std::move(raw), std::move(cancel));
}

// One frame of HTTP/2 holds a whole piece instead of the default 16 KiB of it.
constexpr int kHttp2FrameBytes = 4 << 20;
constexpr int kHttp2LookaheadBytes = 8 << 20;
// A peer that answers no ping within the second time is gone.
constexpr int kKeepaliveMs = 10000;
constexpr int kKeepaliveTimeoutMs = 10000;

}  // namespace

void WrapStreamsForTesting(StreamWrapper wrap) {
  MutexLock lock(&TheWrapping().mutex);
  TheWrapping().wrap = std::move(wrap);
}

ExchangeService::ExchangeService(Serve serve) : serve_(std::move(serve)) {
  using Handler = grpc::internal::BidiStreamingHandler<ExchangeService, ByteBuffer, ByteBuffer>;
  AddMethod(new grpc::internal::RpcServiceMethod(
      kExchange, RpcMethod::BIDI_STREAMING,
      new Handler(
          [](ExchangeService* service, grpc::ServerContext* context,
             grpc::ServerReaderWriter<ByteBuffer, ByteBuffer>* raw) {
            const auto stream = FramesOver(raw, [context] { context->TryCancel(); });
            return service->serve_(context, stream.get());
          },
          this)));
}

ExchangeClient::ExchangeClient(std::shared_ptr<grpc::Channel> channel, const std::string& token) {
  AddToken(token, &context_);
  const RpcMethod method(kExchange, RpcMethod::BIDI_STREAMING, channel);
  stream_.reset(grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(
      channel.get(), method, &context_));
  frames_ = FramesOver(stream_.get(), [this] { context_.TryCancel(); });
}

ExchangeClient::~ExchangeClient() {
  if (finished_) return;
  context_.TryCancel();
  Finish().IgnoreError();
}

absl::Status ExchangeClient::Finish() {
  finished_ = true;
  frames_.reset();
  stream_->WritesDone();
  ByteBuffer rest;
  while (stream_->Read(&rest)) {
  }
  const grpc::Status status = stream_->Finish();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

grpc::ChannelArguments ChannelSettings() {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  args.SetMaxSendMessageSize(kMaxMessageBytes);
  args.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kHttp2LookaheadBytes);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Channels are not shared between streams that carry bulk: each has its own connection.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return args;
}

void ServerSettings(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->SetMaxSendMessageSize(-1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kHttp2FrameBytes);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kHttp2LookaheadBytes);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  // A port that another process listens on is an error, not shared between the two.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

Sender::Sender(FrameStream* stream, Next next, Pacer* pacer)
    : stream_(stream), next_(std::move(next)), pacer_(pacer), thread_([this] { Loop(); }) {}

Sender::~Sender() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  MutexLock lock(&mutex_);
  while (busy_) changed_.Wait(&mutex_);
}

void Sender::Pump() {
  MutexLock lock(&mutex_);
  due_ = true;
  if (!busy_) Drain(/*may_block=*/false);
}

void Sender::Heard() {
  MutexLock lock(&mutex_);
  unanswered_ = 0;
}

bool Sender::broken() const {
  MutexLock lock(&mutex_);
  return broken_;
}

// Makes frame_ the next one to send, if there is one.
bool Sender::Fetch() {
  while (!held_ && due_ && !stop_) {
    due_ = false;
    mutex_.Unlock();
    const bool more = next_(&frame_);
    mutex_.Lock();
    held_ = more;
    due_ = due_ || more;
    if (more && pacer_ != nullptr) not_before_ = pacer_->Take(frame_.Length());
  }
  return held_;
}

void Sender::Drain(bool may_block) {
  busy_ = true;
  while (!stop_ && !broken_ && Fetch()) {
    const size_t size = frame_.Length();
    if (!may_block && unanswered_ + size > kInlineBytes) break;
    if (pacer_ != nullptr && absl::Now() < not_before_) {
      if (!may_block) break;
      while (!stop_ && absl::Now() < not_before_)
        changed_.WaitWithTimeout(&mutex_, not_before_ - absl::Now());
      continue;
    }
    unanswered_ += size;
    mutex_.Unlock();
    const bool written = stream_->Write(frame_);
    frame_.Clear();
    mutex_.Lock();
    held_ = false;
    broken_ = broken_ || !written;
  }
  busy_ = false;
  if (held_ || stop_) changed_.SignalAll();
}

void Sender::Loop() {
  MutexLock lock(&mutex_);
  while (!stop_) {
    if (!busy_ && !broken_ && (held_ || due_)) {
      Drain(/*may_block=*/true);
    } else {
      changed_.Wait(&mutex_);
    }
  }
}

}  // namespace gyre
