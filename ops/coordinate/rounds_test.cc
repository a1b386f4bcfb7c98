#include "ops/coordinate/rounds.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "ops/coordinate/testing.h"
#include "ops/coordinate/solver.h"

namespace gyre {
namespace {

constexpr Schedule kSchedules[] = {Schedule::kUniform, Schedule::kDependency, Schedule::kPriority,
                                   Schedule::kSap};

// AR(1) features in blocks, as columns that lie one after the other.
struct Problem {
  Problem(int64_t n, int64_t d, int64_t block, double correlation, uint64_t seed)
      : rows(n), x(static_cast<size_t>(n * d)), y(static_cast<size_t>(n)),
        theta(static_cast<size_t>(d)), parts(1) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal;
    for (int64_t j = 0; j < d; ++j) {
      const bool first = j % block == 0;
      for (int64_t i = 0; i < n; ++i)
        at(i, j) = first ? normal(random)
                         : correlation * at(i, j - 1) +
                               std::sqrt(1 - correlation * correlation) * normal(random);
    }
    for (double& v : y) v = 0.5 * normal(random);
    for (int64_t j = 0; j < d; j += std::max<int64_t>(block / 2, 1)) {
      const double beta = normal(random);
      for (int64_t i = 0; i < n; ++i) y[static_cast<size_t>(i)] += beta * at(i, j);
    }
    parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, d, n, n};
    parts[0].columns.rows = n, parts[0].columns.size = d;
    parts[0].theta = theta.data();
  }
  double& at(int64_t i, int64_t j) { return x[static_cast<size_t>(j * rows + i)]; }
  double LambdaMax() const {
    double most = 0;
    for (int64_t j = 0; j < parts[0].columns.size; ++j) {
      double dot = 0;
      for (int64_t i = 0; i < rows; ++i)
        dot += x[static_cast<size_t>(j * rows + i)] * y[static_cast<size_t>(i)];
      most = std::max(most, std::abs(dot));
    }
    return most;
  }
  std::unique_ptr<RowLoss> squares() const {
    return std::make_unique<Squares>(y, std::vector<double>(static_cast<size_t>(rows), 1.0));
  }

  int64_t rows;
  std::vector<double> x, y, theta;
  std::vector<Part> parts;
};

double Minimum(Problem* problem, RowLoss* loss, int64_t outputs = 1) {
  std::fill(problem->theta.begin(), problem->theta.end(), 0.0);
  CoordinateSolver::Options options;
  options.tolerance = 1e-12;
  CoordinateSolver solver(options, &problem->parts, loss, nullptr, problem->rows, outputs);
  EXPECT_TRUE(solver.Start().ok());
  for (int k = 0; k < 100000 && !solver.converged(); ++k) solver.Work(0), solver.Turn();
  std::fill(problem->theta.begin(), problem->theta.end(), 0.0);
  return solver.objective();
}

void Minimise(RoundsSolver* solver, int workers, int64_t most_rounds = 1000000) {
  ASSERT_TRUE(solver->Start().ok());
  for (int64_t k = 0; k < most_rounds && !solver->converged() && solver->status().ok(); ++k) {
    for (int w = 0; w < workers; ++w) solver->Work(w);
    solver->Turn();
  }
}

RoundsSolver::Options Options(Schedule schedule, int workers) {
  RoundsSolver::Options options;
  options.schedule = schedule;
  options.workers = workers;
  options.per_worker = 1;
  options.rho = 0.3;
  options.tolerance = 1e-8;
  return options;
}

TEST(Rounds, EveryScheduleReachesTheOptimum) {
  Problem problem(200, 300, 5, 0.5, 1);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.1 * problem.LambdaMax();
  const double minimum = Minimum(&problem, loss.get());
  for (const Schedule schedule : kSchedules) {
    for (const int workers : {1, 4}) {
      std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
      RoundsSolver solver(Options(schedule, workers), &problem.parts, loss.get(), nullptr,
                          problem.rows, 1);
      Minimise(&solver, workers);
      EXPECT_TRUE(solver.converged()) << static_cast<int>(schedule);
      EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum);
      EXPECT_NEAR(solver.Objective(), solver.objective(), 1e-12 * minimum);
      EXPECT_GT(solver.updates(), 0);
      EXPECT_LE(solver.updates(), solver.visits());
    }
  }
}

