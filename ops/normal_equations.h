// Small dense least squares, many at a time: Gram matrices of panels of rows, and their solution.
//
//   minimise  1/2 x' A x - b' x  +  sum l1_i |x_i|,   lower_i <= x_i <= upper_i
//
// A is n x n, symmetric and positive semi-definite, in room for width x width: n rounded up so that
// every row begins at kNormalAlignment. b and x have room for width, zero beyond n. Nothing here
// allocates.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace gyre {

inline constexpr int64_t kNormalAlignment = 64;  // bytes

template <class T>
inline constexpr int64_t kNormalLanes = kNormalAlignment / static_cast<int64_t>(sizeof(T));

// Numbers from one row of A to the next.
template <class T>
constexpr int64_t NormalWidth(int64_t n) {
  return (n + kNormalLanes<T> - 1) / kNormalLanes<T> * kNormalLanes<T>;
}

namespace internal {

template <class T>
struct Lanes {
  typedef T V __attribute__((vector_size(kNormalAlignment), may_alias));
};
inline constexpr int kTileRows = 8;

// Adds sign * P' P to kTileRows rows of A from `i`, kVectors vectors of columns from `j`.
template <class T, int kSign, int kVectors>
void AddGramTile(const T* panel, int64_t rows, int64_t width, int64_t i, int64_t j, T* a) {
  using V = typename Lanes<T>::V;
  V sum[kTileRows][kVectors] = {};
  for (int64_t r = 0; r < rows; ++r) {
    const T* const row = panel + r * width;
    V column[kVectors];
    for (int v = 0; v < kVectors; ++v)
      column[v] = *reinterpret_cast<const V*>(row + j + v * kNormalLanes<T>);
    for (int k = 0; k < kTileRows; ++k) {
      for (int v = 0; v < kVectors; ++v) sum[k][v] += row[i + k] * column[v];
    }
  }
  for (int k = 0; k < kTileRows; ++k) {
    for (int v = 0; v < kVectors; ++v)
      *reinterpret_cast<V*>(a + (i + k) * width + j + v * kNormalLanes<T>) += kSign * sum[k][v];
  }
}

// Adds sign * P' P from row `first` of A on, a multiple of kTileRows; on and above the diagonal.
template <class T, int kSign>
void AddGramFrom(int64_t first, const T* panel, int64_t rows, int64_t width, T* a) {
  constexpr int64_t kLanes = kNormalLanes<T>;
  for (int64_t i = first; i < width; i += kTileRows) {
    int64_t j = i / kLanes * kLanes;
    for (; j + 2 * kLanes <= width; j += 2 * kLanes)
      AddGramTile<T, kSign, 2>(panel, rows, width, i, j, a);
    if (j < width) AddGramTile<T, kSign, 1>(panel, rows, width, i, j, a);
  }
}

// The product of two arrays of whole vectors.
template <class T>
T Dot(const T* x, const T* y, int64_t size) {
  using V = typename Lanes<T>::V;
  V sum = {};
  for (int64_t i = 0; i < size; i += kNormalLanes<T>)
    sum += *reinterpret_cast<const V*>(x + i) * *reinterpret_cast<const V*>(y + i);
  T out = 0;
  for (int64_t l = 0; l < kNormalLanes<T>; ++l) out += sum[l];
  return out;
}

}  // namespace internal

// A += P' P on and above the diagonal, for a panel P of `rows` rows of `width` numbers, those
// beyond n zero. What it leaves below the diagonal means nothing.
template <class T>
void AddGram(const T* panel, int64_t rows, int64_t width, T* a) {
  internal::AddGramFrom<T, 1>(0, panel, rows, width, a);
}

// b += P' y.
template <class T>
void AddMoments(const T* panel, const T* y, int64_t rows, int64_t width, T* b) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* const row = panel + r * width;
    for (int64_t i = 0; i < width; ++i) b[i] += y[r] * row[i];
  }
}

