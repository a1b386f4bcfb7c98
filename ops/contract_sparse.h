// CSR and CSC contractions behind ops/contract.h; same meaning, without the dispatch on format.
#pragma once
#include <cstdint>

#include "ops/view.h"

namespace gyre::internal {

template <class T>
void CsrTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out);
template <class T>
void CsrTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                    T* out);
template <class T>
void CsrAddTransposed(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc);
template <class T>
void CsrAddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
                 double* acc);

template <class T>
void CscTimesVector(const Block& a, const T* b, T* out);
template <class T>
void CscTimesMatrix(const Block& a, const T* b, int64_t m, bool k_major, T* out);
template <class T>
void CscAddTransposed(const Block& a, const T* u, double* acc);
template <class T>
void CscAddOuter(const Block& a, const T* u, int64_t m, bool k_major, double* acc);

// sum_e values[e] v[index[e]] over n entries, in double.
template <class T, class V>
double SparseDot(const T* values, const int32_t* index, int64_t n, const V* v);
// v[index[e]] += scale values[e].
template <class T, class V>
void SparseAdd(const T* values, const int32_t* index, int64_t n, double scale, V* v);

}  // namespace gyre::internal
