#include "ops/normal_equations.h"

#include <Eigen/Dense>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

template <class T>
struct Panel {
  Panel(int64_t rows, int64_t numbers, unsigned seed) : n(numbers), width(NormalWidth<T>(n)) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    P = Eigen::MatrixXd::NullaryExpr(rows, n, [&] { return normal(random); });
    y = Eigen::VectorXd::NullaryExpr(rows, [&] { return normal(random); });
    storage.assign(static_cast<size_t>(rows * width + width * width + 4 * width + 64), T{0});
    auto address = reinterpret_cast<uintptr_t>(storage.data());
    panel = reinterpret_cast<T*>((address + 63) / 64 * 64);
    a = panel + rows * width, b = a + width * width, x = b + width,
    target.resize(static_cast<size_t>(rows));
    for (int64_t r = 0; r < rows; ++r) {
      target[static_cast<size_t>(r)] = static_cast<T>(y[r]);
      for (int64_t i = 0; i < n; ++i) panel[r * width + i] = static_cast<T>(P(r, i));
    }
    AddGram(panel, rows, width, a);
    AddMoments(panel, target.data(), rows, width, b);
  }
  Eigen::MatrixXd P;
  Eigen::VectorXd y;
  const int64_t n, width;
  std::vector<T> storage, target;
  T *panel, *a, *b, *x;
};

template <class T>
class NormalEquations : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(NormalEquations, Types);

TYPED_TEST(NormalEquations, TheGramMatrixAndItsSolutionAreThoseOfEigen) {
  const double off = sizeof(TypeParam) == 4 ? 2e-3 : 1e-9;
  for (const int64_t n : {1, 2, 7, 8, 9, 16, 17, 31, 32, 33, 50, 64, 129}) {
    Panel<TypeParam> p(3 * n + 5, n, static_cast<unsigned>(n));
    const Eigen::MatrixXd gram = p.P.transpose() * p.P;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = i; j < n; ++j)
        ASSERT_NEAR(p.a[i * p.width + j], gram(i, j), off * std::sqrt(gram(i, i) * gram(j, j)))
            << n;
    }
    const Eigen::VectorXd best = gram.ldlt().solve(p.P.transpose() * p.y);
    const double least = SolveCholesky(n, p.width, p.a, p.b, p.x);
    ASSERT_NEAR(least, 0.5 * best.dot(gram * best) - best.dot(p.P.transpose() * p.y),
                off * p.y.squaredNorm());
    for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(p.x[i], best[i], off * (1 + best.norm())) << n;
  }
}

TYPED_TEST(NormalEquations, WhatIsNotDeterminedIsZeroAndTheRestFits) {
  constexpr int64_t n = 12;
  Panel<TypeParam> p(5, n, 3);  // 5 rows know 5 numbers
  SolveCholesky(n, p.width, p.a, p.b, p.x);
  Eigen::VectorXd x(n);
  int zero = 0;
  for (int64_t i = 0; i < n; ++i) x[i] = p.x[i], zero += p.x[i] == 0;
  EXPECT_EQ(zero, n - 5);
  EXPECT_LT((p.P * x - p.y).norm(), sizeof(TypeParam) == 4 ? 1e-2 : 1e-9);
}

TYPED_TEST(NormalEquations, CoordinatesEndWhereTheConditionsOfOptimalityHold) {
  constexpr int64_t n = 20;
  Panel<TypeParam> p(60, n, 5);
  const Eigen::MatrixXd gram = p.P.transpose() * p.P;
  const Eigen::VectorXd moment = p.P.transpose() * p.y;
  const std::vector<TypeParam> l1(n, TypeParam{3}), lower(n, TypeParam{-0.05f}),
      upper(n, TypeParam{0.08f});
  const double least =
      SolveByCoordinates(n, p.width, l1.data(), lower.data(), upper.data(), 1e-7, p.a, p.b, p.x);
  Eigen::VectorXd x(n);
  for (int64_t i = 0; i < n; ++i) x[i] = p.x[i];
  EXPECT_NEAR(least, 0.5 * x.dot(gram * x) - x.dot(moment) + 3 * x.lpNorm<1>(), 1e-4);
  const Eigen::VectorXd slope = gram * x - moment;
  int bound = 0, zero = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (p.x[i] <= lower[0]) {
      ++bound;
      EXPECT_GE(slope[i] - 3, -1e-3);
    } else if (p.x[i] >= upper[0]) {
      ++bound;
      EXPECT_LE(slope[i] + 3, 1e-3);
    } else if (p.x[i] == 0) {
      ++zero;
      EXPECT_LE(std::abs(slope[i]), 3 + 1e-3);
    } else {
      EXPECT_NEAR(slope[i] + (x[i] > 0 ? 3 : -3), 0, 2e-3);
    }
  }
  EXPECT_GT(bound, 0);
  EXPECT_GT(zero, 0);
}

}  // namespace
}  // namespace gyre
