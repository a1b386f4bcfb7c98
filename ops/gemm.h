// Dense matrix products in the layout of derived kernels. Row-major, single-threaded.
#pragma once
#include <cstdint>

namespace gyre {

// C(m, n) = op(A) op(B), or += if `add`; op(A) is m by k: A stored m by k, or k by m if `ta`; op(B)
// is k by n: B stored k by n, or n by k if `tb`. ld*: elements between rows. T = float, double.
template <class T>
void Gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b,
          int64_t ldb, T* c, int64_t ldc, bool add);

// to(c, r) = from(r, c): from has `rows` by `cols` with row distance `from_ld`.
template <class T>
void TransposeTo(const T* from, int64_t rows, int64_t cols, int64_t from_ld, T* to, int64_t to_ld);

}  // namespace gyre
