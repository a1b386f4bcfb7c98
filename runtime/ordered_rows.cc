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
  int64_t without = -1;
  InStretches(0, rows, kInOrder, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end && without < 0; ++r)
      if (key[r] < 0 || key[r] >= keys) without = r;
    ReleasePages(key + begin, key + end);
  });
  if (without < 0) return key;
  return absl::InvalidArgumentError(absl::StrCat("row ", without, " has no \"", name,
                                                 "\": ", key[without], " of ", keys,
                                                 "; leave such rows out of the training data"));
}

void OrderedRows::Order(const FoldSetup& setup, const std::vector<int>& symbols, int row_axis,
                        const RowArray<int64_t>& order) {
  const ir::Graph& graph = setup.program->graph;
  const int64_t rows = order.size(), all = setup.extent[static_cast<size_t>(row_axis)];
  data_.assign(setup.context.data, setup.context.data + graph.symbol.size);
  for (const int symbol : symbols) {
    Block& block = data_[static_cast<size_t>(symbol)];
    if (block.values == nullptr || block.rows != all || graph.symbol[symbol].axis[0] != row_axis)
      continue;
    OwnedBlock dense;
    if (block.format != Format::kDense) dense = ToDense(block), block = dense.block;
    const int64_t size = SizeOf(block.type), bytes = block.cols * size,
                  stride = block.stride * size;
    Column& to = column_.emplace_back(Column{RowArray<char>(rows * bytes), bytes});
    const char* const from = static_cast<const char*>(block.values);
    InStretches(0, rows, kHereAndThere, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at)
        std::copy_n(from + order[at] * stride, bytes, to.memory.data() + at * bytes);
      ReleasePages(from, from + all * stride);
      order.Release(begin, end), to.memory.Release(begin * bytes, end * bytes);
    });
    block.values = to.memory.data(), block.stride = block.cols;
  }
}

void OrderedRows::Release(int64_t begin, int64_t end) const {
  for (const Column& c : column_) c.memory.Release(begin * c.bytes, end * c.bytes);
}

}  // namespace gyre
