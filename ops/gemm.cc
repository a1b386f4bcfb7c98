#include "ops/gemm.h"

#include <algorithm>

#include "Eigen/Core"

namespace gyre {
namespace {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using In = Eigen::Map<const RowMajor<T>, 0, Eigen::OuterStride<>>;

template <class T, class A, class B>
void Product(const A& a, const B& b, T* c, int64_t m, int64_t n, int64_t ldc, bool add) {
  Eigen::Map<RowMajor<T>, 0, Eigen::OuterStride<>> out(c, m, n, Eigen::OuterStride<>(ldc));
  if (add) {
    out.noalias() += a * b;
  } else {
    out.noalias() = a * b;
  }
}

}  // namespace

template <class T>
void Gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, T* c, int64_t ldc, bool add) {
  const In<T> left(a, ta ? k : m, ta ? m : k, Eigen::OuterStride<>(lda));
  const In<T> right(b, tb ? n : k, tb ? k : n, Eigen::OuterStride<>(ldb));
  if (ta && tb) {
    Product<T>(left.transpose(), right.transpose(), c, m, n, ldc, add);
  } else if (ta) {
    Product<T>(left.transpose(), right, c, m, n, ldc, add);
  } else if (tb) {
    Product<T>(left, right.transpose(), c, m, n, ldc, add);
  } else {
    Product<T>(left, right, c, m, n, ldc, add);
  }
}

template <class T>
void TransposeTo(const T* from, int64_t rows, int64_t cols, int64_t from_ld, T* to, int64_t to_ld) {
  constexpr int64_t kTile = 16;
  for (int64_t r = 0; r < rows; r += kTile) {
    for (int64_t c = 0; c < cols; c += kTile) {
      for (int64_t j = c; j < std::min(cols, c + kTile); ++j) {
        for (int64_t i = r; i < std::min(rows, r + kTile); ++i) to[j * to_ld + i] = from[i * from_ld + j];
      }
    }
  }
}

template void Gemm(bool, bool, int64_t, int64_t, int64_t, const float*, int64_t, const float*, int64_t,
                   float*, int64_t, bool);
template void Gemm(bool, bool, int64_t, int64_t, int64_t, const double*, int64_t, const double*,
                   int64_t, double*, int64_t, bool);
template void TransposeTo(const float*, int64_t, int64_t, int64_t, float*, int64_t);
template void TransposeTo(const double*, int64_t, int64_t, int64_t, double*, int64_t);

}  // namespace gyre
