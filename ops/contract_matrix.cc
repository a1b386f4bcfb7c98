// Dense contractions with a matrix: register tiles blocked by hand, which read A from the cache and
// need no packing; Eigen's matrix product where the other operand exceeds the cache.
#include <algorithm>
#include <vector>

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
// Up to this size B (or the accumulators) shares the second-level cache with a block of A, and the
// tiles are as fast as a packed product or faster; beyond, packing pays for itself.
inline constexpr int64_t kFewBytes = 640 * 1024;

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
// the first n elements exist; it lies at acc[c * class_step + j * column_step].
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

// Copies u, rows by m, so that the columns of each tile lie together: tile after tile, in each row
// after row. Read in place, a tile of a wide u would touch a cache line per row for a few elements.
template <class T>
void PackTiles(const T* u, int64_t u_stride, int64_t rows, int64_t m, T* packed) {
  ForTiles(m, [&]<int kClasses>(int64_t c) {
    T* to = packed + c * rows;
    for (int64_t i = 0; i < rows; ++i)
      for (int s = 0; s < kClasses; ++s) to[i * kClasses + s] = u[i * u_stride + c + s];
  });
}

// All columns of the packed u against one strip of kVecs registers of columns of A, which stays in
// the first-level cache.
template <class T, int kVecs, bool kPartial>
void OuterStrip(const T* a, int64_t stride, int64_t rows, const T* packed, int64_t m, int64_t n,
                double* acc, int64_t class_step, int64_t column_step) {
  ForTiles(m, [&]<int kClasses>(int64_t c) {
    OuterTile<T, kClasses, kVecs, kPartial>(a, stride, rows, packed + c * rows, kClasses, n,
                                            acc + c * class_step, class_step, column_step);
  });
}

// acc += u' a, where a is rows by cols and u rows by m.
template <class T>
void AddProduct(const T* a, int64_t stride, int64_t cols, const T* u, int64_t u_stride, int64_t m,
                int64_t rows, double* acc, int64_t class_step, int64_t column_step, T* packed) {
  PackTiles(u, u_stride, rows, m, packed);
  constexpr int64_t L = kLanes<T>, kWide = kTileVecs * L;
  const auto strip = [&]<int kVecs, bool kPartial>(int64_t j, int64_t n) {
    OuterStrip<T, kVecs, kPartial>(a + j, stride, rows, packed, m, n, acc + j * column_step, class_step,
                                   column_step);
  };
  int64_t j = 0;
  for (; j + kWide <= cols; j += kWide) strip.template operator()<kTileVecs, false>(j, kWide);
  for (; j + L <= cols; j += L) strip.template operator()<1, false>(j, L);
  if (j < cols) strip.template operator()<1, true>(j, cols - j);
}

// b, k by m, as m by k; valid until the next call on this thread. A few classes only.
template <class T>
const T* Transposed(const T* b, int64_t k, int64_t m) {
  thread_local std::vector<T> buffer;
  buffer.resize(static_cast<size_t>(m * k));
  for (int64_t c = 0; c < m; ++c)
    for (int64_t j = 0; j < k; ++j) buffer[static_cast<size_t>(c * k + j)] = b[j * m + c];
  return buffer.data();
}

template <class T>
bool Few(const Block& a, int64_t m) {
  return m * a.cols * static_cast<int64_t>(sizeof(T)) <= kFewBytes || m <= 16;
}

}  // namespace

template <class T>
void DenseTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                      T* out) {
  if (Few<T>(a, m)) {
    if (!k_major) return FewTimesMatrix(a, r0, rows, b, m, out);
    if (m <= kLanes<T>) return FewTimesMatrix(a, r0, rows, Transposed(b, a.cols, m), m, out);
  }
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
  const int64_t k = a.cols;
  for (int64_t i = 0; i < rows; i += kStripRows) {
    const int64_t n = std::min(kStripRows, rows - i);
    const T *x = a.data<T>() + (r0 + i) * a.stride, *v = u + i * m;
    if (!k_major) {
      AddProduct(x, a.stride, k, v, m, m, n, acc, k, 1, scratch);
    } else if (m >= kLanes<T>) {  // registers along the classes, which lie together
      AddProduct(v, m, m, x, a.stride, k, n, acc, m, 1, scratch);
    } else {
      AddProduct(x, a.stride, k, v, m, m, n, acc, 1, m, scratch);
    }
  }
}

#define GYRE_INSTANTIATE(T)                                                                   \
  template void DenseTimesMatrix(const Block&, int64_t, int64_t, const T*, int64_t, bool, T*); \
  template void DenseAddOuter(const Block&, int64_t, int64_t, const T*, int64_t, bool, double*, T*);
GYRE_INSTANTIATE(float)
GYRE_INSTANTIATE(double)
#undef GYRE_INSTANTIATE

}  // namespace gyre::internal
