// Dense contractions with a matrix. Few columns (classes, say): hand-blocked register tiles, which
// read A once from the cache and need no packing. Many: Eigen's matrix product.
#include <algorithm>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 intrinsics inlined by Eigen
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "Eigen/Core"
#include "ops/contract.h"
#include "ops/contract_dense.h"
#include "ops/vec.h"

namespace gyre::internal {
namespace {

using simd::kLanes;
using simd::Load;
using simd::LoadPartial;
using simd::Vec;

// Tiles of kTileRows by kTileClasses (forward) or kTileVecs by kTileClasses (transposed) registers
// of sums: as many as leave room for the operands (32 registers with AVX-512, else 16).
inline constexpr int kTileRows = simd::kVecBytes == 64 ? 4 : 2;
inline constexpr int kTileVecs = simd::kVecBytes == 64 ? 4 : 2;
inline constexpr int kTileClasses = simd::kVecBytes == 64 ? 5 : 4;
// Above this many columns packing pays for itself.
inline constexpr int64_t kFewColumns = 32;

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using StridedMap = Eigen::Map<const RowMajor<T>, Eigen::Unaligned, Eigen::OuterStride<>>;
template <class T>
using ConstMap = Eigen::Map<const RowMajor<T>>;

template <class T>
StridedMap<T> AsEigen(const Block& a, int64_t r0, int64_t rows) {
  return StridedMap<T>(a.data<T>() + r0 * a.stride, rows, a.cols, Eigen::OuterStride<>(a.stride));
}

// out(i, c) for kRows rows and kClasses columns; b is kClasses rows of k.
template <class T, int kRows, int kClasses>
inline void DotTile(const T* a, int64_t stride, int64_t k, const T* b, T* out, int64_t m) {
  constexpr int64_t L = kLanes<T>;
  constexpr int kSums = (kRows * kClasses + 7) / 8 * 8;
  Vec<T> sum[kSums] = {};
  const auto step = [&](int64_t j, const auto& load) __attribute__((always_inline)) {
    Vec<T> x[kClasses];
#pragma GCC unroll 8
    for (int c = 0; c < kClasses; ++c) x[c] = load(b + c * k + j);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> row = load(a + i * stride + j);
#pragma GCC unroll 8
      for (int c = 0; c < kClasses; ++c) sum[i * kClasses + c] += row * x[c];
    }
  };
  int64_t j = 0;
  for (; j + L <= k; j += L) step(j, [](const T* p) { return Load(p); });
  if (j < k) step(j, [k, j](const T* p) { return LoadPartial(p, k - j); });
  T total[kSums];
#pragma GCC unroll 8
  for (int s = 0; s < kSums; s += 8) simd::HorizontalSum8<T>(sum + s, total + s);
  for (int i = 0; i < kRows; ++i)
    for (int c = 0; c < kClasses; ++c) out[i * m + c] = total[i * kClasses + c];
}

template <class T, int kClasses>
void DotColumns(const T* a, int64_t stride, int64_t rows, int64_t k, const T* b, T* out,
                int64_t m) {
  int64_t i = 0;
  for (; i + kTileRows <= rows; i += kTileRows)
    DotTile<T, kTileRows, kClasses>(a + i * stride, stride, k, b, out + i * m, m);
  for (; i < rows; ++i) DotTile<T, 1, kClasses>(a + i * stride, stride, k, b, out + i * m, m);
}

// acc(c, j) += sum_i u(i, c) A(i, j) for kClasses columns of u and kVecs registers of j, of which
// the first n elements exist. `at(c, j)` is where the sum goes.
template <class T, int kClasses, int kVecs, bool kPartial>
inline void OuterTile(const T* a, int64_t stride, int64_t rows, const T* u, int64_t m, int64_t n,
                      double* acc, int64_t class_step, int64_t column_step) {
  constexpr int64_t L = kLanes<T>;
  Vec<T> sum[kClasses * kVecs] = {};
  for (int64_t i = 0; i < rows; ++i) {
    Vec<T> row[kVecs];
#pragma GCC unroll 8
    for (int s = 0; s < kVecs; ++s)
      row[s] = kPartial ? LoadPartial(a + i * stride, n) : Load(a + i * stride + s * L);
#pragma GCC unroll 8
    for (int c = 0; c < kClasses; ++c) {
      const Vec<T> x = simd::Broadcast(u[i * m + c]);
#pragma GCC unroll 8
      for (int s = 0; s < kVecs; ++s) sum[c * kVecs + s] += x * row[s];
    }
  }
  if (column_step == 1 && !kPartial) {
#pragma GCC unroll 8
    for (int c = 0; c < kClasses; ++c)
#pragma GCC unroll 8
      for (int s = 0; s < kVecs; ++s) simd::AddWide(acc + c * class_step + s * L, sum[c * kVecs + s]);
    return;
  }
  T lane[kClasses * kVecs * L];
#pragma GCC unroll 32
  for (int s = 0; s < kClasses * kVecs; ++s) simd::Store<T>(lane + s * L, sum[s]);
  for (int64_t j = 0; j < n; ++j)
    for (int c = 0; c < kClasses; ++c)
      acc[c * class_step + j * column_step] += static_cast<double>(lane[c * kVecs * L + j]);
}

template <class T, int kClasses>
void OuterColumns(const T* a, int64_t stride, int64_t rows, int64_t k, const T* u, int64_t m,
                  double* acc, int64_t class_step, int64_t column_step) {
  constexpr int64_t L = kLanes<T>, kWide = kTileVecs * L;
  int64_t j = 0;
  for (; j + kWide <= k; j += kWide)
    OuterTile<T, kClasses, kTileVecs, false>(a + j, stride, rows, u, m, kWide,
                                             acc + j * column_step, class_step, column_step);
  for (; j + L <= k; j += L)
    OuterTile<T, kClasses, 1, false>(a + j, stride, rows, u, m, L, acc + j * column_step,
                                     class_step, column_step);
  if (j < k)
    OuterTile<T, kClasses, 1, true>(a + j, stride, rows, u, m, k - j, acc + j * column_step,
                                    class_step, column_step);
}

// Calls body.operator()<kClasses>(first column) over columns [0, m) in even tiles.
template <class Body>
void ForTiles(int64_t m, const Body& body) {
  const int64_t tiles = (m + kTileClasses - 1) / kTileClasses;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t begin = t * m / tiles, size = (t + 1) * m / tiles - begin;
    switch (size) {
      case 1: body.template operator()<1>(begin); break;
      case 2: body.template operator()<2>(begin); break;
      case 3: body.template operator()<3>(begin); break;
      case 4: body.template operator()<4>(begin); break;
      default:
        if constexpr (kTileClasses == 5) body.template operator()<5>(begin);
        break;
    }
  }
}

