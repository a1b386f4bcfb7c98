#include "runtime/ordered_rows.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/data/layout.h"

namespace gyre {

absl::StatusOr<const int32_t*> KeysOf(const FoldSetup& setup, int symbol, int64_t rows,
                                      int64_t keys) {
  const std::string name(setup.program->graph.symbol[symbol].name);
  const Block& block = setup.context.data[symbol];
  if (block.rows != rows)
    return absl::UnimplementedError(
        absl::StrCat("keyed rows need all rows of \"", name, "\" in one process"));
  const int32_t* const key = block.data<int32_t>();
  for (int64_t r = 0; r < rows; ++r) {
    if (key[r] < 0 || key[r] >= keys)
      return absl::InvalidArgumentError(absl::StrCat("row ", r, " has no \"", name, "\": ", key[r],
                                                     " of ", keys,
                                                     "; leave such rows out of the training data"));
  }
  return key;
}

void OrderedRows::Order(const FoldSetup& setup, const std::vector<int>& symbols, int row_axis,
                        const std::vector<int64_t>& order) {
  const ir::Graph& graph = setup.program->graph;
  const auto rows = static_cast<int64_t>(order.size());
  data_.assign(setup.context.data, setup.context.data + graph.symbol.size);
  for (const int symbol : symbols) {
    Block& block = data_[static_cast<size_t>(symbol)];
    if (block.values == nullptr || block.rows != rows || graph.symbol[symbol].axis[0] != row_axis)
      continue;
    OwnedBlock dense;
    if (block.format != Format::kDense) dense = ToDense(block), block = dense.block;
    const int64_t size = SizeOf(block.type), bytes = block.cols * size;
    memory_.emplace_back(rows * bytes);
    const char* const from = static_cast<const char*>(block.values);
    for (int64_t at = 0; at < rows; ++at)
      std::copy_n(from + order[static_cast<size_t>(at)] * block.stride * size, bytes,
                  memory_.back().data() + at * bytes);
    block.values = memory_.back().data(), block.stride = block.cols;
  }
}

}  // namespace gyre
