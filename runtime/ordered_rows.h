// Rows of data in another order than that of their files, for folds that visit them by key.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/aligned.h"
#include "runtime/fold.h"

namespace gyre {

// The values of map `symbol` in all `rows` rows; an error names the first that has none of `keys`.
absl::StatusOr<const int32_t*> KeysOf(const FoldSetup& setup, int symbol, int64_t rows,
                                      int64_t keys);

// All tensors of a run; those of `symbols` that lie over `row_axis` dense and in the order given.
class OrderedRows {
 public:
  void Order(const FoldSetup& setup, const std::vector<int>& symbols, int row_axis,
             const std::vector<int64_t>& order);
  const Block* data() const { return data_.data(); }  // by symbol

 private:
  std::vector<Block> data_;
  std::deque<AlignedArray<char>> memory_;
};

}  // namespace gyre
