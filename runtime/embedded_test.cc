// Embedded runs of small programs against the serial computation.
#include <atomic>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/job.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT: the vocabulary of this test
using ::testing::HasSubstr;

RunResult MustRun(const Job& job) {
  absl::StatusOr<RunResult> result = RunEmbedded(job);
  EXPECT_TRUE(result.ok()) << result.status();
  RunResult none;
  none.parameter.resize(5);
  none.counters.resize(1);
  return result.ok() ? *std::move(result) : none;
}

// The same steps in a plain loop.
template <class T>
std::vector<double> Serial(const TestJob<T>& t, Kind kind, int64_t clocks) {
  const int64_t rows = t.job.extent[kRow], d = t.job.extent[kFeature];
  std::vector<double> w(static_cast<size_t>(d)), grad(w.size());
  const double rate = t.job.hyper[kRate], lambda = kind == Kind::kLasso ? t.job.hyper[kLambda] : 0;
  for (int64_t c = 0; c < clocks; ++c) {
    std::fill(grad.begin(), grad.end(), 0.0);
    for (int64_t n = 0; n < rows; ++n) {
      double r = -static_cast<double>(t.y[n]);
      for (size_t j = 0; j < w.size(); ++j)
        r += static_cast<double>(t.x[n * t.stride + static_cast<int64_t>(j)]) *
             static_cast<double>(static_cast<T>(w[j]));
      for (size_t j = 0; j < w.size(); ++j)
        grad[j] += r * static_cast<double>(t.x[n * t.stride + static_cast<int64_t>(j)]);
    }
    for (size_t j = 0; j < w.size(); ++j)
      w[j] = Soft(w[j] - rate * grad[j] / static_cast<double>(rows), rate * lambda);
  }
  return w;
}

void ExpectNear(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "at " << i;
}

struct Shape {
  int workers, lanes;
};
class Bsp : public ::testing::TestWithParam<Shape> {};

TEST_P(Bsp, EqualsTheSerialLoop) {
  for (const Kind kind : {Kind::kLeastSquares, Kind::kLasso}) {
    TestJob<> t(kind, {.workers = GetParam().workers, .lanes = GetParam().lanes});
    const RunResult result = MustRun(t.job);
    ExpectNear(result.parameter[kW], Serial(t, kind, 50), 1e-12);
    EXPECT_EQ(result.clocks, 50);
    EXPECT_EQ(result.stop_reason, StopReason::kClocks);
    EXPECT_EQ(result.staleness.max, 0);
    EXPECT_EQ(result.rows, 50 * 200);
    EXPECT_EQ(result.counters[0].fired, static_cast<uint64_t>(50 * GetParam().workers));
  }
}

TEST_P(Bsp, RunsInSinglePrecision) {
  TestJob<float> t(Kind::kLasso, {.workers = GetParam().workers, .lanes = GetParam().lanes});
  ExpectNear(MustRun(t.job).parameter[kW], Serial(t, Kind::kLasso, 50), 1e-5);
}

TEST_P(Bsp, DoesNotDependOnLanes) {
  TestJob<> one(Kind::kLasso, {.workers = GetParam().workers, .lanes = 1}, 300, 40);
  TestJob<> many(Kind::kLasso, {.workers = GetParam().workers, .lanes = GetParam().lanes}, 300, 40);
  EXPECT_EQ(MustRun(one.job).parameter[kW], MustRun(many.job).parameter[kW]);  // to the bit
}

INSTANTIATE_TEST_SUITE_P(Shapes, Bsp,
                         ::testing::Values(Shape{1, 1}, Shape{2, 1}, Shape{2, 2}, Shape{4, 2},
                                           Shape{16, 2}, Shape{3, 3}));

TEST(Bsp, SlicedFoldsAreTheSameToTheBit) {
  TestJob<> one(Kind::kLasso, {.workers = 4, .lanes = 1, .max_clocks = 5}, 60, 20000);
  TestJob<> many(Kind::kLasso, {.workers = 4, .lanes = 3, .max_clocks = 5}, 60, 20000);
  EXPECT_EQ(MustRun(one.job).parameter[kW], MustRun(many.job).parameter[kW]);
}

