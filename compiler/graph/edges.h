// The dependence graph of one clock, derived once from reads, writes and channels.
//
// The plan holds no edges: beside reads and writes they would be a second truth. The verifier and
// the renderers both take them from here.
#pragma once
#include <cstdint>
#include <vector>

#include "compiler/graph/index.h"

namespace gyre {

struct Edge {
  enum Kind : uint8_t {
    kData,     // `to` reads what `from` writes
    kChannel,  // `to` takes what `from` gives
    kReverse,  // `to` overwrites what `from` has read
    kOrder,    // the tape of a worker runs `from` before `to`
  };
  Kind kind = kData;
  int from = -1, to = -1;  // tasks
  int via = -1;            // table, or channel
  int lag = 0;             // `to` of clock c waits for `from` of clock c - lag
};

// True for tasks of a clock; BUILD runs before the first and EVALUATE between clocks.
bool InClock(const Task& task);

// Data and channel edges; a channel that holds tokens orders nothing at lag 0 and is given lag 1.
// An asynchronous read waits for nothing and has no edge.
std::vector<Edge> DeriveEdges(const PlanIndex& index);

// For each table that is written in place with v versions: its readers at lag l must be done when
// clock c - (v - l) is overwritten.
std::vector<Edge> DeriveReverseEdges(const PlanIndex& index);

// What a worker's tape orders by itself: tasks of one worker, within a clock and across its end.
std::vector<Edge> DeriveOrderEdges(const PlanIndex& index);

// Tasks that store into `table`: OWN writers, ADD writers of a table without a fold, and the fold.
std::vector<int> Storers(const PlanIndex& index, int table);

}  // namespace gyre