TEST(Rounds, WeightsInterceptAndRidge) {
  Problem problem(120, 60, 4, 0.4, 2);
  std::vector<double> weight(120);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = 0.5 + static_cast<double>(i % 3);
  for (double& y : problem.y) y += 5;
  Squares loss(problem.y, weight);
  std::vector<double> intercept(1);
  Part ones;
  ones.columns.ones = true;
  ones.columns.rows = 120, ones.columns.size = 1;
  ones.theta = intercept.data();
  problem.parts.push_back(ones);
  problem.parts[0].prox.l1.value = 20;
  problem.parts[0].prox.l2.value = 3;
  const double minimum = Minimum(&problem, &loss);
  for (const Schedule schedule : kSchedules) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    intercept[0] = 0;
    RoundsSolver solver(Options(schedule, 4), &problem.parts, &loss, nullptr, 120, 1);
    Minimise(&solver, 4);
    EXPECT_TRUE(solver.converged());
    EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum) << static_cast<int>(schedule);
    EXPECT_GT(intercept[0], 3);
  }
}

TEST(Rounds, GroupsAndSeveralOutputs) {
  // Four columns a group; then three outputs, one group each column.
  for (const int64_t outputs : {1, 3}) {
    Problem problem(90, 40, 4, 0.5, 3);
    std::vector<double> y(static_cast<size_t>(90 * outputs));
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = problem.y[i / static_cast<size_t>(outputs)] *
             (1 + 0.3 * static_cast<double>(i % static_cast<size_t>(outputs)));
    Squares loss(y, std::vector<double>(90, 1.0));
    problem.theta.assign(static_cast<size_t>(40 * outputs), 0.0);
    Part& part = problem.parts[0];
    part.theta = problem.theta.data();
    part.outputs = outputs;
    part.column_stride = outputs;
    part.prox.group.value = 0.3 * problem.LambdaMax();
    part.prox.group_size = outputs == 1 ? 4 : outputs;
    const double minimum = Minimum(&problem, &loss, outputs);
    for (const Schedule schedule : kSchedules) {
      std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
      RoundsSolver solver(Options(schedule, 2), &problem.parts, &loss, nullptr, 90, outputs);
      Minimise(&solver, 2);
      EXPECT_TRUE(solver.converged()) << outputs;
      EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum) << static_cast<int>(schedule);
    }
    EXPECT_GT(std::count_if(problem.theta.begin(), problem.theta.end(),
                            [](double t) { return t != 0; }), 0);
  }
}

TEST(Rounds, LogisticReachesTheOptimum) {
  Problem problem(300, 100, 5, 0.5, 4);
  for (double& y : problem.y) y = y > 0 ? 1 : -1;
  Logistic loss(problem.y);
  problem.parts[0].prox.l1.value = 0.05 * problem.LambdaMax();
  const double minimum = Minimum(&problem, &loss);
  for (const Schedule schedule : kSchedules) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    RoundsSolver solver(Options(schedule, 4), &problem.parts, &loss, nullptr, problem.rows, 1);
    Minimise(&solver, 4);
    EXPECT_TRUE(solver.converged()) << static_cast<int>(schedule);
    EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum);
  }
}

// Wherever all workers' moves interfere, the objective of a filtered schedule still never rises.
TEST(Rounds, FilteredSchedulesDescendWhateverTheFilterLetsThrough) {
  Problem problem(100, 64, 64, 0.98, 5);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.02 * problem.LambdaMax();
  const double minimum = Minimum(&problem, loss.get());
  for (const Schedule schedule : {Schedule::kDependency, Schedule::kSap}) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    RoundsSolver::Options options = Options(schedule, 32);
    options.rho = 1.1;  // lets all through
    options.tolerance = 1e-4;
    RoundsSolver solver(options, &problem.parts, loss.get(), nullptr, problem.rows, 1);
    Minimise(&solver, 32);
    EXPECT_TRUE(solver.converged());
    EXPECT_TRUE(solver.status().ok());
    EXPECT_GT(solver.shortened(), 0);
    EXPECT_NEAR(solver.objective(), minimum, 1e-4 * minimum);
  }
}

