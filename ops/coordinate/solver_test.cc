#include "ops/coordinate/solver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "ops/coordinate/testing.h"

namespace gyre {
namespace {

constexpr int64_t kRows = 30, kColumns = 45;

// Columns of which a third of the entries are not zero; column 3 repeats column 2, column 4 is zero
// and column 5 constant. Then a second part: the column of ones, without a penalty.
struct Problem {
  Problem(Format format, double sign, bool intercept) : x(kRows * kColumns), y(kRows) {
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    for (double& v : x) v = random() % 3 == 0 ? normal(random) : 0;
    std::copy_n(&x[2 * kRows], kRows, &x[3 * kRows]);
    std::fill_n(&x[4 * kRows], kRows, 0.0);
    std::fill_n(&x[5 * kRows], kRows, 1.0);
    for (size_t i = 0; i < kRows; ++i)
      y[i] = 2 * x[i] - 3 * x[2 * kRows + i] + 0.3 * normal(random) + 0.5;
    theta.assign(kColumns + 1, 0.0);
    Part part;
    part.sign = sign;
    part.theta = theta.data();
    part.columns.rows = kRows, part.columns.size = kColumns;
    if (format == Format::kDense) {
      part.columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr,
                            kColumns, kRows, kRows};
    } else {
      offset.push_back(0);
      for (size_t j = 0; j < kColumns; ++j) {
        for (size_t i = 0; i < kRows; ++i) {
          if (x[j * kRows + i] == 0) continue;
          value.push_back(x[j * kRows + i]);
          index.push_back(static_cast<int32_t>(i));
        }
        offset.push_back(static_cast<int64_t>(value.size()));
      }
      part.columns.block = {Format::kCsc, Type::kFloat64, value.data(), index.data(),
                            offset.data(), kColumns, kRows, 0};
    }
    parts.push_back(part);
    if (!intercept) return;
    Part ones;
    ones.columns.ones = true;
    ones.columns.rows = kRows, ones.columns.size = 1;
    ones.theta = theta.data() + kColumns;
    parts.push_back(ones);
  }
  Problem(const Problem&) = delete;

  double X(size_t i, size_t j) const {
    return j == kColumns ? 1 : parts[0].sign * x[j * kRows + i];
  }
  double LambdaMax(RowLoss* loss) const {
    std::vector<double> slope(kRows);
    loss->Slopes(std::vector<double>(kRows, 0.0).data(), slope.data());
    double most = 0;
    for (size_t j = 0; j < kColumns; ++j) {
      double g = 0;
      for (size_t i = 0; i < kRows; ++i) g += X(i, j) * slope[i];
      most = std::max(most, std::abs(g));
    }
    return most;
  }

  // The least value by plain cyclic coordinate descent with the curvature bound `most` of a row.
  double Reference(RowLoss* loss, double most) const {
    std::vector<double> t(kColumns + 1), view(kRows), slope(kRows), losses(kRows);
    const size_t all = kColumns + parts.size() - 1;
    const auto penalty = [&](size_t j) {
      return j == kColumns ? ElementPenalty() : parts[0].penalty(static_cast<int64_t>(j));
    };
    for (int sweep = 0; sweep < 20000; ++sweep) {
      for (size_t j = 0; j < all; ++j) {
        loss->Slopes(view.data(), slope.data());
        double g = 0, a = 0;
        for (size_t i = 0; i < kRows; ++i) g += X(i, j) * slope[i], a += most * X(i, j) * X(i, j);
        const double to = penalty(j).Minimizer(a, a * t[j] - g, t[j]);
        for (size_t i = 0; i < kRows; ++i) view[i] += X(i, j) * (to - t[j]);
        t[j] = to;
      }
    }
    loss->Losses(view.data(), losses.data());
    double sum = 0;
    for (const double l : losses) sum += l;
    for (size_t j = 0; j < all; ++j) sum += penalty(j).Value(t[j]);
    return sum;
  }

