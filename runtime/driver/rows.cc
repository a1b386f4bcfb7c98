#include "runtime/driver/rows.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dsl/random.h"
#include "runtime/data/layout.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;

template <class T>
void CopyRows(const Block& from, const std::vector<int64_t>& rows, OwnedBlock* to) {
  const T* const in = from.data<T>();
  T* out = to->mutable_values<T>();
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy_n(in + rows[i] * from.stride, from.cols,
                out + static_cast<int64_t>(i) * to->block.stride);
}

OwnedBlock SelectDense(const Block& from, const std::vector<int64_t>& rows) {
  OwnedBlock to = MakeDense(from.type, static_cast<int64_t>(rows.size()), from.cols);
  if (from.type == Type::kFloat64) {
    CopyRows<double>(from, rows, &to);
  } else {  // float or positions: four bytes either way
    CopyRows<int32_t>(from, rows, &to);
  }
  return to;
}

OwnedBlock SelectSparse(const Block& from, const std::vector<int64_t>& rows) {
  std::vector<Block> pieces;
  for (size_t i = 0; i < rows.size();) {  // runs of neighbours
    size_t end = i + 1;
    while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
    pieces.push_back(Rows(from, rows[i], rows[end - 1] + 1));
    i = end;
  }
  return Concatenate(pieces, from.cols);
}

// The one axis of rows; -1 where there are several, or none.
int OnlyDataAxis(const ir::Graph& graph) {
  int found = -1;
  for (int a = 0; a < graph.axis.size; ++a) {
    if (!graph.axis[a].data) continue;
    if (found >= 0) return -1;
    found = a;
  }
  return found;
}

}  // namespace

absl::Status CheckApart(const Program& program, int row_axis, absl::string_view flag) {
  for (int s = 0; s < program.graph.symbol.size; ++s) {
    const ir::Symbol& symbol = program.graph.symbol[s];
    bool named = symbol.target == row_axis;
    for (int a = 1; a < symbol.rank; ++a) named = named || symbol.axis[a] == row_axis;
    if (named)
      return InvalidArgumentError(StrCat(flag, ": rows that other data (", NameOf(program.graph, s),
                                         ") names cannot be left out"));
  }
  return absl::OkStatus();
}

Dataset SelectRows(const Program& program, const Dataset& data, int row_axis,
                   const std::vector<int64_t>& rows) {
  Dataset out = data;
  const ir::Graph& graph = program.graph;
  out.rows = static_cast<int64_t>(rows.size());
  out.info.extent[static_cast<size_t>(row_axis)] = out.rows;
  for (int a = 0; a < graph.axis.size; ++a) {
    if (graph.axis[a].tally >= 0)
      out.info.extent[static_cast<size_t>(a)] = TallyExtent(graph, a, out.info.extent);
  }
  for (int s = 0; s < graph.symbol.size; ++s) {
    Block& block = out.block[static_cast<size_t>(s)];
    if (block.values == nullptr || graph.symbol[s].rank == 0 || graph.symbol[s].axis[0] != row_axis)
      continue;
    OwnedBlock selected =
        block.format == Format::kDense ? SelectDense(block, rows) : SelectSparse(block, rows);
    const auto whole = std::find_if(out.memory.begin(), out.memory.end(), [&](const OwnedBlock& m) {
      return m.block.values == block.values;
    });
    block = selected.block;
    if (whole != out.memory.end()) {
      *whole = std::move(selected);
    } else {
      out.memory.push_back(std::move(selected));
    }
    for (TensorInfo& t : out.info.tensor) {
      if (t.symbol != NameOf(graph, s)) continue;
      t.rows = out.rows;
      t.nnz = block.format == Format::kDense ? t.rows * t.cols
                                             : block.offset[block.rows] - block.offset[0];
    }
  }
  return out;
}

absl::StatusOr<Dataset> HoldOut(const Program& program, double share, uint64_t seed,
                                Dataset* data) {
  const ir::Graph& graph = program.graph;
  const std::string flag = StrCat("--holdout=", share);
  const int row_axis = OnlyDataAxis(graph);
  if (row_axis < 0) {
    std::vector<std::string> axes;
    for (const ir::Axis& axis : graph.axis)
      if (axis.data) axes.emplace_back(axis.name);
    return InvalidArgumentError(
        StrCat(flag, ": the program's data has not one kind of rows",
               axes.empty() ? "" : StrCat(" but several (", absl::StrJoin(axes, ", "), ")"),
               "; give the held-out data as --test_data=FILE"));
  }
  absl::Status apart = CheckApart(program, row_axis, flag);
  if (!apart.ok()) return apart;
  const int64_t rows = data->info.extent[static_cast<size_t>(row_axis)];
  const rng::Stream stream(seed, rng::Hash("holdout"), 0);
  std::vector<int64_t> in, out;
  for (int64_t r = 0; r < rows; ++r)
    (stream.Uniform(static_cast<uint64_t>(r)) < share ? out : in).push_back(r);
  if (in.empty() || out.empty())
    return InvalidArgumentError(StrCat(flag, ": of ", rows, " rows ", out.empty() ? "none" : "all",
                                       " would be held out; give ",
                                       out.empty() ? "a larger" : "a smaller", " share"));
  Dataset held = SelectRows(program, *data, row_axis, out);
  *data = SelectRows(program, *data, row_axis, in);
  for (int a = 0; a < graph.axis.size; ++a) {  // what is counted is the training's
    if (graph.axis[a].tally >= 0)
      held.info.extent[static_cast<size_t>(a)] = data->info.extent[static_cast<size_t>(a)];
  }
  data->notes.push_back(StrCat(out.size(), " of ", rows, " rows held out, by seed ", seed));
  return held;
}

}  // namespace gyre::driver
