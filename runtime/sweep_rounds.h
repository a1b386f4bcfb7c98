// What a sweep over items needs to know of the data: which rows a map gives to an item, and which
// items can be visited at once because nothing joins them.
#pragma once
#include <cstdint>
#include <vector>

#include "dsl/program.h"

namespace gyre {

// The rows of each value of a map, by counting sort. Values outside [0, keys) belong to nobody.
class KeyIndex {
 public:
  KeyIndex(const int32_t* key, int64_t rows, int64_t keys);
  RowsOfKey rows_of() const { return {offset_.data(), row_.data()}; }

 private:
  std::vector<int64_t> offset_;
  std::vector<int32_t> row_;
};

// The pairs of items that depend on each other.
class ItemGraph {
 public:
  explicit ItemGraph(int64_t items) : items_(items) {}

  // Rows join the items that two maps name.
  void JoinKeys(const int32_t* first, const int32_t* second, int64_t rows);
  // Entries of a sparse table, items by items, join its rows with its columns.
  void JoinEntries(const Block& table);

  // Colours: each item gets the first that no item joined with it has, in the order of items. A
  // graph whose items have at most k others takes at most k + 1.
  std::vector<int32_t> Colour() const;

 private:
  void Join(int64_t first, int64_t second);

  const int64_t items_;
  std::vector<int32_t> from_, to_;  // pairs, some of them twice
};

// The items by colour, each colour shared out among workers.
class SweepRounds {
 public:
  // `cost`: of a visit, by item. Shares of a worker are as equal as a cut in order makes them.
  SweepRounds(const std::vector<int32_t>& colour, const std::vector<int64_t>& cost, int workers);

  int rounds() const { return rounds_; }
  // The items of a worker in a round, in ascending order.
  struct Share {
    const int64_t* item;
    int64_t items;
  };
  Share share(int round, int worker) const;

 private:
  int rounds_ = 0, workers_ = 1;
  std::vector<int64_t> item_;
  std::vector<int64_t> begin_;  // by round and worker, and the end
};

}  // namespace gyre
