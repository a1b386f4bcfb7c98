#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "compiler/compiler.h"
#include "compiler/fingerprint.h"
#include "compiler/graph/verify.h"
#include "compiler/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace gyre::testing;  // NOLINT: the programs under test

Plan Make(const Program& program, const BoundInfo& bound, const Request& request = {}) {
  absl::StatusOr<Plan> plan = MakePlan(program, bound, DefaultProfile(), request);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : Plan();
}

std::string Refusal(const Program& program, const BoundInfo& bound, const Request& request) {
  const absl::StatusOr<Plan> plan = MakePlan(program, bound, DefaultProfile(), request);
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << plan.status();
  EXPECT_THAT(std::string(plan.status().message()), Not(HasSubstr("\n")));
  return std::string(plan.status().message());
}

const Task* TaskOf(const Plan& plan, absl::string_view id) {
  for (const Task& t : plan.task()) {
    if (t.id() == id) return &t;
  }
  return nullptr;
}

const Table* TableOf(const Plan& plan, absl::string_view id) {
  for (const Table& t : plan.table()) {
    if (t.id() == id) return &t;
  }
  return nullptr;
}

std::string RuleOf(const Plan& plan) {
  for (const Task& t : plan.task()) {
    if (t.kind() == Task::FOLD) return t.update().rule();
  }
  return "";
}

// ---- What is chosen.

TEST(Plan, ATinyProblemGetsOneLane) {
  const Program p = Lasso();
  const Plan plan = Make(p, Bind(p, 400, 10));
  EXPECT_EQ(plan.cluster().lanes(), 1);
  EXPECT_EQ(plan.cluster().workers(), 1);
  EXPECT_EQ(TableOf(plan, "param/beta")->storage(), Table::LOCAL);
}

TEST(Plan, ALargeDenseProblemGetsTwoLanes) {
  const Program p = Lasso();
  const Plan plan = Make(p, Bind(p, 200000, 500));
  EXPECT_EQ(plan.cluster().lanes(), 2);
  EXPECT_EQ(plan.partition(0).cut_size(), 3);
  EXPECT_EQ(plan.partition(0).cut(1), 100000);
}

TEST(Plan, WorkersMayOutnumberLanes) {
  const Program p = Lasso();
  Request r;
  r.workers = 16;
  const Plan plan = Make(p, Bind(p, 200000, 500), r);
  EXPECT_EQ(plan.cluster().workers(), 16);
  EXPECT_EQ(plan.cluster().lanes(), 2);
  r.lanes = 1;
  EXPECT_EQ(Make(p, Bind(p, 200000, 500), r).cluster().lanes(), 1);
}

TEST(Plan, TheRuleFollowsTheStructure) {
  const auto rule = [](const Program& p, int64_t rows) { return RuleOf(Make(p, Bind(p, rows, 50))); };
  EXPECT_EQ(rule(LeastSquares(), 1000), "lbfgs");
  EXPECT_EQ(rule(LeastSquares({PenaltyKind::kSquaredL2}), 1000), "lbfgs");
  EXPECT_EQ(rule(Lasso(), 1000), "owlqn");
  EXPECT_EQ(rule(LeastSquares({PenaltyKind::kGroupL2}), 1000), "fista");
  EXPECT_EQ(rule(LeastSquares({PenaltyKind::kLower}), 1000), "fista");
  EXPECT_EQ(rule(KMeans(3), 1000), "assign");
}

TEST(Plan, CoordinatesWhereMostOfThemEndAtZero) {
  const auto rule = [](const Program& p) {
    return RuleOf(Make(WithPredictor(p), Bind(p, 1000, 5000)));
  };
  EXPECT_EQ(rule(Lasso()), "cd");
  EXPECT_EQ(rule(LeastSquares({PenaltyKind::kGroupL2})), "cd");
  EXPECT_EQ(rule(LeastSquares({PenaltyKind::kL1, PenaltyKind::kSquaredL2})), "cd");
  EXPECT_EQ(rule(LeastSquares({PenaltyKind::kSimplex})), "fista");
}

