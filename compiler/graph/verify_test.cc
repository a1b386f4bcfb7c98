// Each rule: a plan that must be rejected, with the words, and a neighbour that must not.
#include "compiler/graph/verify.h"

#include "compiler/graph/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Refusal(const Plan& plan) {
  const absl::Status status = Verify(plan);
  return status.ok() ? "" : std::string(status.message());
}
#define EXPECT_LEGAL(plan) EXPECT_EQ(Refusal(plan), "")

TEST(Verify, AcceptsGradientPlansUnderEveryBound) {
  for (int workers : {1, 2, 16})
    for (int lag : {1, 2, 5}) EXPECT_LEGAL(GradientPlan(workers, lag));
}

TEST(Verify, RejectsAFullRing) {
  Plan plan = RotationPlan();
  EXPECT_LEGAL(plan);
  plan.mutable_channel(0)->set_tokens(4);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("ring \"ring\" is full"), HasSubstr("capacity of 3")));
  plan.mutable_channel(0)->set_capacity(3);
  EXPECT_LEGAL(plan);
}

TEST(Verify, RejectsAZeroLagCycle) {
  Plan plan = GradientPlan();
  plan.mutable_task(1)->mutable_read(1)->set_lag(0);  // its own result, before it exists
  EXPECT_THAT(Refusal(plan),
              HasSubstr("\"clock/step\" reads \"param/w\" at lag 0 before any task"));
  plan.mutable_task(1)->mutable_read(1)->set_lag(1);
  EXPECT_LEGAL(plan);
}

TEST(Verify, RejectsACycleThroughAnEmptyChannel) {
  Plan plan = ParseTestPlan(R"pb(
    cluster { workers: 2 }
    table { id: "priority" versions: 1 }
    channel { id: "queue" kind: QUEUE lead: 1 }
    task {
      id: "clock/schedule"
      kind: SCHEDULE
      place: ONE
      give: "queue"
      read { table: "priority" lag: 1 }
    }
    task {
      id: "clock/sweep"
      kind: SWEEP
      place: ONE
      take: "queue"
      read { table: "priority" lag: 1 }
      write {
        table: "priority"
        slice { whole: true }
        mode: OWN
      }
    }
    task { id: "clock/reschedule" kind: SCHEDULE place: ONE take: "queue" give: "queue" }
  )pb");
  EXPECT_LEGAL(plan);
  plan.mutable_channel(0)->set_lead(0);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("cycle of lag 0"), HasSubstr("\"clock/reschedule\"")));
}

TEST(Verify, NamesTheTasksOfAZeroLagCycleThroughAFold) {
  Plan plan = ParseTestPlan(R"pb(
    cluster { workers: 2 }
    table { id: "a" fold_task: "clock/fold" fold: PER_CLOCK }
    table { id: "b" }
    task {
      id: "clock/first"
      kind: GATHER
      write { table: "a" mode: ADD }
    }
    task {
      id: "clock/second"
      kind: GATHER
      read { table: "a" lag: 1 }
      write { table: "b" mode: ADD }
    }
    task {
      id: "clock/fold"
      kind: FOLD
      place: OWNER
      read { table: "b" lag: 0 }
    }
  )pb");
  EXPECT_LEGAL(plan);
  plan.mutable_task(1)->mutable_read(0)->set_lag(0);  // needs the fold, which needs it
  EXPECT_NE(Refusal(plan), "");
}

TEST(Verify, RejectsTooFewVersions) {
  Plan plan = GradientPlan(2, 3);
  EXPECT_LEGAL(plan);
  plan.mutable_table(0)->set_versions(2);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("\"param/w\" has too few versions"),
                                   HasSubstr("at lag 3 and 2 are kept")));
}

TEST(Verify, RejectsAReaderThatNobodyWaitsFor) {
  Plan plan = GradientPlan();
  Task* monitor = plan.add_task();  // reads the state in place and posts nothing
  monitor->set_id("clock/monitor");
  monitor->set_kind(Task::GATHER);
  Read* read = monitor->add_read();
  read->set_table("param/w");
  read->set_lag(0);
  EXPECT_LEGAL(plan);  // its worker's next gradient comes after it, and the fold waits for that
  monitor->set_filler(true);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("a reverse arc is missing"),
                                   HasSubstr("\"clock/monitor\""), HasSubstr("\"clock/step\"")));
  monitor->set_filler(false);
  read->set_lag(1);  // the clock's old value, after the fold of the clock may have replaced it
  EXPECT_THAT(Refusal(plan), HasSubstr("a reverse arc is missing"));
  plan.mutable_table(0)->set_versions(2);
  EXPECT_LEGAL(plan);
}

