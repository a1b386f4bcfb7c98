// The widest vector of the machine as a value type, for the kernels of this folder.
//
// Vec<T> is a GCC/clang vector extension, so +, * and comparisons work; a * b + c becomes one fused
// instruction under -ffp-contract=fast. Loads and stores may be unaligned; the Partial forms touch
// only the first n elements (0 < n < kLanes<T>) and read the others as zero.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace gyre::simd {

#if defined(__AVX512F__)
inline constexpr int kVecBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVecBytes = 32;
#else
inline constexpr int kVecBytes = 16;
#endif

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(kVecBytes)));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
inline constexpr int kLanes = kVecBytes / static_cast<int>(sizeof(T));

template <class T>
inline Vec<T> Load(const T* from) {
  Vec<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
inline void Store(T* to, const Vec<T>& v) {
  std::memcpy(to, &v, sizeof v);
}
template <class T>
inline Vec<T> Broadcast(T x) {
  return x - Vec<T>{};
}

#if defined(__AVX512F__)
inline __mmask16 MaskOf(const float*, int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
inline __mmask8 MaskOf(const double*, int64_t n) { return static_cast<__mmask8>((1u << n) - 1); }
inline Vec<float> LoadPartial(const float* from, int64_t n) {
  return _mm512_maskz_loadu_ps(MaskOf(from, n), from);
}
inline Vec<double> LoadPartial(const double* from, int64_t n) {
  return _mm512_maskz_loadu_pd(MaskOf(from, n), from);
}
inline void StorePartial(float* to, const Vec<float>& v, int64_t n) {
  _mm512_mask_storeu_ps(to, MaskOf(to, n), v);
}
inline void StorePartial(double* to, const Vec<double>& v, int64_t n) {
  _mm512_mask_storeu_pd(to, MaskOf(to, n), v);
}
#else
template <class T>
inline Vec<T> LoadPartial(const T* from, int64_t n) {
  T buffer[kLanes<T>] = {};
  std::memcpy(buffer, from, static_cast<size_t>(n) * sizeof(T));
  return Load(buffer);
}
template <class T>
inline void StorePartial(T* to, const Vec<T>& v, int64_t n) {
  std::memcpy(to, &v, static_cast<size_t>(n) * sizeof(T));
}
#endif

// The sum of all lanes.
template <class T>
inline T HorizontalSum(const Vec<T>& v) {
  T lane[kLanes<T>];
  std::memcpy(lane, &v, sizeof v);
  for (int half = kLanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// out[i] = the sum of the lanes of v[i], i < 8: one transposing tree instead of eight reductions.
template <class T>
inline void HorizontalSum8(const Vec<T>* v, T* out) {
  for (int i = 0; i < 8; ++i) out[i] = HorizontalSum<T>(v[i]);
}
#if defined(__AVX512F__)
using Half = float __attribute__((vector_size(32)));
// Shuffles are compiler builtins here because GCC 12's own headers for them warn when inlined.
template <>
inline float HorizontalSum<float>(const Vec<float>& v) {
  const Half h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  const Half q = h + __builtin_shufflevector(h, h, 4, 5, 6, 7, 0, 1, 2, 3);
  const Half p = q + __builtin_shufflevector(q, q, 2, 3, 0, 1, 6, 7, 4, 5);
  return p[0] + p[1];
}
// Four vectors become one whose every 128-bit lane is (a, b, c, d).
inline Vec<float> Fold4(Vec<float> a, Vec<float> b, Vec<float> c, Vec<float> d) {
#define GYRE_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define GYRE_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define GYRE_LOW2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define GYRE_HIGH2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
  const Vec<float> ab =
      __builtin_shufflevector(a, b, GYRE_LOW) + __builtin_shufflevector(a, b, GYRE_HIGH);
  const Vec<float> cd =
      __builtin_shufflevector(c, d, GYRE_LOW) + __builtin_shufflevector(c, d, GYRE_HIGH);
  return __builtin_shufflevector(ab, cd, GYRE_LOW2) + __builtin_shufflevector(ab, cd, GYRE_HIGH2);
#undef GYRE_LOW
#undef GYRE_HIGH
#undef GYRE_LOW2
#undef GYRE_HIGH2
}
template <>
inline void HorizontalSum8<float>(const Vec<float>* v, float* out) {
  const Vec<float> x = Fold4(v[0], v[1], v[2], v[3]), y = Fold4(v[4], v[5], v[6], v[7]);
  const Vec<float> s =
      __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
      __builtin_shufflevector(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  const Half t = __builtin_shufflevector(s, s, 0, 1, 2, 3, 8, 9, 10, 11) +
                 __builtin_shufflevector(s, s, 4, 5, 6, 7, 12, 13, 14, 15);
  std::memcpy(out, &t, sizeof t);
}
template <>
inline double HorizontalSum<double>(const Vec<double>& v) {
  const Vec<double> h = v + __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
  const Vec<double> q = h + __builtin_shufflevector(h, h, 2, 3, 0, 1, 6, 7, 4, 5);
  return q[0] + q[1];
}
// Four vectors become one whose every 128-bit lane is (a, b) or (c, d): ab ab cd cd.
inline Vec<double> Fold4(Vec<double> a, Vec<double> b, Vec<double> c, Vec<double> d) {
  const Vec<double> ab = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
                         __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  const Vec<double> cd = __builtin_shufflevector(c, d, 0, 8, 2, 10, 4, 12, 6, 14) +
                         __builtin_shufflevector(c, d, 1, 9, 3, 11, 5, 13, 7, 15);
  return __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15);
}
template <>
inline void HorizontalSum8<double>(const Vec<double>* v, double* out) {
  const Vec<double> x = Fold4(v[0], v[1], v[2], v[3]), y = Fold4(v[4], v[5], v[6], v[7]);
  Store<double>(out, __builtin_shufflevector(x, y, 0, 1, 4, 5, 8, 9, 12, 13) +
                         __builtin_shufflevector(x, y, 2, 3, 6, 7, 10, 11, 14, 15));
}
#endif

// acc[0 .. kLanes) += v, widened.
inline void AddWide(double* acc, const Vec<double>& v) { Store<double>(acc, Load(acc) + v); }
inline void AddWide(double* acc, const Vec<float>& v) {
  float lane[kLanes<float>];
  std::memcpy(lane, &v, sizeof v);
  for (int i = 0; i < kLanes<float>; ++i) acc[i] += static_cast<double>(lane[i]);
}
template <class T>
inline void AddWidePartial(double* acc, const Vec<T>& v, int64_t n) {
  T lane[kLanes<T>];
  std::memcpy(lane, &v, sizeof v);
  for (int64_t i = 0; i < n; ++i) acc[i] += static_cast<double>(lane[i]);
}

}  // namespace gyre::simd