// The optimum of the lasso, by coordinate descent to the end.
const std::vector<double>& Optimum() {
  static const auto* optimum = [] {
    TestJob<> t(Kind::kSweep, {.max_clocks = 400});
    return new std::vector<double>(MustRun(t.job).parameter[kW]);
  }();
  return *optimum;
}

TEST(Sweep, ReachesTheOptimumOfProximalGradient) {
  TestJob<> t(Kind::kLasso, {.max_clocks = 3000});
  ExpectNear(Serial(t, Kind::kLasso, 3000), Optimum(), 1e-9);
}

TEST(Sweep, CutsColumnsItself) {
  TestJob<> dense(Kind::kSweep, {.max_clocks = 400});
  dense.job.sweep_data.clear();
  EXPECT_EQ(MustRun(dense.job).parameter[kW], Optimum());
}

TEST(Sweep, RunsOnOneWorkerOfMany) {
  for (const int workers : {2, 4}) {
    TestJob<> t(Kind::kSweep, {.workers = workers, .lanes = 2, .max_clocks = 400});
    const RunResult result = MustRun(t.job);
    ExpectNear(result.parameter[kW], Optimum(), 1e-9);
    EXPECT_EQ(result.clocks, 400);
  }
}

// w by coordinate descent, then once more by a gradient step, twice a clock: three statements that
// see what the one before left, and a view made stale by the others.
TEST(Sequence, StatementsOfAClockFollowOneAnother) {
  for (const int workers : {1, 3}) {
    TestJob<> t(Kind::kSweep, {.workers = workers, .lanes = 2, .max_clocks = 200});
    const Program step = MakeProgram(Kind::kLasso);
    Statement sequence;
    sequence.kind = StatementKind::kSequence;
    Statement repeat;
    repeat.kind = StatementKind::kRepeat;
    repeat.repeat = 2;
    repeat.child = {step.root};
    sequence.child = {t.program.root, repeat};
    t.program.root = sequence;
    t.plan.mutable_task(0)->add_statement(0);
    Plan after = MakeTestPlan({});
    for (const char* round : {"/r0", "/r1"})
      for (Task task : after.task()) {
        task.add_statement(1);
        task.add_statement(0);
        task.set_id(task.id() + round);
        for (Read& read : *task.mutable_read())
          if (read.table() == "param/w") read.set_lag(0);
        *t.plan.add_task() = task;
      }
    t.plan.mutable_table(0)->set_fold_task("");
    const RunResult result = MustRun(t.job);
    ExpectNear(result.parameter[kW], Optimum(), 1e-9);
    EXPECT_EQ(result.clocks, 200);
    EXPECT_EQ(result.rows, 2 * 200 * 200);
  }
}

TEST(Ssp, ReachesTheOptimumWithinTheBound) {
  for (const int lag : {2, 4}) {
    TestJob<> t(Kind::kLasso, {.workers = 4,
                               .lanes = 2,
                               .lag = lag,
                               .max_clocks = 4000,
                               .boundary = 20,
                               .decision_lag = 1});
    const RunResult result = MustRun(t.job);
    ExpectNear(result.parameter[kW], Optimum(), 1e-9);
    EXPECT_LE(result.staleness.max, lag - 1);
    int64_t reads = 0;
    for (const int64_t n : result.staleness.histogram) reads += n;
    EXPECT_EQ(reads, 4 * 4000);
    EXPECT_EQ(result.clocks, 4000);
  }
}

// Steps by parts of the data at a constant rate end near the optimum, not at it: by a distance in
// proportion to the rate.
void ExpectSameObjective(const RunResult& a, const RunResult& b, double relative) {
  EXPECT_NEAR(a.objective / b.objective, 1, relative);
}

