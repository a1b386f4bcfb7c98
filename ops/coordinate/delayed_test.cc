#include "ops/coordinate/delayed.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "ops/coordinate/testing.h"

namespace gyre {
namespace {

// Features that share a factor: all pairs correlate by about `correlation`.
struct Problem {
  Problem(int64_t n, int64_t d, double correlation)
      : rows(n), x(static_cast<size_t>(n * d)), y(static_cast<size_t>(n)),
        theta(static_cast<size_t>(d)), parts(1) {
    std::mt19937_64 random(4);
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < n; ++i) {
      const double factor = normal(random);
      for (int64_t j = 0; j < d; ++j)
        x[static_cast<size_t>(j * n + i)] =
            std::sqrt(correlation) * factor + std::sqrt(1 - correlation) * normal(random);
      y[static_cast<size_t>(i)] = x[static_cast<size_t>(i)] - x[static_cast<size_t>(2 * n + i)] +
                                  0.3 * normal(random);
    }
    parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, d, n, n};
    parts[0].columns.rows = n, parts[0].columns.size = d;
    parts[0].theta = theta.data();
  }

  int64_t rows;
  std::vector<double> x, y, theta;
  std::vector<Part> parts;
};

double Minimum(Problem* problem, RowLoss* loss) {
  std::fill(problem->theta.begin(), problem->theta.end(), 0.0);
  CoordinateSolver::Options options;
  options.tolerance = 1e-12;
  CoordinateSolver solver(options, &problem->parts, loss, nullptr, problem->rows, 1);
  EXPECT_TRUE(solver.Start().ok());
  for (int k = 0; k < 100000 && !solver.converged(); ++k) solver.Work(0), solver.Turn();
  std::fill(problem->theta.begin(), problem->theta.end(), 0.0);
  return solver.objective();
}

void Minimise(DelayedSolver* solver, int workers, int64_t most_clocks = 20000) {
  ASSERT_TRUE(solver->Start().ok());
  while (!solver->converged() && solver->status().ok() && solver->clocks() < most_clocks) {
    for (int w = 0; w < workers; ++w) solver->Work(w);
    solver->Turn();
  }
}

DelayedSolver::Options Options(int staleness) {
  DelayedSolver::Options options;
  options.workers = 8;
  options.staleness = staleness;
  options.tolerance = 1e-6;
  return options;
}

TEST(Delayed, ConvergesWithTheCertifiedStep) {
  Problem problem(100, 40, 0.5);
  Squares loss(problem.y);
  problem.parts[0].prox.l1.value = 5;
  problem.parts[0].prox.l2.value = 1;
  const double minimum = Minimum(&problem, &loss);
  double last = 1;
  for (const int staleness : {0, 2, 5}) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    DelayedSolver solver(Options(staleness), &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, 8);
    EXPECT_TRUE(solver.converged()) << staleness;
    EXPECT_NEAR(solver.objective(), minimum, 1e-6 * minimum);
    EXPECT_EQ(solver.most_delay(), staleness);
    EXPECT_LT(solver.step(), last);
    last = solver.step();
    EXPECT_NEAR(solver.step(),
                0.95 / (solver.lipschitz() + 2 * solver.coupling() * staleness), 1e-12);
  }
}

TEST(Delayed, LogisticConverges) {
  Problem problem(100, 20, 0.3);
  for (double& y : problem.y) y = y > 0 ? 1 : -1;
  Logistic loss(problem.y);
  problem.parts[0].prox.l1.value = 2;
  const double minimum = Minimum(&problem, &loss);
  for (const int staleness : {0, 3}) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    DelayedSolver::Options options = Options(staleness);
    EXPECT_EQ(DelayedSolver(options, &problem.parts, &loss, nullptr, 100, 1).Start().code(),
              absl::StatusCode::kInvalidArgument);
    options.curvature = 0.25;
    DelayedSolver solver(options, &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, 8);
    EXPECT_TRUE(solver.converged());
    EXPECT_NEAR(solver.objective(), minimum, 1e-6 * minimum);
  }
}