TEST(Rounds, UnfilteredSchedulesDivergeWhereUnitsAreCoupledAndSayHowToAvoidIt) {
  Problem problem(100, 64, 64, 0.98, 5);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.02 * problem.LambdaMax();
  for (const Schedule schedule : kSchedules) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    RoundsSolver::Options options = Options(schedule, 32);
    options.tolerance = 1e-4;
    RoundsSolver solver(options, &problem.parts, loss.get(), nullptr, problem.rows, 1);
    Minimise(&solver, 32);
    if (Filtered(schedule)) {
      EXPECT_TRUE(solver.converged()) << static_cast<int>(schedule);
      continue;
    }
    EXPECT_FALSE(solver.converged());
    EXPECT_EQ(solver.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(solver.status().message(),
              "diverged after " + std::to_string(solver.updates()) +
                  " updates; schedule sap or dependency does not");
  }
}

TEST(Rounds, PriorityNeedsFewerVisitsThanUniform) {
  Problem problem(200, 1000, 5, 0.5, 6);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.2 * problem.LambdaMax();
  const auto visits = [&](Schedule schedule) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    RoundsSolver::Options options = Options(schedule, 4);
    options.tolerance = 1e-6;
    RoundsSolver solver(options, &problem.parts, loss.get(), nullptr, problem.rows, 1);
    Minimise(&solver, 4);
    EXPECT_TRUE(solver.converged());
    return solver.visits();
  };
  const int64_t uniform = visits(Schedule::kUniform);
  EXPECT_LT(2 * visits(Schedule::kPriority), uniform);
  EXPECT_LT(2 * visits(Schedule::kSap), uniform);
}

// The coupling is the user's: here it forbids any two units together.
TEST(Rounds, TakesAnotherCoupling) {
  class Total final : public UnitCoupling {
   public:
    double Of(UnitId, UnitId) override { return 1; }
  };
  Problem problem(50, 20, 2, 0.5, 7);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.2 * problem.LambdaMax();
  const double minimum = Minimum(&problem, loss.get());
  Total coupling;
  RoundsSolver solver(Options(Schedule::kSap, 4), &problem.parts, loss.get(), nullptr, 50, 1,
                      &coupling);
  Minimise(&solver, 4);
  EXPECT_TRUE(solver.converged());
  EXPECT_EQ(solver.rounds(), solver.visits());
  EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum);
}

TEST(Rounds, DuplicatedAndConstantColumns) {
  Problem problem(60, 30, 3, 0.5, 8);
  for (int64_t i = 0; i < 60; ++i) {
    for (int64_t j = 15; j < 28; ++j) problem.at(i, j) = problem.at(i, 0);
    problem.at(i, 28) = 0;
    problem.at(i, 29) = 3;
  }
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.05 * problem.LambdaMax();
  const double minimum = Minimum(&problem, loss.get());
  for (const Schedule schedule : {Schedule::kDependency, Schedule::kSap}) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    RoundsSolver solver(Options(schedule, 8), &problem.parts, loss.get(), nullptr, 60, 1);
    Minimise(&solver, 8);
    EXPECT_TRUE(solver.converged());
    EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum);
    EXPECT_EQ(problem.theta[28], 0);
  }
}

