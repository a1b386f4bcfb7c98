#include "runtime/cluster/inbox.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

Origin OriginOf(const wire::Header& header) { return {header.process(), header.incarnation()}; }

}  // namespace

Inbox::Inbox(const Options& options)
    : options_(options),
      ledger_(options.processes),
      incoming_(static_cast<size_t>(options.processes)) {}

void Inbox::Attach(const std::vector<StageEncoding>* encoding, int shards, ContributionSink* sink) {
  Attach(std::vector<const std::vector<StageEncoding>*>(static_cast<size_t>(options_.processes),
                                                        encoding),
         shards, sink);
}

void Inbox::Attach(const std::vector<const std::vector<StageEncoding>*>& by_process, int shards,
                   ContributionSink* sink) {
  MutexLock lock(&mutex_);
  for (size_t p = 0; p < incoming_.size(); ++p) {
    for (const StageEncoding& stage : *by_process[p])
      incoming_[p].decoder.emplace_back(&stage, stage.Range(options_.shard, shards));
  }
  sink_ = sink;
}

absl::StatusOr<wire::Header> Inbox::Admit(const wire::Header& hello) {
  MutexLock lock(&mutex_);
  if (hello.epoch() != options_.epoch) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this is run ", options_.epoch, ", the worker belongs to run ", hello.epoch()));
  }
  if (hello.process() >= static_cast<uint32_t>(options_.processes)) {
    return absl::InvalidArgumentError(absl::StrCat("there is no process ", hello.process()));
  }
  if (hello.part() != static_cast<uint32_t>(options_.shard)) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is shard ", options_.shard, ", not ", hello.part()));
  }
  const bool restarted = hello.incarnation() != ledger_.Incarnation(hello.process());
  const int64_t done = ledger_.Fence(OriginOf(hello));
  if (done < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("process ", hello.process(), " was replaced by a later incarnation"));
  }
  if (restarted) incoming_[hello.process()].open = false;  // pending of the old one vanishes
  wire::Header welcome;
  welcome.set_kind(wire::Header::WELCOME);
  welcome.set_epoch(options_.epoch);
  welcome.set_process(hello.process());
  welcome.set_incarnation(hello.incarnation());
  welcome.set_part(hello.part());
  welcome.set_sequence(ledger_.Next(hello.process()));
  welcome.set_own(done);
  return welcome;
}

Stage Inbox::Done(int process) {
  MutexLock lock(&mutex_);
  return ledger_.ClocksDone(static_cast<uint32_t>(process));
}

uint64_t Inbox::Next(int process) {
  MutexLock lock(&mutex_);
  return ledger_.Next(static_cast<uint32_t>(process));
}

absl::Status Inbox::Take(const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  Incoming& incoming = incoming_[header.process()];
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("process ", header.process(), ": parcel ",
                                                   header.sequence(), " of stage ", header.stage(),
                                                   " ", what));
  };
  if (header.stage() < ledger_.ClocksDone(header.process())) return wrong("was done before");
  if (incoming.decoder.empty()) return wrong("comes from who sends nothing here");
  ContributionDecoder& decoder =
      incoming.decoder[static_cast<size_t>(header.stage()) % incoming.decoder.size()];
  if (header.offset() != (incoming.open ? decoder.taken() : 0) ||
      (incoming.open && header.stage() != incoming.stage)) {
    return wrong("is out of place");
  }
  if (!incoming.open) {
    absl::StatusOr<Contribution*> to =
        sink_->Open(static_cast<int>(header.process()), header.stage());
    if (!to.ok()) return to.status();
    decoder.Begin(*to);
    incoming.open = true;
    incoming.stage = header.stage();
  }
  if (header.size() != static_cast<int64_t>(frame.payload_bytes()))
    return wrong("does not fit its table");
  if (absl::Status status = decoder.Take(frame); !status.ok()) return wrong(status.message());
  if (header.stage_done() != decoder.complete()) return wrong("ends its stage at the wrong place");
  return absl::OkStatus();
}

absl::StatusOr<Ledger::Verdict> Inbox::Receive(const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  MutexLock lock(&mutex_);
  if (header.epoch() != options_.epoch) return Ledger::Verdict::kFenced;
  const Ledger::Verdict verdict =
      ledger_.Check(OriginOf(header), header.sequence(), header.sequence());
  if (verdict != Ledger::Verdict::kApply) return verdict;
  if (sink_ == nullptr) return absl::FailedPreconditionError("a parcel before the run started");
  if (header.part() != static_cast<uint32_t>(options_.shard)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a parcel of shard ", header.part(), ", and this is ", options_.shard));
  }
  if (absl::Status status = Take(frame); !status.ok()) return status;
  const Stage done =
      header.stage_done() ? header.stage() + 1 : ledger_.ClocksDone(header.process());
  ledger_.Record(OriginOf(header), header.sequence(), done);
  if (header.stage_done()) {
    incoming_[header.process()].open = false;
    sink_->Arrived(options_.shard, static_cast<int>(header.process()), done);
  }
  return verdict;
}

}  // namespace gyre
