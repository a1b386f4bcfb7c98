#include "runtime/cluster/owner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cluster/check.h"

namespace gyre {
namespace {

Origin OriginOf(const wire::Header& header) { return {header.process(), header.incarnation()}; }

void ConvertTo(Type type, const double* from, int64_t size, char* to) {
  if (type == Type::kFloat64) {
    std::memcpy(to, from, static_cast<size_t>(size) * sizeof(double));
    return;
  }
  float* out = reinterpret_cast<float*>(to);
  for (int64_t i = 0; i < size; ++i) out[i] = static_cast<float>(from[i]);
}

}  // namespace

std::unique_ptr<Snapshot> SnapshotPool::Take() {
  MutexLock lock(&mutex_);
  if (free_.empty()) return std::make_unique<Snapshot>();
  std::unique_ptr<Snapshot> snapshot = std::move(free_.back());
  free_.pop_back();
  return snapshot;
}

void SnapshotPool::Return(std::unique_ptr<Snapshot> snapshot) {
  MutexLock lock(&mutex_);
  if (free_.size() < kMost) free_.push_back(std::move(snapshot));
}

std::shared_ptr<const Snapshot> SnapshotPool::Share(std::unique_ptr<Snapshot> snapshot) {
  return std::shared_ptr<const Snapshot>(
      snapshot.release(), [pool = shared_from_this()](const Snapshot* done) {
        pool->Return(std::unique_ptr<Snapshot>(const_cast<Snapshot*>(done)));
      });
}

Owner::Owner(const Options& options)
    : options_(options),
      ledger_(options.processes),
      incoming_(static_cast<size_t>(options.processes)),
      pool_(std::make_shared<SnapshotPool>()) {}

void Owner::Attach(EmbeddedTable* table, const StageFolds* stages, const ParamState* state) {
  MutexLock lock(&mutex_);
  GYRE_CHECK(stages->front()->gathers(), "owner: the first stage gathers nothing");
  table_ = table;
  stages_ = stages;
  state_ = state;
  version_.store(1, std::memory_order_release);
}

absl::StatusOr<wire::Header> Owner::Admit(const wire::Header& hello) {
  MutexLock lock(&mutex_);
  if (hello.epoch() != options_.epoch) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this is run ", options_.epoch, ", the worker belongs to run ", hello.epoch()));
  }
  if (hello.process() >= static_cast<uint32_t>(options_.processes)) {
    return absl::InvalidArgumentError(absl::StrCat("there is no process ", hello.process()));
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
  welcome.set_sequence(ledger_.Next(hello.process()));
  welcome.set_own(done);
  return welcome;
}

uint64_t Owner::Next(int process) {
  MutexLock lock(&mutex_);
  return ledger_.Next(static_cast<uint32_t>(process));
}

Stage Owner::Done(int process) {
  MutexLock lock(&mutex_);
  return ledger_.ClocksDone(static_cast<uint32_t>(process));
}

absl::Status Owner::CheckPiece(const wire::Header& header, size_t payload_bytes) const {
  const Incoming& incoming = incoming_[header.process()];
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("process ", header.process(), ": parcel ",
                                                   header.sequence(), " of stage ", header.stage(),
                                                   " ", what));
  };
  const Stage stages = StagesPerClock();
  if (header.stage() < ledger_.ClocksDone(header.process())) return wrong("was done before");
  const StageFold& fold = *(*stages_)[static_cast<size_t>(header.stage() % stages)];
  const int64_t size = fold.layout.size;
  if (!fold.gathers()) return wrong("is for a stage that gathers nothing");
  if (options_.window > 0 && header.stage() / stages >= table_->Folded() + options_.window) {
    return wrong("is ahead of the staleness bound");
  }
  if (header.offset() != incoming.filled) return wrong("is out of place");
  if (header.size() < 0 || header.size() > size - header.offset() ||
      payload_bytes != static_cast<size_t>(header.size()) * sizeof(double)) {
    return wrong("does not fit its table");
  }
  if (header.stage_done() != (header.offset() + header.size() == size)) {
    return wrong("ends its stage at the wrong place");
  }
  return absl::OkStatus();
}

absl::StatusOr<Ledger::Verdict> Owner::Receive(const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  MutexLock lock(&mutex_);
  if (header.epoch() != options_.epoch) return Ledger::Verdict::kFenced;
  const Ledger::Verdict verdict =
      ledger_.Check(OriginOf(header), header.sequence(), header.sequence());
  if (verdict != Ledger::Verdict::kApply) return verdict;
  if (table_ == nullptr) return absl::FailedPreconditionError("a parcel before the run started");
  if (absl::Status fits = CheckPiece(header, frame.payload_bytes()); !fits.ok()) return fits;

  const int process = static_cast<int>(header.process());
  const Stage stages = StagesPerClock();
  Incoming& incoming = incoming_[header.process()];
  if (header.offset() == 0) {
    double* const* target = table_->Write(process, header.stage() / stages,
                                          static_cast<int>(header.stage() % stages), 1.0);
    incoming.flat = target[0];  // the first total lies at the start of the flat vector
  }
  frame.CopyTo(incoming.flat + header.offset());
  incoming.filled += header.size();
  const Stage done =
      header.stage_done() ? header.stage() + 1 : ledger_.ClocksDone(header.process());
  ledger_.Record(OriginOf(header), header.sequence(), done);
  if (header.stage_done()) {
    incoming = {};
    table_->Done(process, done);
    Fold();
  }
  return verdict;
}

void Owner::Fold() {
  Stage stage = 0;
  int part = 0;
  bool folded = false;
  while (table_->FoldReady(&stage, &part)) {
    table_->Fold(stage, part);
    ++folded_;  // of a table with one lane: a whole stage, or (LINEAR) some process's clock
    folded = true;
  }
  if (options_.linear) folded_ = table_->Folded();
  if (folded) version_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Snapshot> Owner::Latest() {
  MutexLock lock(&mutex_);
  const uint64_t version = version_.load(std::memory_order_relaxed);
  if (latest_ != nullptr && latest_->version == version) return latest_;
  std::unique_ptr<Snapshot> next = pool_->Take();
  const int64_t size = state_->layout().size;
  if (next->bytes.size() == 0) next->bytes = AlignedArray<char>(size * SizeOf(options_.type));
  ConvertTo(options_.type, state_->master(), size, next->bytes.data());
  next->complete = folded_;
  next->element = SizeOf(options_.type);
  next->own.clear();
  next->included.clear();
  for (uint32_t p = 0; p < static_cast<uint32_t>(options_.processes); ++p) {
    next->own.push_back(ledger_.ClocksDone(p));
    next->included.push_back(options_.linear ? ledger_.ClocksDone(p) : next->complete);
  }
  next->version = version;
  latest_ = pool_->Share(std::move(next));
  return latest_;
}

void Owner::Locked(const std::function<void()>& body) {
  MutexLock lock(&mutex_);
  body();
}

std::string Owner::Laggard() {
  MutexLock lock(&mutex_);
  const Stage next = folded_;
  const int process = table_->Blocker(next + 1);
  if (process < 0) return absl::StrCat("no process holds back stage ", next);
  return absl::StrCat("process ", process, " holds back stage ", next);
}

}  // namespace gyre
