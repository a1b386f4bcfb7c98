#include "compiler/graph/tape.h"

#include "compiler/graph/testing.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

Tape Compile(const Plan& plan, Binding binding = {}) {
  absl::StatusOr<PlanIndex> index = PlanIndex::Make(plan);
  EXPECT_TRUE(index.ok()) << index.status();
  absl::StatusOr<Tape> tape = Tape::Compile(*index, binding);
  EXPECT_TRUE(tape.ok()) << tape.status();
  return *std::move(tape);
}

TEST(NeededStage, IsTheLagInStages) {
  EXPECT_EQ(NeededStage({0, 1, 1, 0}, 0), 0);
  EXPECT_EQ(NeededStage({0, 1, 1, 0}, 7), 7);
  EXPECT_EQ(NeededStage({0, 3, 1, 0}, 1), 0);
  EXPECT_EQ(NeededStage({0, 3, 1, 0}, 7), 5);
  EXPECT_EQ(NeededStage({0, 3, 2, 0}, 7), 10);
  EXPECT_EQ(NeededStage({0, 0, 2, 1}, 7), 15);
  EXPECT_EQ(NeededStage({0, kAsync, 1, 0}, 7), 0);
}

TEST(Tape, OneWorkerWaitsForNothing) {
  const Tape tape = Compile(GradientPlan(1));
  ASSERT_EQ(tape.instr.size(), 2u);
  EXPECT_TRUE(tape.need.empty());
  EXPECT_TRUE(tape.post.empty());
}

TEST(Tape, ResolvesLagsToStages) {
  const Tape tape = Compile(GradientPlan(4, 3), {.worker = 2});
  ASSERT_EQ(tape.instr.size(), 2u);
  const Instr& grad = tape.instr[0];
  const int state = tape.group_of_table[0], contributions = tape.group_of_table[1];
  EXPECT_NE(state, contributions);
  EXPECT_EQ(tape.Needed(grad, state, 10), 8);
  EXPECT_EQ(tape.Needed(grad, contributions, 10), 0);
  const Instr& step = tape.instr[1];
  EXPECT_TRUE(step.optional);
  EXPECT_EQ(tape.Needed(step, contributions, 10), 11);
  ASSERT_EQ(grad.posts, 1);
  EXPECT_EQ(tape.post[grad.first_post].group, contributions);
}

TEST(Tape, CountsTheWritersOfAMergedGroup) {
  Plan plan = GradientPlan();
  Plan second = GradientPlan();
  for (Table& t : *second.mutable_table()) t.set_id(t.id() + "2");
  second.mutable_table(0)->set_fold_task("clock/step2");
  for (Task& t : *second.mutable_task()) {
    t.set_id(t.id() + "2");
    for (Read& r : *t.mutable_read()) r.set_table(r.table() + "2");
    for (Write& w : *t.mutable_write()) w.set_table(w.table() + "2");
  }
  second.clear_cluster();
  second.clear_partition();
  Read* read = second.mutable_task(0)->add_read();  // what the first statement has just written
  read->set_table("param/w");
  read->set_lag(0);
  plan.MergeFrom(second);
  const Tape tape = Compile(plan);
  const int state = tape.group_of_table[0];
  EXPECT_EQ(tape.stages_per_clock[static_cast<size_t>(state)], 2);
  EXPECT_EQ(tape.Needed(tape.instr[0], state, 5), 10);
  EXPECT_EQ(tape.Needed(tape.instr[2], state, 5), 11);
  const Tape apart = Compile(plan, {.worker = 0, .merge_groups = false});
  EXPECT_EQ(apart.group.size(), 4u);
  EXPECT_EQ(apart.Needed(apart.instr[0], apart.group_of_table[0], 5), 5);
}

TEST(Tape, PlacesTasksOfOneWorker) {
  Plan plan = RotationPlan();
  plan.mutable_task(0)->set_place(Task::ONE);
  EXPECT_EQ(Compile(plan, {.worker = 0}).instr.size(), 1u);
  EXPECT_EQ(Compile(plan, {.worker = 1}).instr.size(), 0u);
  absl::StatusOr<PlanIndex> index = PlanIndex::Make(plan);
  EXPECT_FALSE(Tape::Compile(*index, {.worker = 2}).ok());
}

TEST(Tape, KeepsEvaluationAndBuildApart) {
  Plan plan = GradientPlan();
  Task* task = plan.add_task();
  task->set_id("evaluate/objective");
  task->set_kind(Task::EVALUATE);
  task = plan.add_task();
  task->set_id("build");
  task->set_kind(Task::BUILD);
  const Tape tape = Compile(plan);
  EXPECT_EQ(tape.instr.size(), 2u);
  EXPECT_EQ(tape.evaluate, std::vector<int>{2});
  EXPECT_EQ(tape.build, std::vector<int>{3});
}

}  // namespace
}  // namespace gyre
