// Rows of data in another order than that of their files, for folds that visit them by key.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/data/memory.h"
#include "runtime/fold.h"

namespace gyre {

// The values of map `symbol` in all `rows` rows; an error names the first that has none of `keys`.
absl::StatusOr<const int32_t*> KeysOf(const FoldSetup& setup, int symbol, int64_t rows,
                                      int64_t keys);

// All tensors of a run; those of `symbols` that lie over `row_axis` dense and in the order given,
// which may leave rows out.
class OrderedRows {
 public:
  void Order(const FoldSetup& setup, const std::vector<int>& symbols, int row_axis,
             const RowArray<int64_t>& order);
  const Block* data() const { return data_.data(); }  // by symbol
  void Release(int64_t begin, int64_t end) const;     // rows not needed for a while

 private:
  std::vector<Block> data_;
  struct Column {
    RowArray<char> memory;
    int64_t bytes = 0;  // of a row
  };
  std::deque<Column> column_;  // those in order
};

}  // namespace gyre