// x = A^-1 b by Cholesky's factorisation, in place: A becomes U of A = U' U, b is spoiled. A number
// that A does not determine (a pivot of rounding errors alone) becomes zero. Returns what is
// minimised, at x.
template <class T>
double SolveCholesky(int64_t n, int64_t width, T* a, T* b, T* x) {
  constexpr int64_t kLanes = kNormalLanes<T>, kBlock = 2 * internal::kTileRows;
  for (int64_t i = 0; i < n; ++i) x[i] = a[i * width + i];  // the diagonal as it was
  double squares = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    for (int64_t k = begin; k < end; ++k) {
      T* const row = a + k * width;
      const T least = x[k] * static_cast<T>(n) * std::numeric_limits<T>::epsilon();
      const bool free = !(row[k] > least);
      const T scale = free ? T{0} : T{1} / std::sqrt(row[k]);
      for (int64_t j = k / kLanes * kLanes; j < width; ++j) row[j] *= scale;
      row[k] = scale;  // its inverse is what is asked for
      b[k] *= scale;
      squares += static_cast<double>(b[k]) * static_cast<double>(b[k]);
      for (int64_t i = k + 1; i < end; ++i) {
        const T by = row[i];
        T* const below = a + i * width;
        for (int64_t j = i / kLanes * kLanes; j < width; ++j) below[j] -= by * row[j];
      }
      const T by = b[k];
      for (int64_t i = k + 1; i < n; ++i) b[i] -= by * row[i];
    }
    if (end == begin + kBlock)
      internal::AddGramFrom<T, -1>(end, a + begin * width, kBlock, width, a);
  }
  std::fill_n(x, width, T{0});
  for (int64_t k = n - 1; k >= 0; --k) {
    const int64_t from = k / kLanes * kLanes;  // x is zero up to k
    const T* const row = a + k * width;
    x[k] = (b[k] - internal::Dot(row + from, x + from, width - from)) * row[k];
  }
  return -0.5 * squares;
}

// The same with the penalty and the bounds, from the x that is given: one number after another
// until none moves by more than `tolerance` of the largest. A is read on and above the diagonal and
// made whole; b is spoiled.
template <class T>
double SolveByCoordinates(int64_t n, int64_t width, const T* l1, const T* lower, const T* upper,
                          double tolerance, T* a, T* b, T* x) {
  constexpr int kMostPasses = 1000;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i + 1; j < n; ++j) a[j * width + i] = a[i * width + j];
  }
  for (int64_t i = 0; i < n; ++i) {  // b becomes the slope downwards
    for (int64_t j = 0; j < n; ++j) b[i] -= a[i * width + j] * x[j];
  }
  for (int pass = 0; pass < kMostPasses; ++pass) {
    T most = 0, largest = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T* const row = a + i * width;
      const T z = row[i] * x[i] + b[i], m = std::max(std::abs(z) - l1[i], T{0});
      // A number that A does not know goes as little off zero as its bounds permit.
      const T best = row[i] > 0 ? std::copysign(m, z) / row[i] : T{0};
      const T next = std::clamp(best, lower[i], upper[i]), by = next - x[i];
      x[i] = next;
      most = std::max(most, std::abs(by)), largest = std::max(largest, std::abs(next));
      if (by == 0) continue;
      for (int64_t j = 0; j < n; ++j) b[j] -= by * row[j];
    }
    if (static_cast<double>(most) <= tolerance * static_cast<double>(largest)) break;
  }
  double value = 0;  // b is b - A x by now
  for (int64_t i = 0; i < n; ++i) {
    T product = 0;
    for (int64_t j = 0; j < n; ++j) product += a[i * width + j] * x[j];
    value -= static_cast<double>(x[i]) *
             (static_cast<double>(b[i]) + 0.5 * static_cast<double>(product));
    value += static_cast<double>(l1[i]) * std::abs(static_cast<double>(x[i]));
  }
  return value;
}

}  // namespace gyre
