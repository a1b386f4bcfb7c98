// A binary table of cells of one type, row or column major: the common part of .npy and IDX.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/data/source.h"

namespace gyre::io {

enum class CellKind { kF4, kF8, kI1, kI2, kI4, kI8, kU1, kU2, kU4 };

struct Cell {
  CellKind kind = CellKind::kF8;
  bool big_endian = false;
};

struct Table {
  Cell cell;
  int64_t offset = 0;  // bytes before the first cell
  int64_t rows = 0, cols = 0;
  bool column_major = false;
  double divisor = 1;  // cells are divided by it
  std::vector<int64_t> shape = {};
};

// Fills rows and cols: the first axis by the product of the others, and checks that the file is as
// long as that needs. An array without axes, or without cells, is an error.
absl::StatusOr<Table> WithShape(const FileBytes& bytes, Table table,
                                const std::vector<int64_t>& shape);

class TableSource : public Source {
 public:
  TableSource(Bytes bytes, const Table& table, Type type)
      : bytes_(std::move(bytes)), table_(table), type_(type) {
    shape = table.shape;
  }

  absl::StatusOr<Chunk> Parse(int shard, int shards) const override;
  bool dense_by_nature() const override { return true; }
  int64_t known_cols() const override { return table_.cols; }
  int64_t known_rows() const override { return table_.rows; }

 protected:
  const FileBytes& bytes() const { return *bytes_; }
  const Table& table() const { return table_; }
  Type type() const { return type_; }
  // An error naming the first cell of a dense block, whose first row is `first_row`, that is not
  // finite.
  absl::Status CheckFinite(const Block& block, int64_t first_row) const;

 private:
  template <class From>
  void Copy(Range64 rows, OwnedBlock* to) const;

  const Bytes bytes_;
  const Table table_;
  const Type type_;
};

// InvalidArgument when `options` expects other columns.
template <class S>
absl::StatusOr<std::unique_ptr<Source>> OpenTable(Bytes bytes, const Table& table,
                                                  const ReadOptions& options) {
  if (options.cols > 0 && table.cols != options.cols) {
    return absl::InvalidArgumentError(absl::StrCat(bytes->path(), ":1: rows have ", table.cols,
                                                   " values where ", options.cols,
                                                   " are expected; use data of the same shape"));
  }
  return std::make_unique<S>(std::move(bytes), table, options.type);
}

}  // namespace gyre::io
