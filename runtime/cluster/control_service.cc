#include "runtime/cluster/control_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "runtime/cluster/security.h"

namespace gyre {
namespace {

// How often a process that has finished looks whether the run has ended otherwise.
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr uint32_t kAnyProcess = UINT32_MAX;  // what a worker says that does not know who it is

// gRPC says "ipv4:10.0.0.7:4242" and "ipv6:%5Bfd00::7%5D:4242".
std::string HostOfPeer(const std::string& peer) {
  std::string host = peer.substr(peer.find(':') + 1);
  host = host.substr(0, host.rfind(':'));
  return absl::StrReplaceAll(host, {{"%5B", "["}, {"%5D", "]"}});
}

}  // namespace

ControlService::ControlService(int processes, uint32_t epoch, std::string token, uint64_t program,
                               std::function<wire::JobDescription(int process)> job)
    : slot_size_(static_cast<size_t>(processes)),
      epoch_(epoch),
      token_(std::move(token)),
      program_(program),
      job_(std::move(job)),
      slot_(slot_size_) {}

ControlService::Process ControlService::process(int p) const {
  MutexLock lock(&mutex_);
  return slot_[static_cast<size_t>(p)].state;
}

void ControlService::AwaitChange(absl::Time deadline) {
  MutexLock lock(&mutex_);
  while (changes_ == seen_) {
    if (changed_.WaitWithDeadline(&mutex_, deadline)) return;
  }
  seen_ = changes_;
}

void ControlService::Nudge() {
  MutexLock lock(&mutex_);
  ++changes_;
  changed_.SignalAll();
}

void ControlService::SendPeers(const wire::Peers& peers) {
  wire::Order order;
  order.set_epoch(epoch_);
  *order.mutable_peers() = peers;
  MutexLock lock(&mutex_);
  for (Slot& slot : slot_) {
    if (slot.stream != nullptr) slot.stream->Write(order);
  }
}

void ControlService::End(const wire::End& end) {
  MutexLock lock(&mutex_);
  end_.set_epoch(epoch_);
  *end_.mutable_end() = end;
  // An order is a few bytes: it fits the stream's window, so this does not wait for the worker.
  for (Slot& slot : slot_) {
    if (slot.stream != nullptr) slot.stream->Write(end_);
  }
}

grpc::Status ControlService::Admit(const grpc::ServerContext& context, const wire::Report& report,
                                   int* process) {
  using grpc::StatusCode;
  if (!HasToken(context, token_)) {
    return grpc::Status(StatusCode::UNAUTHENTICATED, "the token is not this run's");
  }
  if (!report.has_register_()) {
    return grpc::Status(StatusCode::INVALID_ARGUMENT, "a worker's first word is who it is");
  }
  if (report.register_().program() != program_) {
    return grpc::Status(StatusCode::FAILED_PRECONDITION,
                        "the worker was built from another program than the coordinator");
  }
  size_t place = report.process();
  if (report.process() == kAnyProcess) {
    place = 0;
    while (place < slot_size_ && slot_[place].state.registered) ++place;
  }
  if (place >= slot_size_) {
    return grpc::Status(StatusCode::INVALID_ARGUMENT,
                        report.process() == kAnyProcess
                            ? absl::StrCat("all ", slot_size_, " workers of this run are there")
                            : absl::StrCat("this run has processes 0 to ", slot_size_ - 1, ", not ",
                                           report.process()));
  }
  *process = static_cast<int>(place);
  Process& state = slot_[place].state;
  if (state.registered && !state.lost) {
    return grpc::Status(StatusCode::ALREADY_EXISTS,
                        absl::StrCat("process ", place, " is there already"));
  }
  state = Process();
  state.registered = true;
  state.pid = report.register_().pid();
  state.heard = absl::Now();
  ++changes_;
  changed_.SignalAll();
  return grpc::Status::OK;
}

// False: the process has said its last.
bool ControlService::Take(const grpc::ServerContext& context, int process,
                          const wire::Report& report) {
  Process& state = slot_[static_cast<size_t>(process)].state;
  state.heard = absl::Now();
  switch (report.what_case()) {
    case wire::Report::kHeartbeat:
      state.started = true;
      state.clock = report.heartbeat().clock();
      state.waiting = report.heartbeat().waiting();
      return true;
    case wire::Report::kListening:
      state.address = absl::StrCat(HostOfPeer(context.peer()), ":", report.listening().port());
      ++changes_;
      changed_.SignalAll();
      return true;
    case wire::Report::kFailure:
      state.failure = absl::Status(static_cast<absl::StatusCode>(report.failure().code()),
                                   report.failure().message());
      if (state.failure.ok()) state.failure = absl::UnknownError(report.failure().message());
      break;
    case wire::Report::kFinished:
      state.finished = true;
      state.report = report.finished();
      break;
    default:
      return true;
  }
  ++changes_;
  changed_.SignalAll();
  return false;
}

bool ControlService::AllEnded() const {
  return std::all_of(slot_.begin(), slot_.end(), [](const Slot& slot) {
    return slot.state.finished || slot.state.lost || !slot.state.failure.ok();
  });
}

grpc::Status ControlService::Control(grpc::ServerContext* context, Stream* stream) {
  wire::Report report;
  int process = -1;
  if (!stream->Read(&report)) return grpc::Status::OK;
  {
    MutexLock lock(&mutex_);
    if (grpc::Status status = Admit(*context, report, &process); !status.ok()) return status;
  }
  wire::Order order;
  order.set_epoch(epoch_);
  *order.mutable_job() = job_(process);
  stream->Write(order);
  {
    MutexLock lock(&mutex_);
    slot_[static_cast<size_t>(process)].stream = stream;
    if (end_.has_end()) stream->Write(end_);
  }
  bool more = true;
  while (more && stream->Read(&report)) {
    MutexLock lock(&mutex_);
    more = Take(*context, process, report);
  }
  MutexLock lock(&mutex_);
  Slot& slot = slot_[static_cast<size_t>(process)];
  // It is let go when all have finished: where streams broke in the last moment, others still ask
  // this process's replica what has arrived.
  while (slot.state.finished && !AllEnded() && !context->IsCancelled())
    changed_.WaitWithTimeout(&mutex_, kLook);
  slot.stream = nullptr;
  if (!slot.state.finished && slot.state.failure.ok()) slot.state.lost = true;
  ++changes_;
  changed_.SignalAll();
  return grpc::Status::OK;
}

}  // namespace gyre
