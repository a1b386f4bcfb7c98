#include "runtime/cluster/owner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cluster/check.h"

namespace gyre {
namespace {

void ConvertTo(Type type, const double* from, int64_t size, char* to) {
  if (type == Type::kFloat64) {
    std::memcpy(to, from, static_cast<size_t>(size) * sizeof(double));
    return;
  }
  float* out = reinterpret_cast<float*>(to);
  for (int64_t i = 0; i < size; ++i) out[i] = static_cast<float>(from[i]);
}

}  // namespace

Owner::Owner(const Options& options)
    : options_(options),
      process_(static_cast<size_t>(options.processes)),
      pool_(std::make_shared<SnapshotPool>()) {
  for (int s = 0; s < options.shards; ++s) {
    inbox_.push_back(std::make_unique<Inbox>(Inbox::Options{s, options.processes, options.epoch}));
  }
  for (Process& process : process_) process.arrived.resize(inbox_.size(), 0);
}

void Owner::Attach(EmbeddedTable* table, const StageFolds* stages,
                   const std::vector<StageEncoding>* encoding, const ParamState* state) {
  GYRE_CHECK(stages->front()->gathers(), "owner: the first stage gathers nothing");
  {
    MutexLock lock(&mutex_);
    table_ = table;
    stages_ = stages;
    state_ = state;
  }
  for (int s = 0; s < options_.shards; ++s) At(s).Attach(encoding, options_.shards, this);
  version_.store(1, std::memory_order_release);
}

Stage Owner::Done(int process) {
  MutexLock lock(&mutex_);
  return process_[static_cast<size_t>(process)].done;
}

absl::Status Owner::CheckBound(int process, Stage stage) const {
  const auto stages = static_cast<Stage>(stages_->size());
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("process ", process, ": a parcel of stage ", stage, " ", what));
  };
  if (!(*stages_)[static_cast<size_t>(stage % stages)]->gathers()) {
    return wrong("is for a stage that gathers nothing");
  }
  if (options_.window > 0 && stage / stages >= table_->Folded() + options_.window) {
    return wrong("is ahead of the staleness bound");
  }
  // One accumulator a process: all shards must be done with it before it is filled again.
  if (options_.linear && stage != process_[static_cast<size_t>(process)].done) {
    return wrong("comes before the last one is folded");
  }
  return absl::OkStatus();
}

absl::StatusOr<Contribution*> Owner::Open(int process, Stage stage) {
  MutexLock lock(&mutex_);
  std::vector<Pending>& pending = process_[static_cast<size_t>(process)].pending;
  for (const Pending& p : pending) {
    if (p.stage == stage) return p.to;
  }
  if (absl::Status status = CheckBound(process, stage); !status.ok()) return status;
  const auto stages = static_cast<Stage>(stages_->size());
  Contribution* const to = table_->Open(process, stage / stages, static_cast<int>(stage % stages));
  pending.push_back({stage, to});
  return to;
}

void Owner::Arrived(int shard, int process, Stage done) {
  MutexLock lock(&mutex_);
  Process& p = process_[static_cast<size_t>(process)];
  p.arrived[static_cast<size_t>(shard)] = done;
  const Stage everywhere = *std::min_element(p.arrived.begin(), p.arrived.end());
  if (everywhere == p.done) return;
  p.done = everywhere;
  p.pending.erase(std::remove_if(p.pending.begin(), p.pending.end(),
                                 [&](const Pending& each) { return each.stage < everywhere; }),
                  p.pending.end());
  table_->Done(process, everywhere);
  Fold();
}

absl::Status Owner::Give(Stage stage, const AlignedArray<double>& sum) {
  absl::StatusOr<Contribution*> to = Open(0, stage);
  if (!to.ok()) return to.status();
  std::copy_n(sum.data(), sum.size(), (*to)->sum.data());
  Arrived(0, 0, stage + 1);
  return absl::OkStatus();
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
  for (const Process& process : process_) {
    next->own.push_back(process.done);
    next->included.push_back(options_.linear ? process.done : next->complete);
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
  if (table_ == nullptr) return "the run has not started";
  const Stage next = folded_;
  if (options_.merged) return absl::StrCat("stage ", next, " is not summed over all processes yet");
  const int process = table_->Blocker(next + 1);
  if (process < 0) return absl::StrCat("no process holds back stage ", next);
  return absl::StrCat("process ", process, " holds back stage ", next);
}

}  // namespace gyre
