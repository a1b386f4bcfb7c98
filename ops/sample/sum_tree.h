// Weights that change one at a time, and draws from them: a tree of sums, sixteen children to a
// node (a Fenwick-like F+ tree, Yu et al. 2015, as wide as a vector). Change and draw are O(log n)
// with base 16; a sum is always that of its children, so that nothing drifts.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/sample/categorical.h"

namespace gyre::sample {

class SumTree {
 public:
  explicit SumTree(int64_t size) : size_(size) {
    for (int64_t n = Padded(size);; n = Padded(n / kLanes)) {
      level_.emplace_back(n);
      if (n == kLanes) break;
    }
  }

  // By category; call Build after filling it. Those beyond the size are zero.
  float* weight() { return level_[0].data(); }

  void Build() {
    for (size_t l = 1; l < level_.size(); ++l) {
      const int64_t nodes = level_[l - 1].size() / kLanes;
      for (int64_t i = 0; i < nodes; ++i) level_[l][i] = SumOf(l - 1, i);
    }
  }
  void Set(int64_t at, float weight) {
    level_[0][at] = weight;
    for (size_t l = 1; l < level_.size(); ++l) {
      at /= kLanes;
      level_[l][at] = SumOf(l - 1, at);
    }
  }
  float total() const { return SumOf(level_.size() - 1, 0); }

  // The category at u, in [0, total).
  int64_t At(float u) const {
    int64_t node = 0;
    for (size_t l = level_.size(); l-- > 0;) {
      const Lanes& lanes = LanesOf(l, node);
      LaneDraw draw = DrawLane(Scanned(lanes), u);
      // Rounding may end on a child of weight zero: the nearest before it, or after.
      while (draw.lane > 0 && !(lanes[draw.lane] > 0)) --draw.lane, draw.left = 0;
      while (draw.lane < kLanes - 1 && !(lanes[draw.lane] > 0)) ++draw.lane, draw.left = 0;
      node = node * kLanes + draw.lane;
      u = draw.left;
    }
    return node < size_ ? node : size_ - 1;
  }

 private:
  const Lanes& LanesOf(size_t level, int64_t node) const {
    return *reinterpret_cast<const Lanes*>(level_[level].data() + node * kLanes);
  }
  float SumOf(size_t level, int64_t node) const { return Total(LanesOf(level, node)); }

  const int64_t size_;
  std::vector<AlignedArray<float>> level_;
};

}  // namespace gyre::sample