  std::vector<double> x, y, theta, value;
  std::vector<int32_t> index;
  std::vector<int64_t> offset;
  std::vector<Part> parts;
};

// Solves; the gap must bound what is left at every score and the end be the reference's.
void ExpectOptimum(Problem* p, RowLoss* loss, double most) {
  const double best = p->Reference(loss, most);
  CoordinateSolver::Options options;
  options.tolerance = 1e-9;
  CoordinateSolver solver(options, &p->parts, loss, nullptr, kRows, 1);
  ASSERT_TRUE(solver.Start().ok());
  for (int round = 0; round < 1000 && !solver.converged(); ++round) {
    solver.Work(0);
    solver.Turn();
    EXPECT_GE(solver.objective() - best, -1e-11 * best);
    EXPECT_LE(solver.objective() - best, solver.gap() + 1e-11 * best) << round;
  }
  ASSERT_TRUE(solver.converged());
  EXPECT_LE(solver.gap(), 1e-9 * best * (1 + 1e-6));
  EXPECT_NEAR(solver.objective(), best, 2e-9 * best);
}

class SolverTest : public testing::TestWithParam<Format> {};
INSTANTIATE_TEST_SUITE_P(Formats, SolverTest, testing::Values(Format::kDense, Format::kCsc));

TEST_P(SolverTest, LassoWithIntercept) {
  for (const double ratio : {0.3, 0.05}) {
    Problem p(GetParam(), 1, true);
    Squares loss(p.y, std::vector<double>(kRows, 1.0));
    p.parts[0].prox.l1.value = ratio * p.LambdaMax(&loss);
    ExpectOptimum(&p, &loss, 1);
  }
}

TEST_P(SolverTest, ElasticNetOfANegatedPart) {
  Problem p(GetParam(), -1, true);
  Squares loss(p.y, std::vector<double>(kRows, 1.0));
  p.parts[0].prox.l1.value = 0.05 * p.LambdaMax(&loss);
  p.parts[0].prox.l2.value = 0.4;
  ExpectOptimum(&p, &loss, 1);
}

TEST_P(SolverTest, NonNegativeLasso) {
  Problem p(GetParam(), 1, false);
  Squares loss(p.y, std::vector<double>(kRows, 1.0));
  p.parts[0].prox.l1.value = 0.05 * p.LambdaMax(&loss);
  p.parts[0].prox.lower.value = 0;
  ExpectOptimum(&p, &loss, 1);
  EXPECT_GE(*std::min_element(p.theta.begin(), p.theta.end()), 0);
}

TEST_P(SolverTest, WeightedSquares) {
  Problem p(GetParam(), 1, true);
  std::vector<double> weight(kRows);
  for (size_t i = 0; i < kRows; ++i) weight[i] = 0.25 + static_cast<double>(i % 4) / 4;
  Squares loss(p.y, weight);
  p.parts[0].prox.l1.value = 0.1 * p.LambdaMax(&loss);
  ExpectOptimum(&p, &loss, 1);
}

TEST_P(SolverTest, LogisticLasso) {
  Problem p(GetParam(), 1, true);
  std::vector<double> label(kRows);
  for (size_t i = 0; i < kRows; ++i) label[i] = p.y[i] > 0.5 ? 1 : -1;
  Logistic loss(label);
  p.parts[0].prox.l1.value = 0.2 * p.LambdaMax(&loss);
  ExpectOptimum(&p, &loss, 0.25);
}

TEST_P(SolverTest, ZeroBeyondLambdaMaxAtOnce) {
  Problem p(GetParam(), 1, false);
  Squares loss(p.y, std::vector<double>(kRows, 1.0));
  p.parts[0].prox.l1.value = 1.0001 * p.LambdaMax(&loss);
  CoordinateSolver solver({}, &p.parts, &loss, nullptr, kRows, 1);
  ASSERT_TRUE(solver.Start().ok());
  solver.Work(0);
  solver.Turn();
  EXPECT_TRUE(solver.converged());
  EXPECT_EQ(solver.active(), 0);
}

TEST_P(SolverTest, WorkersChangeNothing) {
  std::vector<double> one;
  for (const int workers : {1, 2, 5}) {
    Problem p(GetParam(), 1, true);
    Squares loss(p.y, std::vector<double>(kRows, 1.0));
    p.parts[0].prox.l1.value = 0.05 * p.LambdaMax(&loss);
    CoordinateSolver::Options options;
    options.workers = workers;
    CoordinateSolver solver(options, &p.parts, &loss, nullptr, kRows, 1);
    ASSERT_TRUE(solver.Start().ok());
    for (int round = 0; round < 1000 && !solver.converged(); ++round) {
      for (int w = workers; w-- > 0;) solver.Work(w);
      solver.Turn();
    }
    ASSERT_TRUE(solver.converged());
    if (workers == 1) one = p.theta;
    EXPECT_EQ(p.theta, one) << workers;
  }
}

// A path: penalties change between starts, then the weights of the rows.
TEST_P(SolverTest, StartsAgainFromWhereItIs) {
  Problem p(GetParam(), 1, true);
  Squares loss(p.y, std::vector<double>(kRows, 1.0));
  const double most = p.LambdaMax(&loss);
  CoordinateSolver::Options options;
  options.tolerance = 1e-9;
  CoordinateSolver solver(options, &p.parts, &loss, nullptr, kRows, 1);
  for (const double ratio : {0.5, 0.1, 0.02, 0.2, 0.02, 0.03}) {
    p.parts[0].prox.l1.value = ratio * most;
    if (ratio == 0.2) {
      for (size_t i = 0; i < kRows; i += 2) loss.SetWeight(i, 0.25);
    }
    if (ratio == 0.03) {
      for (size_t i = 0; i < kRows; i += 3) loss.SetWeight(i, 2);
    }
    const double best = p.Reference(&loss, 2);
    ASSERT_TRUE(solver.Start().ok());
    for (int round = 0; round < 1000 && !solver.converged(); ++round) {
      solver.Work(0);
      solver.Turn();
    }
    ASSERT_TRUE(solver.converged());
    EXPECT_NEAR(solver.objective(), best, 2e-9 * best) << ratio;
  }
}

TEST(Solver, LossesThatAreNotConvexAreRefused) {
  Problem p(Format::kDense, 1, false);
  std::vector<double> weight(kRows, 1.0);
  weight[3] = -1;
  Squares squares(p.y, weight);
  CoordinateSolver solver({}, &p.parts, &squares, nullptr, kRows, 1);
  EXPECT_EQ(solver.Start().code(), absl::StatusCode::kInvalidArgument);
  Logistic logistic(std::vector<double>(kRows, 1.0), -1);
  CoordinateSolver other({}, &p.parts, &logistic, nullptr, kRows, 1);
  EXPECT_EQ(other.Start().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gyre
