#include "ops/coordinate/delayed.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
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

constexpr int kRest = 20;  // clocks between measurements

// Workers run ahead of each other at random, as far as `staleness` lets them.
void Minimise(DelayedSolver* solver, const DelayedSolver::Options& options, uint64_t seed = 1,
              int64_t most_clocks = 20000) {
  ASSERT_TRUE(solver->Start().ok());
  std::mt19937_64 random(seed);
  const auto workers = static_cast<size_t>(options.workers);
  std::vector<int64_t> clock(workers);
  for (int64_t turns = 0; turns < most_clocks;) {
    const size_t w = random() % workers;
    const int64_t limit = std::min(turns + options.staleness, turns / kRest * kRest + kRest - 1);
    if (clock[w] <= limit) solver->Work(static_cast<int>(w)), ++clock[w];
    if (*std::min_element(clock.begin(), clock.end()) <= turns) continue;
    solver->Turn();
    if (++turns % kRest == 0) solver->Rest();
    if (solver->converged() || !solver->status().ok()) return;
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
    Minimise(&solver, Options(staleness));
    EXPECT_TRUE(solver.converged()) << staleness;
    EXPECT_NEAR(solver.objective(), minimum, 1e-6 * minimum);
    EXPECT_EQ(solver.most_delay(), staleness);
    EXPECT_THAT(solver.certificate(), testing::HasSubstr("< 1 / (L_f + 2 L s)"));
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
    DelayedSolver solver(Options(staleness), &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, Options(staleness));
    EXPECT_TRUE(solver.converged());
    EXPECT_NEAR(solver.objective(), minimum, 1e-6 * minimum);
  }
}

// weight_i sqrt(1 + (view - y)^2): the curvature is largest at y, which no probe hits.
class PseudoHuber final : public RowLoss {
 public:
  explicit PseudoHuber(std::vector<double> y) : y_(std::move(y)) {}
  void Losses(const double* view, double* loss) override {
    for (size_t i = 0; i < y_.size(); ++i) loss[i] = std::hypot(1, view[i] - y_[i]);
  }
  void Slopes(const double* view, double* slope) override {
    for (size_t i = 0; i < y_.size(); ++i) slope[i] = (view[i] - y_[i]) / std::hypot(1, view[i] - y_[i]);
  }
  void Curvatures(const double* view, double* curvature) override {
    for (size_t i = 0; i < y_.size(); ++i) curvature[i] = std::pow(std::hypot(1, view[i] - y_[i]), -3);
  }
  bool quadratic() const override { return false; }

 private:
  const std::vector<double> y_;
};

TEST(Delayed, FindsTheLargestCurvature) {
  Problem problem(4, 3, 0);
  PseudoHuber loss({0.3, -7.3, 55, 0});
  DelayedSolver solver(Options(0), &problem.parts, &loss, nullptr, 4, 1);
  Squares squares({0.3, -7.3, 55, 0});  // of curvature one
  DelayedSolver same(Options(0), &problem.parts, &squares, nullptr, 4, 1);
  for (DelayedSolver* s : {&solver, &same}) {
    ASSERT_TRUE(s->Start().ok());
    for (int w = 0; w < 8; ++w) s->Work(w);
    s->Turn();
  }
  EXPECT_NEAR(solver.lipschitz(), same.lipschitz(), 1e-6 * same.lipschitz());
}

// exp(view) - y view.
class Poisson final : public RowLoss {
 public:
  explicit Poisson(size_t rows) : rows_(rows) {}
  void Losses(const double* view, double* loss) override {
    for (size_t i = 0; i < rows_; ++i) loss[i] = std::exp(view[i]) - view[i];
  }
  void Slopes(const double* view, double* slope) override {
    for (size_t i = 0; i < rows_; ++i) slope[i] = std::exp(view[i]) - 1;
  }
  void Curvatures(const double* view, double* curvature) override {
    for (size_t i = 0; i < rows_; ++i) curvature[i] = std::exp(view[i]);
  }
  bool quadratic() const override { return false; }

 private:
  const size_t rows_;
};

TEST(Delayed, RefusesCurvaturesWithoutABound) {
  Problem problem(4, 3, 0);
  Poisson loss(4);
  DelayedSolver solver(Options(0), &problem.parts, &loss, nullptr, 4, 1);
  Minimise(&solver, Options(0));
  EXPECT_EQ(solver.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(solver.converged());
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
    Minimise(&safe, options, 1, 1);
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    options.step_scale = step / (safe.lipschitz() * safe.step());
    DelayedSolver solver(options, &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, options, 1, 1000);
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
  Minimise(&solver, options, 1, 1);
  EXPECT_NEAR(solver.lipschitz(), 16, 0.01);
  EXPECT_NEAR(solver.coupling(), std::sqrt(16.0 * (9 + 16)), 0.01);
}

// What a worker sees depends on how far the others are, and the optimum does not.
TEST(Delayed, EveryOrderConverges) {
  Problem problem(60, 30, 0.5);
  Squares loss(problem.y);
  problem.parts[0].prox.l1.value = 3;
  const double minimum = Minimum(&problem, &loss);
  std::vector<double> first;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    DelayedSolver solver(Options(3), &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, Options(3), seed);
    EXPECT_TRUE(solver.converged());
    EXPECT_NEAR(solver.objective(), minimum, 1e-6 * minimum);
    EXPECT_NE(problem.theta, first);
    first = problem.theta;
  }
}

// Threads that wait for nothing but the bound.
TEST(Delayed, Threads) {
  Problem problem(60, 30, 0.5);
  Squares loss(problem.y);
  problem.parts[0].prox.l1.value = 3;
  const double minimum = Minimum(&problem, &loss);
  DelayedSolver::Options options = Options(2);
  options.workers = 3;
  options.tolerance = 1e-4;
  DelayedSolver solver(options, &problem.parts, &loss, nullptr, problem.rows, 1);
  ASSERT_TRUE(solver.Start().ok());
  constexpr int kClocks = 100 * kRest;
  std::atomic<int64_t> turns{0};
  std::vector<std::atomic<int64_t>> done(3);
  std::vector<std::thread> pool;
  for (int w = 0; w < options.workers; ++w) {
    pool.emplace_back([&, w] {
      for (int64_t c = 0; c < kClocks; ++c) {
        while (c > std::min(turns + options.staleness, turns / kRest * kRest + kRest - 1))
          std::this_thread::yield();
        solver.Work(w);
        ++done[static_cast<size_t>(w)];
      }
    });
  }
  for (int64_t t = 0; t < kClocks; ++t) {
    for (const auto& d : done)
      while (d <= t) std::this_thread::yield();
    solver.Turn();
    if ((t + 1) % kRest == 0) solver.Rest();
    ++turns;
  }
  for (std::thread& t : pool) t.join();
  EXPECT_TRUE(solver.converged());
  EXPECT_NEAR(solver.objective(), minimum, 1e-4 * minimum);
  EXPECT_LE(solver.most_delay(), options.staleness);
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