TEST(Plan, CoordinatesAreScheduledPushedAndPulled) {
  const Program p = WithPredictor(Lasso());
  Request r;
  r.workers = 3;
  const Plan plan = Make(p, Bind(p, 1000, 5000), r);
  ASSERT_TRUE(Verify(plan).ok()) << Verify(plan);
  const Task* schedule = TaskOf(plan, "clock/schedule");
  const Task* push = TaskOf(plan, "clock/push");
  const Task* pull = TaskOf(plan, "clock/pull");
  ASSERT_TRUE(schedule != nullptr && push != nullptr && pull != nullptr);
  EXPECT_EQ(schedule->kind(), Task::SCHEDULE);
  EXPECT_EQ(push->take(), schedule->give());
  EXPECT_EQ(push->over(), "Feature/slices");
  EXPECT_EQ(plan.channel(0).lead(), 1);
  EXPECT_EQ(pull->update().rule(), "cd");
  EXPECT_EQ(TableOf(plan, "view/r")->role(), Table::DERIVED);
  EXPECT_EQ(TableOf(plan, "param/beta")->answer(0).choice(), "model[Feature], 3 workers on 2 lanes");
  const std::string text = Explain(plan);
  EXPECT_THAT(text, HasSubstr("coupled by view r: sum[Sample] w X(Sample,Feature) X(Sample,Feature')"));
  EXPECT_THAT(text, HasSubstr("a run that converges ends within"));
  EXPECT_THAT(text, HasSubstr("sdca needs a squared L2 penalty on every parameter"));
}

TEST(Plan, CoordinateMethodsSayWhatTheyNeed) {
  Request cd, sdca;
  cd.update = "cd", sdca.update = "sdca";
  const auto refusal = [](const Program& p, const Request& r) {
    return Refusal(p, Bind(p, 1000, 50), r);
  };
  EXPECT_THAT(refusal(Lasso(), cd), HasSubstr("one linear predictor"));
  EXPECT_THAT(refusal(WithPredictor(LeastSquares({PenaltyKind::kSimplex})), cd), HasSubstr("simplex"));
  EXPECT_THAT(refusal(WithPredictor(Lasso()), sdca), HasSubstr("squared L2 penalty on every"));
  Program concave = WithPredictor(Lasso());
  concave.root.predictor.loss_node = concave.graph.node.size;
  ir::Node negative;
  negative.op = Op::kNeg;
  negative.a = static_cast<int16_t>(WithPredictor(Lasso()).root.predictor.loss_node);
  concave.graph.node.push(negative);
  EXPECT_THAT(refusal(concave, cd), HasSubstr("convex by their algebra"));
  const Program ridge = WithPredictor(LeastSquares({PenaltyKind::kSquaredL2}));
  EXPECT_EQ(RuleOf(Make(ridge, Bind(ridge, 1000, 50), sdca)), "sdca");
  Request model = sdca;
  model.workers = 2;
  model.partition = "model";
  EXPECT_THAT(refusal(ridge, model), HasSubstr("shares out the rows"));
  Request processes = cd;
  processes.cluster = "local";
  processes.workers = processes.processes = 2;
  EXPECT_THAT(refusal(WithPredictor(Lasso()), processes), HasSubstr("in one process"));
}

TEST(Plan, RedundantDataAndNetworksGetMiniBatches) {
  const Program convex = LeastSquares();
  const Plan large = Make(convex, Bind(convex, 50000000, 20));
  EXPECT_GT(TaskOf(large, "clock/grad")->batch(), 0);
  EXPECT_EQ(TableOf(large, "param/beta")->fold(), Table::PER_CLOCK);
  const Program network = Network();
  const Plan net = Make(network, Bind(network, 60000, 784));
  EXPECT_GT(TaskOf(net, "clock/grad")->batch(), 0);
  EXPECT_EQ(net.evaluation().mode(), Evaluation::PAUSED);
}

TEST(Plan, NeverByName) {
  Program p = Lasso();
  const BoundInfo bound = Bind(p, 1000, 50);
  Request r;
  r.name = "neural network";
  const Plan a = Make(p, bound), b = Make(p, bound, r);
  EXPECT_EQ(RuleOf(a), RuleOf(b));
  EXPECT_EQ(a.cluster().SerializeAsString(), b.cluster().SerializeAsString());
}

// ---- Tasks.

