#include "runtime/keyed_grid.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

struct Keys {
  Keys(int64_t rows, const std::vector<int64_t>& extents, double skew) : extent(extents) {
    uint64_t state = 12345;
    const auto uniform = [&] {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<double>(state >> 11) / 9007199254740992.0;
    };
    for (const int64_t n : extents) {
      key.emplace_back();
      for (int64_t r = 0; r < rows; ++r)
        key.back().push_back(
            static_cast<int32_t>(std::pow(uniform(), skew) * static_cast<double>(n)));
    }
  }
  std::vector<const int32_t*> pointers() const {
    std::vector<const int32_t*> p;
    for (const auto& k : key) p.push_back(k.data());
    return p;
  }
  std::vector<std::vector<int32_t>> key;
  std::vector<int64_t> extent;
};

class KeyedGridTest : public ::testing::TestWithParam<std::vector<int64_t>> {};

TEST_P(KeyedGridTest, BlocksOfAStratumShareNoKeyAndHoldEveryRowOnce) {
  constexpr int64_t kRows = 3000;
  constexpr int kCuts = 5;
  const Keys keys(kRows, GetParam(), 1);
  const KeyedGrid grid(keys.pointers(), keys.extent, kRows, kCuts, 1);
  std::set<int64_t> seen;
  for (int s = 0; s < grid.strata(); ++s) {
    std::vector<std::set<int32_t>> of_stratum(keys.key.size());
    for (int c = 0; c < grid.cuts(); ++c) {
      std::vector<std::set<int32_t>> of_block(keys.key.size());
      for (int64_t at = grid.begin(s, c); at < grid.end(s, c); ++at) {
        const int64_t row = grid.order()[at];
        EXPECT_TRUE(seen.insert(row).second);
        for (size_t m = 0; m < keys.key.size(); ++m)
          of_block[m].insert(keys.key[m][static_cast<size_t>(row)]);
      }
      for (size_t m = 0; m < keys.key.size(); ++m) {
        for (const int32_t k : of_block[m]) EXPECT_TRUE(of_stratum[m].insert(k).second);
      }
    }
    for (size_t m = 0; m < keys.key.size(); ++m) {  // and its groups are all there are
      std::set<int> groups;
      for (int c = 0; c < grid.cuts(); ++c) groups.insert(grid.group(s, c, static_cast<int>(m)));
      EXPECT_EQ(groups.size(), static_cast<size_t>(grid.cuts()));
    }
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kRows));
}

// A key is in one group, whatever the block: what the executor hands round is whole.
TEST_P(KeyedGridTest, AKeyIsAlwaysInTheSameGroup) {
  constexpr int64_t kRows = 3000;
  const Keys keys(kRows, GetParam(), 1);
  const KeyedGrid grid(keys.pointers(), keys.extent, kRows, 5, 1);
  for (size_t m = 0; m < keys.key.size(); ++m) {
    std::vector<int> group(static_cast<size_t>(keys.extent[m]), -1);
    for (int s = 0; s < grid.strata(); ++s) {
      for (int c = 0; c < grid.cuts(); ++c) {
        for (int64_t at = grid.begin(s, c); at < grid.end(s, c); ++at) {
          int& g = group[static_cast<size_t>(keys.key[m][static_cast<size_t>(grid.order()[at])])];
          const int here = grid.group(s, c, static_cast<int>(m));
          EXPECT_TRUE(g == -1 || g == here);
          g = here;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Maps, KeyedGridTest,
                         ::testing::Values(std::vector<int64_t>{40}, std::vector<int64_t>{60, 30},
                                           std::vector<int64_t>{30, 40, 20},
                                           std::vector<int64_t>{20, 20, 20, 20}));

TEST(KeyedGrid, BalancesKeysOfAPowerLaw) {
  const Keys keys(200000, {20000, 5000}, 4);
  const KeyedGrid grid(keys.pointers(), keys.extent, 200000, 8, 1);
  EXPECT_LT(grid.imbalance(), 1.1);
}

TEST(KeyedGrid, MapsThatAreNotCutOrderTheRowsOfABlock) {
  constexpr int64_t kRows = 3000;
  constexpr int kCuts = 4;
  const Keys keys(kRows, {40, 70}, 1);
  const KeyedGrid grid(keys.pointers(), keys.extent, kRows, kCuts, 1, 1, 1);
  EXPECT_EQ(grid.maps(), 1);
  EXPECT_EQ(grid.strata(), 1);
  for (int c = 0; c < kCuts; ++c) {
    EXPECT_NEAR(static_cast<double>(grid.end(0, c) - grid.begin(0, c)), kRows / kCuts, 40);
    for (int64_t at = grid.begin(0, c); at < grid.end(0, c); ++at) {
      const auto row = static_cast<size_t>(grid.order()[at]);
      EXPECT_EQ(grid.groups(0)[static_cast<size_t>(keys.key[0][row])], c);
      if (at == grid.begin(0, c)) continue;
      const auto before = static_cast<size_t>(grid.order()[at - 1]);
      EXPECT_LE(keys.key[1][before], keys.key[1][row]);
    }
  }
}

TEST(KeyedGrid, CutsSmallDataIntoFewBlocks) {
  EXPECT_EQ(KeyedGrid::CutsFor({1000, 1000}, 100), 1);
  EXPECT_EQ(KeyedGrid::CutsFor({10, 1000}, 1000000), 2);
  EXPECT_EQ(KeyedGrid::CutsFor({100000, 10000}, 4000000), 16);
}

}  // namespace
}  // namespace gyre
