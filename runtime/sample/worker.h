// What one worker of a sampler has at hand while it visits a block.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/aligned.h"
#include "ops/sample/categorical.h"
#include "ops/sample/sum_tree.h"
#include "runtime/sample/row_factors.h"
#include "runtime/sample/state.h"
#include "runtime/state.h"

namespace gyre::sample {

class alignas(64) Worker {
 public:
  // Both outlive it.
  Worker(State& shared, const ParamState& state);

  // Before a clock: copies what this worker has to itself for the clock.
  void TakeTables();
  // Draws the topics of rows [begin, end), a block of the grid, in their order.
  void Visit(int64_t begin, int64_t end, int64_t clock, double epoch);
  // A row whose weights had no positive, finite sum; -1: there was none.
  int64_t failed() const { return failed_; }
  // When all workers have done their rows of a clock: adds what they moved, in one of `parts` of
  // the rows of tables. `copies`: by table, the workers' own.
  void MergeTables(const std::vector<std::vector<const CountTable*>>& copies, int64_t part,
                   int64_t parts);
  // The same, when it alone has.
  void GiveTables();
  // What it moved in totals since it took them.
  void GiveTotals();
  // Its own of a table; null: it is in the one that all share.
  const CountTable* own(size_t table) const {
    return table_[table] == &own_[table] ? &own_[table] : nullptr;
  }

 private:
  void Load(int64_t clock);
  // The topic drawn for the row at hand, which had `topic`; -1: its weights have no sum.
  int32_t Dense(int32_t topic, float u);
  int32_t Sparse(int32_t topic, float u);
  void Move(int32_t topic, int32_t by);
  void Hoist(int64_t begin, int64_t end);
  void Rehoist(int32_t k);
  void Enter(int32_t before);
  bool Follows(int32_t before);
  void Leave(int32_t outer);
  void Fetch(int64_t r) const;
  void Point();
  void TakeTotals();

  State& s_;
  const ParamState& state_;
  WeightArgs args_;
  RowFactors rows_of_;
  const float* factor_ = nullptr;  // by topic, of the row at hand; null: one
  Categorical draw_;
  SumTree tree_;
  AlignedArray<float> hoisted_, sloped_;  // by topic
  AlignedArray<float> slope_, base_;      // sparse: by topic
  AlignedArray<float> exponent_;          // dense: by topic
  // Parameters by symbol, of the clock `loaded_`: as weights read them, and as passes do.
  std::vector<const float*> param_;
  std::vector<const void*> typed_;
  std::vector<AlignedArray<float>> values_;
  AlignedArray<char> published_;
  int64_t loaded_ = -1;
  // On lines of their own: they change with every row. By symbol, rows of tables as the weights
  // read them; by table the row at hand, null where it is sparse.
  AlignedArray<const int32_t*> at_;
  AlignedArray<int32_t*> cell_;
  // By table: rows that are this worker's own copy; the table that it works in, and its own for a
  // clock if that is it.
  std::vector<AlignedArray<int32_t>> row_, before_;
  std::vector<CountTable> own_;
  std::vector<CountTable*> table_;
  AlignedArray<int32_t> merged_;  // by topic, zero between uses
  size_t inner_ = 0;              // sparse: the table that the rest is a line of
  int64_t failed_ = -1;
};

}  // namespace gyre::sample