TEST(Plan, AGradientProgramIsTwoTasks) {
  const Program p = Lasso();
  Request r;
  r.workers = 2;
  const Plan plan = Make(p, Bind(p, 1000, 50), r);
  const Task* grad = TaskOf(plan, "clock/grad");
  const Task* step = TaskOf(plan, "clock/step");
  ASSERT_NE(grad, nullptr);
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(grad->kind(), Task::GATHER);
  EXPECT_EQ(grad->read(0).table(), "param/beta");
  EXPECT_EQ(grad->read(0).lag(), 1);
  EXPECT_EQ(grad->write(1).table(), "delta/beta");
  EXPECT_EQ(grad->write(1).mode(), Write::ADD);
  EXPECT_EQ(grad->kernel(), KernelKey(p, "step"));
  EXPECT_EQ(step->read(0).lag(), 0);
  EXPECT_EQ(step->write(0).mode(), Write::OWN);
  EXPECT_EQ(TableOf(plan, "param/beta")->fold_task(), "clock/step");
  EXPECT_TRUE(TaskOf(plan, "evaluate/objective")->byproduct());
  EXPECT_NE(TaskOf(plan, "evaluate/measure/rmse"), nullptr);
}

TEST(Plan, AStatementReadsWhatTheOneBeforeWroteInTheSameClock) {
  const Program p = CoordinateDescent();
  const Plan plan = Make(p, Bind(p, 1000, 50));
  EXPECT_EQ(TaskOf(plan, "clock/s0/sweep")->kind(), Task::SWEEP);
  for (const Read& read : TaskOf(plan, "clock/s1/sums")->read()) {
    EXPECT_EQ(read.lag(), read.table() == "param/beta" ? 0 : 1) << read.table();
  }
  EXPECT_EQ(TableOf(plan, "view/r")->role(), Table::DERIVED);
  EXPECT_TRUE(Verify(plan).ok()) << Verify(plan);
}

TEST(Plan, SspKeepsAsManyVersionsAsItsLag) {
  const Program p = LeastSquares();
  Request r;
  r.workers = 2;
  r.bridge = "ssp:3";
  const Plan plan = Make(p, Bind(p, 1000, 50), r);
  EXPECT_EQ(TaskOf(plan, "clock/grad")->read(0).lag(), 4);
  EXPECT_EQ(TableOf(plan, "param/beta")->versions(), 4);
  EXPECT_EQ(plan.certificate(0).bound(), 3);
  EXPECT_DOUBLE_EQ(TaskOf(plan, "clock/step")->update().staleness_scale(), 0.25);
}

TEST(Plan, AsyncIsForLinearFolds) {
  const Program p = Accumulate();
  Request r;
  r.workers = 2;
  r.bridge = "async";
  const Plan plan = Make(p, Bind(p, 1000, 50), r);
  EXPECT_EQ(TableOf(plan, "param/b")->fold(), Table::LINEAR);
  EXPECT_EQ(TaskOf(plan, "clock/sums")->read(0).lag(), -1);
}

TEST(Plan, PlainSgdFoldsInAnyOrder) {
  const Program p = LeastSquares();
  Request r;
  r.workers = 2;
  r.bridge = "async";
  r.update = "sgd";
  r.momentum = 0;
  const Plan plan = Make(p, Bind(p, 1000, 50), r);
  EXPECT_EQ(TableOf(plan, "param/beta")->fold(), Table::LINEAR);
  EXPECT_EQ(TaskOf(plan, "clock/step")->update().rule(), "sgd");
}

TEST(Plan, ARootLoopIsTheRun) {
  const Program p = KMeans(3, 1e-5);
  EXPECT_DOUBLE_EQ(Make(p, Bind(p, 1000, 5)).stop().tolerance(), 1e-5);
  Program repeat = p;
  repeat.root.kind = StatementKind::kRepeat;
  repeat.root.repeat = 20;
  EXPECT_EQ(Make(repeat, Bind(p, 1000, 5)).stop().max_clocks(), 20);
}