// Steps as multiples of 1 / L_f. Below 2 all is well without delays, but not with them.
TEST(Delayed, LargerStepsDiverge) {
  Problem problem(100, 40, 0.9);
  Squares loss(problem.y);
  problem.parts[0].prox.l2.value = 1;
  const auto status = [&](int staleness, double step) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    DelayedSolver::Options options = Options(staleness);
    DelayedSolver safe(options, &problem.parts, &loss, nullptr, problem.rows, 1);
    EXPECT_TRUE(safe.Start().ok());
    options.step_scale = step / (safe.lipschitz() * safe.step());
    DelayedSolver solver(options, &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, 8, 1000);
    EXPECT_NEAR(solver.step(), step / safe.lipschitz(), 1e-9);
    EXPECT_FALSE(solver.converged() && !solver.status().ok());
    return solver.status().code();
  };
  EXPECT_EQ(status(0, 1.8), absl::StatusCode::kOk);
  EXPECT_EQ(status(0, 3), absl::StatusCode::kAborted);
  EXPECT_EQ(status(5, 0.08), absl::StatusCode::kOk);  // about what is certified
  EXPECT_EQ(status(5, 1.8), absl::StatusCode::kAborted);
}

TEST(Delayed, PowerIterationFindsTheLipschitzConstants) {
  // Orthogonal columns of lengths 1, 3, 2, 4; two workers own two columns each.
  const std::vector<double> x = {1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 4};
  std::vector<double> theta(4);
  std::vector<Part> parts(1);
  parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, 4, 4, 4};
  parts[0].columns.rows = 4, parts[0].columns.size = 4;
  parts[0].theta = theta.data();
  Squares loss({1, 1, 1, 1});
  DelayedSolver::Options options;
  options.workers = 2, options.staleness = 1;
  DelayedSolver solver(options, &parts, &loss, nullptr, 4, 1);
  ASSERT_TRUE(solver.Start().ok());
  EXPECT_NEAR(solver.lipschitz(), 16, 0.01);
  EXPECT_NEAR(solver.coupling(), std::sqrt(16.0 * (9 + 16)), 0.01);
}

TEST(Delayed, RepeatsWithTheSeedWhateverTheThreads) {
  Problem problem(60, 30, 0.5);
  Squares loss(problem.y);
  problem.parts[0].prox.l1.value = 3;
  const auto run = [&](uint64_t seed, bool threads) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    DelayedSolver::Options options = Options(3);
    options.seed = seed;
    DelayedSolver solver(options, &problem.parts, &loss, nullptr, problem.rows, 1);
    EXPECT_TRUE(solver.Start().ok());
    for (int k = 0; k < 50; ++k) {
      if (threads) {
        std::vector<std::thread> pool;
        for (int w = 0; w < 8; ++w) pool.emplace_back([&, w] { solver.Work(w); });
        for (std::thread& t : pool) t.join();
      } else {
        for (int w = 0; w < 8; ++w) solver.Work(w);
      }
      solver.Turn();
    }
    EXPECT_GT(solver.counters().updates, 0);
    return problem.theta;
  };
  const auto first = run(1, false);
  EXPECT_EQ(run(1, true), first);
  EXPECT_NE(run(2, false), first);
}

TEST(Delayed, RefusesWhatIsOutOfRange) {
  Problem problem(10, 4, 0.5);
  Squares loss(problem.y);
  DelayedSolver::Options options = Options(-1);
  EXPECT_EQ(DelayedSolver(options, &problem.parts, &loss, nullptr, 10, 1).Start().code(),
            absl::StatusCode::kInvalidArgument);
  options = Options(0);
  options.workers = 0;
  EXPECT_EQ(DelayedSolver(options, &problem.parts, &loss, nullptr, 10, 1).Start().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gyre
