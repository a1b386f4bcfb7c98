// Frontiers, batches, tables and lanes by themselves: what a whole run cannot be made to do.
#include <set>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/batches.h"
#include "runtime/cursor.h"
#include "runtime/env.h"
#include "runtime/frontier.h"
#include "runtime/histogram.h"
#include "runtime/lane.h"
#include "runtime/shared_table.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Frontier, IsTheMinimumOfItsWorkers) {
  Frontier f(3);
  f.Post(0, 2);
  f.Post(1, 1);
  EXPECT_EQ(f.Complete(), 0);
  EXPECT_FALSE(f.Ready(1));
  EXPECT_EQ(f.Blocker(1), 2);
  f.Post(2, 5);
  EXPECT_TRUE(f.Ready(1));
  EXPECT_FALSE(f.Ready(2));
  EXPECT_EQ(f.Blocker(2), 1);
  f.Drop(1);
  EXPECT_TRUE(f.Ready(2));
  EXPECT_EQ(f.Complete(), 2);
}

TEST(GroupedFrontier, PublishesTheMinimumOfEachGroup) {
  GroupedFrontier f(5, 2);  // workers 0, 2, 4 and 1, 3
  for (const int w : {0, 1, 3, 4}) f.Post(w, 1);
  EXPECT_EQ(f.Complete(), 0);
  EXPECT_EQ(f.Blocker(1), 2);
  f.Post(0, 2);
  f.Post(2, 3);
  EXPECT_TRUE(f.Ready(1));
  EXPECT_EQ(f.Complete(), 1);
  f.Post(4, 2);
  f.Post(1, 2);
  EXPECT_FALSE(f.Ready(2));
  f.Post(3, 4);
  EXPECT_TRUE(f.Ready(2));
  EXPECT_EQ(f.Done(3), 4);
}

TEST(Batches, VisitEveryRowOnceAnEpochInAnOrderOfItsOwn) {
  Batches batches(10, 33, 5, 1, 0);
  ASSERT_EQ(batches.per_epoch(), 5);
  std::vector<std::vector<int64_t>> orders;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> rows;
    orders.emplace_back();
    for (int b = 0; b < 5; ++b) {
      const Rows r = batches.Next(epoch * 5 + b);
      for (int64_t n = r.begin; n < r.end; ++n) rows.insert(n);
      EXPECT_EQ(r.scale, 5);  // no row counts for more than another
      EXPECT_LE(r.end - r.begin, 5);
      EXPECT_GE(r.end - r.begin, 4);
      orders.back().push_back(r.begin);
    }
    EXPECT_EQ(rows.size(), 23u);
    EXPECT_EQ(*rows.begin(), 10);
  }
  EXPECT_TRUE(orders[0] != orders[1] || orders[1] != orders[2]);
  Batches again(10, 33, 5, 1, 0);
  EXPECT_EQ(again.Next(7).begin, orders[1][2]);  // a repeated clock visits the same rows
}

TEST(Batches, AreTheWholeWithoutABatchSize) {
  for (const int64_t batch : {0, 23, 100}) {
    const Rows r = Batches(10, 33, batch, 1, 0).Next(4);
    EXPECT_EQ(r.begin, 10);
    EXPECT_EQ(r.end, 33);
    EXPECT_EQ(r.scale, 1);
  }
}

TEST(Staleness, KeepsMomentsBeyondItsBuckets) {
  StalenessCounter c;
  c.Record(0, 2);
  c.Record(4);
  c.Record(-3);  // a worker ahead
  c.Record(1000);
  const Staleness s = c.Summary();
  EXPECT_DOUBLE_EQ(s.mean, 1004.0 / 5);
  EXPECT_EQ(s.max, 1000);
  EXPECT_EQ(s.histogram.front(), 3);
  EXPECT_EQ(s.histogram[4], 1);
  EXPECT_EQ(s.histogram.back(), 1);
  EXPECT_DOUBLE_EQ(s.variance, (16.0 + 1e6) / 5 - s.mean * s.mean);
}

// A gate without stop rules.
class OpenGate : public ClockGate, public ClockObserver {
 public:
  explicit OpenGate(Clock limit) : limit_(limit) {}
  Clock limit() const override { return limit_; }
  bool finished() const override { return finished_.load(); }
  int64_t pause() const override { return 0; }
  void TakePart(int) override {}
  void Fail(absl::Status status) override {
    if (status_.ok()) status_ = std::move(status);
    finished_ = true;
  }
  void ClockDone(Clock completed) override {
    if (completed >= limit_) finished_ = true;
  }
  absl::Status status_;

 private:
  const Clock limit_;
  std::atomic<bool> finished_{false};
};

