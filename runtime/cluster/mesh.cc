#include "runtime/cluster/mesh.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace gyre {

std::vector<Mesh::Step> Mesh::StepsOf(Topology topology, int process, int processes) {
  std::vector<Step> steps;
  const auto wrap = [processes](int x) { return (x % processes + processes) % processes; };
  if (topology == Topology::kHalton) {
    for (int distance = processes / 2; distance > 0; distance /= 2)
      steps.push_back({process ^ distance, process ^ distance, 0, 0, true});
    return steps;
  }
  for (int k = 0; k + 1 < processes; ++k) {
    steps.push_back(
        {wrap(process + 1), wrap(process - 1), wrap(process - k), wrap(process - k - 1), true});
  }
  for (int k = 0; k + 1 < processes; ++k) {
    steps.push_back(
        {wrap(process + 1), wrap(process - 1), wrap(process + 1 - k), wrap(process - k), false});
  }
  return steps;
}

const char* Mesh::Illegal(Topology topology, int processes) {
  const bool power = (processes & (processes - 1)) == 0;
  return topology == Topology::kHalton && !power ? "needs a power of two processes" : "";
}

Mesh::Mesh(const Options& options, const std::vector<StageEncoding>* encodings)
    : options_(options),
      encodings_(encodings),
      steps_(StepsOf(options.topology, options.process, options.processes)),
      inbox_({0, options.processes, options.epoch}),
      whole_(static_cast<size_t>(options.processes)) {
  for (int p = 0; p < options.processes; ++p) {
    to_.push_back(StreamOf(options.process, p));
    from_.push_back(StreamOf(p, options.process));
    if (to_.back().each > 0) neighbours_.push_back(p);
    messages_.emplace_back();
    const std::vector<Step> theirs = StepsOf(options.topology, p, options.processes);
    for (size_t s = 0; s < encodings->size(); ++s) {
      for (const int step : from_.back().step) {
        StageEncoding message;
        message.layout.Add(
            0, Chunk(static_cast<Stage>(s), theirs[static_cast<size_t>(step)].sends).size(), 8);
        message.field.resize(1);
        messages_.back().push_back(std::move(message));
      }
    }
  }
  stage_ = NextGather(0);
}

Mesh::Stream Mesh::StreamOf(int from, int to) const {
  Stream stream;
  const std::vector<Step> steps = StepsOf(options_.topology, from, options_.processes);
  for (size_t k = 0; k < steps.size(); ++k) {
    if (steps[k].to != to) continue;
    stream.step.push_back(static_cast<int>(k));
    ++stream.each;
  }
  return stream;
}

// The first stage from `stage` on that gathers something.
Stage Mesh::NextGather(Stage stage) const {
  while ((*encodings_)[static_cast<size_t>(stage) % encodings_->size()].field.empty()) ++stage;
  return stage;
}

KeyRange Mesh::Chunk(Stage stage, int chunk) const {
  const int64_t size = (*encodings_)[static_cast<size_t>(stage) % encodings_->size()].layout.summed;
  return options_.topology == Topology::kRing ? ShardRange(size, chunk, options_.processes)
                                              : KeyRange{0, size};
}

void Mesh::Start(Send send, Sum sum) {
  send_ = std::move(send);
  sum_ = std::move(sum);
  std::vector<const std::vector<StageEncoding>*> by_process;
  for (const auto& messages : messages_) by_process.push_back(&messages);
  inbox_.Attach(by_process, 1, this);
  started_.store(true);
}

void Mesh::Contribute(Stage stage, const double* numbers) {
  const int64_t size = (*encodings_)[static_cast<size_t>(stage) % encodings_->size()].layout.summed;
  auto copy = std::make_shared<AlignedArray<double>>(size);
  std::copy_n(numbers, size, copy->data());
  {
    MutexLock lock(&mutex_);
    waiting_[stage] = std::move(copy);
  }
  Advance();
}

absl::StatusOr<Ledger::Verdict> Mesh::Receive(int /*shard*/, const ReceivedFrame& frame) {
  absl::StatusOr<Ledger::Verdict> verdict = inbox_.Receive(frame);
  if (verdict.ok() && *verdict == Ledger::Verdict::kApply && frame.header().stage_done()) Advance();
  return verdict;
}

