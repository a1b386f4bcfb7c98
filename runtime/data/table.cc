#include "runtime/data/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace gyre::io {
namespace {

int64_t CellSize(CellKind kind) {
  switch (kind) {
    case CellKind::kI1:
    case CellKind::kU1:
      return 1;
    case CellKind::kI2:
    case CellKind::kU2:
      return 2;
    case CellKind::kF4:
    case CellKind::kI4:
    case CellKind::kU4:
      return 4;
    case CellKind::kF8:
    case CellKind::kI8:
      return 8;
  }
  return 0;
}

template <class From>
From Load(const char* at, bool swap) {
  std::array<char, sizeof(From)> raw;
  std::memcpy(raw.data(), at, sizeof(From));
  if (swap) std::reverse(raw.begin(), raw.end());
  From v;
  std::memcpy(&v, raw.data(), sizeof(From));
  return v;
}

// Whether every element is finite: one reduction over x * 0, which is zero for finite x and else
// NaN.
template <class T>
int64_t FirstBadRow(const Block& block) {
  for (int64_t r = 0; r < block.rows; ++r) {
    const T* row = block.data<T>() + r * block.stride;
    bool bad = false;
    for (int64_t c = 0; c < block.cols; ++c)
      bad |= !(std::abs(row[c]) <= std::numeric_limits<T>::max());
    if (bad) return r;
  }
  return -1;
}

template <class From, class To>
void CopyRows(const char* base, const Table& t, Range64 rows, To* out, int64_t stride) {
  constexpr int64_t kSize = sizeof(From);
  const int64_t row_step = t.column_major ? 1 : t.cols;
  const int64_t col_step = t.column_major ? t.rows : 1;
  for (int64_t r = rows.begin; r < rows.end; ++r, out += stride) {
    const char* in = base + r * row_step * kSize;
    for (int64_t c = 0; c < t.cols; ++c) {
      const double v =
          static_cast<double>(Load<From>(in + c * col_step * kSize, t.cell.big_endian));
      out[c] = static_cast<To>(t.divisor == 1 ? v : v / t.divisor);
    }
  }
}

}  // namespace

Range64 RowsOfShard(int64_t rows, int shard, int shards) {
  const auto cut = [&](int s) {
    return static_cast<int64_t>(static_cast<__int128>(rows) * s / shards);
  };
  return {cut(shard), cut(shard + 1)};
}

absl::StatusOr<Table> WithShape(const FileBytes& bytes, Table table,
                                const std::vector<int64_t>& shape) {
  const auto error = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(bytes.path(), ":1: ", what));
  };
  if (shape.empty()) return error("holds a single value; save an array with at least one axis");
  __int128 cells = 1;
  for (const int64_t extent : shape) {
    cells *= extent;
    if (cells > std::numeric_limits<int64_t>::max() / 16)
      return error("the shape is impossibly large; write the file again");
  }
  if (cells == 0) return error("holds no values; give an array with at least one row and column");
  const __int128 needed = cells * CellSize(table.cell.kind) + table.offset;
  if (needed > bytes.size()) {
    return error(absl::StrCat("is cut short: ", bytes.size(), " bytes where its header needs ",
                              static_cast<int64_t>(needed), "; write or fetch the file again"));
  }
  table.shape = shape;
  table.rows = shape[0];
  table.cols = static_cast<int64_t>(cells) / shape[0];
  if (table.cols > std::numeric_limits<int32_t>::max())
    return error("has too many columns; at most 2147483647 are supported");
  return table;
}

absl::Status TableSource::CheckFinite(const Block& block, int64_t first_row) const {
  const bool single = block.type == Type::kFloat32;
  const int64_t r = single ? FirstBadRow<float>(block) : FirstBadRow<double>(block);
  if (r < 0) return absl::OkStatus();
  int64_t c = 0;
  const auto at = [&](int64_t i) {
    return single ? static_cast<double>(block.data<float>()[r * block.stride + i])
                  : block.data<double>()[r * block.stride + i];
  };
  while (std::isfinite(at(c))) ++c;
  return absl::InvalidArgumentError(absl::StrCat(
      bytes_->path(), ":", first_row + r + 1, ": row ", first_row + r + 1, ", column ", c + 1,
      " is ", std::isnan(at(c)) ? "NaN" : "infinite or too large for the element type",
      "; fill it in or drop the row"));
}

template <class From>
void TableSource::Copy(Range64 rows, OwnedBlock* to) const {
  const char* base = bytes_->begin() + table_.offset;
  const int64_t stride = to->block.stride;
  if (type_ == Type::kFloat32) {
    CopyRows<From>(base, table_, rows, to->mutable_values<float>(), stride);
  } else {
    CopyRows<From>(base, table_, rows, to->mutable_values<double>(), stride);
  }
}

absl::StatusOr<Chunk> TableSource::Parse(int shard, int shards) const {
  const Range64 rows = RowsOfShard(table_.rows, shard, shards);
  Chunk chunk;
  chunk.features = MakeDense(type_, rows.end - rows.begin, table_.cols);
  switch (table_.cell.kind) {
    case CellKind::kF4:
      Copy<float>(rows, &chunk.features);
      break;
    case CellKind::kF8:
      Copy<double>(rows, &chunk.features);
      break;
    case CellKind::kI1:
      Copy<int8_t>(rows, &chunk.features);
      break;
    case CellKind::kI2:
      Copy<int16_t>(rows, &chunk.features);
      break;
    case CellKind::kI4:
      Copy<int32_t>(rows, &chunk.features);
      break;
    case CellKind::kI8:
      Copy<int64_t>(rows, &chunk.features);
      break;
    case CellKind::kU1:
      Copy<uint8_t>(rows, &chunk.features);
      break;
    case CellKind::kU2:
      Copy<uint16_t>(rows, &chunk.features);
      break;
    case CellKind::kU4:
      Copy<uint32_t>(rows, &chunk.features);
      break;
  }
  const absl::Status finite = CheckFinite(chunk.features.block, rows.begin);
  if (!finite.ok()) return finite;
  return chunk;
}

}  // namespace gyre::io
