#include "runtime/cluster/parameter_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cluster/security.h"

namespace gyre {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace

// One stream. `Next` and what it uses belong to the sender; the rest to the reading thread.
class ParameterServer::Peer {
 public:
  Peer(ParameterServer* server, const wire::Header& hello, grpc::ServerContext* context,
       FrameStream* stream)
      : process(static_cast<int>(hello.process())),
        server_(server),
        incarnation_(hello.incarnation()),
        epoch_(hello.epoch()),
        context_(context),
        sender_(
            stream, [this](grpc::ByteBuffer* frame) { return Next(frame); },
            server->options_.pacer) {}

  void Pump() { sender_.Pump(); }
  void Heard() { sender_.Heard(); }
  void Cancel() { context_->TryCancel(); }
  void AskAgain() {
    resend_.store(true, std::memory_order_release);
    Pump();
  }
  void Acknowledge() {
    note_.store(true, std::memory_order_release);
    Pump();
  }

  const int process;

 private:
  struct Sending {  // a range of an array on its way, piece by piece
    std::shared_ptr<const void> owner;
    const char* data = nullptr;  // element 0 of the array
    KeyRange rest;               // what is not sent yet
    int64_t element = 0;
    bool active = false;
  };

  bool Next(grpc::ByteBuffer* frame);
  bool Fill(grpc::ByteBuffer* frame);
  bool NextBroadcast(grpc::ByteBuffer* frame);
  bool NextSnapshot(grpc::ByteBuffer* frame);
  bool NextNote(grpc::ByteBuffer* frame);
  void Begin(wire::Header::Kind kind, std::shared_ptr<const void> owner, const void* data,
             const KeyRange& range, int64_t element);
  void NextPiece(grpc::ByteBuffer* frame);
  wire::Header NewHeader(wire::Header::Kind kind);

  ParameterServer* const server_;
  const uint32_t incarnation_, epoch_;
  grpc::ServerContext* const context_;
  std::atomic<bool> resend_{false}, note_{false};

  // The sender's.
  Sending sending_;
  wire::Header piece_;  // of what is on its way, but for offset, size and last
  bool sum_sent_ = false;
  int64_t model_round_ = 0;
  uint64_t version_ = 0;
  Clock limit_ = -1;

