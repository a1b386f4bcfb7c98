// A run that is stopped and goes on from its checkpoint against one that never stopped, and every
// file that must be refused.
#include "runtime/checkpoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT: the vocabulary of this test
using ::testing::HasSubstr;

std::string PathOf(const std::string& name) { return ::testing::TempDir() + "/" + name; }

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

RunResult MustRun(const Job& job) {
  absl::StatusOr<RunResult> result = RunEmbedded(job);
  EXPECT_TRUE(result.ok()) << result.status();
  RunResult none;
  none.parameter.resize(5);
  return result.ok() ? *std::move(result) : none;
}

struct Case {
  const char* name;
  Kind kind;
  PlanOptions options;
};

class GoesOn : public ::testing::TestWithParam<Case> {
 protected:
  template <class T>
  void Compare(int workers) {
    PlanOptions o = GetParam().options;
    o.workers = workers;
    o.lanes = std::min(workers, 2);
    o.max_clocks = 41;
    TestJob<T> whole(GetParam().kind, o);
    const RunResult expected = MustRun(whole.job);
    const std::string path = PathOf("goes_on");
    std::remove(path.c_str());
    o.max_clocks = 17;
    TestJob<T> first(GetParam().kind, o);
    first.job.checkpoint.path = path;
    const RunResult half = MustRun(first.job);
    EXPECT_EQ(half.clocks, 17);
    o.max_clocks = 41;
    TestJob<T> second(GetParam().kind, o);
    second.job.checkpoint = {path, true};
    const RunResult result = MustRun(second.job);
    EXPECT_EQ(result.clocks, expected.clocks);
    EXPECT_EQ(result.resumed_clocks, 17);
    EXPECT_EQ(result.parameter[kW], expected.parameter[kW]);  // to the bit
    EXPECT_EQ(result.objective, expected.objective);
    EXPECT_EQ(half.rows + result.rows, expected.rows);
  }
};

TEST_P(GoesOn, ToTheBit) {
  Compare<double>(1);
  if (GetParam().kind == Kind::kSweep) return;
  Compare<double>(4);
  Compare<float>(1);
  Compare<float>(2);
}

PlanOptions Rule(const char* rule) {
  PlanOptions o;
  o.rule = rule;
  o.fold = Table::COMPLETE;
  o.by_product = true;
  return o;
}
PlanOptions Batch(const char* rule) {
  PlanOptions o;
  o.rule = rule;
  o.batch = 30;
  return o;
}

INSTANTIATE_TEST_SUITE_P(Rules, GoesOn,
                         ::testing::Values(Case{"lasso", Kind::kLasso, {}},
                                           Case{"fista", Kind::kMinimize, Rule("fista")},
                                           Case{"owlqn", Kind::kMinimize, Rule("owlqn")},
                                           Case{"sgd", Kind::kMinimize, Batch("sgd")},
                                           Case{"adam", Kind::kMinimize, Batch("adam")},
                                           Case{"adagrad", Kind::kMinimize, Batch("adagrad")},
                                           Case{"sweep", Kind::kSweep, {}}),
                         [](const auto& each) { return each.param.name; });

// Stop rules look at a window of clocks: it is part of the state.
TEST(Checkpoint, StopsWhereAnUnbrokenRunStops) {
  for (const bool by_product : {true, false}) {
    PlanOptions o = Rule("fista");
    o.by_product = by_product;
    o.max_clocks = 100000;
    const auto make = [&](int64_t clocks) {
      o.max_clocks = clocks;
      auto t = std::make_unique<TestJob<>>(Kind::kMinimize, o);
      t->plan.mutable_stop()->set_tolerance(1e-7);
      Task* evaluate = t->plan.add_task();
      evaluate->set_id("evaluate/objective");
      evaluate->set_kind(Task::EVALUATE);
      evaluate->set_every(3);
      return t;
    };
    const RunResult whole = MustRun(make(100000)->job);
    ASSERT_GT(whole.clocks, 8);
    const std::string path = PathOf("window");
    std::remove(path.c_str());
    auto first = make(whole.clocks / 2), second = make(100000);
    first->job.checkpoint.path = path;
    MustRun(first->job);
    second->job.checkpoint = {path, true};
    const RunResult result = MustRun(second->job);
    EXPECT_EQ(result.clocks, whole.clocks);
    EXPECT_EQ(result.stop_reason, whole.stop_reason);
    EXPECT_EQ(result.parameter[kW], whole.parameter[kW]);
  }
}

TEST(Checkpoint, IsMadeOnTheWay) {
  const std::string path = PathOf("way");
  std::remove(path.c_str());
  TestJob<> t(Kind::kLasso, {.workers = 2, .lanes = 2, .max_clocks = 1000});
  t.plan.mutable_recovery()->set_every(10);
  t.job.checkpoint.path = path;
  Clock seen = 0;
  t.job.progress = [&](const Progress& p) {
    const absl::StatusOr<Checkpoint> at = ReadCheckpoint(path);
    if (!at.ok()) return;
    seen = at->clock;
    EXPECT_GT(p.point.clock, at->clock - 1);
    EXPECT_TRUE(at->clock % 10 == 0);
  };
  MustRun(t.job);
  EXPECT_EQ(ReadCheckpoint(path)->clock, 1000);
}

