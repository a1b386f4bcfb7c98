#include "runtime/cluster/owner_link.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace gyre {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(10);
constexpr absl::Duration kMostRetry = absl::Seconds(1);

// What another try cannot mend.
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

}  // namespace

OwnerLink::OwnerLink(const Options& options,
                     std::function<std::shared_ptr<grpc::Channel>()> connect, RemoteTable* table,
                     std::function<void(absl::Status)> failed)
    : options_(options), connect_(std::move(connect)), table_(table), failed_(std::move(failed)) {
  table_->SetPump(options_.shard, [this] { Pump(); });
  thread_ = std::thread([this] { Loop(); });
}

OwnerLink::~OwnerLink() {
  Close();
  table_->SetPump(options_.shard, nullptr);
}

void OwnerLink::Close() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    if (stream_ != nullptr) stream_->Cancel();
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

int OwnerLink::connections() const {
  MutexLock lock(&mutex_);
  return connections_;
}

bool OwnerLink::closing() const {
  MutexLock lock(&mutex_);
  return closing_;
}

void OwnerLink::Pump() {
  MutexLock lock(&sender_mutex_);
  if (sender_ != nullptr) sender_->Pump();
}

void OwnerLink::Pause(absl::Duration length) {
  MutexLock lock(&mutex_);
  if (!closing_) changed_.WaitWithTimeout(&mutex_, length);
}

void OwnerLink::Loop() {
  absl::Duration retry = kFirstRetry;
  absl::Time give_up = absl::Now() + options_.deadline;
  while (!closing()) {
    const int before = connections();
    auto stream = std::make_unique<ExchangeClient>(connect_(), options_.token);
    {
      MutexLock lock(&mutex_);
      if (closing_) return;
      stream_ = stream.get();
    }
    const absl::Status status = Talk(stream.get());
    {
      MutexLock lock(&mutex_);
      stream_ = nullptr;
    }
    stream.reset();
    if (closing()) return;
    if (connections() > before) {  // it worked for a while: a new break, a new deadline
      retry = kFirstRetry;
      give_up = absl::Now() + options_.deadline;
    }
    if (IsFinal(status) || absl::Now() > give_up) {
      failed_(absl::Status(
          status.code(), absl::StrCat(options_.what, " ", options_.owner, ": ", status.message())));
      return;
    }
    Pause(retry);
    retry = std::min(retry * 2, kMostRetry);
  }
}

absl::Status OwnerLink::Greet(ExchangeClient* stream) {
  grpc::ByteBuffer buffer;
  ReceivedFrame frame;
  if (!stream->Write(EncodeFrame(table_->Hello(options_.shard))) || !stream->Read(&buffer)) {
    absl::Status status = stream->Finish();
    return status.ok() ? absl::UnavailableError("the stream ended before it began") : status;
  }
  if (absl::Status status = frame.Decode(&buffer); !status.ok()) return status;
  if (frame.header().kind() != wire::Header::WELCOME) {
    return absl::DataLossError("the answer to HELLO is not WELCOME");
  }
  table_->Resume(options_.shard, frame.header());
  MutexLock lock(&mutex_);
  ++connections_;
  return absl::OkStatus();
}

absl::Status OwnerLink::Talk(ExchangeClient* stream) {
  if (absl::Status status = Greet(stream); !status.ok()) return status;
  absl::Status status;
  {
    Sender sender(
        stream,
        [this](grpc::ByteBuffer* frame) { return table_->NextFrame(options_.shard, frame); },
        options_.pacer);
    {
      MutexLock lock(&sender_mutex_);
      sender_ = &sender;
    }
    Pump();
    const auto receive = [this](const std::function<void()>& take) {
      options_.around_receive ? options_.around_receive(take) : take();
    };
    grpc::ByteBuffer buffer;
    ReceivedFrame frame;
    while (status.ok() && stream->Read(&buffer)) {
      sender.Heard();
      status = frame.Decode(&buffer);
      if (status.ok()) receive([&] { status = table_->Receive(options_.shard, frame); });
    }
    stream->Cancel();  // a write in progress ends too
    MutexLock lock(&sender_mutex_);
    sender_ = nullptr;
  }
  if (!status.ok()) return status;
  status = stream->Finish();
  return status.ok() ? absl::UnavailableError("the stream ended") : status;
}

}  // namespace gyre
