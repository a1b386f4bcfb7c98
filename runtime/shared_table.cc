#include "runtime/shared_table.h"

#include <algorithm>

namespace gyre {
namespace {

// Doubles (over all workers) that one slice of a fold should sum at least: a few microseconds, so
// that the hand-over between lanes pays.
constexpr int64_t kSliceWork = 16384;
constexpr int64_t kSliceAlign = 8;  // doubles of a cache line

}  // namespace

SharedTable::SharedTable(const Options& options, ParamState* state, StageFolds* stages,
                         ClockObserver* observer, Env* env)
    : options_(options),
      state_(state),
      stages_(stages),
      observer_(observer),
      env_(env),
      frontier_(options.workers, std::min(options.lanes, options.workers)) {
  for (int w = 0; w < options.workers; ++w) {
    worker_.push_back(std::make_unique<Worker>());
    for (int r = 0; r < slots(); ++r)
      for (const auto& stage : *stages) worker_.back()->ring.emplace_back(stage->layout);
  }
  gathered_.resize(worker_[0]->ring.size());
  for (size_t slot = 0; slot < gathered_.size(); ++slot)
    for (const auto& w : worker_) gathered_[slot].push_back(&w->ring[slot]);
  for (const auto& stage : *stages) parts_.push_back(Parts(*stage));
  most_parts_ = *std::max_element(parts_.begin(), parts_.end());
  parts_left_.store(parts_[0], std::memory_order_relaxed);
  if (options.publishes && (state->type() != Type::kFloat64 || options.lag > 1))
    for (int v = 0; v < options.lag; ++v) {
      version_.emplace_back(state->published_bytes());
      state->Publish(version_.back().data());
    }
}

// With lag > 1 every version is the state at the cut: newer than a read's bound asks for.
void SharedTable::StartAt(Clock clock) {
  const Stage done = clock * stages_per_clock();
  for (int w = 0; w < options_.workers; ++w) frontier_.Post(w, done);
  applied_.store(done, std::memory_order_seq_cst);
  ticket_.store(done * most_parts_, std::memory_order_seq_cst);
  for (AlignedArray<char>& version : version_) state_->Publish(version.data());
}

int SharedTable::Parts(const StageFold& fold) const {
  const int64_t work = fold.layout.size * options_.workers;
  return static_cast<int>(std::clamp<int64_t>(work / kSliceWork, 1, options_.lanes));
}

const void* SharedTable::Version(Clock complete) const {
  if (version_.empty()) return state_->master();
  return version_[static_cast<size_t>(complete % options_.lag)].data();
}

Stamp SharedTable::Read(int worker, Clock clock, Stage /*need*/, const void** param) {
  Worker& me = *worker_[static_cast<size_t>(worker)];
  ++me.reads;
  Stamp stamp{clock, clock};
  if (options_.lag > 1) {
    stamp.complete = applied_.load(std::memory_order_acquire);
    stamp.own = stamp.complete;
    me.staleness.Record(clock - stamp.complete);
  } else {
    stamp.complete = applied_.load(std::memory_order_relaxed) / stages_per_clock();
  }
  const void* version = Version(stamp.complete);
  if (version != me.seen) state_->Point(me.seen = version, param);
  return stamp;
}

Contribution* SharedTable::Open(int worker, Clock clock, int slice) {
  Contribution& c = worker_[static_cast<size_t>(worker)]->ring[Slot(clock, slice)];
  c.Clear();
  return &c;
}

double* const* SharedTable::Write(int worker, Clock clock, int slice, double scale) {
  Contribution& c = *Open(worker, clock, slice);
  if (c.scale != scale) c.scale = scale;  // the folder reads it: do not dirty its line in vain
  return c.target.data();
}

OuterTerms* const* SharedTable::Terms(int worker, Clock clock, int slice) {
  return worker_[static_cast<size_t>(worker)]->ring[Slot(clock, slice)].Terms();
}

void SharedTable::Done(int worker, Stage stage) {
  frontier_.Post(worker, stage);
  env_->Wake();
}

bool SharedTable::FoldReady(Stage* stage, int* part) {
  const Stage next = applied_.load(std::memory_order_seq_cst);
  const size_t position = static_cast<size_t>(next % stages_per_clock());
  const StageFold& fold = *(*stages_)[position];
  if (fold.gathers() ? !frontier_.Ready(next + 1) : next / stages_per_clock() >= observer_->limit())
    return false;
  int64_t ticket = ticket_.load(std::memory_order_relaxed);
  do {
    const int64_t taken = ticket - next * most_parts_;
    if (taken < 0 || taken >= parts_[position])
      return false;  // all taken, or another lane is ahead
  } while (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acquire,
                                          std::memory_order_relaxed));
  *stage = next;
  *part = static_cast<int>(ticket - next * most_parts_);
  return true;
}

void SharedTable::Fold(Stage stage, int part) {
  const Stage position = stage % stages_per_clock();
  StageFold* fold = (*stages_)[static_cast<size_t>(position)].get();
  const int parts = parts_[static_cast<size_t>(position)];
  if (fold->gathers()) SumPart(fold, Slot(stage / stages_per_clock(), position), part, parts);
  if (parts > 1 && parts_left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  Commit(stage, fold);
}

void SharedTable::SumPart(StageFold* fold, size_t slot, int part, int parts) {
  const int64_t size = fold->layout.summed, lines = size / kSliceAlign;
  const int64_t begin = lines * part / parts * kSliceAlign,
                end = lines * (part + 1) / parts * kSliceAlign;
  SumContributions(gathered_[slot].data(), options_.workers, begin, end, fold->sum.data());
  if (part == 0) SumTerms(fold->layout, gathered_[slot].data(), options_.workers, fold->sum.data());
}

// Alone: every other part of the stage is done and nobody may start the next one yet.
void SharedTable::Commit(Stage stage, StageFold* fold) {
  const Clock clock = stage / stages_per_clock();
  const bool last = (stage + 1) % stages_per_clock() == 0;
  fold->Apply(clock, state_);
  if (!version_.empty())
    state_->Publish(const_cast<void*>(Version(options_.lag > 1 ? clock + 1 : 0)));
  if (last) observer_->ClockDone(clock + 1);
  parts_left_.store(parts_[static_cast<size_t>((stage + 1) % stages_per_clock())],
                    std::memory_order_relaxed);
  ticket_.store((stage + 1) * most_parts_, std::memory_order_relaxed);
  applied_.store(stage + 1, std::memory_order_seq_cst);
  env_->Wake();
}

Clock SharedTable::Slowest() const { return frontier_.Complete() / stages_per_clock(); }

Clock SharedTable::Fastest() const {
  Stage most = 0;
  for (int w = 0; w < options_.workers; ++w) most = std::max(most, frontier_.Done(w));
  return most / stages_per_clock();
}

Staleness SharedTable::ObservedStaleness() const {
  StalenessCounter all;
  for (const auto& w : worker_) {
    all.Merge(w->staleness);
    if (options_.lag == 1) all.Record(0, w->reads);
  }
  return all.Summary();
}

}  // namespace gyre
