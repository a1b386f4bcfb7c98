#include "dsl/contract.h"

#include <algorithm>

#include "ops/contract.h"
#include "ops/gemm.h"

namespace gyre::internal {

int64_t ContractScratch(int64_t rows, int64_t m, int64_t k) {
  return rows * std::max<int64_t>(m, 1) + std::max(m, rows) * k + std::max<int64_t>(ScratchOuter(m, k), 0) + 64;
}

template <class T>
void Contract(const MatrixView<T>& a, const T* b, int64_t m, bool k_major, T* out, T* scratch) {
  if (a.block == nullptr) {
    Gemm<T>(k_major, false, m, a.rows, a.k, b, k_major ? m : a.k, a.slot, a.stride, out, a.stride, false);
  } else if (m == 1) {
    RowsTimesVector<T>(*a.block, a.first, a.rows, b, out);
  } else {
    RowsTimesMatrix<T>(*a.block, a.first, a.rows, b, m, k_major, scratch);
    TransposeTo<T>(scratch, a.rows, m, m, out, a.stride);
  }
}

template <class T>
void ContractRows(const MatrixView<T>& a, const T* u, double* acc, T* scratch) {
  if (u == nullptr) {
    std::fill_n(scratch, a.rows, T{1});
    u = scratch;
  }
  if (a.block != nullptr) {
    AddTransposedTimesVector<T>(*a.block, a.first, a.rows, u, acc);
  } else {
    for (int64_t k = 0; k < a.k; ++k) acc[k] += Dot<T>(u, a.slot + k * a.stride, a.rows);
  }
}

template <class T>
void ContractOuter(const MatrixView<T>& a, const T* u, int64_t m, bool k_major, double* acc, T* scratch) {
  if (a.block != nullptr) {
    T* rows = scratch + m * a.k;
    TransposeTo<T>(u, m, a.rows, a.stride, rows, m);
    AddOuter<T>(*a.block, a.first, a.rows, rows, m, k_major, acc, rows + a.rows * m);
    return;
  }
  if (k_major) {
    Gemm<T>(false, true, a.k, m, a.rows, a.slot, a.stride, u, a.stride, scratch, m, false);
  } else {
    Gemm<T>(false, true, m, a.k, a.rows, u, a.stride, a.slot, a.stride, scratch, a.k, false);
  }
  for (int64_t i = 0; i < m * a.k; ++i) acc[i] += static_cast<double>(scratch[i]);
}

template <class T>
void AppendOuter(const MatrixView<T>& a, const T* u, int64_t m, OuterTerms* to, T* scratch) {
  T* const rows = scratch;
  TransposeTo<T>(u, m, a.rows, a.stride, rows, m);
  if (a.block != nullptr) return to->Append<T>(*a.block, a.first, a.rows, rows);
  T* const v = scratch + a.rows * m;
  TransposeTo<T>(a.slot, a.k, a.rows, a.stride, v, a.k);
  const Block block{Format::kDense, kTypeOf<T>, v, nullptr, nullptr, a.rows, a.k, a.k};
  to->Append<T>(block, 0, a.rows, rows);
}

template <class T>
void Densify(const Block& from, int64_t first, int64_t rows, T* to) {
  std::fill_n(to, rows * from.cols, T{0});
  if (from.format == Format::kCsr) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t e = from.offset[first + r]; e < from.offset[first + r + 1]; ++e) {
        to[r * from.cols + from.index[e]] = from.data<T>()[e];
      }
    }
    return;
  }
  for (int64_t c = 0; c < from.cols; ++c) {
    for (int64_t e = from.offset[c]; e < from.offset[c + 1]; ++e) {
      const int64_t r = from.index[e] - first;
      if (r >= 0 && r < rows) to[r * from.cols + c] = from.data<T>()[e];
    }
  }
}

#define GYRE_INSTANTIATE(T)                                                                      \
  template void Contract(const MatrixView<T>&, const T*, int64_t, bool, T*, T*);                 \
  template void ContractRows(const MatrixView<T>&, const T*, double*, T*);                       \
  template void ContractOuter(const MatrixView<T>&, const T*, int64_t, bool, double*, T*);       \
  template void AppendOuter(const MatrixView<T>&, const T*, int64_t, OuterTerms*, T*);           \
  template void Densify(const Block&, int64_t, int64_t, T*);
GYRE_INSTANTIATE(float)
GYRE_INSTANTIATE(double)
#undef GYRE_INSTANTIATE

}  // namespace gyre::internal
