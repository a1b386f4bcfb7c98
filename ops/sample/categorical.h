// Draws from a distribution given by weights that are not normalised.
//
// The weights are summed in sixteen lanes, weight i in lane i mod 16: that is one vector addition
// for sixteen weights, and any order of them gives the same distribution. A draw picks a lane by
// the lanes' sums and then a place in it by bisection: O(n) to sum, O(log n) to draw.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "ops/aligned.h"

namespace gyre::sample {

inline constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(64), may_alias));

inline int64_t Padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// Sums of the lanes up to each of them.
inline Lanes Scanned(Lanes v) {
  const Lanes none = {};
  v += __builtin_shufflevector(none, v, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                               30);
  v += __builtin_shufflevector(none, v, 0, 1, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                               29);
  v += __builtin_shufflevector(none, v, 0, 1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27);
  v += __builtin_shufflevector(none, v, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
  return v;
}
inline float Total(Lanes v) {
  v += __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  v += __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  return v[0];
}

// A bit for each lane that is at most `u`.
inline uint32_t AtMost(const Lanes& v, float u) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(reinterpret_cast<const __m512&>(v), _mm512_set1_ps(u), _CMP_LE_OQ);
#elif defined(__AVX2__)
  const auto half = [&](int i) {
    const __m256 at = _mm256_load_ps(reinterpret_cast<const float*>(&v) + i);
    return static_cast<uint32_t>(
        _mm256_movemask_ps(_mm256_cmp_ps(at, _mm256_set1_ps(u), _CMP_LE_OQ)));
  };
  return half(0) | half(8) << 8;
#else
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= static_cast<uint32_t>(v[i] <= u) << i;
  return bits;
#endif
}

// The lane that a draw of u in [0, total) falls in, by the scanned lanes, and what of u is left in
// it.
struct LaneDraw {
  int lane;
  float left;
};
inline LaneDraw DrawLane(const Lanes& scanned, float u) {
  const int lane = std::min(std::popcount(AtMost(scanned, u)), kLanes - 1);
  return {lane, lane > 0 ? u - reinterpret_cast<const float*>(&scanned)[lane - 1] : u};
}

class Categorical {
 public:
  explicit Categorical(int64_t most) : weight_(Padded(most)), sum_(Padded(most)) {}

  // By category; those from the number of categories to the next multiple of 16 must be zero.
  float* weight() { return weight_.data(); }

  // Sums the first `n` weights; returns their total.
  float Sum(int64_t n) {
    n_ = n;
    rows_ = Padded(n) / kLanes;
    const Lanes* const w = reinterpret_cast<const Lanes*>(weight_.data());
    Lanes* const to = reinterpret_cast<Lanes*>(sum_.data());
    Lanes sum = {};
    for (int64_t i = 0; i < rows_; ++i) to[i] = sum += w[i];
    scanned_ = Scanned(sum);
    return scanned_[kLanes - 1];
  }

  // The category at u, in [0, total).
  int64_t At(float u) const {
    const LaneDraw draw = DrawLane(scanned_, u);
    const float* const sum = sum_.data() + draw.lane;
    int64_t low = 0, size = rows_;  // the first place whose sum is above what is left
    while (size > kLanes) {
      const int64_t middle = size / 2;
      low += sum[(low + middle - 1) * kLanes] <= draw.left ? middle : 0;
      size -= middle;
    }
    int64_t passed = 0;
    for (int64_t i = low; i < low + size; ++i) passed += sum[i * kLanes] <= draw.left;
    low += std::min(passed, size - 1);
    // Rounding may leave u on a weight of zero or past the last; the one before it has the draw.
    int64_t at = low * kLanes + draw.lane;
    while (at >= n_ || !(weight_[at] > 0)) {
      if (at == 0) return Last();
      --at;
    }
    return at;
  }

 private:
  int64_t Last() const {
    for (int64_t i = n_ - 1; i > 0; --i) {
      if (weight_[i] > 0) return i;
    }
    return 0;
  }

  AlignedArray<float> weight_, sum_;
  Lanes scanned_ = {};
  int64_t n_ = 0, rows_ = 0;
};

}  // namespace gyre::sample
