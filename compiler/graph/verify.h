// The legality of a plan's lag graph, checked when a plan is made and again when one is loaded.
//
// A plan is legal iff
//   1. every cycle of reads, writes and channels has total lag >= 1, or passes a channel that holds
//      a token;
//   2. a lag-0 read follows, in the order of the tape, a task that writes the table;
//   3. workers x capacity >= tokens + 1 for every ring: without a free slot it locks;
//   4. a table with fold COMPLETE is read at lag 0 or 1 only, lag -1 requires LINEAR, and a slice
//      written in place has one holder;
//   5. who overwrites a version waits for its readers: versions >= lag, and every reader is ordered
//      before the next writer by what it writes itself or by what its worker runs after it;
// and every id it uses exists. The first violation is named, with the ids of those involved.
#pragma once
#include "absl/status/status.h"
#include "compiler/plan.pb.h"

namespace gyre {

absl::Status Verify(const Plan& plan);

}  // namespace gyre
