// The units of progress, and the readiness rules that executor and simulator share.
//
// A read at clock c with lag l needs every Delta of clocks <= c - l. A frontier counts stages: one
// for each task of the tape that writes into the table's clock group, so clock c is complete when
// (c + 1) * stages_per_clock stages are. Lag 0 waits for the last writer before the reader in the
// tape. Pure functions: thread-safe.
#pragma once
#include <cstdint>

namespace gyre {

using Clock = int64_t;  // a count of completed clocks
using Stage = int64_t;  // clock x stages per clock + writers of the group that ended

inline constexpr Clock kNever = INT64_MAX;
inline constexpr int kAsync = -1;  // the lag of a read without a bound

// What one read of a task waits for, with names resolved.
struct Need {
  int table = -1;            // index in Plan::table
  int lag = 1;               // kAsync, 0, 1, ...
  int stages_per_clock = 1;  // writers of the table's clock group
  int writers_before = 0;    // of those, the ones before the reader in the tape (lag 0)
};

// The stage of the table's clock group that must be complete before the reader's clock may start.
inline Stage NeededStage(const Need& need, Clock clock) {
  if (need.lag == kAsync) return 0;
  if (need.lag == 0) return clock * need.stages_per_clock + need.writers_before;
  const Clock clocks = clock - need.lag + 1;
  return clocks <= 0 ? 0 : clocks * need.stages_per_clock;
}

}  // namespace gyre