  Sender sender_;  // last: it calls Next as soon as it is pumped
};

wire::Header ParameterServer::Peer::NewHeader(wire::Header::Kind kind) {
  wire::Header header;
  header.set_kind(kind);
  header.set_epoch(epoch_);
  header.set_process(static_cast<uint32_t>(process));
  header.set_incarnation(incarnation_);
  header.set_part(static_cast<uint32_t>(server_->options_.shard));
  return header;
}

bool ParameterServer::Peer::Next(grpc::ByteBuffer* frame) {
  if (!Fill(frame)) return false;
  if (server_->handlers_.traffic) server_->handlers_.traffic();
  server_->sent_.fetch_add(static_cast<int64_t>(frame->Length()), std::memory_order_relaxed);
  return true;
}

bool ParameterServer::Peer::Fill(grpc::ByteBuffer* frame) {
  if (resend_.exchange(false, std::memory_order_acq_rel)) {
    wire::Header header = NewHeader(wire::Header::RESEND);
    header.set_sequence(server_->receiver_->Next(server_->options_.shard, process));
    *frame = EncodeFrame(header);
    return true;
  }
  if (sending_.active) {
    NextPiece(frame);
    return true;
  }
  return NextSnapshot(frame) || NextBroadcast(frame) || NextNote(frame);
}

void ParameterServer::Peer::Begin(wire::Header::Kind kind, std::shared_ptr<const void> owner,
                                  const void* data, const KeyRange& range, int64_t element) {
  piece_ = NewHeader(kind);
  sending_ = {std::move(owner), static_cast<const char*>(data), range, element, true};
}

void ParameterServer::Peer::NextPiece(grpc::ByteBuffer* frame) {
  KeyRange& rest = sending_.rest;
  const int64_t count = std::min(static_cast<int64_t>(kPieceBytes) / sending_.element, rest.size());
  piece_.set_offset(rest.begin);
  piece_.set_size(count);
  piece_.set_last(count == rest.size());
  *frame =
      count == 0
          ? EncodeFrame(piece_)
          : EncodeFrame(piece_, Alias(sending_.owner, sending_.data + rest.begin * sending_.element,
                                      static_cast<size_t>(count * sending_.element)));
  rest.begin += count;
  if (piece_.last()) sending_ = {};
}

bool ParameterServer::Peer::NextBroadcast(grpc::ByteBuffer* frame) {
  Broadcast next = sum_sent_ ? server_->model() : server_->sum();
  if (next.array == nullptr || (sum_sent_ && next.round <= model_round_)) return false;
  const void* data = next.array->data();
  Begin(sum_sent_ ? wire::Header::MODEL : wire::Header::SUM, next.array, data,
        {0, static_cast<int64_t>(next.array->size())}, sizeof(double));
  piece_.set_round(next.round);
  piece_.set_stage(next.stage);
  if (sum_sent_) model_round_ = next.round;
  sum_sent_ = true;
  NextPiece(frame);
  return true;
}

bool ParameterServer::Peer::NextSnapshot(grpc::ByteBuffer* frame) {
  if (server_->options_.role != Role::kCentral) return false;
  // The limit is read first: a process must not see a limit whose state it does not get.
  const Clock limit = server_->handlers_.limit();
  if (server_->parameters_->version() <= version_) return false;
  std::shared_ptr<const Snapshot> snapshot = server_->parameters_->Latest();
  const int64_t size = snapshot->bytes.size() / snapshot->element;
  Begin(wire::Header::UPDATE, snapshot, snapshot->bytes.data(),
        ShardRange(size, server_->options_.shard, server_->parameters_->shards()),
        snapshot->element);
  piece_.set_complete(snapshot->complete);
  piece_.set_own(snapshot->own[static_cast<size_t>(process)]);
  for (const Stage included : snapshot->included) piece_.add_included(included);
  piece_.set_limit(limit);
  version_ = snapshot->version;
  limit_ = limit;
  NextPiece(frame);
  return true;
}

bool ParameterServer::Peer::NextNote(grpc::ByteBuffer* frame) {
  const Clock limit = server_->handlers_.limit();
  const bool asked = note_.exchange(false, std::memory_order_acq_rel);
  const bool started =
      server_->options_.role == Role::kCentral ? version_ > 0 : server_->receiver_->version() > 0;
  if (!started || (limit <= limit_ && !asked)) return false;
  limit_ = limit;
  wire::Header header = NewHeader(wire::Header::UPDATE);
  header.set_own(server_->receiver_->Done(process));
  header.set_limit(limit);
  *frame = EncodeFrame(header);
  return true;
}

// ---- The server.

ParameterServer::ParameterServer(Options options, ParcelReceiver* receiver, Owner* parameters,
                                 Handlers handlers)
    : options_(std::move(options)),
      receiver_(receiver),
      parameters_(parameters),
      handlers_(std::move(handlers)),
      peer_(static_cast<size_t>(options_.processes)),
      arriving_(static_cast<size_t>(options_.processes)),
      service_([this](grpc::ServerContext* context, FrameStream* stream) {
        return Serve(context, stream);
      }) {}

ParameterServer::~ParameterServer() {
  Close();
  MutexLock lock(&mutex_);
  while (streams_ > 0) gone_.Wait(&mutex_);
}

void ParameterServer::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  for (const auto& peer : peer_) {
    if (peer != nullptr) peer->Cancel();
  }
}

bool ParameterServer::connected(int process) const {
  MutexLock lock(&mutex_);
  return peer_[static_cast<size_t>(process)] != nullptr;
}

ParameterServer::Broadcast ParameterServer::sum() const {
  MutexLock lock(&mutex_);
  return sum_;
}

ParameterServer::Broadcast ParameterServer::model() const {
  MutexLock lock(&mutex_);
  return model_;
}

void ParameterServer::SendSum(Array sum) {
  {
    MutexLock lock(&mutex_);
    sum_ = {0, 0, std::move(sum)};
  }
  Pump();
}

void ParameterServer::SendModel(int64_t round, Stage stage, Array model) {
  {
    MutexLock lock(&mutex_);
    model_ = {round, stage, std::move(model)};
  }
  Pump();
}

void ParameterServer::Pump() {
  std::vector<std::shared_ptr<Peer>> peers;
  {
    MutexLock lock(&mutex_);
    peers = peer_;
  }
  for (const auto& peer : peers) {
    if (peer != nullptr) peer->Pump();
  }
}

