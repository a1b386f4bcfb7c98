#include "ops/coordinate/schedule.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

using Blocks = std::vector<std::vector<uint32_t>>;

std::vector<UnitId> Units(size_t n) {
  std::vector<UnitId> units;
  for (size_t k = 0; k < n; ++k) units.emplace_back(0, static_cast<int64_t>(k));
  return units;
}

std::vector<uint32_t> All(const Blocks& blocks) {
  std::vector<uint32_t> all;
  for (const auto& block : blocks) all.insert(all.end(), block.begin(), block.end());
  return all;
}

// Units in clusters of `size`: coupled by 0.5 within one, by 0.05 else.
class Clusters final : public UnitCoupling {
 public:
  explicit Clusters(int64_t size) : size_(size) {}
  double Of(UnitId a, UnitId b) override {
    ++asked;
    return a.unit() / size_ == b.unit() / size_ ? 0.5 : 0.05;
  }
  int64_t asked = 0;

 private:
  const int64_t size_;
};

TEST(SumTree, DrawsInProportion) {
  SumTree tree;
  tree.Assign({1, 0, 3, 2, 0});
  EXPECT_EQ(tree.total(), 6);
  std::map<size_t, int> count;
  constexpr int kDraws = 60000;
  for (int k = 0; k < kDraws; ++k) ++count[tree.Draw((k + 0.5) / kDraws)];
  EXPECT_EQ(count, (std::map<size_t, int>{{0, 10000}, {2, 30000}, {3, 20000}}));
  tree.Set(2, 0);
  tree.Set(4, 1);
  EXPECT_EQ(tree.total(), 4);
  EXPECT_EQ(tree.Draw(0.999999), 4u);
}

TEST(SumTree, SmallNumbersOutliveLargeOnes) {
  SumTree tree;
  tree.Assign({1e30, 0.1, 1e25, 0.2});
  tree.Set(0, 0);
  tree.Set(2, 0);
  EXPECT_EQ(tree.total(), 0.1 + 0.2);
  EXPECT_EQ(tree.Draw(0.5), 3u);
  EXPECT_EQ(tree.Draw(0.2), 1u);
}

TEST(SumTree, NeverDrawsWhatIsZero) {
  SumTree tree;
  std::vector<double> value(37);
  value[5] = 0.1, value[20] = 0.3, value[36] = 1e-17;
  tree.Assign(value);
  for (const double u : {0.0, 0.25, 0.5, 1 - 0x1p-53}) EXPECT_GT(value[tree.Draw(u)], 0) << u;
}

TEST(CounterRandom, RepeatsAndFillsTheInterval) {
  CounterRandom a(7), b(7), other(8);
  double sum = 0, least = 1, most = 0;
  int same = 0;
  for (int k = 0; k < 10000; ++k) {
    const double u = a.Uniform();
    EXPECT_EQ(u, b.Uniform());
    same += u == other.Uniform() ? 1 : 0;
    sum += u, least = std::min(least, u), most = std::max(most, u);
  }
  EXPECT_EQ(same, 0);
  EXPECT_NEAR(sum / 10000, 0.5, 0.02);
  EXPECT_LT(least, 0.001);
  EXPECT_GE(least, 0);
  EXPECT_GT(most, 0.999);
  EXPECT_LT(most, 1);
}

