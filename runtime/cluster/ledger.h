// Exactly once, between processes: which parcels of which origin an owner has applied.
//
// Streams are ordered, so what was applied is one number and not a set: one record per origin
// process, holding its incarnation, the next sequence number and the clocks done. One Ledger guards
// one (table, part) and is saved with it.
//
//   switch (ledger.Check({3, 1}, first, last)) {
//     case Ledger::Verdict::kApply: ...apply...; ledger.Record({3, 1}, last, clocks_done); break;
//     case Ledger::Verdict::kDuplicate: break;            // acknowledge and drop
//     case Ledger::Verdict::kGap: ...ask for ledger.Next(3)...; break;
//     case Ledger::Verdict::kFenced: ...refuse...; break;
//   }
//
// Not thread-safe: the owner of the part locks.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "runtime/table.h"

namespace gyre {

class Ledger {
 public:
  enum class Verdict : uint8_t { kApply, kDuplicate, kGap, kFenced };

  explicit Ledger(int processes) : record_(static_cast<size_t>(processes)) {}

  // What to do with a parcel. One that is partly old counts as a gap: it must be cut again.
  Verdict Check(const Origin& origin, uint64_t first, uint64_t last) const;

  // A merged parcel: applied if every origin is new, dropped if every one is old; a mixture is a
  // gap, to be sent again unmerged. Any fenced origin fences the whole.
  Verdict Check(absl::Span<const SequenceRun> from) const;

  // REQUIRES: Check said kApply. `clocks_done` does not decrease.
  void Record(const Origin& origin, uint64_t last, int64_t clocks_done);

  // Admits `next`; an older incarnation is fenced from here on. The new one counts its parcels from
  // zero again and resumes at the clock returned. The same incarnation again changes nothing.
  // Returns -1 when `next` itself is older than the incarnation known.
  int64_t Fence(const Origin& next);

  uint64_t Next(uint32_t process) const;
  int64_t ClocksDone(uint32_t process) const;
  uint32_t Incarnation(uint32_t process) const;
  int processes() const { return static_cast<int>(record_.size()); }

 private:
  struct Entry {
    uint32_t incarnation = 0;
    uint64_t next = 0;
    int64_t clocks_done = 0;
  };
  const Entry& At(uint32_t process) const;

  std::vector<Entry> record_;
};

const char* Name(Ledger::Verdict verdict);

}  // namespace gyre