TEST(Plan, EveryPlanIsLegalAndExecutesAsPinned) {
  for (const Program& p : {Lasso(), LeastSquares(), Multiclass(10), Network(), KMeans(4), Accumulate()}) {
    for (const int workers : {1, 2, 4, 16}) {
      for (const char* bridge : {"auto", "bsp", "ssp:1", "ssp:7", "async"}) {
        Request r;
        r.workers = workers;
        r.bridge = bridge;
        const absl::StatusOr<Plan> plan = MakePlan(p, Bind(p, 5000, 20), DefaultProfile(), r);
        if (!plan.ok()) {
          EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << plan.status();
          continue;
        }
        EXPECT_TRUE(Verify(*plan).ok()) << Verify(*plan);
        EXPECT_TRUE(CheckPlan(*plan, p, Bind(p, 5000, 20)).ok());
        EXPECT_EQ(plan->cluster().workers(), workers);
      }
    }
  }
}

// ---- What was rejected, and why.

TEST(Plan, EveryRejectedCandidateHasACostOrARule) {
  for (const Program& p : {Lasso(), Multiclass(10), KMeans(4), CoordinateDescent()}) {
    const Plan plan = Make(p, Bind(p, 5000, 20));
    EXPECT_GT(plan.rejected_size(), 4);
    for (const Candidate& c : plan.rejected()) {
      EXPECT_FALSE(c.reason().empty()) << c.DebugString();
      EXPECT_GT(c.per_clock().ms(), 0) << c.DebugString();
    }
  }
}

TEST(Plan, TheChosenOneIsTheCheapestThatRuns) {
  const Program p = Lasso();
  const Plan plan = Make(p, Bind(p, 100000, 100));
  const double chosen = plan.per_clock().ms() * plan.clocks();
  for (const Candidate& c : plan.rejected()) {
    if (!c.legal() || c.reason().find("this build") != std::string::npos) continue;
    EXPECT_GE(c.per_clock().ms() * c.clocks(), 0.97 * chosen) << c.DebugString();
  }
}

TEST(Plan, ParametersHaveFourAnswersWithReasons) {
  const Program p = Multiclass(10);
  const Plan plan = Make(p, Bind(p, 60000, 784));
  const Table* w = TableOf(plan, "param/W");
  ASSERT_EQ(w->answer_size(), 4);
  for (const Answer& a : w->answer()) {
    EXPECT_FALSE(a.choice().empty() || a.reason().empty()) << a.DebugString();
    EXPECT_FALSE(a.pinned());
  }
  EXPECT_GT(plan.would_change_if_size(), 0);
}

// ---- Pins.

TEST(Pins, AnIllegalOneIsRefusedWithTheLegalChoices) {
  const Program p = Lasso();
  const BoundInfo bound = Bind(p, 100000, 100);
  Request r;
  r.update = "lbfgs";
  EXPECT_THAT(Refusal(p, bound, r), AllOf(HasSubstr("--update=lbfgs"), HasSubstr("L1"), HasSubstr("owlqn, fista")));
  r = {};
  r.bridge = "async";
  EXPECT_THAT(Refusal(p, bound, r), AllOf(HasSubstr("LINEAR"), HasSubstr("legal here: bsp, ssp:S")));
  r.update = "fista";
  r.bridge = "ssp:2";
  EXPECT_THAT(Refusal(p, bound, r), AllOf(HasSubstr("COMPLETE"), HasSubstr("with --update=fista legal: bsp")));
  r = {};
  r.partition = "model";
  EXPECT_THAT(Refusal(p, bound, r), AllOf(HasSubstr("block scheduling"), HasSubstr("legal here: data[Sample]")));
  r = {};
  r.topology = "halton";
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("shares memory"));
  r = {};
  r.payload = "factors";
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("nothing travels"));
  r = {};
  r.workers = 1;
  r.bridge = "ssp:2";
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("nobody to wait for"));
}

TEST(Pins, AWordNobodyKnowsIsRefusedWithTheWords) {
  const Program p = Lasso();
  const BoundInfo bound = Bind(p, 100, 5);
  Request r;
  r.bridge = "ssp";
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("auto, bsp, ssp:S, async"));
  r.bridge = "ssp:x";
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("as in ssp:2"));
  r = {};
  r.update = "newton";
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("lbfgs"));
  r = {};
  r.momentum = 1.5;
  EXPECT_THAT(Refusal(p, bound, r), HasSubstr("below 1"));
}

TEST(Pins, ASweepRunsOnOneWorker) {
  const Program p = CoordinateDescent();
  Request r;
  r.workers = 2;
  EXPECT_THAT(Refusal(p, Bind(p, 1000, 50), r), HasSubstr("those of this Sweep are coupled by view r"));
}

