// The columns of a design matrix, as coordinate methods read them: one at a time.
//
// A vector over the rows is double. Sparse and dense columns, float and double, and the column of
// ones that an intercept has, behind one visitor, so that inner loops know their type.
#pragma once
#include <cstdint>
#include <utility>

#include "ops/contract.h"
#include "ops/view.h"

namespace gyre {

struct Columns {
  // kDense: the transposed matrix, column j its row j. kCsc. Unused for `ones`.
  Block block;
  bool ones = false;
  int64_t rows = 0;
  int64_t size = 0;  // columns

  int64_t entries(int64_t j) const {
    if (ones || block.format == Format::kDense) return rows;
    return block.offset[j + 1] - block.offset[j];
  }
  bool sparse() const { return !ones && block.format == Format::kCsc; }
};

namespace internal {

// Eight sums, so that the loop vectorises and the additions do not wait for each other.
template <class T>
double SquaredNorm(const T* x, int64_t n) {
  double sum[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t l = 0; l < 8; ++l)
      sum[l] += static_cast<double>(x[i + l]) * static_cast<double>(x[i + l]);
  }
  for (; i < n; ++i) sum[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

}  // namespace internal

template <class T>
class DenseColumns {
 public:
  explicit DenseColumns(const Columns& c) : block_(c.block), rows_(c.rows) {}
  double Dot(int64_t j, const double* r) const { return RowDot<T, double>(block_, j, r); }
  void Add(int64_t j, double scale, double* r) const { AddRow<T, double>(block_, j, scale, r); }
  double SquaredNorm(int64_t j) const {
    return internal::SquaredNorm(block_.data<T>() + j * block_.stride, rows_);
  }
  template <class F>
  void ForEach(int64_t j, F f) const {
    const T* x = block_.data<T>() + j * block_.stride;
    for (int64_t i = 0; i < rows_; ++i) f(i, static_cast<double>(x[i]));
  }

 private:
  const Block& block_;
  const int64_t rows_;
};

template <class T>
class SparseColumns {
 public:
  explicit SparseColumns(const Columns& c)
      : values_(c.block.data<T>()), index_(c.block.index), offset_(c.block.offset) {}
  // Four sums, so that the additions do not wait for each other.
  double Dot(int64_t j, const double* r) const {
    const int64_t end = offset_[j + 1];
    int64_t e = offset_[j];
    double a = 0, b = 0, c = 0, d = 0;
    for (; e + 4 <= end; e += 4) {
      a += static_cast<double>(values_[e]) * r[index_[e]];
      b += static_cast<double>(values_[e + 1]) * r[index_[e + 1]];
      c += static_cast<double>(values_[e + 2]) * r[index_[e + 2]];
      d += static_cast<double>(values_[e + 3]) * r[index_[e + 3]];
    }
    for (; e < end; ++e) a += static_cast<double>(values_[e]) * r[index_[e]];
    return (a + b) + (c + d);
  }
  void Add(int64_t j, double scale, double* r) const {
    for (int64_t e = offset_[j]; e < offset_[j + 1]; ++e)
      r[index_[e]] += scale * static_cast<double>(values_[e]);
  }
  double SquaredNorm(int64_t j) const {
    return internal::SquaredNorm(values_ + offset_[j], offset_[j + 1] - offset_[j]);
  }
  template <class F>
  void ForEach(int64_t j, F f) const {
    for (int64_t e = offset_[j]; e < offset_[j + 1]; ++e)
      f(static_cast<int64_t>(index_[e]), static_cast<double>(values_[e]));
  }

 private:
  const T* values_;
  const int32_t* index_;
  const int64_t* offset_;
};

class OnesColumn {
 public:
  explicit OnesColumn(const Columns& c) : rows_(c.rows) {}
  double Dot(int64_t, const double* r) const { return Sum(r, rows_); }
  void Add(int64_t, double scale, double* r) const {
    for (int64_t i = 0; i < rows_; ++i) r[i] += scale;
  }
  double SquaredNorm(int64_t) const { return static_cast<double>(rows_); }
  template <class F>
  void ForEach(int64_t, F f) const {
    for (int64_t i = 0; i < rows_; ++i) f(i, 1.0);
  }

 private:
  const int64_t rows_;
};

// f(view) with the view that knows the columns' type.
template <class F>
decltype(auto) WithColumns(const Columns& c, F&& f) {
  if (c.ones) return f(OnesColumn(c));
  const bool single = c.block.type == Type::kFloat32;
  if (c.block.format == Format::kDense)
    return single ? f(DenseColumns<float>(c)) : f(DenseColumns<double>(c));
  return single ? f(SparseColumns<float>(c)) : f(SparseColumns<double>(c));
}

}  // namespace gyre