TEST(ColumnCoupling, IsTheWeightedCosineForEveryKindOfColumn) {
  constexpr int64_t kRows = 9;
  std::mt19937_64 random(3);
  std::uniform_int_distribution<int> entry(-3, 3);
  std::vector<double> x(2 * kRows), weight(kRows);
  for (double& v : x) v = entry(random);
  for (double& w : weight) w = 1 + std::abs(entry(random));
  std::vector<float> single(x.begin(), x.end());
  std::vector<double> values;
  std::vector<int32_t> index;
  std::vector<int64_t> offset = {0};
  for (int64_t j = 0; j < 2; ++j) {
    for (int64_t i = 0; i < kRows; ++i) {
      const double v = x[static_cast<size_t>(j * kRows + i)];
      if (v == 0) continue;
      values.push_back(v);
      index.push_back(static_cast<int32_t>(i));
    }
    offset.push_back(static_cast<int64_t>(values.size()));
  }
  // Parts: dense double, dense float, CSC, and a column of ones.
  std::vector<Part> parts(4);
  for (Part& part : parts) part.columns.rows = kRows, part.columns.size = 2;
  parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, 2, kRows,
                            kRows};
  parts[1].columns.block = {Format::kDense, Type::kFloat32, single.data(), nullptr, nullptr, 2,
                            kRows, kRows};
  parts[2].columns.block = {Format::kCsc, Type::kFloat64, values.data(), index.data(),
                            offset.data(), kRows, 2, 0};
  parts[3].columns.ones = true, parts[3].columns.size = 1;
  for (Part& part : parts) ASSERT_TRUE(part.Cut().ok());

  for (const bool weighted : {false, true}) {
    const auto cosine = [&](UnitId a, UnitId b) {
      const auto at = [&](UnitId id, int64_t i) {
        return id.part() == 3 ? 1 : x[static_cast<size_t>(id.unit() * kRows + i)];
      };
      double ab = 0, aa = 0, bb = 0;
      for (int64_t i = 0; i < kRows; ++i) {
        const double w = weighted ? weight[static_cast<size_t>(i)] : 1;
        ab += w * at(a, i) * at(b, i), aa += w * at(a, i) * at(a, i), bb += w * at(b, i) * at(b, i);
      }
      return std::abs(ab) / std::sqrt(aa * bb);
    };
    ColumnCoupling coupling(&parts, weighted ? weight.data() : nullptr, kRows);
    std::vector<UnitId> units = {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}, {3, 0}};
    for (const UnitId a : units) {
      for (const UnitId b : units) {
        if (a == b) continue;
        EXPECT_NEAR(coupling.Of(a, b), cosine(a, b), 1e-6)
            << weighted << " " << a.part() << "," << a.unit() << " " << b.part() << "," << b.unit();
      }
    }
    // Symmetric, and every pair computed once.
    EXPECT_EQ(coupling.computed(), 21);
    EXPECT_EQ(coupling.remembered(), 21u);
  }
}

TEST(ColumnCoupling, AnyOfManySparseColumnsAgreesWithOneByOne) {
  constexpr int64_t kRows = 40, kCols = 60;
  std::mt19937_64 random(5);
  std::uniform_int_distribution<int> entry(-2, 2), row(0, kRows - 1);
  std::vector<double> values, weight(kRows);
  std::vector<int32_t> index;
  std::vector<int64_t> offset = {0};
  for (int64_t j = 0; j < kCols; ++j) {
    std::set<int> chosen;
    for (int64_t k = 0; k < j % 7; ++k) chosen.insert(row(random));
    for (const int i : chosen) values.push_back(entry(random)), index.push_back(i);
    offset.push_back(static_cast<int64_t>(values.size()));
  }
  for (double& w : weight) w = 3 + entry(random);
  std::vector<Part> parts(1);
  parts[0].columns.block = {Format::kCsc, Type::kFloat64, values.data(), index.data(),
                            offset.data(), kRows, kCols, 0};
  parts[0].columns.rows = kRows, parts[0].columns.size = kCols;
  ASSERT_TRUE(parts[0].Cut().ok());
  ColumnCoupling coupling(&parts, weight.data(), kRows), pairs(&parts, weight.data(), kRows);
  int coupled = 0, free = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<UnitId> in;
    for (const UnitId a : Units(kCols)) {
      if (static_cast<int64_t>(random() % 3) == 0) continue;
      bool any = false;
      for (const UnitId b : in) any |= pairs.Of(a, b) > 0.4;
      ASSERT_EQ(coupling.Any(a, in, 0.4), any) << round << " " << a.unit();
      ++(any ? coupled : free);
      if (!any) in.push_back(a);
    }
  }
  EXPECT_GT(coupled, 100);
  EXPECT_GT(free, 100);
  EXPECT_EQ(coupling.computed(), 0);  // no pair on its own
}

TEST(ColumnCoupling, OfGroupsIsTheMostOfAnyTwoColumns) {
  constexpr int64_t kRows = 4;
  // Columns 0 and 3 are the same, all others orthogonal; groups {0, 1} and {2, 3}.
  const std::vector<double> x = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0};
  std::vector<Part> parts(1);
  std::vector<double> theta(4);
  parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, 4, kRows,
                            kRows};
  parts[0].columns.rows = kRows, parts[0].columns.size = 4;
  parts[0].theta = theta.data();
  parts[0].prox.group.value = 1;
  parts[0].prox.group_size = 2;
  ASSERT_TRUE(parts[0].Cut().ok());
  ASSERT_EQ(parts[0].units(), 2);
  ColumnCoupling coupling(&parts, nullptr, kRows);
  EXPECT_NEAR(coupling.Of({0, 0}, {0, 1}), 1, 1e-12);
}

