#include "runtime/local_table.h"

namespace gyre {

LocalTable::LocalTable(ParamState* state, StageFolds* stages, ClockObserver* observer)
    : state_(state), stages_(stages), observer_(observer) {
  for (const auto& stage : *stages) contribution_.emplace_back(stage->layout);
  for (size_t k = 0; k < stages->size(); ++k) (*stages)[k]->Use(contribution_[k].sum.data());
  if (state->type() != Type::kFloat64) {
    published_ = AlignedArray<char>(state->published_bytes());
    state->Publish(published_.data());
  }
}

void LocalTable::StartAt(Clock clock) {
  clock_ = clock;
  applied_ = posted_ = clock * static_cast<Stage>(stages_->size());
  if (published_.size() > 0) state_->Publish(published_.data());
}

Stamp LocalTable::Read(int /*worker*/, Clock clock, Stage /*need*/, const void** param) {
  if (reads_++ == 0)
    state_->Point(
        published_.size() > 0 ? published_.data() : static_cast<const void*>(state_->master()),
        param);
  return {clock_, clock};
}

Contribution* LocalTable::Open(int /*worker*/, Clock /*clock*/, int slice) {
  Contribution& c = contribution_[static_cast<size_t>(slice)];
  c.Clear();
  return &c;
}

double* const* LocalTable::Write(int worker, Clock clock, int slice, double scale) {
  Contribution& c = *Open(worker, clock, slice);
  c.scale = scale;
  return c.target.data();
}

bool LocalTable::FoldReady(Stage* stage, int* part) {
  if ((*stages_)[position_]->gathers() ? posted_ <= applied_ : clock_ >= observer_->limit())
    return false;
  *stage = applied_;
  *part = 0;
  return true;
}

void LocalTable::Fold(Stage stage, int /*part*/) {
  Contribution& c = contribution_[position_];
  if (c.scale != 1)
    for (int64_t i = 0; i < c.sum.size(); ++i) c.sum[i] *= c.scale;
  (*stages_)[position_]->Apply(clock_, state_);
  if (published_.size() > 0) state_->Publish(published_.data());
  applied_ = stage + 1;
  if (++position_ < stages_->size()) return;
  position_ = 0;
  observer_->ClockDone(++clock_);
}

Staleness LocalTable::ObservedStaleness() const {
  StalenessCounter zero;
  zero.Record(0, reads_);
  return zero.Summary();
}

}  // namespace gyre