TEST(Ssp, LinearContributionsAreFoldedOneByOne) {
  TestJob<> bsp(Kind::kLeastSquares, {.max_clocks = 3000});
  TestJob<> t(Kind::kLeastSquares, {.workers = 4,
                                    .lanes = 2,
                                    .lag = 3,
                                    .fold = Table::LINEAR,
                                    .max_clocks = 3000,
                                    .boundary = 10,
                                    .decision_lag = 1});
  const RunResult result = MustRun(t.job);
  ExpectSameObjective(result, MustRun(bsp.job), 1e-2);
  EXPECT_LE(result.staleness.max, 2);
}

TEST(Async, ReachesTheOptimumOfALinearFold) {
  TestJob<> bsp(Kind::kLeastSquares, {.max_clocks = 3000});
  for (const int lanes : {1, 2, 4}) {
    TestJob<> t(Kind::kLeastSquares, {.workers = 4,
                                      .lanes = lanes,
                                      .lag = -1,
                                      .fold = Table::LINEAR,
                                      .max_clocks = 3000,
                                      .boundary = 10,
                                      .decision_lag = 1});
    t.job.hyper[kRate] = 0.05;  // there is no bound on how many steps are under way
    const RunResult result = MustRun(t.job);
    ExpectSameObjective(result, MustRun(bsp.job), 1e-2);
    EXPECT_EQ(result.clocks, 3000);
  }
}

TEST(Async, IsRefusedWhereTheFoldIsNotLinear) {
  TestJob<> t(Kind::kLasso, {.workers = 2, .lag = -1});
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("need LINEAR"));
}

class Minimize : public ::testing::TestWithParam<const char*> {};

TEST_P(Minimize, ReachesTheOptimumOnAnyNumberOfWorkers) {
  for (const int workers : {1, 2, 4}) {
    TestJob<> t(Kind::kMinimize, {.workers = workers,
                                  .lanes = 2,
                                  .fold = Table::COMPLETE,
                                  .max_clocks = 1000,
                                  .rule = GetParam(),
                                  .by_product = true});
    t.plan.mutable_stop()->set_tolerance(1e-10);
    const RunResult result = MustRun(t.job);
    ExpectNear(result.parameter[kW], Optimum(), 1e-4);
    EXPECT_LT(result.clocks, 1000) << result.detail;
    EXPECT_EQ(result.evaluated, "by-product");
    ASSERT_GT(result.trace.size(), 3u);
    EXPECT_GT(result.trace.front().objective, result.objective);
    EXPECT_NEAR(result.trace.back().objective, result.objective, 1e-9);
    EXPECT_GT(result.measure[0], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, Minimize, ::testing::Values("fista", "owlqn"));

TEST(MiniBatch, EstimatesTheWholeGradient) {
  TestJob<> t(Kind::kLeastSquares, {.workers = 2, .lanes = 2, .max_clocks = 4000, .batch = 20}, 200,
              5);
  t.job.hyper[kRate] = 0.01;
  TestJob<> exact(Kind::kLeastSquares, {.max_clocks = 3000}, 200, 5);
  const RunResult result = MustRun(t.job);
  ExpectNear(result.parameter[kW], MustRun(exact.job).parameter[kW], 0.01);
  EXPECT_EQ(result.rows, 4000 * 20);
  TestJob<> again(Kind::kLeastSquares, {.workers = 2, .lanes = 1, .max_clocks = 4000, .batch = 20},
                  200, 5);
  again.job.hyper[kRate] = 0.01;
  EXPECT_EQ(MustRun(again.job).parameter[kW],
            result.parameter[kW]);  // the same rows in the same order
  again.job.seed = 2;
  EXPECT_NE(MustRun(again.job).parameter[kW], result.parameter[kW]);
}

// ---- Evaluation.

void Evaluate(Plan* plan, const char* measure, int every) {
  Task* task = plan->add_task();
  task->set_id(std::string("evaluate/") + (*measure != 0 ? measure : "objective"));
  task->set_kind(Task::EVALUATE);
  task->set_measure(measure);
  task->set_every(every);
}

TEST(Evaluation, AtTheBoundariesThatThePlanNames) {
  for (const int workers : {1, 2}) {
    TestJob<> t(Kind::kLasso,
                {.workers = workers, .lanes = workers, .max_clocks = 100, .boundary = 5});
    Evaluate(&t.plan, "", 4);
    Evaluate(&t.plan, "rmse", 6);
    std::vector<Clock> clocks;
    for (const TracePoint& point : MustRun(t.job).trace) clocks.push_back(point.clock);
    EXPECT_EQ(clocks, (std::vector<Clock>{20, 30, 40, 60, 80, 90, 100}));
  }
}

TEST(Evaluation, DeferredTellsWhatPausesTell) {
  for (const int workers : {1, 3}) {
    TestJob<> paused(Kind::kLasso, {.workers = workers, .lanes = 2, .max_clocks = 60});
    Evaluate(&paused.plan, "rmse", 7);
    TestJob<> deferred(Kind::kLasso, {.workers = workers, .lanes = 2, .max_clocks = 60});
    Evaluate(&deferred.plan, "rmse", 7);
    Evaluate(&paused.plan, "", 7);
    Evaluate(&deferred.plan, "", 7);
    deferred.plan.mutable_evaluation()->set_mode(Evaluation::DEFERRED);
    const RunResult a = MustRun(paused.job), b = MustRun(deferred.job);
    EXPECT_EQ(b.evaluated, "deferred");
    EXPECT_EQ(a.objective, b.objective);
    ASSERT_EQ(a.trace.size(), b.trace.size());
    EXPECT_EQ(a.trace.size(), 9u);  // eight on the way, and the end
    for (size_t i = 0; i < a.trace.size(); ++i) {
      EXPECT_EQ(a.trace[i].clock, b.trace[i].clock);
      EXPECT_EQ(a.trace[i].objective, b.trace[i].objective);
      EXPECT_EQ(a.trace[i].metric, b.trace[i].metric);
    }
  }
}

TEST(Evaluation, WhatCannotBeDoneIsRefused) {
  TestJob<> t(Kind::kLasso, {});
  t.plan.mutable_evaluation()->set_mode(Evaluation::CONCURRENT);
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("CONCURRENT"));
  t.plan.mutable_evaluation()->set_mode(Evaluation::DEFERRED);
  t.plan.mutable_stop()->set_target(1);
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("target"));
}