// With reads that lag, contributions under way are made again: the bound and the optimum hold.
TEST(Checkpoint, GoesOnUnderEveryBridge) {
  TestJob<> best(Kind::kLeastSquares, {.max_clocks = 3000});
  const double optimum = MustRun(best.job).objective;
  for (const int lag : {2, 4, -1}) {
    const std::string path = PathOf("bridge");
    std::remove(path.c_str());
    PlanOptions o;
    o.workers = 3, o.lanes = 2, o.lag = lag, o.fold = Table::LINEAR;
    o.boundary = 5, o.decision_lag = 1, o.max_clocks = 200;
    TestJob<> first(Kind::kLeastSquares, o);
    first.plan.mutable_recovery()->set_every(50);
    first.job.hyper[kRate] = 0.05;
    first.job.checkpoint.path = path;
    MustRun(first.job);
    o.max_clocks = 3000;
    TestJob<> second(Kind::kLeastSquares, o);
    second.plan.mutable_recovery()->set_every(50);
    second.job.hyper[kRate] = 0.05;
    second.job.checkpoint = {path, true};
    const RunResult result = MustRun(second.job);
    EXPECT_EQ(result.resumed_clocks, 200) << lag;
    EXPECT_EQ(result.clocks, 3000);
    // Stale reads leave plain SGD a little short of the optimum, more so on a busy machine.
    EXPECT_NEAR(result.objective, optimum, 1e-5) << lag;
    if (lag > 0) {
      EXPECT_LT(result.staleness.max, lag);
    }
  }
}

// ---- Refusals. Each says what differs, in one line.

class Refuses : public ::testing::Test {
 protected:
  void SetUp() override {
    std::remove(path_.c_str());
    TestJob<> t(Kind::kLasso, {.max_clocks = 5});
    t.job.checkpoint.path = path_;
    MustRun(t.job);
  }
  std::string Resume(TestJob<>* t) {
    t->job.checkpoint = {path_, true};
    const absl::Status status = RunEmbedded(t->job).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsNotFound(status)) << status;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
    return std::string(status.message());
  }
  const std::string path_ = PathOf("refuses");
};

TEST_F(Refuses, AnotherProgram) {
  TestJob<> t(Kind::kLasso, {.max_clocks = 9});
  t.program.fingerprint = 7;
  EXPECT_THAT(Resume(&t), HasSubstr("another program"));
}

TEST_F(Refuses, AnotherHyperParameter) {
  TestJob<> t(Kind::kLasso, {.max_clocks = 9});
  t.job.hyper[kLambda] = 0.07;
  EXPECT_THAT(Resume(&t), HasSubstr("lambda=0.05, this run has 0.07"));
}

TEST_F(Refuses, OtherData) {
  TestJob<> shape(Kind::kLasso, {.max_clocks = 9}, 200, 9);
  EXPECT_THAT(Resume(&shape), HasSubstr("other data"));
  TestJob<> value(Kind::kLasso, {.max_clocks = 9});
  value.x[17] += 1e-9;
  EXPECT_THAT(Resume(&value), HasSubstr("other data"));
}

TEST_F(Refuses, AnotherPlan) {
  TestJob<> t(Kind::kLasso, {.workers = 2, .max_clocks = 9});
  EXPECT_THAT(Resume(&t), HasSubstr("another plan"));
}

TEST_F(Refuses, AFileThatIsNotThere) {
  std::remove(path_.c_str());
  TestJob<> t(Kind::kLasso, {.max_clocks = 9});
  EXPECT_THAT(Resume(&t), HasSubstr("is not there"));
}

TEST_F(Refuses, EveryTruncation) {
  const std::string whole = Read(path_);
  ASSERT_GT(whole.size(), 200u);
  for (size_t size = 0; size < whole.size(); size += 7) {
    Write(path_, whole.substr(0, size));
    EXPECT_FALSE(ReadCheckpoint(path_).ok()) << size;
  }
  Write(path_, whole + "x");
  TestJob<> t(Kind::kLasso, {.max_clocks = 9});
  EXPECT_THAT(Resume(&t), HasSubstr("cut short or grown"));
}

TEST_F(Refuses, EveryChangedByte) {
  const std::string whole = Read(path_);
  for (size_t at = 0; at < whole.size(); at += 5) {
    if (at >= 12 && at < 16) continue;  // reserved
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    Write(path_, changed);
    EXPECT_FALSE(ReadCheckpoint(path_).ok()) << at;
  }
}

TEST_F(Refuses, AnotherFormat) {
  std::string bytes = Read(path_);
  bytes[8] = 9;
  Write(path_, bytes);
  TestJob<> t(Kind::kLasso, {.max_clocks = 9});
  EXPECT_THAT(Resume(&t), HasSubstr("format 9"));
  Write(path_, "hello");
  EXPECT_THAT(Resume(&t), HasSubstr("is no checkpoint"));
}

TEST(Checkpoint, AFolderThatIsNotThereEndsTheRunByName) {
  TestJob<> t(Kind::kLasso, {.max_clocks = 5});
  t.job.checkpoint.path = PathOf("nowhere/checkpoint");
  EXPECT_THAT(std::string(RunEmbedded(t.job).status().message()), HasSubstr("cannot write"));
}

TEST(Checkpoint, WhenToStopIsNoPartOfThePlanItBelongsTo) {
  const Plan plan = MakeTestPlan({.max_clocks = 5});
  Plan longer = MakeTestPlan({.lanes = 2, .max_clocks = 50});
  longer.mutable_task(0)->set_words("other words");
  EXPECT_EQ(ExecutionFingerprint(plan), ExecutionFingerprint(longer));
  longer.mutable_task(0)->set_batch(7);
  EXPECT_NE(ExecutionFingerprint(plan), ExecutionFingerprint(longer));
}

}  // namespace
}  // namespace gyre
