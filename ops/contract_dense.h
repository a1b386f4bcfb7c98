// Dense contractions behind ops/contract.h; same meaning, without the dispatch on format.
#pragma once
#include <cstdint>

#include "ops/view.h"

namespace gyre::internal {

template <class T>
void DenseTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out);

template <class T>
void DenseAddTransposed(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc);

// out (rows by m) = A B', B given m by k or, if k_major, k by m.
template <class T>
void DenseTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                      T* out);

template <class T>
void DenseAddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
                   double* acc);

}  // namespace gyre::internal
