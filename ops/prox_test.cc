// Proximal operators against brute force: no point nearby, and none of many random ones, may have a
// smaller ||x - v||^2 / (2 step) + Omega(x); and against identities that hold for every one.
#include "ops/prox.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kSize = 12;

struct Case {
  std::string name;
  Prox prox;
};

const double kEachL1[kSize] = {0, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1, 2};
const double kEachLower[kSize] = {-1, -1, 0, 0, .5, .5, -kInfinity, -2, -3, 0, 0, -.1};
const double kEachUpper[kSize] = {1, 0, 2, kInfinity, .5, 3, 1, 2, 3, .3, 1, .1};
const double kGroupWeight[4] = {0, .5, 1, 3};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&cases](const std::string& name, const Prox& p) { cases.push_back({name, p}); };
  add("identity", {});
  Prox p;
  p.l1.value = 0.7, add("l1", p);
  p.l1.each = kEachL1, add("l1 each", p);
  p = {}, p.l2.value = 0.6, add("l2", p);
  p.l1.value = 0.4, add("elastic net", p);
  p.lower.value = 0, add("non-negative elastic net", p);
  p.l2.each = kEachL1, p.upper.value = 0.8, add("elastic net in a box", p);
  p = {}, p.lower.value = 0, add("non-negative", p);
  p.lower.value = -0.5, p.upper.value = 0.25, add("box", p);
  p.lower.each = kEachLower, p.upper.each = kEachUpper, add("box each", p);
  p = {}, p.group.value = 0.9, add("whole group", p);
  p.group_size = 3, add("row groups", p);
  p.group_stride = 4, add("column groups", p);
  p.group_stride = 2, p.group.each = kGroupWeight, add("inner groups each", p);
  p.l1.value = 0.2, p.l2.value = 0.3, add("sparse group", p);
  p.lower.value = 0, add("non-negative sparse group", p);
  p = {}, p.simplex = 1, add("simplex", p);
  p.simplex = 2.5, p.group_size = 4, add("row simplex", p);
  p.group_size = 3, p.group_stride = 4, p.l2.value = 0.5, p.l1.each = kEachL1;
  add("column simplex with linear and l2", p);
  return cases;
}

class ProxTest : public testing::TestWithParam<Case> {
 protected:
  std::vector<double> Random(double scale) {
    std::normal_distribution<double> normal(0, scale);
    std::vector<double> v(kSize);
    for (double& x : v) x = normal(random_);
    return v;
  }
  // A feasible point near x.
  std::vector<double> Near(std::vector<double> x, double distance) {
    const std::vector<double> d = Random(distance);
    // Moving some elements only finds descent that a full random direction hides.
    for (size_t i = 0; i < x.size(); ++i)
      if (random_() % 3 == 0) x[i] = random_() % 4 == 0 ? 0 : x[i] + d[i];
    GetParam().prox.Project(x.data(), kSize);
    return x;
  }
  std::mt19937 random_{5};
};

double Distance2(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

TEST_P(ProxTest, NothingIsBetter) {
  const Prox& p = GetParam().prox;
  ASSERT_TRUE(p.Check(kSize).ok()) << p.Check(kSize);
  for (int trial = 0; trial < 60; ++trial) {
    const double step = std::exp(std::uniform_real_distribution<double>(-3, 2)(random_));
    const std::vector<double> v = Random(trial % 2 ? 1 : 3);
    std::vector<double> x = v;
    p.Apply(step, x.data(), kSize);
    const auto objective = [&](const std::vector<double>& u) {
      return Distance2(u, v) / (2 * step) + p.Value(u.data(), kSize);
    };
    const double best = objective(x);
    ASSERT_TRUE(std::isfinite(best));
    for (int i = 0; i < 400; ++i) {
      const double distance = std::pow(10, -(i % 6));
      ASSERT_GE(objective(Near(x, distance)), best - 1e-9 * std::max(1.0, std::abs(best)));
    }
  }
}

// ||prox(u) - prox(v)||^2 <= <u - v, prox(u) - prox(v)>: firmly non-expansive (Moreau 1965).
TEST_P(ProxTest, FirmlyNonExpansive) {
  const Prox& p = GetParam().prox;
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<double> u = Random(2), v = Random(2);
    std::vector<double> pu = u, pv = v;
    p.Apply(0.7, pu.data(), kSize);
    p.Apply(0.7, pv.data(), kSize);
    double inner = 0;
    for (size_t i = 0; i < u.size(); ++i) inner += (u[i] - v[i]) * (pu[i] - pv[i]);
    ASSERT_LE(Distance2(pu, pv), inner + 1e-10);
  }
}

