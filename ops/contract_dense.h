// Dense contractions behind ops/contract.h; same meaning, without the dispatch on format.
#pragma once
#include <cstdint>

#include "ops/view.h"

namespace gyre::internal {

template <class T>
void DenseTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out);

template <class T>
void DenseRowNorms2(const Block& a, int64_t r0, int64_t rows, T* out);

template <class T>
void DenseAddTransposed(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc);

// out (rows by m) = A B', B given m by k or, if k_major, k by m.
template <class T>
void DenseTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                      T* out);

// Rows that DenseAddOuter takes at a time: a strip of A's columns over them stays near the first-level
// cache while all columns of u pass over it.
inline constexpr int64_t kStripRows = 256;

// scratch: kStripRows * max(m, k) elements.
template <class T>
void DenseAddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
                   double* acc, T* scratch);

}  // namespace gyre::internal