// The least squares program with its table and cursors, put together by hand.
struct Rig {
  explicit Rig(int workers, int lag, Clock limit, Env* env, int lanes = 1)
      : t(Kind::kLeastSquares, {.workers = workers, .lag = lag}),
        state(t.program, t.job.extent, Type::kFloat64),
        gate(limit) {
    context.program = &t.program;
    context.data = t.block.data();
    context.hyper = t.job.hyper.data();
    context.extent = t.job.extent.data();
    context.total.assign(4, nullptr);
    context.param = state.by_symbol();
    plan.statement = &t.program.root;
    plan.pass = &t.program.pass[0];
    plan.gather = 0;
    FoldSetup setup;
    setup.program = &t.program;
    setup.context = context;
    setup.extent = t.job.extent;
    stages.push_back(std::make_unique<StageFold>(plan, context,
                                                 TotalLayout(t.program, *plan.pass, t.job.extent),
                                                 MakeAssignFold(setup, t.program.root), 1));
    table = std::make_unique<SharedTable>(SharedTable::Options{workers, lanes, lag}, &state,
                                          &stages, &gate, env);
  }
  std::unique_ptr<Cursor> MakeCursor(int worker, int lag, StateTable* on) {
    GatherOp op;
    op.need = {0, lag, 1, 0};
    op.fn = t.program.pass[0].f64;
    op.args.data = t.block.data();
    op.args.extent = t.job.extent.data();
    op.args.hyper = t.job.hyper.data();
    op.batches = Batches(t.job.worker[static_cast<size_t>(worker)].row_begin,
                         t.job.worker[static_cast<size_t>(worker)].row_end, 0, 1, worker);
    return std::make_unique<Cursor>(worker, std::vector<GatherOp>{op},
                                    std::vector<std::string>{"clock/grad"}, 5, 0, on, &gate);
  }

  TestJob<> t;
  ParamState state;
  OpenGate gate;
  PostContext context;
  StagePlan plan;
  StageFolds stages;
  std::unique_ptr<SharedTable> table;
};

TEST(Lane, AWaitPastItsDeadlineNamesWhoWaitsForWhat) {
  VirtualEnv env(1);
  Rig rig(2, 1, 100, &env);
  const auto cursor = rig.MakeCursor(0, 1, rig.table.get());  // worker 1 is on no lane
  std::atomic<int> running{1};
  Lane({.spin = true, .stall_ns = 3'600'000'000'000}, {cursor.get()}, &rig.gate, &env, &running)
      .Run();
  EXPECT_EQ(rig.gate.status_.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(
      std::string(rig.gate.status_.message()),
      AllOf(HasSubstr("nothing moved for 3600000 ms"),
            HasSubstr("clock 1 of worker 0 waits to run \"clock/grad\" until clock 0 is folded"),
            HasSubstr("worker 1 has not contributed")));
}

TEST(Lane, RunsSspAheadOfASlowWorkerAsFarAsTheBound) {
  VirtualEnv env(1);
  Rig rig(2, 4, 100, &env);
  const auto fast = rig.MakeCursor(0, 4, rig.table.get()),
             slow = rig.MakeCursor(1, 4, rig.table.get());
  for (int i = 0; i < 10; ++i) fast->Step();
  EXPECT_EQ(fast->clock(), 4);  // clocks 0 to 3 need nothing of worker 1
  EXPECT_EQ(fast->Step(), Cursor::kBlocked);
  EXPECT_EQ(slow->Step(), Cursor::kRan);
  EXPECT_EQ(fast->Step(), Cursor::kRan);
  EXPECT_EQ(fast->clock(), 5);
  EXPECT_EQ(rig.table->Folded(), 1);
  EXPECT_EQ(rig.table->ObservedStaleness().max, 3);
}

// Claims to be ready when it is not.
class LyingTable : public SharedTable {
 public:
  using SharedTable::SharedTable;
  bool Ready(int, Stage) override { return true; }
};

TEST(Cursor, FailsByNameWhenTheBoundIsViolated) {
  VirtualEnv env(1);
  Rig rig(2, 3, 100, &env);
  LyingTable table({2, 1, 3}, &rig.state, &rig.stages, &rig.gate, &env);
  const auto cursor = rig.MakeCursor(0, 3, &table);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cursor->Step(), Cursor::kRan);
  EXPECT_TRUE(rig.gate.status_.ok());
  cursor->Step();
  EXPECT_THAT(
      std::string(rig.gate.status_.message()),
      AllOf(HasSubstr("staleness bound violated: clock 3 of worker 0"), HasSubstr("at lag 3")));
}

TEST(SharedTable, RefusesParcels) {
  VirtualEnv env(1);
  Rig rig(2, 1, 1, &env);
  EXPECT_EQ(rig.table->Apply(Parcel()).code(), absl::StatusCode::kFailedPrecondition);
}

// With as many versions as the lag, overwriting one never meets a reader of it: ThreadSanitizer
// watches.
TEST(SharedTable, VersionsEqualToTheLagDoNotRace) {
  for (const int lag : {1, 2, 3, 5}) {
    MachineEnv env;
    Rig rig(4, lag, 3000, &env, 4);
    std::vector<std::unique_ptr<Cursor>> cursors;
    for (int w = 0; w < 4; ++w) cursors.push_back(rig.MakeCursor(w, lag, rig.table.get()));
    std::atomic<int> running{4};
    std::vector<std::thread> threads;
    for (int w = 0; w < 4; ++w)
      threads.emplace_back([&, w] {
        Lane({.spin = true}, {cursors[static_cast<size_t>(w)].get()}, &rig.gate, &env, &running)
            .Run();
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(rig.gate.status_.ok()) << rig.gate.status_;
    EXPECT_EQ(rig.table->Folded(), 3000);
    EXPECT_LE(rig.table->ObservedStaleness().max, lag - 1);
  }
}

}  // namespace
}  // namespace gyre
