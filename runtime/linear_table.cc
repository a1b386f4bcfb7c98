#include "runtime/linear_table.h"

#include <algorithm>

namespace gyre {

LinearTable::LinearTable(int workers, int lanes, ParamState* state, StageFold* stage,
                         ClockObserver* observer, Env* env)
    : workers_(workers),
      state_(state),
      stage_(stage),
      observer_(observer),
      env_(env),
      posted_(workers),
      folded_(workers),
      count_(static_cast<size_t>(workers), 0) {
  for (int w = 0; w < workers; ++w) worker_.push_back(std::make_unique<Worker>(stage->layout));
  for (int c = 0; c < lanes + 2; ++c) {
    copy_.push_back(std::make_unique<Copy>());
    copy_.back()->value = AlignedArray<char>(state->published_bytes());
    copy_.back()->folded = count_;
  }
  state->Publish(copy_[0]->value.data());
  current_.store(copy_[0].get(), std::memory_order_release);
}

void LinearTable::StartAt(Clock clock) {
  count_.assign(count_.size(), clock);
  complete_ = clock;
  for (int w = 0; w < workers_; ++w) {
    posted_.Post(w, clock);
    folded_.Post(w, clock);
  }
  Publish();
}

bool LinearTable::Ready(int worker, Stage need) {
  // A worker's accumulator is free once its last post is folded.
  return folded_.Done(worker) == posted_.Done(worker) && (need <= 0 || folded_.Ready(need));
}

LinearTable::Copy* LinearTable::Pin() {
  for (;;) {
    Copy* copy = current_.load(std::memory_order_seq_cst);
    copy->pins.fetch_add(1, std::memory_order_seq_cst);
    if (current_.load(std::memory_order_seq_cst) == copy) return copy;
    copy->pins.fetch_sub(1, std::memory_order_release);
  }
}

Stamp LinearTable::Read(int worker, Clock clock, Stage /*need*/, const void** param) {
  Worker& me = *worker_[static_cast<size_t>(worker)];
  me.pinned = Pin();
  if (me.seen != me.pinned) state_->Point(me.pinned->value.data(), param);
  me.seen = me.pinned;
  for (int w = 0; w < workers_; ++w)
    if (w != worker) me.staleness.Record(clock - me.pinned->folded[static_cast<size_t>(w)]);
  return {me.pinned->complete, me.pinned->folded[static_cast<size_t>(worker)]};
}

Contribution* LinearTable::Open(int worker, Clock /*clock*/, int /*slice*/) {
  Contribution& c = worker_[static_cast<size_t>(worker)]->contribution;
  c.Clear();
  return &c;
}

double* const* LinearTable::Write(int worker, Clock clock, int slice, double scale) {
  Contribution& c = *Open(worker, clock, slice);
  if (c.scale != scale) c.scale = scale;  // the folder reads it: do not dirty its line in vain
  return c.target.data();
}

void LinearTable::Release(int worker, Clock /*clock*/) {
  worker_[static_cast<size_t>(worker)]->pinned->pins.fetch_sub(1, std::memory_order_release);
}

OuterTerms* const* LinearTable::Terms(int worker, Clock /*clock*/, int /*slice*/) {
  return worker_[static_cast<size_t>(worker)]->contribution.Terms();
}

void LinearTable::Done(int worker, Stage stage) {
  posted_.Post(worker, stage);
  env_->Wake();
}

bool LinearTable::AnyPosted() const {
  for (int w = 0; w < workers_; ++w)
    if (posted_.Done(w) > folded_.Done(w)) return true;
  return false;
}

bool LinearTable::FoldReady(Stage* stage, int* part) {
  if (folding_.load(std::memory_order_relaxed) || !AnyPosted()) return false;
  if (folding_.exchange(true, std::memory_order_acquire)) return false;
  *stage = 0;
  *part = 0;
  return true;
}

void LinearTable::FoldOne(int worker) {
  const Contribution* from = &worker_[static_cast<size_t>(worker)]->contribution;
  SumContributions(&from, 1, 0, stage_->layout.summed, stage_->sum.data());
  SumTerms(stage_->layout, &from, 1, stage_->sum.data());
  const int64_t start = stage_->watch.Start();
  stage_->context.epoch =
      static_cast<double>(count_[static_cast<size_t>(worker)]) * stage_->epochs_per_clock;
  stage_->fold->ApplyShare(stage_->context, 1.0 / workers_, state_);
  stage_->watch.Stop(start);
  ++count_[static_cast<size_t>(worker)];
}

void LinearTable::Publish() {
  Copy* current = current_.load(std::memory_order_relaxed);
  Copy* free = nullptr;
  while (free ==
         nullptr)  // at most `lanes` copies are pinned, and a pin of a stale copy is let go at once
    for (const auto& c : copy_)
      if (c.get() != current && c->pins.load(std::memory_order_seq_cst) == 0) {
        free = c.get();
        break;
      }
  state_->Publish(free->value.data());
  free->folded = count_;
  free->complete = *std::min_element(count_.begin(), count_.end());
  current_.store(free, std::memory_order_seq_cst);
}

void LinearTable::Fold(Stage /*stage*/, int /*part*/) {
  for (int w = 0; w < workers_; ++w)
    if (posted_.Done(w) > count_[static_cast<size_t>(w)]) FoldOne(w);
  Publish();
  const Clock complete = *std::min_element(count_.begin(), count_.end());
  while (complete_ < complete) observer_->ClockDone(++complete_);
  for (int w = 0; w < workers_; ++w)
    if (folded_.Done(w) != count_[static_cast<size_t>(w)])
      folded_.Post(w, count_[static_cast<size_t>(w)]);
  folding_.store(false, std::memory_order_seq_cst);
  env_->Wake();
}

Clock LinearTable::Fastest() const {
  Clock most = 0;
  for (int w = 0; w < workers_; ++w) most = std::max(most, posted_.Done(w));
  return most;
}

Staleness LinearTable::ObservedStaleness() const {
  StalenessCounter all;
  for (const auto& w : worker_) all.Merge(w->staleness);
  return all.Summary();
}

}  // namespace gyre