TEST(Pins, ABatchPicksARuleThatHasThem) {
  const Program p = LeastSquares();
  Request r;
  r.batch = 100;
  const Plan plan = Make(p, Bind(p, 1000, 50), r);
  EXPECT_EQ(TaskOf(plan, "clock/grad")->batch(), 100);
  r.update = "lbfgs";
  EXPECT_THAT(Refusal(p, Bind(p, 1000, 50), r), HasSubstr("no mini-batches"));
}

TEST(Pins, AreMarkedInTheAnswers) {
  const Program p = Lasso();
  Request r;
  r.bridge = "bsp";
  const Plan plan = Make(p, Bind(p, 1000, 50), r);
  EXPECT_TRUE(TableOf(plan, "param/beta")->answer(1).pinned());
}

// ---- Determinism and fingerprints.

TEST(Plan, IsAPureFunctionOfItsInputs) {
  const Program p = Multiclass(10);
  const BoundInfo bound = Bind(p, 60000, 784, 0.1);
  EXPECT_EQ(PlanToText(Make(p, bound)), PlanToText(Make(p, bound)));
}

TEST(Plan, SurvivesItsTextForm) {
  const Program p = Lasso();
  const BoundInfo bound = Bind(p, 60000, 784, 0.1);
  Request r;
  r.target = 0;
  const Plan plan = Make(p, bound, r);
  const absl::StatusOr<Plan> again = ParsePlan(PlanToText(plan), "plan.textproto");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->SerializeAsString(), plan.SerializeAsString());
  EXPECT_TRUE(again->stop().has_target());
  EXPECT_TRUE(CheckPlan(*again, p, bound).ok());
}

TEST(Fingerprints, TellShapesApart) {
  const Program p = Lasso();
  const uint64_t base = Bind(p, 100, 5).fingerprint();
  EXPECT_EQ(base, Bind(p, 100, 5).fingerprint());
  EXPECT_NE(base, Bind(p, 101, 5).fingerprint());
  EXPECT_NE(base, Bind(p, 100, 6).fingerprint());
  EXPECT_NE(base, Bind(p, 100, 5, 0.5).fingerprint());
  BoundInfo other = Bind(p, 100, 5);
  other.type = Type::kFloat64;
  EXPECT_NE(base, other.fingerprint());
}

TEST(Fingerprints, AProfilesAgeIsNoPartOfIt) {
  Profile a = DefaultProfile(), b = a;
  b.set_age("3 days old");
  EXPECT_EQ(FingerprintOf(a), FingerprintOf(b));
  b.set_cores(8);
  EXPECT_NE(FingerprintOf(a), FingerprintOf(b));
}

// ---- Loading.

class CheckPlanTest : public ::testing::Test {
 protected:
  std::string Check(const Plan& plan) const {
    const absl::Status status = CheckPlan(plan, program_, bound_);
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
    return std::string(status.message());
  }
  const Program program_ = Lasso();
  const BoundInfo bound_ = Bind(program_, 1000, 50);
  Plan plan_ = Make(program_, bound_);
};

TEST_F(CheckPlanTest, AnotherProgram) {
  Program other = program_;
  other.fingerprint = 7;
  const absl::Status status = CheckPlan(plan_, other, bound_);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("another program"), HasSubstr("plan --out=FILE")));
}

TEST_F(CheckPlanTest, AnotherShapeNamesTheAxis) {
  const absl::Status status = CheckPlan(plan_, program_, Bind(program_, 1001, 50));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Sample=1000 in the plan, Sample=1001 in the data"));
  EXPECT_THAT(std::string(CheckPlan(plan_, program_, Bind(program_, 1000, 50, 0.5)).message()), HasSubstr("csr"));
}

TEST_F(CheckPlanTest, AnEditIsNamedUntilItIsStamped) {
  plan_.mutable_stop()->set_max_clocks(3);
  EXPECT_THAT(Check(plan_), AllOf(HasSubstr("edited or truncated"), HasSubstr("plan --plan=FILE --out=FILE")));
  Rehash(&plan_);
  EXPECT_EQ(Check(plan_), "");
}

