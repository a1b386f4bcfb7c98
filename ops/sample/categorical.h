// Draws from a distribution given by weights that are not normalised.
//
// The weights are summed in sixteen lanes, weight i in lane i mod 16: that is one vector addition for
// sixteen weights, and any order of them gives the same distribution. A draw picks a lane by the
// lanes' sums and then a place in it by bisection: O(n) to sum, O(log n) to draw.
#pragma once
#include <cstdint>

#include "ops/aligned.h"

namespace gyre::sample {

inline constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(64), may_alias));

inline int64_t Padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// The lane that a draw of u in [0, total of the lanes) falls in, and what of u is left in it.
struct LaneDraw {
  int lane;
  float left;
};
inline float Halved(const Lanes& lanes, float half[4][kLanes]) {
  for (int i = 0; i < 8; ++i) half[0][i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; ++i) half[1][i] = half[0][i] + half[0][i + 4];
  for (int i = 0; i < 2; ++i) half[2][i] = half[1][i] + half[1][i + 2];
  return half[3][0] = half[2][0] + half[2][1];
}
inline LaneDraw DrawLane(const Lanes& lanes, const float half[4][kLanes], float u) {
  int at = 0;
  const auto descend = [&](const float* sum, int step) {
    const bool right = u >= sum[at];
    u -= right ? sum[at] : 0.0f;
    at += right ? step : 0;
  };
  descend(half[2], 1), descend(half[1], 2), descend(half[0], 4);
  alignas(64) float lane[kLanes];
  *reinterpret_cast<Lanes*>(lane) = lanes;
  descend(lane, 8);
  return {at, u};
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
    lanes_ = Lanes{};
    for (int64_t i = 0; i < rows_; ++i) to[i] = lanes_ += w[i];
    return Halved(lanes_, half_);
  }

  // The category at u, in [0, total).
  int64_t At(float u) const {
    const LaneDraw draw = DrawLane(lanes_, half_, u);
    const float* const sum = sum_.data() + draw.lane;
    int64_t low = 0, size = rows_;  // the first place whose sum is above what is left
    while (size > 1) {
      const int64_t middle = size / 2;
      low += sum[(low + middle - 1) * kLanes] <= draw.left ? middle : 0;
      size -= middle;
    }
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
  Lanes lanes_ = {};
  float half_[4][kLanes] = {};
  int64_t n_ = 0, rows_ = 0;
};

}  // namespace gyre::sample
