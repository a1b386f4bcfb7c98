// Plans that were edited: a legal one changes what is executed, one that this build cannot execute
// is refused by name.
#include "runtime/stages.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/job.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT: the vocabulary of this test
using ::testing::HasSubstr;

Statement Sequence(std::vector<Statement> children) {
  Statement s;
  s.kind = StatementKind::kSequence;
  s.child = std::move(children);
  return s;
}

// Appends the tasks of `from` as those of statement `child`, which sees what the one before left.
void Append(const Plan& from, int child, int lag, Plan* to) {
  for (Task task : from.task()) {
    task.add_statement(child);
    task.set_id(task.id() + std::to_string(to->task_size()));
    for (Read& read : *task.mutable_read())
      if (read.table() == "param/w") read.set_lag(lag);
    *to->add_task() = task;
  }
}

// A sweep and a gradient step, in the order of the program or, with `swapped`, of the plan alone.
struct TwoStatements {
  TwoStatements(bool program_swapped, bool plan_swapped, int workers)
      : t(Kind::kSweep, {.workers = workers, .lanes = 2, .max_clocks = 7}) {
    const Statement sweep = t.program.root, step = MakeProgram(Kind::kLasso).root;
    t.program.root = program_swapped ? Sequence({step, sweep}) : Sequence({sweep, step});
    const int at = program_swapped ? 1 : 0;  // of the sweep in the program
    const Plan sweeps = t.plan, steps = MakeTestPlan({});
    t.plan.clear_task();
    t.plan.mutable_table(0)->set_fold_task("");
    const bool step_first = program_swapped != plan_swapped;
    Append(step_first ? steps : sweeps, step_first ? 1 - at : at, 1, &t.plan);
    Append(step_first ? sweeps : steps, step_first ? at : 1 - at, 0, &t.plan);
  }
  std::vector<double> Run() {
    absl::StatusOr<RunResult> result = RunEmbedded(t.job);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->parameter[kW] : std::vector<double>();
  }
  TestJob<> t;
};

TEST(Edited, TheOrderOfTasksIsThatOfThePlan) {
  for (const int workers : {1, 2}) {
    const std::vector<double> as_said = TwoStatements(false, false, workers).Run();
    const std::vector<double> swapped = TwoStatements(false, true, workers).Run();
    EXPECT_NE(as_said, swapped);
    EXPECT_EQ(swapped, TwoStatements(true, false, workers).Run());  // a program that says so
    EXPECT_EQ(as_said, TwoStatements(true, true, workers).Run());
  }
}

TEST(Edited, ATaskMaySkipClocks) {
  for (const int workers : {1, 3}) {
    TestJob<> each(Kind::kLasso, {.workers = workers, .lanes = 2, .max_clocks = 5});
    TestJob<> third(Kind::kLasso, {.workers = workers, .lanes = 2, .max_clocks = 14});
    for (Task& task : *third.plan.mutable_task()) task.set_every(3);
    const absl::StatusOr<RunResult> a = RunEmbedded(each.job), b = RunEmbedded(third.job);
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    EXPECT_EQ(a->parameter[kW], b->parameter[kW]);  // clocks 0, 3, 6, 9, 12
    EXPECT_EQ(a->rows, b->rows);
  }
}

class Refused : public ::testing::Test {
 protected:
  // The words with which `edit` of a plan for two workers is refused.
  template <class Edit>
  std::string Words(const Edit& edit) {
    TestJob<> t(Kind::kLasso, {.workers = 2, .lanes = 1});
    edit(&t.plan);
    const absl::Status status = RunEmbedded(t.job).status();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
    return std::string(status.message());
  }
};

TEST_F(Refused, WhatTheProgramDoesNotDo) {
  EXPECT_THAT(Words([](Plan* p) { p->mutable_task(0)->add_statement(3); }),
              HasSubstr("for the statement [3], which the program does not have"));
  EXPECT_THAT(Words([](Plan* p) {
                p->mutable_task(1)->set_kind(Task::SWEEP);
                p->mutable_task(1)->set_place(Task::ONE);
              }),
              HasSubstr("is a SWEEP and its statement is not"));
  EXPECT_THAT(Words([](Plan* p) { p->mutable_task()->DeleteSubrange(0, 2); }), HasSubstr("plan: "));
}

