// Contractions of one data block with parameters: what derived kernels call on ranges of rows.
//
// A is a Block whose `type` is kTypeOf<T> and whose format is dense, CSR or CSC; it has k = A.cols
// columns. [r0, r0 + rows) names the rows; a CSC block is always taken whole (r0 = 0, rows = A.rows).
// Vectors and results are contiguous. Instantiated for T = float and double.
//
// Precision. A dot product over k is accumulated in T over many lanes (sparse rows: in double), so
// that its error grows with k / lanes. Sums over rows end in `double* acc`; between two additions
// to `acc` at most kRowsInT rows are summed in T.
//
// The typical use is one pass over memory: RowsTimesVector on RowsPerBlock(A) rows, elementwise
// work, AddTransposedTimesVector on the same rows, which then come from the cache.
// Thread-safety: pure functions of their arguments. Single-threaded by design: workers are parallel.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ops/view.h"

namespace gyre {

// The most rows summed in T before the sum is added to a double accumulator.
inline constexpr int64_t kRowsInT = 256;

// Rows to handle at a time so that they stay in cache from the first contraction to the last, with
// `extra_bytes_per_row` of per-row temporaries beside them. At least 8 (or all rows of A).
// `outputs` is the most columns m that a contraction with A has (1: vectors only).
int64_t RowsPerBlock(const Block& a, int64_t extra_bytes_per_row, int64_t outputs = 1);

// out[i] = sum_k A(r0 + i, k) b[k]
template <class T>
void RowsTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out);

// out[i * m + c] = sum_k A(r0 + i, k) B(c, k); B is row-major, m by k, or k by m if `k_major`.
// The sums are in T (also over sparse rows).
template <class T>
void RowsTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                     T* out);

// acc[k] += sum_i u[i] A(r0 + i, k)
template <class T>
void AddTransposedTimesVector(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc);

// Elements of T that AddOuter needs as scratch for dense blocks; uninitialised scratch is fine.
int64_t ScratchOuter(int64_t m, int64_t k);

// acc(c, k) += sum_i u[i * m + c] A(r0 + i, k); acc is row-major, m by k, or k by m if `k_major`.
template <class T>
void AddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
              double* acc, T* scratch);

// out[i] = sum_k A(r0 + i, k)^2
template <class T>
void RowNorms2(const Block& a, int64_t r0, int64_t rows, T* out);

// acc[k] += sum_i A(r0 + i, k)^2, the squared norms of the columns
template <class T>
void AddColumnNorms2(const Block& a, int64_t r0, int64_t rows, double* acc);

// acc[c] += sum_i u[i * m + c]
template <class T>
void AddColumnSums(const T* u, int64_t rows, int64_t m, double* acc);

// sum_i u[i], in double
template <class T>
double Sum(const T* u, int64_t n);

// sum_i u[i] v[i], in double
template <class T>
double Dot(const T* u, const T* v, int64_t n);

// acc[key[i] * k + j] += (weight ? weight[i] : 1) A(r0 + i, j), a sum of rows by key.
// REQUIRES: 0 <= key[i] < keys; keys outside are skipped.
template <class T>
void AddRowsByKey(const Block& a, int64_t r0, int64_t rows, const int32_t* key, const T* weight,
                  int64_t keys, double* acc);

// Coordinate descent: one column against a vector over all rows. CSC, or dense (strided, slow: keep
// a transposed block and use the Row forms below). V is float or double and may be wider than T.
// sum_r A(r, column) v[r]
template <class T, class V = T>
double ColumnDot(const Block& a, int64_t column, const V* v);
// v[r] += scale A(r, column)
template <class T, class V = T>
void AddColumn(const Block& a, int64_t column, double scale, V* v);

// The same by row, for CSR and dense: v has A.cols elements.
// sum_k A(row, k) v[k]
template <class T, class V = T>
double RowDot(const Block& a, int64_t row, const V* v);
// v[k] += scale A(row, k)
template <class T, class V = T>
void AddRow(const Block& a, int64_t row, double scale, V* v);

// to[i] = T(from[i])
template <class T>
void ConvertTo(T* to, const double* from, int64_t n);

}  // namespace gyre
