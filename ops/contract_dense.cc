// Dense contractions: several rows by one vector register of columns at a time.
//
// Forward (dot products): 8 rows share each load of b, 8 sums in flight hide the latency of the
// fused multiply-add, and one transposing tree reduces them. Transposed: a strip of 8 registers of
// columns stays in registers over all rows of the block and is added to the double accumulator once.
#include "ops/contract_dense.h"

#include <algorithm>

#include "ops/contract.h"
#include "ops/vec.h"

namespace gyre::internal {
namespace {

using simd::kLanes;
using simd::Load;
using simd::LoadPartial;
using simd::Vec;

// Memory is kept busy from where it was fastest. Wide rows: by the dot products, this many registers
// ahead in each row. Rows of at most kNarrow bytes: while a block is added, by fetching the next one.
constexpr int64_t kAhead = 4;
constexpr int64_t kNarrow = 1024;

template <class T, int kRows>
inline void DotRows(const T* a, int64_t stride, int64_t k, const T* b, T* out) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[8] = {};
  int64_t j = 0;
  for (; j + L <= k; j += L) {
    const Vec<T> x = Load(b + j);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      __builtin_prefetch(a + i * stride + j + kAhead * L);
      sum[i] += Load(a + i * stride + j) * x;
    }
  }
  if (j < k) {
    const Vec<T> x = LoadPartial(b + j, k - j);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) sum[i] += LoadPartial(a + i * stride + j, k - j) * x;
  }
  if constexpr (kRows == 8) {
    simd::HorizontalSum8<T>(sum, out);
  } else {
    for (int i = 0; i < kRows; ++i) out[i] = simd::HorizontalSum<T>(sum[i]);
  }
}

// One row, four partial sums.
template <class T>
inline T DotOne(const T* a, int64_t k, const T* b) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[4] = {};
  int64_t j = 0;
  for (; j + 4 * L <= k; j += 4 * L)
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) sum[s] += Load(a + j + s * L) * Load(b + j + s * L);
  for (; j + L <= k; j += L) sum[0] += Load(a + j) * Load(b + j);
  if (j < k) sum[1] += LoadPartial(a + j, k - j) * LoadPartial(b + j, k - j);
  return simd::HorizontalSum<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// Columns [0, kVecs registers) of acc += u' A, over all rows.
template <class T, int kVecs>
inline void AddStrip(const T* a, int64_t stride, int64_t rows, const T* u, double* acc,
                     int64_t ahead) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[kVecs] = {};
  for (int64_t i = 0; i < rows; ++i) {
    const T* row = a + i * stride;
    const Vec<T> x = simd::Broadcast(u[i]);
#pragma GCC unroll 8
    for (int s = 0; s < kVecs; ++s) {
      if (ahead != 0) __builtin_prefetch(row + ahead + s * L);
      sum[s] += Load(row + s * L) * x;
    }
  }
#pragma GCC unroll 8
  for (int s = 0; s < kVecs; ++s) simd::AddWide(acc + s * L, sum[s]);
}

template <class T>
inline void AddStripPartial(const T* a, int64_t stride, int64_t rows, const T* u, double* acc,
                            int64_t n) {
  Vec<T> sum = {};
  for (int64_t i = 0; i < rows; ++i)
    sum += LoadPartial(a + i * stride, n) * simd::Broadcast(u[i]);
  simd::AddWidePartial<T>(acc, sum, n);
}

template <class T>
void AddBlock(const T* a, int64_t stride, int64_t rows, int64_t k, const T* u, double* acc,
              int64_t ahead) {
  constexpr int64_t L = kLanes<T>;
  int64_t j = 0;
  for (; j + 8 * L <= k; j += 8 * L)
    AddStrip<T, 8>(a + j, stride, rows, u, acc + j, ahead);
  for (; j + 4 * L <= k; j += 4 * L)
    AddStrip<T, 4>(a + j, stride, rows, u, acc + j, ahead);
  for (; j + L <= k; j += L) AddStrip<T, 1>(a + j, stride, rows, u, acc + j, ahead);
  if (j < k) AddStripPartial(a + j, stride, rows, u, acc + j, k - j);
}

}  // namespace

template <class T>
void DenseTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out) {
  const T* row = a.data<T>() + r0 * a.stride;
  int64_t i = 0;
  for (; i + 8 <= rows; i += 8) DotRows<T, 8>(row + i * a.stride, a.stride, a.cols, b, out + i);
  if (i + 4 <= rows) {
    DotRows<T, 4>(row + i * a.stride, a.stride, a.cols, b, out + i);
    i += 4;
  }
  for (; i < rows; ++i) out[i] = DotOne(row + i * a.stride, a.cols, b);
}

template <class T>
void DenseRowNorms2(const Block& a, int64_t r0, int64_t rows, T* out) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* row = a.data<T>() + (r0 + i) * a.stride;
    out[i] = DotOne(row, a.cols, row);
  }
}

template <class T>
void DenseAddTransposed(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc) {
  const bool narrow = a.stride * static_cast<int64_t>(sizeof(T)) <= kNarrow;
  for (int64_t i = 0; i < rows; i += kRowsInT) {
    const int64_t n = std::min(kRowsInT, rows - i);
    const bool more = narrow && r0 + rows + n <= a.rows;
    AddBlock(a.data<T>() + (r0 + i) * a.stride, a.stride, n, a.cols, u + i, acc,
             more ? rows * a.stride : 0);
  }
}

template void DenseTimesVector(const Block&, int64_t, int64_t, const float*, float*);
template void DenseTimesVector(const Block&, int64_t, int64_t, const double*, double*);
template void DenseRowNorms2(const Block&, int64_t, int64_t, float*);
template void DenseRowNorms2(const Block&, int64_t, int64_t, double*);
template void DenseAddTransposed(const Block&, int64_t, int64_t, const float*, double*);
template void DenseAddTransposed(const Block&, int64_t, int64_t, const double*, double*);

}  // namespace gyre::internal
