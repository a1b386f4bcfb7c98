#include "runtime/rotation.h"

#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/env.h"

namespace gyre {
namespace {

struct Rows {
  Rows() {
    for (int32_t r = 0; r < 5000; ++r) user.push_back(r * 7 % 100), item.push_back(r * 13 % 60);
  }
  KeyedGrid Grid() const { return {{user.data(), item.data()}, {100, 60}, 5000, 5, 1}; }
  std::vector<int32_t> user, item;
};

TEST(Rotation, AWorkerLeftAloneVisitsEverythingOnce) {
  const KeyedGrid grid = Rows().Grid();
  MachineEnv env;
  Rotation rotation(grid, 3, 1, &env);
  for (int clock = 0; clock < 3; ++clock) {
    std::multiset<std::pair<int, int>> seen;
    Fold::Turn turn = Fold::Turn::kMore;
    while (turn == Fold::Turn::kMore)
      turn = rotation.Next(1, [&](int stratum, int chain) { seen.insert({stratum, chain}); });
    EXPECT_EQ(turn, Fold::Turn::kLast);
    EXPECT_EQ(seen.size(), static_cast<size_t>(grid.strata() * grid.cuts()));
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), seen.size());
    const auto none = [](int, int) { ADD_FAILURE() << "nothing is left"; };
    for (const int other : {0, 2}) EXPECT_EQ(rotation.Next(other, none), Fold::Turn::kLast);
  }
}

// A block under visit keeps the groups it holds: others take what shares none with it, and no block
// of its chain.
TEST(Rotation, WhatIsHeldIsLeftAlone) {
  const KeyedGrid grid = Rows().Grid();
  MachineEnv env;
  Rotation rotation(grid, 2, 1, &env);
  int inside = 0;
  const auto outer = [&](int stratum, int chain) {
    while (rotation.Next(1, [&](int other_stratum, int other) {
      ++inside;
      EXPECT_NE(other, chain);
      EXPECT_NE(grid.group(other_stratum, other, 1), grid.group(stratum, chain, 1));
    }) == Fold::Turn::kMore) {
    }
  };
  EXPECT_EQ(rotation.Next(0, outer), Fold::Turn::kMore);
  EXPECT_GT(inside, grid.cuts() - 2);  // the rest of the stratum, and what that lets begin
}

}  // namespace
}  // namespace gyre