absl::StatusOr<Contribution*> Mesh::Open(int process, Stage number) {
  const Stream& stream = from_[static_cast<size_t>(process)];
  if (stream.each == 0)
    return absl::InvalidArgumentError(absl::StrCat("process ", process, " is no neighbour"));
  MutexLock lock(&mutex_);
  const auto ahead = static_cast<Stage>(encodings_->size()) * (options_.window + 1);
  if (number / stream.each > stage_ + ahead)
    return absl::InvalidArgumentError(absl::StrCat("process ", process, ": a message of stage ",
                                                   number / stream.each,
                                                   " is ahead of the staleness bound"));
  std::unique_ptr<Contribution>& place = received_[{process, number}];
  const auto& messages = messages_[static_cast<size_t>(process)];
  if (place == nullptr)
    place = std::make_unique<Contribution>(
        messages[static_cast<size_t>(number) % messages.size()].layout);
  return place.get();
}

void Mesh::Arrived(int /*shard*/, int process, Stage done) {
  MutexLock lock(&mutex_);
  whole_[static_cast<size_t>(process)] = done;
}

// One thread at a time turns; the others leave word that there is more.
void Mesh::Advance() {
  {
    MutexLock lock(&mutex_);
    again_ = true;
    if (turning_) return;
    turning_ = true;
  }
  for (;;) {
    while (Turn()) {
    }
    MutexLock lock(&mutex_);
    if (!again_) {
      turning_ = false;
      return;
    }
    again_ = false;
  }
}

// The next thing there is to do; false: there is none.
bool Mesh::Turn() {
  Stage stage = 0;
  std::unique_ptr<Contribution> message;
  {
    MutexLock lock(&mutex_);
    stage = stage_;
    if (numbers_ == nullptr) {
      const auto mine = waiting_.find(stage);
      if (mine == waiting_.end()) return false;
      numbers_ = std::move(mine->second);
      waiting_.erase(mine);
      step_ = 0;
      sent_ = false;
    }
    if (step_ < steps_.size() && sent_) {
      const Step& step = steps_[step_];
      const Stream& stream = from_[static_cast<size_t>(step.from)];
      // Of the neighbour's messages to this process, that of the same step.
      const auto which = std::find(stream.step.begin(), stream.step.end(), static_cast<int>(step_));
      const Stage number = stage * stream.each + (which - stream.step.begin());
      if (whole_[static_cast<size_t>(step.from)] <= number) return false;
      const auto at = received_.find({step.from, number});
      message = std::move(at->second);
      received_.erase(at);
    }
  }
  if (step_ == steps_.size()) {
    const std::shared_ptr<const AlignedArray<double>> sum = std::move(numbers_);
    numbers_ = nullptr;
    sum_(stage, sum);
    MutexLock lock(&mutex_);
    stage_ = NextGather(stage + 1);
    return true;
  }
  const Step& step = steps_[step_];
  if (!sent_) {
    const KeyRange range = Chunk(stage, step.sends);
    auto chunk = std::make_shared<AlignedArray<double>>(range.size());
    std::copy_n(numbers_->data() + range.begin, range.size(), chunk->data());
    const Stream& stream = to_[static_cast<size_t>(step.to)];
    const auto which = std::find(stream.step.begin(), stream.step.end(), static_cast<int>(step_));
    const char* const data = reinterpret_cast<const char*>(chunk->data());
    const WireSegment segment{data, range.size() * static_cast<int64_t>(sizeof(double))};
    sent_ = true;
    send_(step.to, stage * stream.each + (which - stream.step.begin()), std::move(chunk),
          {segment});
    return true;
  }
  const KeyRange range = Chunk(stage, step.takes);
  double* const to = numbers_->data() + range.begin;
  for (int64_t i = 0; i < range.size(); ++i)
    to[i] = step.adds ? to[i] + message->sum[i] : message->sum[i];
  ++step_;
  sent_ = false;
  return true;
}

}  // namespace gyre