TEST(ColumnCoupling, OfZeroColumnsIsZero) {
  const std::vector<double> x = {0, 0, 0, 1, 2, 3};
  std::vector<Part> parts(1);
  parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, 2, 3, 3};
  parts[0].columns.rows = 3, parts[0].columns.size = 2;
  ASSERT_TRUE(parts[0].Cut().ok());
  ColumnCoupling coupling(&parts, nullptr, 3);
  EXPECT_EQ(coupling.Of({0, 0}, {0, 1}), 0);
}

TEST(Scheduler, UniformRoundsAreDistinctUnitsOfAllAlike) {
  Scheduler::Options options;
  options.schedule = Schedule::kUniform;
  options.workers = 4, options.per_worker = 2;
  Scheduler scheduler(options, Units(40), std::vector<int64_t>(40, 1), nullptr);
  std::vector<int> count(40);
  Blocks blocks;
  for (int round = 0; round < 2000; ++round) {
    scheduler.Draw(&blocks);
    ASSERT_EQ(blocks.size(), 4u);
    for (const auto& block : blocks) EXPECT_EQ(block.size(), 2u);
    const auto all = All(blocks);
    EXPECT_EQ(std::set<uint32_t>(all.begin(), all.end()).size(), 8u);
    for (const uint32_t k : all) ++count[k], scheduler.Return(k, 0);
  }
  for (const int c : count) EXPECT_NEAR(c, 400, 100);
}

TEST(Scheduler, UnitsThatAreOutAreNotDrawnAgain) {
  for (const Schedule schedule : {Schedule::kUniform, Schedule::kPriority}) {
    Scheduler::Options options;
    options.schedule = schedule;
    options.workers = 3;
    Scheduler scheduler(options, Units(7), std::vector<int64_t>(7, 1), nullptr);
    scheduler.Reset({100, 1, 1, 1, 1, 1, 0});
    Blocks first, second, third, none;
    scheduler.Draw(&first);
    scheduler.Draw(&second);
    scheduler.Draw(&third);
    std::set<uint32_t> seen;
    for (const Blocks* blocks : {&first, &second, &third})
      for (const uint32_t k : All(*blocks)) EXPECT_TRUE(seen.insert(k).second);
    EXPECT_EQ(seen.size(), 7u);
    scheduler.Draw(&none);
    EXPECT_TRUE(All(none).empty());
    scheduler.Return(3, 0);
    scheduler.Draw(&none);
    EXPECT_EQ(All(none), std::vector<uint32_t>{3});
  }
}

TEST(Scheduler, PriorityDrawsInProportionToPriorityAndEta) {
  Scheduler::Options options;
  options.schedule = Schedule::kPriority;
  options.eta = 0.25;
  const std::vector<double> priority = {8, 4, 0, 0};  // mean 3: with eta 8.75, 4.75, 0.75, 0.75
  Scheduler scheduler(options, Units(4), std::vector<int64_t>(4, 1), nullptr);
  scheduler.Reset(priority);
  std::vector<double> count(4);
  Blocks blocks;
  constexpr int kRounds = 30000;
  for (int round = 0; round < kRounds; ++round) {
    scheduler.Draw(&blocks);
    const uint32_t k = blocks[0].at(0);
    ++count[k];
    scheduler.Return(k, priority[k]);
  }
  EXPECT_NEAR(count[0] / kRounds, 8.75 / 15, 0.015);
  EXPECT_NEAR(count[1] / kRounds, 4.75 / 15, 0.015);
  EXPECT_NEAR(count[2] / kRounds, 0.75 / 15, 0.01);
  EXPECT_NEAR(count[3] / kRounds, 0.75 / 15, 0.01);
}