TEST(Verify, RejectsASameClockReadBeforeItsWriter) {
  Plan plan = GradientPlan();
  plan.mutable_task(0)->mutable_read(0)->set_lag(0);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("\"clock/grad\" reads \"param/w\" at lag 0 before"),
                                   HasSubstr("move it behind")));
}

TEST(Verify, RejectsASliceWithTwoHolders) {
  Plan plan = RotationPlan();
  plan.mutable_task(0)->mutable_write(1)->mutable_slice()->set_whole(true);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("\"docs\""), HasSubstr("2 holders")));
  plan.mutable_task(0)->set_place(Task::ONE);
  EXPECT_LEGAL(plan);
  plan = RotationPlan();
  plan.mutable_task(0)->clear_take();
  EXPECT_THAT(Refusal(plan), HasSubstr("does not take from it"));
}

TEST(Verify, RejectsAsyncUnderAFoldThatIsNotLinear) {
  Plan plan = GradientPlan(2, -1);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("without a bound"), HasSubstr("PER_CLOCK"),
                                   HasSubstr("need LINEAR")));
  plan.mutable_table(0)->set_fold(Table::LINEAR);
  EXPECT_LEGAL(plan);
  plan = GradientPlan(2, -2);
  EXPECT_THAT(Refusal(plan), HasSubstr("at lag -2"));
}

TEST(Verify, RejectsACompleteFoldBeyondLagOne) {
  Plan plan = GradientPlan(2, 2);
  EXPECT_LEGAL(plan);
  plan.mutable_table(0)->set_fold(Table::COMPLETE);
  EXPECT_THAT(Refusal(plan), AllOf(HasSubstr("at lag 2"), HasSubstr("COMPLETE")));
  plan = GradientPlan(2, 1);
  plan.mutable_table(0)->set_fold(Table::COMPLETE);
  EXPECT_LEGAL(plan);
}

TEST(Verify, RejectsUnknownAndRepeatedIds) {
  Plan plan = GradientPlan();
  plan.mutable_task(0)->mutable_read(0)->set_table("param/v");
  EXPECT_THAT(Refusal(plan),
              AllOf(HasSubstr("task \"clock/grad\""), HasSubstr("table \"param/v\"")));
  plan = GradientPlan();
  plan.mutable_task(0)->set_over("nowhere");
  EXPECT_THAT(Refusal(plan), HasSubstr("partition \"nowhere\""));
  plan = GradientPlan();
  plan.mutable_table(0)->set_fold_task("gone");
  EXPECT_THAT(Refusal(plan), HasSubstr("task \"gone\""));
  plan = GradientPlan();
  plan.mutable_task(1)->set_id("clock/grad");
  EXPECT_THAT(Refusal(plan), HasSubstr("two tasks have the id"));
  plan = GradientPlan();
  plan.mutable_task(1)->clear_id();
  EXPECT_THAT(Refusal(plan), HasSubstr("task 1 has no id"));
  plan = RotationPlan();
  plan.mutable_task(0)->set_give("other");
  EXPECT_THAT(Refusal(plan), HasSubstr("channel \"other\""));
}

TEST(Verify, RejectsHomesAndCutsThatAreNone) {
  Plan plan = RotationPlan();
  plan.mutable_partition(0)->set_home(1, 2);
  EXPECT_THAT(Refusal(plan), HasSubstr("worker 2 of 2"));
  plan = RotationPlan();
  plan.mutable_partition(0)->set_cut(1, 10);
  EXPECT_THAT(Refusal(plan), HasSubstr("overlapping parts"));
  plan = GradientPlan(0);
  EXPECT_THAT(Refusal(plan), HasSubstr("0 workers"));
}

}  // namespace
}  // namespace gyre
