#include "runtime/data/info.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "runtime/archive.h"

namespace gyre {
namespace {

template <class T>
void AddMoments(const Block& b, ColumnMoments* m) {
  const double rows = static_cast<double>(std::max<int64_t>(b.rows, 1));
  const auto each = [&](const auto& take) {
    for (int64_t r = 0; r < b.rows; ++r) {
      if (b.format == Format::kDense) {
        const T* row = b.data<T>() + r * b.stride;
        for (int64_t c = 0; c < b.cols; ++c) take(static_cast<size_t>(c), row[c]);
      } else {
        for (int64_t e = b.offset[r]; e < b.offset[r + 1]; ++e) {
          take(static_cast<size_t>(b.index[e]), b.data<T>()[e]);
        }
      }
    }
  };
  std::vector<double> stored(m->mean.size(), 0);
  each([&](size_t c, T x) {
    m->mean[c] += static_cast<double>(x);
    stored[c] += 1;
  });
  for (double& mean : m->mean) mean /= rows;
  each([&](size_t c, T x) {
    const double d = static_cast<double>(x) - m->mean[c];
    m->square[c] += d * d;
  });
  for (size_t c = 0; c < stored.size(); ++c) {
    m->square[c] += (rows - stored[c]) * m->mean[c] * m->mean[c];
  }
}

}  // namespace

ColumnMoments MomentsOf(const Block& block) {
  ColumnMoments m;
  m.rows = block.rows;
  m.mean.resize(static_cast<size_t>(block.cols), 0);
  m.square.resize(static_cast<size_t>(block.cols), 0);
  if (block.rows == 0) return m;
  if (block.type == Type::kFloat32) {
    AddMoments<float>(block, &m);
  } else {
    AddMoments<double>(block, &m);
  }
  return m;
}

void ColumnMoments::Merge(const ColumnMoments& next) {
  const size_t cols = std::max(mean.size(), next.mean.size());
  mean.resize(cols, 0);
  square.resize(cols, 0);
  const double a = static_cast<double>(rows), b = static_cast<double>(next.rows);
  rows += next.rows;
  if (next.rows == 0) return;
  for (size_t c = 0; c < cols; ++c) {
    const double other = c < next.mean.size() ? next.mean[c] : 0;
    const double apart = other - mean[c];
    mean[c] += apart * b / (a + b);
    square[c] += (c < next.square.size() ? next.square[c] : 0) + apart * apart * a * b / (a + b);
  }
}

namespace {

void Visit(Archive& archive, DataInfo* info) {
  archive(info->rows);
  archive(info->cols);
  archive(info->nnz);
  archive(info->dense);
  archive(info->shard_rows);
  archive(info->row_nnz);
  archive(info->col_nnz);
  uint64_t columns = info->columns.size();
  archive(columns);
  if (columns > (1 << 20)) return;  // what follows will not fit either
  info->columns.resize(columns);
  for (DistinctValues& column : info->columns) {
    archive(column.overflow);
    archive(column.values);
  }
  archive(info->moments.rows);
  archive(info->moments.mean);
  archive(info->moments.square);
}

}  // namespace

std::string Pack(const DataInfo& info) {
  std::string bytes;
  Archive archive(&bytes);
  DataInfo copy = info;
  Visit(archive, &copy);
  return bytes;
}

absl::StatusOr<DataInfo> Unpack(absl::string_view bytes) {
  Archive archive(bytes);
  DataInfo info;
  Visit(archive, &info);
  if (!archive.complete()) return absl::DataLossError("the description of a file is damaged");
  return info;
}

}  // namespace gyre

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
  if (moments_wanted_) moments_.Merge(MomentsOf(features));
  distinct_.resize(std::max(distinct_.size(), columns.size()));
  for (size_t i = 0; i < columns.size(); ++i) AddColumn(columns[i], &distinct_[i]);
}

DataInfo InfoBuilder::Finish() const {
  DataInfo info;
  info.rows = rows_;
  info.cols = cols_;
  info.nnz = nnz_;
  info.moments = moments_;
  if (moments_wanted_) {
    info.moments.mean.resize(static_cast<size_t>(cols_));
    info.moments.square.resize(static_cast<size_t>(cols_));
  }
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