template <class T>
void FewTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, T* out) {
  const T* row = a.data<T>() + r0 * a.stride;
  ForTiles(m, [&]<int kClasses>(int64_t c) {
    DotColumns<T, kClasses>(row, a.stride, rows, a.cols, b + c * a.cols, out + c, m);
  });
}

template <class T>
void FewAddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
                 double* acc) {
  const T* row = a.data<T>() + r0 * a.stride;
  const int64_t class_step = k_major ? 1 : a.cols, column_step = k_major ? m : 1;
  ForTiles(m, [&]<int kClasses>(int64_t c) {
    OuterColumns<T, kClasses>(row, a.stride, rows, a.cols, u + c, m, acc + c * class_step,
                              class_step, column_step);
  });
}

template <class T>
void AddScratch(const T* from, int64_t n, double* acc) {
  for (int64_t i = 0; i < n; ++i) acc[i] += static_cast<double>(from[i]);
}

}  // namespace

template <class T>
void DenseTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                      T* out) {
  if (m <= kFewColumns && !k_major) return FewTimesMatrix(a, r0, rows, b, m, out);
  Eigen::Map<RowMajor<T>> result(out, rows, m);
  if (k_major) {
    result.noalias() = AsEigen<T>(a, r0, rows) * ConstMap<T>(b, a.cols, m);
  } else {
    result.noalias() = AsEigen<T>(a, r0, rows) * ConstMap<T>(b, m, a.cols).transpose();
  }
}

template <class T>
void DenseAddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
                   double* acc, T* scratch) {
  for (int64_t i = 0; i < rows; i += kRowsInT) {
    const int64_t n = std::min(kRowsInT, rows - i);
    if (m <= kFewColumns) {
      FewAddOuter(a, r0 + i, n, u + i * m, m, k_major, acc);
      continue;
    }
    const ConstMap<T> left(u + i * m, n, m);
    const auto right = AsEigen<T>(a, r0 + i, n);
    if (k_major) {
      Eigen::Map<RowMajor<T>>(scratch, a.cols, m).noalias() = right.transpose() * left;
    } else {
      Eigen::Map<RowMajor<T>>(scratch, m, a.cols).noalias() = left.transpose() * right;
    }
    AddScratch(scratch, m * a.cols, acc);
  }
}

#define GYRE_INSTANTIATE(T)                                                                   \
  template void DenseTimesMatrix(const Block&, int64_t, int64_t, const T*, int64_t, bool, T*); \
  template void DenseAddOuter(const Block&, int64_t, int64_t, const T*, int64_t, bool, double*, T*);
GYRE_INSTANTIATE(float)
GYRE_INSTANTIATE(double)
#undef GYRE_INSTANTIATE

}  // namespace gyre::internal
