// How a flat vector of keys is cut among the shards of the parameter server.
//
// Every vector that travels (the parameters; the totals of each stage) is cut in the same way, so
// that a shard's streams carry one range of each. Pure functions.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gyre {

struct KeyRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

// Cuts fall on cache lines of either element type, so that no line has two writers.
inline constexpr int64_t kShardLine = 16;

// The elements of shard `shard` of `shards`: equal shares of `size`, some empty when there are
// fewer lines than shards. The ranges of all shards are disjoint and cover [0, size).
inline KeyRange ShardRange(int64_t size, int shard, int shards) {
  const int64_t lines = (size + kShardLine - 1) / kShardLine;
  const auto cut = [&](int64_t s) { return std::min(size, lines * s / shards * kShardLine); };
  return {cut(shard), cut(shard + 1)};
}

}  // namespace gyre
