// Dispatch on format, and the contractions that need no blocking.
#include "ops/contract.h"

#include <algorithm>

#include "ops/contract_dense.h"
#include "ops/contract_sparse.h"

namespace gyre {
namespace {

// Measured on the shapes of the benchmark. Vectors: what fits in the first-level cache was fastest
// while the next block streams in (sparse rows: while gathers of one block overlap the scatters of
// the one before), down to 16 dense rows (8 where they are wide) or 8 sparse rows, below which adding
// to the accumulators and the calls cost more than they save. Data that stays in the second-level cache anyway is best
// taken whole. Matrix products want many rows, because each block adds once to m by k accumulators.
inline constexpr int64_t kBlockBytes = 32 * 1024;
inline constexpr int64_t kSparseBlockBytes = 4 * 1024;
inline constexpr int64_t kMatrixBlockBytes = 1024 * 1024;
inline constexpr int64_t kCachedBytes = 1280 * 1024;
inline constexpr int64_t kWideRow = 20 * 1024;  // bytes: 16 of them leave the next block no room

int64_t BytesPerRow(const Block& a) {
  if (a.format == Format::kDense) return a.stride * SizeOf(a.type);
  const int64_t entries = a.format == Format::kCsr ? a.offset[a.rows] - a.offset[0] : 0;
  return entries / std::max<int64_t>(a.rows, 1) * (SizeOf(a.type) + 4) + 8;
}

// Calls body(column, value) on the entries of row r of a dense or CSR block.
template <class T, class Body>
inline void ForRow(const Block& a, int64_t r, const Body& body) {
  if (a.format == Format::kDense) {
    const T* row = a.data<T>() + r * a.stride;
    for (int64_t j = 0; j < a.cols; ++j) body(j, row[j]);
  } else {
    for (int64_t p = a.offset[r]; p < a.offset[r + 1]; ++p) body(a.index[p], a.data<T>()[p]);
  }
}

// Calls body(row, column, value) on the entries of the rows, of any format.
template <class T, class Body>
inline void ForEntries(const Block& a, int64_t r0, int64_t rows, const Body& body) {
  if (a.format != Format::kCsc) {
    for (int64_t i = 0; i < rows; ++i)
      ForRow<T>(a, r0 + i, [&](int64_t j, T x) { body(i, j, x); });
    return;
  }
  for (int64_t j = 0; j < a.cols; ++j)
    for (int64_t p = a.offset[j]; p < a.offset[j + 1]; ++p) body(a.index[p], j, a.data<T>()[p]);
}

}  // namespace

int64_t RowsPerBlock(const Block& a, int64_t extra_bytes_per_row, int64_t outputs) {
  const int64_t rows = std::max<int64_t>(a.rows, 1);
  if (a.format == Format::kCsc) return rows;
  const int64_t per_row = std::max<int64_t>(BytesPerRow(a) + extra_bytes_per_row, 1);
  if (rows <= kRowsInT && rows * per_row <= kCachedBytes) return rows;
  const int64_t vector_bytes = a.format == Format::kCsr ? kSparseBlockBytes : kBlockBytes;
  const int64_t bytes = outputs > 1 ? kMatrixBlockBytes : vector_bytes;
  const int64_t fit = bytes / per_row / 8 * 8;  // kernels take eight rows at a time
  const bool few = a.format == Format::kCsr || per_row > kWideRow;
  return std::min(std::clamp<int64_t>(fit, few ? 8 : 16, kRowsInT), rows);
}

template <class T>
void RowsTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out) {
  switch (a.format) {
    case Format::kDense: return internal::DenseTimesVector(a, r0, rows, b, out);
    case Format::kCsr: return internal::CsrTimesVector(a, r0, rows, b, out);
    case Format::kCsc: return internal::CscTimesVector(a, b, out);
  }
}

template <class T>
void RowsTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                     T* out) {
  if (m == 1) return RowsTimesVector(a, r0, rows, b, out);
  switch (a.format) {
    case Format::kDense: return internal::DenseTimesMatrix(a, r0, rows, b, m, k_major, out);
    case Format::kCsr: return internal::CsrTimesMatrix(a, r0, rows, b, m, k_major, out);
    case Format::kCsc: return internal::CscTimesMatrix(a, b, m, k_major, out);
  }
}

