// Rows that name things by keys, cut into blocks that can be visited at once.
//
// The keys of every map are dealt into as many groups as there are cuts, each with about as many
// rows. A block holds the rows of one group of each map. Blocks that share no group touch no number
// in common: the blocks of a *stratum*, one for each group of the first map, the groups of the
// others shifted alike (Gemulla et al. 2011; with more than two maps a Latin cube). A clock goes
// through all strata.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/data/memory.h"

namespace gyre {

class KeyedGrid {
 public:
  // `key`: by map and row, each in [0, keys of the map).
  // In a block the rows lie by the key of map `by`; -1: of the map with the most keys. The first
  // `cut` maps are dealt into groups, the others order rows at most; -1: all are.
  KeyedGrid(const std::vector<const int32_t*>& key, const std::vector<int64_t>& keys, int64_t rows,
            int cuts, uint64_t seed, int by = -1, int cut = -1);
  // As many as leave blocks of some hundred rows, whoever works on them: the numbers must not
  // depend on that.
  static int CutsFor(const std::vector<int64_t>& keys, int64_t rows);

  int cuts() const { return cuts_; }
  int strata() const { return strata_; }
  int maps() const { return maps_; }
  // Rows of the block of group `chain` of the first map in a stratum: positions in order().
  int64_t begin(int stratum, int chain) const {
    return begin_[static_cast<size_t>(stratum * cuts_ + chain)];
  }
  int64_t end(int stratum, int chain) const {
    return begin_[static_cast<size_t>(stratum * cuts_ + chain) + 1];
  }
  // The group of map `map` that it holds.
  int group(int stratum, int chain, int map) const;
  // By key of a map: its group.
  const std::vector<int32_t>& groups(size_t map) const { return group_[map]; }
  // The rows, block by block.
  const RowArray<int64_t>& order() const { return order_; }
  // Rows of the largest block; the most rows of a group over the mean, of all maps the worst.
  int64_t largest() const { return largest_; }
  double imbalance() const { return imbalance_; }

 private:
  std::vector<int32_t> Deal(const int32_t* key, int64_t keys, uint64_t seed, size_t map);

  const int64_t rows_;
  const int cuts_, maps_;
  int strata_ = 1;
  int64_t largest_ = 0;
  double imbalance_ = 1;
  std::vector<std::vector<int32_t>> group_;  // by map and key
  std::vector<int64_t> begin_;
  RowArray<int64_t> order_;
};

}  // namespace gyre
