// Runs the contractions of a schedule: from slots and blocks to the primitives of ops/. Not templates
// of the program, only of the element type, so that they are compiled once.
#pragma once
#include <cstdint>

#include "ops/outer_terms.h"
#include "ops/view.h"

namespace gyre::internal {

// The row side of a contraction on one block of rows: a data block, or a slot [k][stride].
template <class T>
struct MatrixView {
  const Block* block = nullptr;  // null: slot
  int64_t first = 0;             // row of `block` where the block of rows begins
  const T* slot = nullptr;
  int64_t stride = 0;            // rows between two k of a slot, and of results
  int64_t rows = 0;
  int64_t k = 0;
};

// out[c * stride + i] = sum_k A(i, k) B(c, k); B is m by k, or k by m if k_major.
template <class T>
void Contract(const MatrixView<T>& a, const T* b, int64_t m, bool k_major, T* out, T* scratch);
// acc[k] += sum_i u[i] A(i, k); u null: ones (then `scratch` holds rows elements).
template <class T>
void ContractRows(const MatrixView<T>& a, const T* u, double* acc, T* scratch);
// acc(c, k) += sum_i u[c * stride + i] A(i, k); acc is m by k, or k by m if k_major.
template <class T>
void ContractOuter(const MatrixView<T>& a, const T* u, int64_t m, bool k_major, double* acc, T* scratch);
// The same sum as its terms.
template <class T>
void AppendOuter(const MatrixView<T>& a, const T* u, int64_t m, OuterTerms* to, T* scratch);
// Elements of scratch that the four need.
int64_t ContractScratch(int64_t rows, int64_t m, int64_t k);

// Dense copy of `rows` rows of a sparse block, row-major with `cols` between rows.
template <class T>
void Densify(const Block& from, int64_t first, int64_t rows, T* to);

}  // namespace gyre::internal