template <class T>
void AddTransposedTimesVector(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc) {
  switch (a.format) {
    case Format::kDense: return internal::DenseAddTransposed(a, r0, rows, u, acc);
    case Format::kCsr: return internal::CsrAddTransposed(a, r0, rows, u, acc);
    case Format::kCsc: return internal::CscAddTransposed(a, u, acc);
  }
}

int64_t ScratchOuter(int64_t m, int64_t k) { return internal::kStripRows * std::max(m, k); }

template <class T>
void AddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
              double* acc, T* scratch) {
  if (m == 1) return AddTransposedTimesVector(a, r0, rows, u, acc);
  switch (a.format) {
    case Format::kDense:
      return internal::DenseAddOuter(a, r0, rows, u, m, k_major, acc, scratch);
    case Format::kCsr: return internal::CsrAddOuter(a, r0, rows, u, m, k_major, acc);
    case Format::kCsc: return internal::CscAddOuter(a, u, m, k_major, acc);
  }
}

template <class T>
void RowNorms2(const Block& a, int64_t r0, int64_t rows, T* out) {
  if (a.format == Format::kCsc) {
    std::fill_n(out, rows, T{0});
    ForEntries<T>(a, r0, rows, [&](int64_t i, int64_t, T x) { out[i] += x * x; });
    return;
  }
  if (a.format == Format::kDense) return internal::DenseRowNorms2(a, r0, rows, out);
  for (int64_t i = 0; i < rows; ++i) {
    const T* x = a.data<T>() + a.offset[r0 + i];
    out[i] = static_cast<T>(Dot(x, x, a.offset[r0 + i + 1] - a.offset[r0 + i]));
  }
}

template <class T>
void AddColumnNorms2(const Block& a, int64_t r0, int64_t rows, double* acc) {
  ForEntries<T>(a, r0, rows, [acc](int64_t, int64_t j, T x) {
    acc[j] += static_cast<double>(x) * static_cast<double>(x);
  });
}

template <class T>
void AddColumnSums(const T* u, int64_t rows, int64_t m, double* acc) {
  if (m == 1) {
    acc[0] += Sum(u, rows);
    return;
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < m; ++c) acc[c] += static_cast<double>(u[i * m + c]);
}

template <class T>
double Sum(const T* u, int64_t n) {
  constexpr int kChains = 32;  // independent sums, which the compiler keeps in vector registers
  double sum[kChains] = {};
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains)
    for (int s = 0; s < kChains; ++s) sum[s] += static_cast<double>(u[i + s]);
  for (; i < n; ++i) sum[0] += static_cast<double>(u[i]);
  for (int half = kChains / 2; half > 0; half /= 2)
    for (int s = 0; s < half; ++s) sum[s] += sum[s + half];
  return sum[0];
}

namespace {

// In double. Many sums, which do not wait for each other; of the rest as well.
template <class T, class V>
inline double DotOf(const T* u, const V* v, int64_t n) {
  constexpr int kChains = 32, kLanes = 8;
  double sum[kChains] = {}, rest = 0;
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains)
    for (int s = 0; s < kChains; ++s)
      sum[s] += static_cast<double>(u[i + s]) * static_cast<double>(v[i + s]);
  for (; i + kLanes <= n; i += kLanes)
    for (int s = 0; s < kLanes; ++s)
      sum[s] += static_cast<double>(u[i + s]) * static_cast<double>(v[i + s]);
  for (; i < n; ++i) rest += static_cast<double>(u[i]) * static_cast<double>(v[i]);
  for (int half = kChains / 2; half > 0; half /= 2)
    for (int s = 0; s < half; ++s) sum[s] += sum[s + half];
  return rest + sum[0];
}

}  // namespace

template <class T>
double Dot(const T* u, const T* v, int64_t n) {
  return DotOf(u, v, n);
}

template <class T>
void AddRowsByKey(const Block& a, int64_t r0, int64_t rows, const int32_t* key, const T* weight,
                  int64_t keys, double* acc) {
  if (a.format == Format::kCsc) {
    ForEntries<T>(a, r0, rows, [&](int64_t i, int64_t j, T x) {
      if (key[i] < 0 || key[i] >= keys) return;
      acc[key[i] * a.cols + j] += static_cast<double>(weight ? weight[i] * x : x);
    });
    return;
  }
  for (int64_t i = 0; i < rows; ++i)
    if (key[i] >= 0 && key[i] < keys)
      AddRow<T, double>(a, r0 + i, weight ? static_cast<double>(weight[i]) : 1.0,
                        acc + key[i] * a.cols);
}

