#include "runtime/cluster/ledger.h"

#include <algorithm>

#include "runtime/cluster/check.h"

namespace gyre {

const Ledger::Entry& Ledger::At(uint32_t process) const {
  GYRE_CHECK(process < record_.size(), "ledger: no such process");
  return record_[process];
}

Ledger::Verdict Ledger::Check(const Origin& origin, uint64_t first, uint64_t last) const {
  if (origin.process >= record_.size()) return Verdict::kFenced;
  const Entry& entry = record_[origin.process];
  if (origin.incarnation != entry.incarnation) return Verdict::kFenced;
  if (first == entry.next && last >= first) return Verdict::kApply;
  if (last < entry.next) return Verdict::kDuplicate;
  return Verdict::kGap;
}

Ledger::Verdict Ledger::Check(absl::Span<const SequenceRun> from) const {
  size_t applies = 0, duplicates = 0;
  for (const SequenceRun& range : from) {
    switch (Check(range.origin, range.first, range.last)) {
      case Verdict::kApply:
        ++applies;
        break;
      case Verdict::kDuplicate:
        ++duplicates;
        break;
      case Verdict::kGap:
        break;
      case Verdict::kFenced:
        return Verdict::kFenced;
    }
  }
  if (applies == from.size()) return Verdict::kApply;
  if (duplicates == from.size()) return Verdict::kDuplicate;
  return Verdict::kGap;
}

void Ledger::Record(const Origin& origin, uint64_t last, int64_t clocks_done) {
  GYRE_CHECK(At(origin.process).incarnation == origin.incarnation, "ledger: fenced origin");
  Entry& entry = record_[origin.process];
  GYRE_CHECK(last >= entry.next && clocks_done >= entry.clocks_done, "ledger: goes backwards");
  entry.next = last + 1;
  entry.clocks_done = clocks_done;
}

int64_t Ledger::Fence(const Origin& next) {
  const Entry& known = At(next.process);
  if (next.incarnation < known.incarnation) return -1;
  if (next.incarnation > known.incarnation) {
    record_[next.process] = {next.incarnation, 0, known.clocks_done};
  }
  return record_[next.process].clocks_done;
}

uint64_t Ledger::Next(uint32_t process) const { return At(process).next; }
int64_t Ledger::ClocksDone(uint32_t process) const { return At(process).clocks_done; }
uint32_t Ledger::Incarnation(uint32_t process) const { return At(process).incarnation; }

const char* Name(Ledger::Verdict verdict) {
  switch (verdict) {
    case Ledger::Verdict::kApply:
      return "apply";
    case Ledger::Verdict::kDuplicate:
      return "duplicate";
    case Ledger::Verdict::kGap:
      return "gap";
    case Ledger::Verdict::kFenced:
      return "fenced";
  }
  return "?";
}

}  // namespace gyre