TEST_F(CheckPlanTest, AnIllegalEditIsRefusedEvenWhenStamped) {
  for (Task& t : *plan_.mutable_task()) {
    for (Read& r : *t.mutable_read()) {
      if (t.kind() == Task::GATHER) r.set_lag(5);
    }
  }
  Rehash(&plan_);
  EXPECT_THAT(Check(plan_), HasSubstr("COMPLETE"));
}

TEST_F(CheckPlanTest, ATruncatedFile) {
  const std::string text = PlanToText(plan_);
  for (const double part : {0.0, 0.2, 0.5, 0.9}) {
    const std::string cut = text.substr(0, static_cast<size_t>(static_cast<double>(text.size()) * part));
    const absl::StatusOr<Plan> plan = ParsePlan(cut, "a.plan");
    if (plan.ok()) {
      EXPECT_FALSE(CheckPlan(*plan, program_, bound_).ok()) << part;
    } else {
      EXPECT_THAT(std::string(plan.status().message()), HasSubstr("a.plan"));
      EXPECT_THAT(std::string(plan.status().message()), HasSubstr("plan --out=FILE"));
    }
  }
}

TEST_F(CheckPlanTest, AFileThatIsNoPlanNamesTheLine) {
  EXPECT_THAT(std::string(ParsePlan("version: 1\nnonsense {", "a.plan").status().message()), HasSubstr("a.plan:2"));
}

// ---- Machines.

TEST(Profile, TheCheckedInMachineIsTheDefault) {
  std::ifstream file("tools/machine.textproto");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const absl::StatusOr<Profile> machine = ParseProfile(text, "tools/machine.textproto");
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->DebugString(), DefaultProfile().DebugString());
}

TEST(Profile, AMachineNeedsItsRates) {
  EXPECT_THAT(std::string(ParseProfile("cores: 2", "m").status().message()), HasSubstr("positive rates"));
  EXPECT_FALSE(ParseProfile("corez: 2", "m").ok());
}

TEST(Cluster, ProcessesTalkThroughAStar) {
  const Program p = Multiclass(10);
  Request r;
  r.cluster = "local";
  r.workers = r.processes = 2;
  const Plan plan = Make(p, Bind(p, 60000, 784), r);
  EXPECT_EQ(plan.cluster().processes(), 2);
  EXPECT_EQ(TableOf(plan, "param/W")->topology(), Table::STAR);
  EXPECT_GT(TaskOf(plan, "clock/grad")->estimate().bytes_out(), 0);
}

TEST(Cluster, WhatItCannotCutSaysSo) {
  const Program p = CoordinateDescent();
  Request r;
  r.cluster = "local";
  r.workers = r.processes = 1;
  EXPECT_THAT(Refusal(p, Bind(p, 1000, 50), r), HasSubstr("--cluster=embedded"));
}

const Write* WriteOf(const Plan& plan, const std::string& table) {
  for (const Task& t : plan.task()) {
    for (const Write& w : t.write()) {
      if (w.table() == table && w.mode() == Write::ADD) return &w;
    }
  }
  return nullptr;
}

TEST(Cluster, PayloadsFollowTheStructureOfDelta) {
  const Program p = Multiclass(1000);
  Request r;
  r.cluster = "local";
  r.workers = r.processes = 2;
  r.payload = "factors";
  const Plan plan = Make(p, Bind(p, 60000, 784), r);
  EXPECT_EQ(WriteOf(plan, "delta/W")->payload(), Write::FACTORS);
  EXPECT_EQ(WriteOf(plan, "delta/W")->codec(), "");
  r.payload = "sparse";
  EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("see DELTA"));
  r.payload = "factors";
  r.shards = 2;
  EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("leave out --shards"));
}

// A pin for each payload and home; what is asked for is what stands in the plan.
TEST(Cluster, ReplicasGoPeerToPeer) {
  const Program p = Multiclass(1000);
  Request r;
  r.cluster = "local";
  r.workers = r.processes = 4;
  r.topology = "p2p";
  for (const char* payload : {"full", "factors"}) {
    r.payload = payload;
    const Plan plan = Make(p, Bind(p, 60000, 784), r);
    EXPECT_EQ(TableOf(plan, "param/W")->storage(), Table::REPLICA);
    EXPECT_EQ(TableOf(plan, "param/W")->topology(), Table::P2P);
  }
}

