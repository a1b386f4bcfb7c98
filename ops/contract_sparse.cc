// Sparse contractions. Gathers are four independent chains of scalar loads (AVX-512's own gathers
// were slower); scatters go straight into the double accumulators. Adding a block of rows prefetches the entries of the next one, so that memory is not
// idle while entries that are already in the cache are scattered.
#include "ops/contract_sparse.h"

#include <algorithm>

namespace gyre::internal {
namespace {


template <class T>
struct Entries {
  const T* values;
  const int32_t* index;
  int64_t n;
};

// Entries of row (CSR) or column (CSC) r.
template <class T>
inline Entries<T> Lane(const Block& a, int64_t r) {
  const int64_t begin = a.offset[r];
  return {a.data<T>() + begin, a.index + begin, a.offset[r + 1] - begin};
}

template <class T, class V>
inline double Gather(const Entries<T>& e, const V* v) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  const auto product = [&](int64_t i) {
    return static_cast<double>(e.values[i]) * static_cast<double>(v[e.index[i]]);
  };
  int64_t i = 0;
  for (; i + 4 <= e.n; i += 4) {
    s0 += product(i), s1 += product(i + 1);
    s2 += product(i + 2), s3 += product(i + 3);
  }
  for (; i < e.n; ++i) s0 += product(i);
  return (s0 + s1) + (s2 + s3);
}

// Entries in a cache line of the smallest kind, so that no line is left out.
template <class T>
inline constexpr int64_t kEntriesPerLine = 64 / static_cast<int64_t>(sizeof(T));

template <class T, class V>
inline void Scatter(const Entries<T>& e, double scale, V* v) {
  for (int64_t i = 0; i < e.n; ++i) {
    V& to = v[e.index[i]];
    to = static_cast<V>(static_cast<double>(to) + scale * static_cast<double>(e.values[i]));
  }
}

// to[c] += x from[c * step]
template <class From, class To>
inline void AddScaled(To* to, double x, const From* from, int64_t step, int64_t m) {
  const To scale = static_cast<To>(x);
  if (step == 1) {
    for (int64_t c = 0; c < m; ++c) to[c] += scale * static_cast<To>(from[c]);
  } else {
    for (int64_t c = 0; c < m; ++c) to[c] += scale * static_cast<To>(from[c * step]);
  }
}

// to[c * step] += x from[c]
template <class From>
inline void AddScaledTo(double* to, int64_t step, double x, const From* from, int64_t m) {
  if (step == 1) {
    for (int64_t c = 0; c < m; ++c) to[c] += x * static_cast<double>(from[c]);
  } else {
    for (int64_t c = 0; c < m; ++c) to[c * step] += x * static_cast<double>(from[c]);
  }
}

struct Layout {
  int64_t column;  // distance between columns k of B or acc
  int64_t output;  // distance between its m outputs
};
inline Layout LayoutOf(const Block& a, int64_t m, bool k_major) {
  return k_major ? Layout{m, 1} : Layout{1, a.cols};
}

}  // namespace

template <class T, class V>
double SparseDot(const T* values, const int32_t* index, int64_t n, const V* v) {
  return Gather(Entries<T>{values, index, n}, v);
}

template <class T, class V>
void SparseAdd(const T* values, const int32_t* index, int64_t n, double scale, V* v) {
  Scatter(Entries<T>{values, index, n}, scale, v);
}

template <class T>
void CsrTimesVector(const Block& a, int64_t r0, int64_t rows, const T* b, T* out) {
  for (int64_t i = 0; i < rows; ++i) out[i] = static_cast<T>(Gather(Lane<T>(a, r0 + i), b));
}

template <class T>
void CsrAddTransposed(const Block& a, int64_t r0, int64_t rows, const T* u, double* acc) {
  const int64_t begin = a.offset[r0], end = a.offset[r0 + rows];
  const int64_t left = a.offset[a.rows] - end;  // entries that can be fetched ahead
  for (int64_t i = 0; i < rows; ++i) {
    const Entries<T> e = Lane<T>(a, r0 + i);
    const int64_t from = a.offset[r0 + i] - begin, to = std::min(from + e.n, left);
    for (int64_t p = from; p < to; p += kEntriesPerLine<T>) {
      __builtin_prefetch(a.data<T>() + end + p, 0, 2);
      __builtin_prefetch(a.index + end + p, 0, 2);
    }
    Scatter(e, static_cast<double>(u[i]), acc);
  }
}

