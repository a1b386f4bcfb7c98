// A strategy: one answer to each of the four questions, an update rule, and how many workers and
// lanes. Candidates are enumerated, checked by rules, and costed; the cheapest to the target wins.
//
// The rules stand one per function in legality.cc; what the executor lacks stands in support.cc.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/cost.h"
#include "compiler/dependence.h"
#include "compiler/support.h"
#include "compiler/traits.h"
#include "compiler/updates.h"

namespace gyre {

struct Strategy {
  Partitioning partitioning = Partitioning::kData;
  int axis = -1;                        // the data axis, or the axis of the model that is cut
  int lag = 1;                          // 1: bsp, s + 1: ssp(s), -1: async
  Table::Storage storage = Table::LOCAL;
  Table::Topology topology = Table::NONE;
  Write::Payload payload = Write::DENSE;
  std::vector<int> apart;               // totals that travel so; the others as sums
  int hold = 0;                         // clocks of the lag that moves may wait for the links
  std::string order;                    // which of them go first; "": none waits
  std::string codec;                    // of sums on the wire: "" exact, f32, bf16, fp16
  UpdateChoice update;                  // of the Minimize leaf; an Iterate's assign otherwise
  int workers = 1, lanes = 1, processes = 1;
  // Rows change a copy in each process; what has moved travels.
  bool moves() const { return payload == Write::MOVES; }
  // Sums are added up on their way from neighbour to neighbour.
  bool merged() const { return topology == Table::RING || topology == Table::HALTON; }
};

struct Option {
  Strategy strategy;
  bool legal = false;
  bool executable = false;
  std::string reason;                   // why not, or in what it loses
  double clock_ms = 0, low_ms = 0, high_ms = 0;
  double pass_ms = 0, fold_ms = 0, sync_ms = 0, network_ms = 0;
  double bytes_out = 0, messages = 0, memory = 0;
  double clocks = 0;
  double start_ms = 0;                  // once: threads, connections
  double total_ms() const { return start_ms + clock_ms * clocks; }
};

// All that the rules and the costs look at.
struct Problem {
  const Program* program = nullptr;
  const BoundInfo* bound = nullptr;
  const Profile* profile = nullptr;
  const Request* request = nullptr;
  std::vector<Leaf> leaf;
  std::vector<Traits> traits;           // by leaf
  std::vector<AxisVerdict> verdict;
  int main_leaf = 0;                    // the Minimize, else the leaf with the most work
  int row_axis = -1;                    // of the main leaf; -1: no pass
  int64_t rows = 1;
  int column_axis = -1;                 // of the main leaf's predictor: its widest matrix; -1: none
  double skew = 1;                      // of entries per row
  bool embedded = true;
  int processes = 1;
  // What the costs are made of, worked out once.
  std::vector<Work> work;               // by leaf: its pass over all rows
  std::vector<StateSize> state;         // by leaf
  double resident = 0;                  // bytes of bound data

  const Leaf& main() const { return leaf[static_cast<size_t>(main_leaf)]; }
};

Problem MakeProblem(const Program& program, const BoundInfo& bound, const Profile& profile,
                    const Request& request);

std::string BridgeName(int lag);                        // bsp, ssp(2), async
std::string PartitionName(const Problem& problem, const Strategy& s);  // data[Sample], model[Class]
std::string PayloadName(Write::Payload payload);        // full, sparse, factors, moves
std::string StorageName(const Strategy& s);
std::string Describe(const Problem& problem, const Strategy& s);

// Why `s` may not be used for this program whatever the executor; "" when it may.
std::string IllegalBecause(const Problem& problem, const Strategy& s);

// Whether rows by key or entries of sparse tables say which items of a sweep depend on each other.
bool KnowsCouplings(const Problem& problem, const Statement& sweep);

// Whether the rows of a Resample are cut among workers that have what they share to themselves for a clock.
bool CutsRows(const Problem& problem, const Strategy& s);

// Fills times, memory and clocks.
void EstimateCost(const Problem& problem, Option* candidate);

// One round of all sweeps of a clock.
double SweepMs(const Problem& problem, int lanes);

// Every combination worth naming, each with its verdict and cost. In a fixed order.
std::vector<Option> Enumerate(const Problem& problem);

// `updates` of the main leaf, in order of preference.
std::vector<UpdateChoice> UpdatesOf(const Problem& problem);

}  // namespace gyre