TEST(Cluster, NeighboursPassOnSumsAlone) {
  const Program p = Multiclass(1000);
  Request r;
  r.cluster = "local";
  r.workers = r.processes = 4;
  for (const char* topology : {"ring", "halton"}) {
    r.topology = topology;
    const Plan plan = Make(p, Bind(p, 60000, 784), r);
    EXPECT_EQ(WriteOf(plan, "delta/W")->payload(), Write::DENSE);
    EXPECT_EQ(WriteOf(plan, "delta/W")->codec(), "");
    r.payload = "factors";
    EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("sums, not factors"));
    r.payload = "auto";
    r.codec = "bf16";
    EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("leave out --codec"));
    r.codec = "auto";
    r.bridge = "async";
    EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("async"));
    r.bridge = "auto";
  }
  r.workers = r.processes = 3;
  EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("power of two processes, not 3"));
}

TEST(Cluster, CodecsAreForFoldsThatMakeUpForRounding) {
  const Program p = Multiclass(10);
  Request r;
  r.cluster = "local";
  r.workers = r.processes = 2;
  r.codec = "bf16";
  r.update = "lbfgs";
  EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("travel exactly"));
  r.update = "sgd";
  const Plan plan = Make(p, Bind(p, 60000, 784), r);
  EXPECT_EQ(WriteOf(plan, "delta/W")->codec(), "bf16");
  for (const Write& w : TaskOf(plan, "clock/grad")->write()) {
    EXPECT_EQ(w.codec(), w.table() == "delta/W" || w.table() == "delta/b" ? "bf16" : "") << w.table();
  }
  r.codec = "int4";
  EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("bf16"));
  r.codec = "bf16";
  r.cluster = "embedded";
  r.processes = 1;
  EXPECT_THAT(Refusal(p, Bind(p, 60000, 784), r), HasSubstr("nothing travels"));
}

// The crossover of factors and sums, against the rule of Poseidon (Zhang et al., 2017): factors iff
// 2 K (P - 1) (M + N) <= 2 M N (P + S - 2) / S, for batches of K rows a process and S = P shards of the
// parameters. Here the owner is one and the coordinator takes part, so it is 2 K P (M + N) against
// P (M N + M N): compared away from the crossover, where both say the same.
TEST(Cluster, FactorsWinWhereBytesSaySo) {
  Profile slow = DefaultProfile();
  slow.set_network_gbs(0.0125);  // 100 Mbit/s
  for (const int classes : {8, 64, 1000}) {
    const Program p = Multiclass(classes);
    for (const int64_t batch : {4, 64, 4096}) {
      const double k = static_cast<double>(batch) / 4, m = classes, n = 784;
      const double factors = 2 * k * 3 * (m + n), full = 2 * m * n * (4 + 4 - 2) / 4;
      if (factors < 4 * full && full < 4 * factors) continue;
      Request r;
      r.cluster = "wire";  // machines of their own
      r.workers = r.processes = 4;
      r.update = "sgd";
      r.batch = batch;
      const BoundInfo bound = Bind(p, 60000, 784);
      const absl::StatusOr<Plan> plan = MakePlan(p, bound, slow, r);
      ASSERT_TRUE(plan.ok()) << plan.status();
      EXPECT_EQ(WriteOf(*plan, "delta/W")->payload() == Write::FACTORS, factors < full)
          << classes << " classes, batch " << batch;
    }
  }
}

TEST(Plan, WhatThisBuildLacksIsSaid) {
  Program inner = CoordinateDescent();
  inner.root.child[0] = KMeans(3, 1e-3).root;
  EXPECT_EQ(MakePlan(inner, Bind(inner, 100, 5), DefaultProfile(), {}).status().code(),
            absl::StatusCode::kUnimplemented);
  Program nothing = Lasso();
  nothing.root = Statement();
  EXPECT_EQ(MakePlan(nothing, Bind(nothing, 100, 5), DefaultProfile(), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Plan, NoRowsIsTheUsersError) {
  const Program p = Lasso();
  const absl::Status status = MakePlan(p, Bind(p, 0, 5), DefaultProfile(), {}).status();
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("Sample"), HasSubstr("--data=FILE")));
}

}  // namespace
}  // namespace gyre
