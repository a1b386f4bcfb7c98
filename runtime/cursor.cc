#include "runtime/cursor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gyre {

Cursor::Cursor(int worker, std::vector<GatherOp> ops, std::vector<std::string> names, int symbols,
               int64_t scratch_bytes, StateTable* table, ClockGate* gate)
    : worker_(worker),
      ops_(std::move(ops)),
      names_(std::move(names)),
      table_(table),
      gate_(gate),
      param_(static_cast<size_t>(symbols), nullptr),
      scratch_(scratch_bytes) {
  for (GatherOp& op : ops_) {
    op.args.param = param_.data();
    op.args.scratch = scratch_.data();
  }
}

Cursor::State Cursor::Step() {
  if (clock_ >= gate_->limit()) return AtLimit();
  GatherOp& op = ops_[position_];
  const Stage need = NeededStage(op.need, clock_);
  while (!table_->Ready(worker_, need))
    if (!TryFold()) return Blocked();
  return op.fn != nullptr || op.work != nullptr || op.copy != nullptr ? Run(&op, need) : Advance();
}

bool Cursor::TryFold() {
  Stage stage;
  int part;
  if (looks_ < patience_) {
    ++looks_;
    return false;
  }
  if (!table_->FoldReady(&stage, &part)) return false;
  table_->Fold(stage, part);
  return true;
}

Cursor::State Cursor::Blocked() { return gate_->finished() ? kFinished : kBlocked; }

Cursor::State Cursor::AtLimit() {
  if (TryFold()) return kRan;
  if (gate_->finished()) return kFinished;
  if (gate_->pause() == pauses_) return clock_ < gate_->limit() ? kRan : kAtLimit;
  ++pauses_;
  gate_->TakePart(worker_);
  return kRan;
}

bool Cursor::WithinBound(const GatherOp& op, const Stamp& stamp) const {
  return op.need.lag == kAsync || stamp.complete >= clock_ - std::max(op.need.lag, 1) + 1;
}

Cursor::State Cursor::Run(GatherOp* op, Stage need) {
  looks_ = 0;
  const int64_t start = op->watch.Start();
  // A copy reads once a clock, for all workers.
  if (op->copy != nullptr && op->copy->Taken(clock_)) return RunCopy(op, {}, start);
  const Stamp stamp = table_->Read(worker_, clock_, need, param_.data());
  if (!WithinBound(*op, stamp)) {
    gate_->Fail(absl::InternalError(absl::StrCat(
        "staleness bound violated: clock ", clock_, " of worker ", worker_, " read for \"",
        names_[position_], "\" at lag ", op->need.lag, " a state with clocks < ", stamp.complete)));
    return Advance();
  }
  const double epoch = static_cast<double>(clock_) * op->epochs_per_clock;
  if (op->work != nullptr)
    return Turned(clock_ % op->every == 0 ? op->work->WorkTurn(worker_, epoch) : Fold::Turn::kLast,
                  op, start);
  if (op->copy != nullptr) return RunCopy(op, stamp, start);
  Rows rows = op->batches.Next(clock_ / op->every);
  if (clock_ % op->every != 0) rows.end = rows.begin;
  op->args.row_begin = rows.begin;
  op->args.row_end = rows.end;
  op->args.target = table_->Write(worker_, clock_, op->slice, rows.scale);
  op->args.terms = table_->Terms(worker_, clock_, op->slice);
  op->args.epoch = epoch;
  if (rows.end > rows.begin) op->fn(op->args);
  op->rows += rows.end - rows.begin;
  return Post(op, start);
}

Cursor::State Cursor::RunCopy(GatherOp* op, const Stamp& stamp, int64_t start) {
  const Fold::Turn turn = op->copy->WorkTurn(op->place, {clock_, stamp, param_.data()});
  if (turn == Fold::Turn::kLast) {
    op->copy->Give(op->place, clock_, table_->Write(worker_, clock_, op->slice, 1));
    op->rows += op->args.row_end - op->args.row_begin;
  }
  return Turned(turn, op, start);
}

Cursor::State Cursor::Turned(Fold::Turn turn, GatherOp* op, int64_t start) {
  if (turn == Fold::Turn::kLast) return Post(op, start);
  table_->Release(worker_, clock_);
  if (turn == Fold::Turn::kWaits) return Blocked();
  op->watch.Stop(start);
  return kRan;
}

Cursor::State Cursor::Post(GatherOp* op, int64_t start) {
  table_->Release(worker_, clock_);
  table_->Done(worker_, clock_ * op->need.stages_per_clock + op->slice + 1);
  op->watch.Stop(start);
  return Advance();
}

Cursor::State Cursor::Advance() {
  if (++position_ < ops_.size()) return kRan;
  position_ = 0;
  ++clock_;
  return kRan;
}

std::string Cursor::Waiting() const {
  if (clock_ >= gate_->limit())
    return absl::StrCat("worker ", worker_, " waits at clock ", clock_,
                        " for the limit to be raised");
  const GatherOp& op = ops_[position_];
  const Stage need = NeededStage(op.need, clock_);
  const int blocker = table_->Blocker(need);
  return absl::StrCat("clock ", clock_, " of worker ", worker_, " waits to run \"",
                      names_[position_], "\" until clock ",
                      (need - 1) / std::max(1, op.need.stages_per_clock), " is folded; ",
                      blocker < 0 ? "every worker has contributed to it"
                                  : absl::StrCat("worker ", blocker, " has not contributed to it"));
}

}  // namespace gyre
