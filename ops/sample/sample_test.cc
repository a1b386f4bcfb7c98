// Draws against the weights they are made from, and tables of counts against a plain map.
#include <cmath>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/sample/categorical.h"
#include "ops/sample/count_table.h"
#include "ops/sample/sum_tree.h"

namespace gyre::sample {
namespace {

// Weights over several orders of magnitude, a third of them zero.
std::vector<float> Weights(int64_t n, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> unit;
  std::vector<float> w(static_cast<size_t>(n));
  for (float& x : w)
    x = unit(random) < 1.0 / 3 ? 0.0f : static_cast<float>(std::exp(6 * unit(random)));
  w.back() = 1;
  return w;
}

// How many of equally spaced draws fall on each category: what its weight says, to one or two for
// every boundary of the intervals it is drawn by.
template <class Draw>
void ExpectInProportion(const std::vector<float>& w, float total, const Draw& draw) {
  constexpr int kDraws = 1 << 20;
  std::vector<int> drawn(w.size());
  for (int i = 0; i < kDraws; ++i) {
    const int64_t at = draw(static_cast<float>((i + 0.5) / kDraws) * total);
    ASSERT_GE(at, 0);
    ASSERT_LT(at, static_cast<int64_t>(w.size()));
    ++drawn[static_cast<size_t>(at)];
  }
  double sum = 0;
  for (const float x : w) sum += static_cast<double>(x);
  EXPECT_NEAR(static_cast<double>(total), sum, 1e-5 * sum);
  for (size_t k = 0; k < w.size(); ++k) {
    const double expected = static_cast<double>(w[k]) / sum * kDraws;
    EXPECT_NEAR(drawn[k], expected, 2 + 4e-3 * expected + 1e-5 * kDraws) << k;
    if (w[k] == 0) {
      EXPECT_EQ(drawn[k], 0) << k;
    }
  }
}

TEST(Categorical, DrawsInProportionToTheWeights) {
  for (const int64_t n : {1, 2, 15, 16, 17, 100, 257, 1000}) {
    const std::vector<float> w = Weights(n, static_cast<uint64_t>(n));
    Categorical draw(n);
    std::copy(w.begin(), w.end(), draw.weight());
    const float total = draw.Sum(n);
    ExpectInProportion(w, total, [&](float u) { return draw.At(u); });
  }
}

TEST(Categorical, FewerWeightsThanBefore) {
  Categorical draw(64);
  for (int i = 0; i < 64; ++i) draw.weight()[i] = 1;
  EXPECT_EQ(draw.Sum(64), 64);
  for (int i = 3; i < 16; ++i) draw.weight()[i] = 0;
  EXPECT_EQ(draw.Sum(3), 3);
  for (const float u : {0.0f, 0.5f, 1.5f, 2.5f, 2.999999f}) EXPECT_LT(draw.At(u), 3) << u;
}

TEST(Categorical, NeverDrawsAWeightOfZeroAtTheEdges) {
  Categorical draw(40);
  draw.weight()[20] = 5;
  const float total = draw.Sum(40);
  for (const float u : {0.0f, total / 2, std::nextafter(total, 0.0f), total})
    EXPECT_EQ(draw.At(u), 20) << u;
}

TEST(SumTree, DrawsInProportionAfterChanges) {
  for (const int64_t n : {1, 16, 17, 300, 5000}) {
    std::vector<float> w = Weights(n, static_cast<uint64_t>(n) + 7);
    SumTree tree(n);
    std::copy(w.begin(), w.end(), tree.weight());
    tree.Build();
    std::mt19937_64 random(static_cast<uint64_t>(n));
    for (int i = 0; i < 1000; ++i) {
      const size_t k = random() % w.size();
      w[k] = static_cast<float>(random() % 100);
      tree.Set(static_cast<int64_t>(k), w[k]);
    }
    w[0] = 1;
    tree.Set(0, 1);
    ExpectInProportion(w, tree.total(), [&](float u) { return tree.At(u); });
  }
}

using Cells = std::map<std::pair<int64_t, int32_t>, int32_t>;

Cells CellsOf(const CountTable& table) {
  Cells cells;
  for (int64_t key = 0; key < table.keys(); ++key)
    table.ForRow(key, [&](int32_t k, int32_t n) { cells[{key, k}] = n; });
  return cells;
}

TEST(CountTable, SparseAndDenseCountAlike) {
  constexpr int64_t kTopics = 200;
  const std::vector<int64_t> data = {0, 1, 5, 40, 1000};
  CountTable sparse(data, kTopics), dense(static_cast<int64_t>(data.size()), kTopics);
  EXPECT_TRUE(sparse.sparse());
  EXPECT_FALSE(dense.sparse());
  std::mt19937_64 random(3);
  std::vector<std::pair<int64_t, int32_t>> there;  // at most data[key] of a key
  std::vector<int64_t> have(data.size());
  Cells expected;
  for (int i = 0; i < 20000; ++i) {
    const auto key = static_cast<int64_t>(random() % data.size());
    if (random() % 2 == 0 && have[static_cast<size_t>(key)] < data[static_cast<size_t>(key)]) {
      const auto topic = static_cast<int32_t>(random() % kTopics);
      there.emplace_back(key, topic);
      ++have[static_cast<size_t>(key)], ++expected[{key, topic}];
      sparse.Add(key, topic, 1), dense.Add(key, topic, 1);
    } else if (!there.empty()) {
      std::swap(there[random() % there.size()], there.back());
      const auto [gone, topic] = there.back();
      there.pop_back();
      --have[static_cast<size_t>(gone)];
      if (--expected[{gone, topic}] == 0) expected.erase({gone, topic});
      sparse.Add(gone, topic, -1), dense.Add(gone, topic, -1);
    }
    if (i % 1000 == 0) {
      ASSERT_EQ(CellsOf(sparse), expected);
      ASSERT_EQ(CellsOf(dense), expected);
    }
  }
}

TEST(CountTable, ARowIsLaidOutAndTakenBack) {
  constexpr int64_t kTopics = 100;
  CountTable table({3, 50}, kTopics);
  table.Add(1, 7, 1), table.Add(1, 7, 1), table.Add(1, 99, 1), table.Add(0, 0, 1);
  std::vector<int32_t> row(112);
  table.Load(1, row.data());
  EXPECT_EQ(row[7], 2);
  EXPECT_EQ(row[99], 1);
  row[7] = 0, row[50] = 4;
  table.Store(1, row.data());
  EXPECT_THAT(row, testing::Each(0));
  EXPECT_EQ(CellsOf(table), (Cells{{{0, 0}, 1}, {{1, 50}, 4}, {{1, 99}, 1}}));
  table.Clear();
  EXPECT_TRUE(CellsOf(table).empty());
}

TEST(CountTable, TakesNoMoreThanTheDataDo) {
  const std::vector<int64_t> data(1000, 10);
  const CountTable table(data, 100000);
  EXPECT_LT(table.bytes(), 1000 * (16 * 8 + 16));
}

}  // namespace
}  // namespace gyre::sample
