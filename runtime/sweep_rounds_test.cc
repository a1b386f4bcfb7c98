#include "runtime/sweep_rounds.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

using Keys = std::vector<int32_t>;

TEST(KeyIndex, HasTheRowsOfEachKeyInOrder) {
  const Keys key = {2, 0, 2, 9, -1, 0};
  const KeyIndex index(key.data(), 6, 3);
  const RowsOfKey rows = index.rows_of();
  EXPECT_EQ(std::vector<int64_t>(rows.offset, rows.offset + 4), (std::vector<int64_t>{0, 2, 2, 4}));
  EXPECT_EQ(Keys(rows.row, rows.row + 4), (Keys{1, 5, 0, 2}));
}

TEST(ItemGraph, ColoursAnEvenRingWithTwo) {
  const Keys first = {0, 1, 2, 3, 2}, second = {1, 2, 3, 0, 2};  // the last joins an item to itself
  ItemGraph graph(4);
  graph.JoinKeys(first.data(), second.data(), 5);
  EXPECT_EQ(graph.Colour(), (Keys{0, 1, 0, 1}));
}

TEST(ItemGraph, JoinsBothWaysOfAnEntry) {
  const int64_t offset[] = {0, 0, 0, 2};
  const int32_t column[] = {0, 1};
  const double value[] = {1, 1};
  ItemGraph graph(3);
  graph.JoinEntries({Format::kCsr, Type::kFloat64, value, column, offset, 3, 3, 0});
  EXPECT_EQ(graph.Colour(), (Keys{0, 0, 1}));
}

TEST(ItemGraph, NoTwoJoinedItemsHaveOneColour) {
  Keys first, second;
  for (int32_t i = 0; i < 400; ++i) {
    first.push_back(i * 7919 % 100);
    second.push_back(i * 104729 % 97);
  }
  ItemGraph graph(100);
  graph.JoinKeys(first.data(), second.data(), 400);
  const Keys colour = graph.Colour();
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] == second[i]) continue;
    EXPECT_NE(colour[static_cast<size_t>(first[i])], colour[static_cast<size_t>(second[i])]);
  }
}

TEST(SweepRounds, SharesOutEveryItemOnce) {
  const Keys colour = {0, 1, 0, 0, 2, 1, 0};
  const SweepRounds rounds(colour, std::vector<int64_t>(7, 1), 3);
  ASSERT_EQ(rounds.rounds(), 3);
  std::vector<int> seen(7);
  for (int r = 0; r < 3; ++r) {
    for (int k = 0; k < 3; ++k) {
      const SweepRounds::Share share = rounds.share(r, k);
      for (int64_t i = 0; i < share.items; ++i) {
        EXPECT_EQ(colour[static_cast<size_t>(share.item[i])], r);
        ++seen[static_cast<size_t>(share.item[i])];
      }
    }
  }
  EXPECT_EQ(seen, std::vector<int>(7, 1));
}

TEST(SweepRounds, BalancesTheCostOfARound) {
  const std::vector<int64_t> cost = {6, 1, 1, 1, 1, 2};
  const SweepRounds rounds(Keys(6, 0), cost, 2);
  EXPECT_EQ(rounds.share(0, 0).items, 1);
  EXPECT_EQ(rounds.share(0, 1).items, 5);
}

TEST(SweepRounds, OfNoItemsAreNone) { EXPECT_EQ(SweepRounds({}, {}, 2).rounds(), 0); }

}  // namespace
}  // namespace gyre
