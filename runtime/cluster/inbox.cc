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

void Inbox::Attach(std::vector<KeyRange> range, ContributionSink* sink) {
  MutexLock lock(&mutex_);
  range_ = std::move(range);
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
  if (restarted) incoming_[hello.process()] = {};  // pending of the old one vanishes
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

uint64_t Inbox::Next(int process) {
  MutexLock lock(&mutex_);
  return ledger_.Next(static_cast<uint32_t>(process));
}

absl::Status Inbox::CheckPiece(const wire::Header& header, size_t payload_bytes) const {
  const Incoming& incoming = incoming_[header.process()];
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("process ", header.process(), ": parcel ",
                                                   header.sequence(), " of stage ", header.stage(),
                                                   " ", what));
  };
  if (header.stage() < ledger_.ClocksDone(header.process())) return wrong("was done before");
  const KeyRange& range = RangeOf(header.stage());
  const bool begins = incoming.flat == nullptr;
  if (header.offset() != (begins ? range.begin : incoming.next) ||
      (!begins && header.stage() != incoming.stage)) {
    return wrong("is out of place");
  }
  if (header.size() < 0 || header.size() > range.end - header.offset() ||
      payload_bytes != static_cast<size_t>(header.size()) * sizeof(double)) {
    return wrong("does not fit its table");
  }
  if (header.stage_done() != (header.offset() + header.size() == range.end)) {
    return wrong("ends its stage at the wrong place");
  }
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
  if (absl::Status fits = CheckPiece(header, frame.payload_bytes()); !fits.ok()) return fits;

  const int process = static_cast<int>(header.process());
  Incoming& incoming = incoming_[header.process()];
  if (incoming.flat == nullptr) {
    absl::StatusOr<double*> flat = sink_->Open(process, header.stage());
    if (!flat.ok()) return flat.status();
    incoming.flat = *flat;
    incoming.stage = header.stage();
  }
  frame.CopyTo(incoming.flat + header.offset());
  incoming.next = header.offset() + header.size();
  const Stage done =
      header.stage_done() ? header.stage() + 1 : ledger_.ClocksDone(header.process());
  ledger_.Record(OriginOf(header), header.sequence(), done);
  if (header.stage_done()) {
    incoming = {};
    sink_->Arrived(options_.shard, process, done);
  }
  return verdict;
}

}  // namespace gyre
