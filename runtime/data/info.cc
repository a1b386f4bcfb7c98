#include "runtime/data/info.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gyre::io {
namespace {

Skew MakeSkew(double count, double sum, double squares, double max) {
  Skew out;
  if (count == 0 || sum == 0) return out;
  out.mean = sum / count;
  out.max = max;
  out.cv = std::sqrt(std::max(0.0, squares / count - out.mean * out.mean)) / out.mean;
  return out;
}

}  // namespace

void InfoBuilder::CountRow(int64_t nnz) {
  nnz_ += nnz;
  max_row_ = std::max(max_row_, nnz);
  row_squares_ += static_cast<double>(nnz) * static_cast<double>(nnz);
}

template <class T>
void InfoBuilder::AddDense(const Block& block) {
  int64_t* const counts = col_nnz_.data();
  for (int64_t r = 0; r < block.rows; ++r) {
    const T* row = block.data<T>() + r * block.stride;
    int64_t nnz = 0;
    for (int64_t c = 0; c < block.cols; ++c) {
      const int64_t one = row[c] != T{0};
      counts[c] += one;
      nnz += one;
    }
    CountRow(nnz);
  }
}

void InfoBuilder::AddCsr(const Block& block) {
  for (int64_t r = 0; r < block.rows; ++r) CountRow(block.offset[r + 1] - block.offset[r]);
  if (block.rows == 0) return;
  const int64_t end = block.offset[block.rows];
  for (int64_t i = block.offset[0]; i < end; ++i) ++col_nnz_[static_cast<size_t>(block.index[i])];
}

void InfoBuilder::AddColumn(const std::vector<double>& column, Distinct* distinct) const {
  double last = std::numeric_limits<double>::quiet_NaN();
  for (const double v : column) {
    if (v == last || distinct->overflow) continue;
    last = v;
    distinct->seen.insert(v);
    distinct->overflow = static_cast<int64_t>(distinct->seen.size()) > max_distinct_;
  }
}

void InfoBuilder::Add(const Block& features, const std::vector<std::vector<double>>& columns) {
  cols_ = std::max(cols_, features.cols);
  col_nnz_.resize(static_cast<size_t>(cols_));
  rows_ += features.rows;
  if (features.format == Format::kCsr) {
    AddCsr(features);
  } else if (features.type == Type::kFloat32) {
    AddDense<float>(features);
  } else {
    AddDense<double>(features);
  }
  distinct_.resize(std::max(distinct_.size(), columns.size()));
  for (size_t i = 0; i < columns.size(); ++i) AddColumn(columns[i], &distinct_[i]);
}

DataInfo InfoBuilder::Finish() const {
  DataInfo info;
  info.rows = rows_;
  info.cols = cols_;
  info.nnz = nnz_;
  const double nnz = static_cast<double>(nnz_);
  info.row_nnz =
      MakeSkew(static_cast<double>(rows_), nnz, row_squares_, static_cast<double>(max_row_));
  double squares = 0, max = 0;
  for (const int64_t n : col_nnz_) {
    const double d = static_cast<double>(n);
    squares += d * d;
    max = std::max(max, d);
  }
  info.col_nnz = MakeSkew(static_cast<double>(cols_), nnz, squares, max);
  for (const Distinct& d : distinct_) {
    DistinctValues out;
    out.overflow = d.overflow;
    if (!d.overflow) out.values.assign(d.seen.begin(), d.seen.end());
    std::sort(out.values.begin(), out.values.end());
    info.columns.push_back(std::move(out));
  }
  return info;
}

}  // namespace gyre::io