// ---- Stop rules.

TEST(Stop, AtTheTarget) {
  for (const int lag : {1, 3}) {
    TestJob<> t(Kind::kLasso, {.workers = 2,
                               .lanes = 2,
                               .lag = lag,
                               .max_clocks = 1000000,
                               .boundary = 5,
                               .decision_lag = lag > 1});
    TestJob<> best(Kind::kLasso, {.max_clocks = 3000});
    const double target = MustRun(best.job).objective * 1.001;
    t.plan.mutable_stop()->set_target(target);
    const RunResult result = MustRun(t.job);
    EXPECT_EQ(result.stop_reason, StopReason::kTarget) << result.detail;
    EXPECT_LE(result.objective, target);
    EXPECT_EQ(result.clocks % 5, 0);
    EXPECT_EQ(result.evaluated, "paused");
  }
}

TEST(Stop, WhenTheObjectiveHoldsStill) {
  TestJob<> t(Kind::kLasso, {.workers = 2, .lanes = 2, .max_clocks = 1000000});
  t.plan.mutable_stop()->set_tolerance(1e-9);
  EXPECT_EQ(MustRun(t.job).stop_reason, StopReason::kTolerance);
}

// Steps so short that each moves the objective by less than the tolerance: the last quarter does
// not.
TEST(Stop, NotWhileAWindowOfClocksStillFalls) {
  TestJob<> t(Kind::kLasso, {.workers = 2, .lanes = 2, .max_clocks = 1000000});
  TestJob<> best(Kind::kLasso, {.max_clocks = 3000});
  t.job.hyper[kRate] = 2e-4;
  t.plan.mutable_stop()->set_tolerance(1e-3);
  const RunResult result = MustRun(t.job);
  EXPECT_EQ(result.stop_reason, StopReason::kTolerance);
  EXPECT_LT(result.objective, 1.05 * MustRun(best.job).objective);
}