TEST(Rounds, SmallAndTrivialProblems) {
  for (const Schedule schedule : kSchedules) {
    for (const auto& [n, d] : {std::pair<int64_t, int64_t>{1, 6}, {30, 1}, {1, 1}}) {
      Problem problem(n, d, d, 0.5, 9);
      const auto loss = problem.squares();
      problem.parts[0].prox.l1.value = 0.3 * problem.LambdaMax();
      const double minimum = Minimum(&problem, loss.get());
      // All columns of one sample are the same: alone they are safe, together a filter's matter.
      const int workers = n == 1 && !Filtered(schedule) ? 1 : 4;
      RoundsSolver solver(Options(schedule, workers), &problem.parts, loss.get(), nullptr, n, 1);
      Minimise(&solver, workers, 20000);
      EXPECT_TRUE(solver.converged()) << n << " x " << d << " " << static_cast<int>(schedule);
      EXPECT_NEAR(solver.objective(), minimum, 1e-7 * minimum + 1e-12);
    }
    // y = 0, and a penalty as strong as lambda_max: zero is the optimum.
    for (const double scale : {0.0, 1.0}) {
      Problem problem(40, 10, 2, 0.5, 10);
      problem.parts[0].prox.l1.value = problem.LambdaMax();
      for (double& y : problem.y) y *= scale;
      const auto loss = problem.squares();
      RoundsSolver solver(Options(schedule, 4), &problem.parts, loss.get(), nullptr, 40, 1);
      Minimise(&solver, 4, 20000);
      EXPECT_TRUE(solver.converged());
      for (const double t : problem.theta) EXPECT_NEAR(t, 0, 1e-9);
    }
  }
}

// What workers and the scheduler do at once gives the same bits as one after the other.
TEST(Rounds, WorkersAndSchedulingMayOverlap) {
  Problem problem(150, 200, 5, 0.5, 11);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.1 * problem.LambdaMax();
  std::vector<double> serial;
  for (const bool threads : {false, true}) {
    std::fill(problem.theta.begin(), problem.theta.end(), 0.0);
    RoundsSolver solver(Options(Schedule::kSap, 3), &problem.parts, loss.get(), nullptr,
                        problem.rows, 1);
    ASSERT_TRUE(solver.Start().ok());
    for (int k = 0; k < 100; ++k) {
      if (threads) {
        std::vector<std::thread> pool;
        for (int w = 0; w < 3; ++w) pool.emplace_back([&, w] { solver.Work(w); });
        pool.emplace_back([&] { solver.DrawNext(); });
        for (std::thread& t : pool) t.join();
      } else {
        for (int w = 2; w >= 0; --w) solver.Work(w);
      }
      solver.Turn();
    }
    EXPECT_GT(solver.updates(), 50);
    if (!threads) serial = problem.theta;
  }
  EXPECT_EQ(problem.theta, serial);
}

TEST(Rounds, StartsAgainFromWhereItIs) {
  Problem problem(100, 50, 5, 0.5, 12);
  const auto loss = problem.squares();
  problem.parts[0].prox.l1.value = 0.2 * problem.LambdaMax();
  RoundsSolver solver(Options(Schedule::kSap, 2), &problem.parts, loss.get(), nullptr, 100, 1);
  Minimise(&solver, 2);
  EXPECT_TRUE(solver.converged());
  const auto theta = problem.theta;
  Minimise(&solver, 2);
  EXPECT_TRUE(solver.converged());
  EXPECT_EQ(solver.updates(), 0);
  EXPECT_EQ(problem.theta, theta);
  problem.parts[0].prox.l1.value /= 2;
  const double objective = solver.objective();
  Minimise(&solver, 2);
  EXPECT_TRUE(solver.converged());
  EXPECT_LT(solver.objective(), objective);
}

TEST(Rounds, RefusesWhatItCannotDo) {
  Problem problem(10, 5, 5, 0.5, 13);
  const auto loss = problem.squares();
  RoundsSolver none(Options(Schedule::kSap, 0), &problem.parts, loss.get(), nullptr, 10, 1);
  EXPECT_EQ(none.Start().code(), absl::StatusCode::kInvalidArgument);
  problem.parts[0].prox.simplex = 1;
  RoundsSolver simplex(Options(Schedule::kSap, 1), &problem.parts, loss.get(), nullptr, 10, 1);
  EXPECT_FALSE(simplex.Start().ok());
}

}  // namespace
}  // namespace gyre
