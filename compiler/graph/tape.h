// A plan compiled for one logical worker: a flat array of instructions, ids turned into positions.
//
//   absl::StatusOr<Tape> tape = Tape::Compile(index, {.worker = 3});
//   for (const Instr& i : tape->instr) ...
//
// What a worker waits for is a stage of a clock group (compiler/graph/clock.h); what it posts is
// one stage for each of its tasks that stores into the group. Waits on oneself are dropped: with
// one worker nothing waits and nothing is posted. The tape has no kernels: the executor and the
// simulator each put theirs beside it, by position. Immutable once made.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/graph/clock.h"
#include "compiler/graph/index.h"

namespace gyre {

struct Binding {
  int worker = 0;
  // One process: all tables that are stored in place share one frontier, all accumulators another.
  // Otherwise each table is in the group it names, or in its own.
  bool merge_groups = true;
};

// What one task posts when it ends.
struct StagePost {
  int group = -1;
  int writer = 0;  // its position among the writers of the group within a clock
};

struct Instr {
  int16_t task = -1;  // in Plan::task
  uint16_t first_need = 0, needs = 0;
  uint16_t first_post = 0, posts = 0;
  int16_t take = -1, give = -1;
  int32_t every = 1;
  bool filler = false;
  bool optional = false;  // a FOLD: whoever completes the clock runs it; nobody stands still for it
};

struct Tape {
  static absl::StatusOr<Tape> Compile(const PlanIndex& index, const Binding& binding);

  int worker = 0;
  std::vector<Instr> instr;
  std::vector<Need> need;
  std::vector<StagePost> post;
  std::vector<std::string> group;     // clock groups
  std::vector<int> stages_per_clock;  // by group
  std::vector<int> group_of_table;    // by table
  std::vector<int> build, evaluate;   // tasks outside the clock

  // The stages of `group` that must be complete before `instr` may start at `clock`, over its
  // reads.
  Stage Needed(const Instr& i, int in_group, Clock clock) const;
};

}  // namespace gyre