template <class T>
void CsrTimesMatrix(const Block& a, int64_t r0, int64_t rows, const T* b, int64_t m, bool k_major,
                    T* out) {
  if (!k_major) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t c = 0; c < m; ++c)
        out[i * m + c] = static_cast<T>(Gather(Lane<T>(a, r0 + i), b + c * a.cols));
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    T* to = out + i * m;
    std::fill_n(to, m, T{0});
    const Entries<T> e = Lane<T>(a, r0 + i);
    for (int64_t p = 0; p < e.n; ++p)
      AddScaled(to, static_cast<double>(e.values[p]), b + e.index[p] * m, 1, m);
  }
}

template <class T>
void CsrAddOuter(const Block& a, int64_t r0, int64_t rows, const T* u, int64_t m, bool k_major,
                 double* acc) {
  const Layout at = LayoutOf(a, m, k_major);
  for (int64_t i = 0; i < rows; ++i) {
    const Entries<T> e = Lane<T>(a, r0 + i);
    if (!k_major) {
      for (int64_t c = 0; c < m; ++c) Scatter(e, static_cast<double>(u[i * m + c]), acc + c * a.cols);
      continue;
    }
    for (int64_t p = 0; p < e.n; ++p)
      AddScaledTo(acc + e.index[p] * at.column, 1, static_cast<double>(e.values[p]), u + i * m, m);
  }
}

template <class T>
void CscTimesVector(const Block& a, const T* b, T* out) {
  std::fill_n(out, a.rows, T{0});
  for (int64_t k = 0; k < a.cols; ++k)
    if (b[k] != 0) Scatter(Lane<T>(a, k), static_cast<double>(b[k]), out);
}

template <class T>
void CscAddTransposed(const Block& a, const T* u, double* acc) {
  for (int64_t k = 0; k < a.cols; ++k) acc[k] += Gather(Lane<T>(a, k), u);
}

template <class T>
void CscTimesMatrix(const Block& a, const T* b, int64_t m, bool k_major, T* out) {
  const Layout at = LayoutOf(a, m, k_major);
  std::fill_n(out, a.rows * m, T{0});
  for (int64_t k = 0; k < a.cols; ++k) {
    const Entries<T> e = Lane<T>(a, k);
    for (int64_t p = 0; p < e.n; ++p)
      AddScaled(out + e.index[p] * m, static_cast<double>(e.values[p]), b + k * at.column,
                at.output, m);
  }
}

template <class T>
void CscAddOuter(const Block& a, const T* u, int64_t m, bool k_major, double* acc) {
  const Layout at = LayoutOf(a, m, k_major);
  for (int64_t k = 0; k < a.cols; ++k) {
    const Entries<T> e = Lane<T>(a, k);
    for (int64_t p = 0; p < e.n; ++p)
      AddScaledTo(acc + k * at.column, at.output, static_cast<double>(e.values[p]),
                  u + e.index[p] * m, m);
  }
}

#define GYRE_INSTANTIATE(T)                                                                     \
  template void CsrTimesVector(const Block&, int64_t, int64_t, const T*, T*);                   \
  template void CsrTimesMatrix(const Block&, int64_t, int64_t, const T*, int64_t, bool, T*);    \
  template void CsrAddTransposed(const Block&, int64_t, int64_t, const T*, double*);            \
  template void CsrAddOuter(const Block&, int64_t, int64_t, const T*, int64_t, bool, double*);  \
  template void CscTimesVector(const Block&, const T*, T*);                                     \
  template void CscTimesMatrix(const Block&, const T*, int64_t, bool, T*);                      \
  template void CscAddTransposed(const Block&, const T*, double*);                              \
  template void CscAddOuter(const Block&, const T*, int64_t, bool, double*);                    \
  template double SparseDot(const T*, const int32_t*, int64_t, const T*);                       \
  template void SparseAdd(const T*, const int32_t*, int64_t, double, T*);
GYRE_INSTANTIATE(float)
GYRE_INSTANTIATE(double)
#undef GYRE_INSTANTIATE
template double SparseDot(const float*, const int32_t*, int64_t, const double*);
template void SparseAdd(const float*, const int32_t*, int64_t, double, double*);

}  // namespace gyre::internal
