// What the workers of a sampler share: the rows in blocks of their keys, their topics, and the
// tables that count them.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ops/sample/count_table.h"
#include "runtime/archive.h"
#include "runtime/data/memory.h"
#include "runtime/fold.h"
#include "runtime/keyed_grid.h"
#include "runtime/ordered_rows.h"

namespace gyre::sample {

struct Map {  // of rows to keys
  int symbol = -1;
  int64_t keys = 0;
  // Keys of a group are neighbours: what one worker writes is not beside what another does.
  RowArray<int32_t> key;        // by row, in the order of the grid: the place of its key
  std::vector<int64_t> count;   // by place: rows
  std::vector<int64_t> key_at;  // by place

  void Place(const std::vector<int32_t>& group);
};
struct Key {
  size_t map = 0;
  int64_t stride = 1;  // of the table's rows
};
// A table of counts. Its rows are numbered by the keys of its maps.
struct Count {
  int symbol = -1;
  int latent_at = -1;  // position of the latent among its keys; -1: not among them
  std::vector<Key> key;
  int64_t rows = 1;
  CountTable table;
  std::vector<int32_t> others;              // no latent: by row, data there less one
  std::vector<std::atomic<int32_t>> total;  // no map: by topic, of blocks done

  bool is_total() const { return key.empty() && latent_at >= 0; }
  void Clear() {
    table.Clear();
    for (auto& t : total) t.store(0, std::memory_order_relaxed);
  }
};

class State {
 public:
  // `cut_by`: the map, or for want of maps the axis, by which rows are cut among workers that have
  // tables by other keys to themselves for a clock; empty: blocks of all keys go round.
  State(const FoldSetup& setup, const Sampler& sampler, bool sparse, std::string cut_by);

  // Before all else: binds the data, chooses what is hoisted, makes the tables. User errors are one
  // line.
  absl::Status Bind();
  // No row has a topic.
  void Clear();

  const FoldSetup& setup() const { return setup_; }
  const ir::Graph& graph() const { return graph_; }
  const Sampler& sampler() const { return sampler_; }
  bool sparse() const { return sparse_; }
  int64_t topics() const { return topics_; }
  const KeyedGrid& grid() const { return *grid_; }
  const SamplerForm& form() const { return *form_; }
  bool has_totals() const;
  // Whether workers have tables to themselves for a clock, and of a table whether it is one.
  bool cut() const { return cut_; }
  bool Copied(const Count& c) const;

  // The map whose keys are visited in turn; null: there are none.
  const Map* outer() const { return outer_ < 0 ? nullptr : &maps_[static_cast<size_t>(outer_)]; }
  const Map& map(size_t m) const { return maps_[m]; }
  std::vector<Count>& counts() { return count_; }
  const std::vector<Count>& counts() const { return count_; }
  // Whether its row is one for all rows with one key of what is hoisted.
  bool Outer(const Count& c) const;
  // Whether sparse rows of counts are all by which what is hoisted tells its keys apart: then it is
  // the same for two keys but at the topics that either counts.
  bool hoists_counts() const { return hoists_counts_; }
  // Tables by other keys, as positions in counts().
  const std::vector<size_t>& inner() const { return inner_; }
  // Of a row in the order of the grid: its row of a table, its topic (-1: none yet).
  int64_t RowOf(const Count& c, int64_t r) const {
    int64_t row = 0;
    for (const Key& k : c.key) row += maps_[k.map].key[r] * k.stride;
    return row;
  }
  int32_t& topic(int64_t r) { return topic_[r]; }
  // Rows [begin, end) of all that lies in that order are not needed for a while.
  void Release(int64_t begin, int64_t end) const;

  // What every call of a weight's kernel has in common.
  WeightArgs Args() const;

  // Counts and tallies of them into the fields of `layout`; topics to where passes read them.
  void Store(const Layout& layout, double* to) const;
  void StoreLatent() const;
  // Saves or loads topics by the data's own order: they mean the same whatever the grid. Loading
  // counts them.
  void Exchange(Archive& a);

 private:
  void AddCount(int symbol);
  size_t MapOf(int symbol);
  bool HasRows(int count) const;
  absl::Status ChooseForm();
  void MakeTable(Count* c);
  absl::Status BindCut();
  bool TellsApart(int node) const;
  // Counts all rows that have a topic, in empty tables.
  void CountRows();
  int64_t KeysAt(const Count& c, int64_t row) const;
  template <class Visit>
  void ForCells(const Count& c, const Visit& visit) const;
  void StoreCount(const Count& c, double* to, int64_t size) const;
  void StoreTally(int symbol, double* value, double* cells, int64_t size) const;

  const FoldSetup setup_;
  const ir::Graph& graph_;
  const Sampler& sampler_;
  const bool sparse_;
  const std::string cut_by_;
  const bool cut_;  // then the map of cut_by_, if it is one, is the first
  const int64_t rows_, topics_;
  std::vector<Map> maps_;
  std::vector<Count> count_;
  const SamplerForm* form_ = nullptr;
  int outer_ = -1;  // position in maps_ of what is hoisted
  bool hoists_counts_ = false;
  std::vector<size_t> inner_;
  std::unique_ptr<KeyedGrid> grid_;
  OrderedRows ordered_;
  RowArray<int32_t> topic_;  // by row, in the order of the grid
};

}  // namespace gyre::sample