TEST(Stop, WhenTheParametersHoldStill) {
  TestJob<> t(Kind::kLasso, {.workers = 2, .lanes = 2, .max_clocks = 1000000});
  t.program.objective = {};
  t.plan.mutable_stop()->set_tolerance(1e-9);
  const RunResult result = MustRun(t.job);
  EXPECT_EQ(result.stop_reason, StopReason::kTolerance);
  EXPECT_THAT(result.detail, HasSubstr("parameters moved by"));
  EXPECT_TRUE(std::isnan(result.objective));
}

TEST(Stop, WhenTheTimeIsOver) {
  TestJob<> t(
      Kind::kLasso,
      {.workers = 2, .lanes = 2, .lag = 2, .max_clocks = 0, .boundary = 10, .decision_lag = 1});
  t.plan.mutable_stop()->set_max_seconds(0.05);
  const RunResult result = MustRun(t.job);
  EXPECT_EQ(result.stop_reason, StopReason::kSeconds);
  EXPECT_GE(result.train_seconds, 0.05);
}

TEST(Stop, OnRequestWithTheModelReached) {
  TestJob<> t(Kind::kLasso, {.workers = 4, .lanes = 2, .max_clocks = 0});
  std::atomic<bool> stop{false};
  t.job.stop_requested = &stop;
  int shown = 0;
  t.job.progress = [&](const Progress& p) {
    if (++shown == 2) stop = true;
    EXPECT_LE(p.slowest, p.fastest);
  };
  const RunResult result = MustRun(t.job);
  EXPECT_EQ(result.stop_reason, StopReason::kRequested);
  EXPECT_GT(result.clocks, 0);
  EXPECT_EQ(result.parameter[kW].size(), 10u);
  EXPECT_FALSE(std::isnan(result.objective));
}

TEST(Stop, RefusesARunWithoutAnEnd) {
  TestJob<> t(Kind::kLasso, {.max_clocks = 0});
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("no rule to stop"));
}

TEST(Job, MustFitThePlan) {
  TestJob<> t(Kind::kLasso, {.workers = 2});
  t.job.worker.pop_back();
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("for 2 workers"));
  TestJob<> other(Kind::kLasso, {.workers = 1});
  other.plan.mutable_task(0)->set_pass("another");
  EXPECT_THAT(std::string(RunEmbedded(other.job).status().message()),
              HasSubstr("runs the pass \"another\""));
}

TEST(Job, StartsWhereItIsTold) {
  TestJob<> t(Kind::kLasso, {.max_clocks = 1});
  t.job.hyper[kRate] = 0;
  t.job.start.resize(5);
  t.job.start[kW].assign(10, 2.5);
  EXPECT_EQ(MustRun(t.job).parameter[kW], std::vector<double>(10, 2.5));
  t.job.start[kW].pop_back();
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("has 9 elements"));
}

TEST(Job, DrawsProductParametersAlikeForAnyNumberOfWorkers) {
  std::vector<double> first;
  for (const int workers : {1, 3}) {
    TestJob<> t(Kind::kLasso, {.workers = workers, .max_clocks = 1});
    t.program.product_params = {kW};
    t.job.hyper[kRate] = 0;
    const std::vector<double> w = MustRun(t.job).parameter[kW];
    EXPECT_NE(w[0], 0);
    if (first.empty()) first = w;
    EXPECT_EQ(w, first);
  }
}

TEST(Job, WorkersWithoutRowsTakePart) {
  TestJob<> t(Kind::kLasso, {.workers = 8, .lanes = 2}, 5, 10);
  ExpectNear(MustRun(t.job).parameter[kW], Serial(t, Kind::kLasso, 50), 1e-12);
}

}  // namespace
}  // namespace gyre