grpc::Status ParameterServer::Serve(grpc::ServerContext* context, FrameStream* stream) {
  if (!HasToken(*context, options_.token)) {
    return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "the token is not this run's");
  }
  grpc::ByteBuffer buffer;
  ReceivedFrame first;
  if (!stream->Read(&buffer)) return grpc::Status::OK;
  if (absl::Status status = first.Decode(&buffer); !status.ok()) return ToGrpc(status);
  const wire::Header& hello = first.header();
  if (hello.kind() != wire::Header::HELLO) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "a stream starts with HELLO");
  }
  if (options_.role == Role::kPeer && receiver_->version() == 0)
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "this worker has not started yet");
  absl::StatusOr<wire::Header> welcome = receiver_->Admit(options_.shard, hello);
  if (!welcome.ok()) return ToGrpc(welcome.status());
  if (!stream->Write(EncodeFrame(*welcome))) return grpc::Status::OK;

  auto peer = std::make_shared<Peer>(this, hello, context, stream);
  {
    MutexLock lock(&mutex_);
    if (closed_) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the run is over");
    ++streams_;
    std::shared_ptr<Peer>& place = peer_[hello.process()];
    if (place != nullptr) place->Cancel();  // a stream of before a reconnect
    place = peer;
  }
  peer->Pump();
  grpc::Status status = Talk(peer.get(), stream);
  {
    MutexLock lock(&mutex_);
    std::shared_ptr<Peer>& place = peer_[hello.process()];
    if (place == peer) place = nullptr;
  }
  // Whoever pumps it at this moment still holds it; the stream must outlive that.
  while (peer.use_count() > 1) std::this_thread::yield();
  peer.reset();
  MutexLock lock(&mutex_);
  --streams_;
  gone_.SignalAll();
  return status;
}

grpc::Status ParameterServer::Talk(Peer* peer, FrameStream* stream) {
  grpc::ByteBuffer buffer;
  ReceivedFrame frame;
  while (stream->Read(&buffer)) {
    peer->Heard();
    absl::Status status = frame.Decode(&buffer);
    const wire::Header& header = frame.header();
    received_.fetch_add(static_cast<int64_t>(frame.payload_bytes()), std::memory_order_relaxed);
    if (handlers_.traffic) handlers_.traffic();
    if (status.ok() && header.kind() == wire::Header::GOODBYE) return grpc::Status::OK;
    if (status.ok() && header.process() != static_cast<uint32_t>(peer->process)) {
      status = absl::InvalidArgumentError("a frame of another process");
    }
    if (status.ok() && header.kind() == wire::Header::PARCEL) {
      const uint64_t before = receiver_->version();
      absl::StatusOr<Ledger::Verdict> verdict = receiver_->Receive(options_.shard, frame);
      status = verdict.status();
      if (verdict.ok()) {
        if (*verdict == Ledger::Verdict::kGap) peer->AskAgain();
        if (*verdict == Ledger::Verdict::kDuplicate) peer->Acknowledge();
        if (*verdict == Ledger::Verdict::kFenced) {
          return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                              "replaced by a later incarnation");
        }
        // Nothing else tells the process that its contribution is here.
        if (*verdict == Ledger::Verdict::kApply && header.stage_done() &&
            options_.role != Role::kCentral)
          peer->Acknowledge();
        if (receiver_->version() != before) {
          Pump();
          handlers_.moved();
        }
      }
    } else if (status.ok() && header.kind() == wire::Header::PARTIAL && options_.shard == 0) {
      status = ReceivePartial(peer, frame);
    } else if (status.ok()) {
      status = absl::InvalidArgumentError("a frame of a kind that workers do not send");
    }
    if (!status.ok()) {
      handlers_.failed(peer->process, status);
      return ToGrpc(status);
    }
  }
  return grpc::Status::OK;
}

absl::Status ParameterServer::ReceivePartial(const Peer* peer, const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  const int process = peer->process;
  std::vector<double> share;
  {
    MutexLock lock(&mutex_);
    // What was left of a stream before a reconnect; all of it is sent again.
    if (peer_[static_cast<size_t>(process)].get() != peer) return absl::OkStatus();
    Arriving& arriving = arriving_[static_cast<size_t>(process)];
    if (header.round() <= arriving.complete_round) return absl::OkStatus();  // sent again
    if (header.offset() == 0) arriving.share.clear();
    const size_t count = frame.payload_bytes() / sizeof(double);
    if (header.offset() != static_cast<int64_t>(arriving.share.size()) ||
        count * sizeof(double) != frame.payload_bytes()) {
      return absl::InvalidArgumentError("a piece of a sum is out of place");
    }
    arriving.share.resize(arriving.share.size() + count);
    frame.CopyTo(arriving.share.data() + header.offset());
    if (!header.last()) return absl::OkStatus();
    arriving.complete_round = header.round();
    share.swap(arriving.share);
  }
  handlers_.partial(process, header.round(), std::move(share));
  handlers_.moved();
  Pump();
  return absl::OkStatus();
}

}  // namespace gyre