TEST_F(Refused, WhatNoCodeHeeds) {
  const auto first = [](auto edit) { return [edit](Plan* p) { edit(p->mutable_task(0)); }; };
  EXPECT_THAT(Words(first([](Task* t) { t->set_filler(true); })), HasSubstr("fills waits"));
  EXPECT_THAT(Words(first([](Task* t) { t->set_every(2); })), HasSubstr("in different clocks"));
  EXPECT_THAT(Words(first([](Task* t) { t->set_place(Task::ONE); })),
              HasSubstr("gathers on one worker of 2"));
  EXPECT_THAT(Words(first([](Task* t) { t->mutable_write(0)->set_codec("bf16"); })),
              HasSubstr("travels as bf16"));
  EXPECT_THAT(Words(first([](Task* t) { t->mutable_write(0)->set_payload(Write::FACTORS); })),
              HasSubstr("added as FACTORS"));
  EXPECT_THAT(Words([](Plan* p) { p->add_phase()->set_fold_subset("1"); }),
              HasSubstr("runs on a subset of the rows"));
  EXPECT_THAT(Words([](Plan* p) { (*p->add_phase()->mutable_hyper())["nothing"] = 1; }),
              HasSubstr("sets \"nothing\", which is no hyper-parameter"));
  EXPECT_THAT(Words([](Plan* p) { p->mutable_recovery()->set_kind(Recovery::PARTIAL); }),
              HasSubstr("recovery is PARTIAL"));
  EXPECT_THAT(Words([](Plan* p) { p->mutable_table(0)->set_storage(Table::REPLICA); }),
              HasSubstr("kept as replicas"));
  EXPECT_THAT(Words([](Plan* p) { p->mutable_table(0)->set_dtype("bf16"); }),
              HasSubstr("kept as bf16"));
  EXPECT_THAT(Words([](Plan* p) { p->mutable_cluster()->set_processes(2); }),
              HasSubstr("it is for 2 processes"));
  EXPECT_THAT(Words([](Plan* p) {
                Partition* rows = p->add_partition();
                rows->set_id("rows");
                for (const int cut : {0, 50, 100, 200}) rows->add_cut(cut);
                p->mutable_task(0)->set_over("rows");
              }),
              HasSubstr("has 3 parts for 2 workers"));
}

// What the verifier would refuse for its own reasons.
template <class Edit>
std::string Misfit(const Edit& edit) {
  TestJob<> t(Kind::kLasso, {.workers = 2, .lanes = 1});
  edit(&t.plan);
  return std::string(BindStages(t.plan, t.program).status().message());
}

TEST(Binding, AFoldBeforeItsGather) {
  EXPECT_THAT(Misfit([](Plan* p) { p->mutable_task()->SwapElements(0, 1); }),
              HasSubstr("no task gathers for \"clock/step\" before it"));
}

TEST(Binding, AGatherThatNothingFolds) {
  EXPECT_THAT(Misfit([](Plan* p) {
                Task again = p->task(0);
                again.set_id("clock/again");
                *p->add_task() = again;
              }),
              HasSubstr("nothing folds what \"clock/again\" gathers"));
}

TEST(Binding, MoreTasksThanTheProgramHasRounds) {
  EXPECT_THAT(Misfit([](Plan* p) {
                for (int t = 0; t < 2; ++t) {
                  Task again = p->task(t);
                  again.set_id(again.id() + "2");
                  *p->add_task() = again;
                }
              }),
              HasSubstr("2 times a clock, the program 1 times"));
}

// The graph's own rules come first.
TEST_F(Refused, WhatTheVerifierForbids) {
  EXPECT_THAT(Words([](Plan* p) { p->mutable_task(0)->mutable_read(0)->set_lag(0); }),
              HasSubstr("lag 0"));
  EXPECT_THAT(Words([](Plan* p) { p->mutable_task(0)->mutable_read(0)->set_lag(-1); }),
              HasSubstr("need LINEAR"));
  EXPECT_THAT(Words([](Plan* p) {
                p->mutable_table(0)->set_fold(Table::COMPLETE);
                p->mutable_task(0)->mutable_read(0)->set_lag(3);
              }),
              HasSubstr("COMPLETE"));
}

}  // namespace
}  // namespace gyre