TEST(Scheduler, FilterKeepsCoupledUnitsApart) {
  for (const Schedule schedule :
       {Schedule::kUniform, Schedule::kDependency, Schedule::kPriority, Schedule::kSap}) {
    Clusters coupling(5);
    Scheduler::Options options;
    options.schedule = schedule;
    options.rho = 0.3;
    options.workers = 8;
    Scheduler scheduler(options, Units(50), std::vector<int64_t>(50, 1), &coupling);
    scheduler.Reset(std::vector<double>(50, 1.0));
    bool together = false;
    Blocks blocks;
    for (int round = 0; round < 200; ++round) {
      scheduler.Draw(&blocks);
      const auto all = All(blocks);
      EXPECT_EQ(all.size(), 8u);
      std::set<uint32_t> clusters;
      for (const uint32_t k : all) together |= !clusters.insert(k / 5).second;
      for (const uint32_t k : all) scheduler.Return(k, 1);
    }
    EXPECT_EQ(together, !Filtered(schedule));
    EXPECT_EQ(scheduler.rejected() > 0, Filtered(schedule));
    EXPECT_EQ(coupling.asked > 0, Filtered(schedule));
  }
}

TEST(Scheduler, RefusedUnitsKeepTheirPriority) {
  Clusters coupling(2);
  Scheduler::Options options;
  options.eta = 0;
  options.workers = 2;
  Scheduler scheduler(options, Units(2), std::vector<int64_t>(2, 1), &coupling);
  scheduler.Reset({1, 2});
  Blocks blocks;
  scheduler.Draw(&blocks);
  const auto all = All(blocks);
  ASSERT_EQ(all.size(), 1u);  // the other is coupled
  EXPECT_EQ(scheduler.total(), all[0] == 0 ? 2 : 1);
}

TEST(Scheduler, SapEvensWorkOut) {
  // A few long columns, many short: entries fall as a power of the rank.
  std::vector<int64_t> work;
  for (int k = 0; k < 4000; ++k)
    work.push_back(static_cast<int64_t>(20000 / std::pow(k + 20, 0.7)));
  const auto imbalance = [&](Schedule schedule) {
    Clusters coupling(1);
    Scheduler::Options options;
    options.schedule = schedule;
    options.workers = 8, options.per_worker = 4;
    Scheduler scheduler(options, Units(4000), work, &coupling);
    scheduler.Reset(std::vector<double>(4000, 1.0));
    double most = 0, mean = 0;
    Blocks blocks;
    for (int round = 0; round < 300; ++round) {
      scheduler.Draw(&blocks);
      int64_t longest = 0, sum = 0;
      for (const auto& block : blocks) {
        int64_t load = 0;
        for (const uint32_t k : block) load += work[k];
        longest = std::max(longest, load), sum += load;
      }
      most += static_cast<double>(longest), mean += static_cast<double>(sum) / 8;
      for (const uint32_t k : All(blocks)) scheduler.Return(k, 1);
    }
    return most / mean;
  };
  EXPECT_LT(imbalance(Schedule::kSap), 1.1);
  EXPECT_GT(imbalance(Schedule::kPriority), 1.3);
}

// A column longer than all others together goes to each worker in turn.
TEST(Scheduler, SapEvensOutOverRoundsWhatNoRoundCan) {
  Clusters coupling(1);
  Scheduler::Options options;
  options.workers = 4;
  std::vector<int64_t> work(20, 1);
  work[7] = 1000;
  Scheduler scheduler(options, Units(20), work, &coupling);
  std::vector<double> priority(20, 1e-3);
  priority[7] = 1;
  scheduler.Reset(priority);
  std::vector<int64_t> load(4);
  Blocks blocks;
  for (int round = 0; round < 100; ++round) {
    scheduler.Draw(&blocks);
    for (size_t w = 0; w < 4; ++w)
      for (const uint32_t k : blocks[w]) load[w] += work[k], scheduler.Return(k, priority[k]);
  }
  const auto [least, most] = std::minmax_element(load.begin(), load.end());
  EXPECT_GT(*least, 10000);
  EXPECT_LT(static_cast<double>(*most), 1.1 * static_cast<double>(*least));
}

TEST(Scheduler, RepeatsWithTheSeed) {
  const auto draw = [](uint64_t seed) {
    Scheduler::Options options;
    options.schedule = Schedule::kPriority;
    options.workers = 4;
    options.seed = seed;
    Scheduler scheduler(options, Units(100), std::vector<int64_t>(100, 1), nullptr);
    scheduler.Reset(std::vector<double>(100, 1.0));
    Blocks blocks;
    scheduler.Draw(&blocks);
    return All(blocks);
  };
  EXPECT_EQ(draw(5), draw(5));
  EXPECT_NE(draw(5), draw(6));
}

}  // namespace
}  // namespace gyre
