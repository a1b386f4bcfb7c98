// What is known of a whole file: its shape, how its non-zeros are spread, its labels.
//
// The planner costs strategies with it, and workers that read a shard each are given the same one,
// so that they agree on extents, layout and label values.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ops/view.h"

namespace gyre {

// How evenly counts (non-zeros per row, or per column) are spread.
struct Skew {
  double mean = 0;
  double max = 0;
  double cv = 0;  // coefficient of variation: standard deviation / mean; 0 when all are equal
};

// The different values of a column, ascending; `overflow` when there were more than the limit.
struct DistinctValues {
  bool overflow = false;
  std::vector<double> values;
};

// Sums over the rows of a matrix, by column: what standardising needs. Mergeable, so that a file's
// are those of its parts.
struct ColumnMoments {
  int64_t rows = 0;
  std::vector<double> mean, square;  // mean; sum of squared deviations from it

  // Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
  // Variances", 1979, equation 2.1. Missing columns are zero.
  void Merge(const ColumnMoments& next);
};

struct DataInfo {
  int64_t rows = 0;
  int64_t cols = 0;   // feature columns
  int64_t nnz = 0;    // stored entries of a sparse format, non-zero entries of a dense one
  bool dense = true;  // the layout the rule chose; see DataLayout
  std::vector<int64_t> shard_rows;  // rows in each of the shards that the file was scanned for
  Skew row_nnz, col_nnz;
  std::vector<DistinctValues> columns;  // one per FileData::columns
  ColumnMoments moments;                // when asked for: ReadOptions::moments

  double density() const {
    const double cells = static_cast<double>(rows) * static_cast<double>(cols);
    return cells > 0 ? static_cast<double>(nnz) / cells : 0.0;
  }
  int64_t RowsBefore(int shard) const {
    int64_t sum = 0;
    for (int s = 0; s < shard; ++s) sum += shard_rows[static_cast<size_t>(s)];
    return sum;
  }
};

// As bytes, for workers; not empty. Unpack refuses what Pack did not write.
std::string Pack(const DataInfo& info);
absl::StatusOr<DataInfo> Unpack(absl::string_view bytes);

// The moments of a dense or CSR block: two passes over it.
ColumnMoments MomentsOf(const Block& block);

namespace io {

// Adds up the info of a file from its consecutive parts. Not thread-safe.
class InfoBuilder {
 public:
  explicit InfoBuilder(int64_t max_distinct, bool moments = false)
      : max_distinct_(max_distinct), moments_wanted_(moments) {}

  // `features` in any format; `columns` as in FileData. Rows are counted from `features`.
  void Add(const Block& features, const std::vector<std::vector<double>>& columns);

  // Everything but shard_rows and dense.
  DataInfo Finish() const;

 private:
  struct Distinct {
    absl::flat_hash_set<double> seen;
    bool overflow = false;
  };
  void CountRow(int64_t nnz);
  template <class T>
  void AddDense(const Block& block);
  void AddCsr(const Block& block);
  void AddColumn(const std::vector<double>& column, Distinct* distinct) const;

  const int64_t max_distinct_;
  const bool moments_wanted_;
  ColumnMoments moments_;
  int64_t rows_ = 0, cols_ = 0, nnz_ = 0, max_row_ = 0;
  double row_squares_ = 0;
  std::vector<int64_t> col_nnz_;
  std::vector<Distinct> distinct_;
};

}  // namespace io
}  // namespace gyre
