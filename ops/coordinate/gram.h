// X' W X of some columns, grown as columns are asked for: the covariances of coordinate descent.
#pragma once
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ops/coordinate/part.h"

namespace gyre {

class Gram {
 public:
  Gram(const std::vector<Part>* parts, int64_t rows) : parts_(parts), rows_(rows) {}

  struct Column {
    int32_t part;
    int64_t column;
  };
  // Multiply-adds that Extend would need beside what is there.
  double CostOf(const std::vector<Column>& columns) const;
  // Forgets everything, or what belongs to other weights.
  void Clear();
  // Makes the entries between all of `columns`.
  // `weight` by row, null: all ones. Equal weights between calls unless Clear is called.
  void Extend(const std::vector<Column>& columns, const double* weight);

  int64_t size() const { return static_cast<int64_t>(column_.size()); }
  int64_t stride() const { return stride_; }
  // Entries against every slot.
  const double* row(int64_t slot) const { return entry_.data() + slot * stride_; }
  int64_t slot(const Column& c) const {  // -1: none
    const auto found = slot_.find(Key(c));
    return found == slot_.end() ? -1 : found->second;
  }

 private:
  static uint64_t Key(const Column& c) {
    return static_cast<uint64_t>(c.column) << 8 | static_cast<uint64_t>(c.part);
  }
  void Reserve(int64_t size);
  void SparseRows(int64_t from, const double* weight);
  void DenseRow(int64_t slot, int64_t from, const double* weight);

  const std::vector<Part>* const parts_;
  const int64_t rows_;
  std::vector<Column> column_;  // by slot
  absl::flat_hash_map<uint64_t, int32_t> slot_;
  std::vector<double> entry_;
  int64_t stride_ = 0;
  std::vector<double> dense_;
};

}  // namespace gyre