// v = prox_s(v) + s prox*(v / s): what is left is in the subdifferential, so that
// Omega(z) >= Omega(x) + <v - x, z - x> / s for every z.
TEST_P(ProxTest, MoreauDecomposition) {
  const Prox& p = GetParam().prox;
  const double step = 0.45;
  for (int trial = 0; trial < 100; ++trial) {
    const std::vector<double> v = Random(2);
    std::vector<double> x = v, z = Random(2);
    p.Apply(step, x.data(), kSize);
    p.Project(z.data(), kSize);
    double inner = 0;
    for (size_t i = 0; i < v.size(); ++i) inner += (v[i] - x[i]) * (z[i] - x[i]);
    ASSERT_GE(p.Value(z.data(), kSize), p.Value(x.data(), kSize) + inner / step - 1e-8);
  }
}

TEST_P(ProxTest, ApplyEachWithEqualStepsIsApply) {
  const Prox& p = GetParam().prox;
  const std::vector<double> steps(kSize, 0.3), v = Random(2);
  std::vector<double> a = v, b = v;
  p.Apply(0.3, a.data(), kSize);
  p.ApplyEach(steps.data(), b.data(), kSize);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-14);
}

TEST_P(ProxTest, ProjectIsFeasibleAndKeepsFeasiblePoints) {
  const Prox& p = GetParam().prox;
  std::vector<double> x = Random(3);
  p.Project(x.data(), kSize);
  EXPECT_TRUE(std::isfinite(p.Value(x.data(), kSize)));
  std::vector<double> again = x;
  p.Project(again.data(), kSize);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], again[i], 1e-12);
}

INSTANTIATE_TEST_SUITE_P(All, ProxTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& c) {
                           std::string name = c.param.name;
                           std::replace_if(
                               name.begin(), name.end(), [](char letter) { return !std::isalnum(letter); }, '_');
                           return name;
                         });

TEST(Prox, KnownValues) {
  Prox p;
  p.l1.value = 1;
  double x[] = {3, -0.5, -2};
  p.Apply(1, x, 3);
  EXPECT_EQ(x[0], 2);
  EXPECT_EQ(x[1], 0);
  EXPECT_EQ(x[2], -1);
  Prox simplex;
  simplex.simplex = 1;
  double y[] = {0.5, 0.5, 5};
  simplex.Apply(1, y, 3);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[2], 1);
  Prox l2;
  l2.l2.value = 0.5;  // 0.5 x^2: prox is x / (1 + step)
  double z = 4;
  l2.Apply(1, &z, 1);
  EXPECT_EQ(z, 2);
  EXPECT_EQ(l2.Value(&z, 1), 2);
}

TEST(Prox, GroupsCoverEveryElementOnce) {
  for (const int64_t size : {1, 2, 3})
    for (const int64_t stride : {1, 2, 4}) {
      Prox p;
      p.group_size = size, p.group_stride = stride;
      const int64_t n = 24;
      std::vector<int> seen(static_cast<size_t>(n), 0);
      for (int64_t g = 0; g < p.group_count(n); ++g)
        for (int64_t i = 0; i < size; ++i)
          ++seen[static_cast<size_t>(p.group_begin(g) + i * stride)];
      for (const int s : seen) EXPECT_EQ(s, 1);
    }
}

TEST(Prox, RefusesWhatHasNoMeaningOrNoClosedForm) {
  Prox p;
  p.l1.value = -1;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kInvalidArgument);
  p = {}, p.lower.value = 2, p.upper.value = 1;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kInvalidArgument);
  p = {}, p.group.value = 1, p.group_size = 2;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kInvalidArgument);
  p = {}, p.group.value = 1, p.upper.value = 1;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kUnimplemented);
  p = {}, p.simplex = 1, p.group.value = 1;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kUnimplemented);
  p = {}, p.group.value = 1, p.l2.each = kEachL1;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kUnimplemented);
  p = {}, p.simplex = -1;
  EXPECT_EQ(p.Check(3).code(), absl::StatusCode::kInvalidArgument);
}

TEST(Prox, EmptySpans) {
  for (const Case& c : Cases()) {
    Prox p = c.prox;
    p.Apply(1, nullptr, 0);
    EXPECT_EQ(p.Value(nullptr, 0), 0) << c.name;
  }
}

}  // namespace
}  // namespace gyre