template <class T, class V>
double ColumnDot(const Block& a, int64_t column, const V* v) {
  if (a.format == Format::kCsc) {
    const int64_t begin = a.offset[column];
    return internal::SparseDot(a.data<T>() + begin, a.index + begin, a.offset[column + 1] - begin,
                               v);
  }
  const T* x = a.data<T>() + column;
  double sum = 0;
  for (int64_t r = 0; r < a.rows; ++r)
    sum += static_cast<double>(x[r * a.stride]) * static_cast<double>(v[r]);
  return sum;
}

template <class T, class V>
void AddColumn(const Block& a, int64_t column, double scale, V* v) {
  if (a.format == Format::kCsc) {
    const int64_t begin = a.offset[column];
    return internal::SparseAdd(a.data<T>() + begin, a.index + begin, a.offset[column + 1] - begin,
                               scale, v);
  }
  const T* x = a.data<T>() + column;
  for (int64_t r = 0; r < a.rows; ++r)
    v[r] = static_cast<V>(static_cast<double>(v[r]) + scale * static_cast<double>(x[r * a.stride]));
}

template <class T, class V>
double RowDot(const Block& a, int64_t row, const V* v) {
  if (a.format == Format::kCsr) {
    const int64_t begin = a.offset[row];
    return internal::SparseDot(a.data<T>() + begin, a.index + begin, a.offset[row + 1] - begin, v);
  }
  return DotOf(a.data<T>() + row * a.stride, v, a.cols);
}

template <class T, class V>
void AddRow(const Block& a, int64_t row, double scale, V* v) {
  if (a.format == Format::kCsr) {
    const int64_t begin = a.offset[row];
    return internal::SparseAdd(a.data<T>() + begin, a.index + begin, a.offset[row + 1] - begin,
                               scale, v);
  }
  const T* x = a.data<T>() + row * a.stride;
  for (int64_t k = 0; k < a.cols; ++k)
    v[k] = static_cast<V>(static_cast<double>(v[k]) + scale * static_cast<double>(x[k]));
}

template <class T>
void ConvertTo(T* to, const double* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(from[i]);
}

#define GYRE_INSTANTIATE_LANE(T, V)                             \
  template double ColumnDot<T, V>(const Block&, int64_t, const V*); \
  template void AddColumn<T, V>(const Block&, int64_t, double, V*); \
  template double RowDot<T, V>(const Block&, int64_t, const V*);    \
  template void AddRow<T, V>(const Block&, int64_t, double, V*);
GYRE_INSTANTIATE_LANE(float, float)
GYRE_INSTANTIATE_LANE(float, double)
GYRE_INSTANTIATE_LANE(double, double)
#undef GYRE_INSTANTIATE_LANE

#define GYRE_INSTANTIATE(T)                                                                       \
  template void RowsTimesVector(const Block&, int64_t, int64_t, const T*, T*);                    \
  template void RowsTimesMatrix(const Block&, int64_t, int64_t, const T*, int64_t, bool, T*);     \
  template void AddTransposedTimesVector(const Block&, int64_t, int64_t, const T*, double*);      \
  template void AddOuter(const Block&, int64_t, int64_t, const T*, int64_t, bool, double*, T*);   \
  template void RowNorms2(const Block&, int64_t, int64_t, T*);                                    \
  template void AddColumnNorms2<T>(const Block&, int64_t, int64_t, double*);                      \
  template void AddColumnSums(const T*, int64_t, int64_t, double*);                               \
  template double Sum(const T*, int64_t);                                                         \
  template double Dot(const T*, const T*, int64_t);                                               \
  template void AddRowsByKey(const Block&, int64_t, int64_t, const int32_t*, const T*, int64_t,   \
                             double*);                                                            \
  template void ConvertTo(T*, const double*, int64_t);
GYRE_INSTANTIATE(float)
GYRE_INSTANTIATE(double)
#undef GYRE_INSTANTIATE

}  // namespace gyre
