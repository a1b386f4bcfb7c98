#include <string>

#include "compiler/compiler.h"
#include "compiler/render.h"
#include "compiler/testing.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace gyre::testing;  // NOLINT: the programs under test

Plan Make(const Program& program, const BoundInfo& bound, Request request = {}) {
  absl::StatusOr<Plan> plan = MakePlan(program, bound, DefaultProfile(), request);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *plan : Plan();
}

// The page without its first line, whose hash any change of the plan changes.
std::string Body(const std::string& text) { return text.substr(text.find('\n') + 1); }

TEST(Explain, Golden) {
  const Program p = Multiclass(10);
  Request r;
  r.name = "multiclass";
  const Plan plan = Make(p, Bind(p, 60000, 784), r);
  EXPECT_THAT(Explain(plan), StartsWith("plan multiclass@"));
  EXPECT_EQ(Body(Explain(plan)), R"(probe  generic 2-core: 2 cores, 60 GFLOP/s f32, 30 f64, 12 GB/s memory (20 by all)   (pinned)
bound  Sample=60000 Feature=784 Class=10   X dense f32 188 MB   y dense f32 240 KB
PROGRAM
  %3  logit  sum[Feature]((W(Class,Feature) * X(Sample,Feature)))
  %6  f      sum[Sample](logsumexp[Class](logit(Sample,Class)))
DELTA
  W(Class,Feature)  outer over {Sample}  3.18 KB a row  62.7 KB whole
       u = dlogit(Sample,Class) : Class   v = X(Sample,Feature) : Feature
DEPENDENCES of W(Class,Feature)
  Sample   additive                      data-parallel legal, reorderable
  Class    coupled by lse in f (%5)      model-parallel legal, exchange 2 numbers a row
  Feature  coupled by sum in logit (%3)  model-parallel legal, exchange 10 numbers a row
ANSWERS for W
  distribute   data[Sample], 2 workers on 2 lanes  additive over Sample
  bridge       bsp                                 lbfgs needs the whole clock (COMPLETE)
  communicate  shared memory                       one process; lanes fold their share in place
  payload      none                                one process: nothing travels
PLAN  2 workers on 2 lanes   update: convex: about 60 clocks
  task                 kind      what                                      est ms
  #clock/grad          gather    objective and gradients over 60000 rows     22.4
       param/W (lag 1) -> total/0 +=, delta/W +=
  #clock/step          fold      lbfgs, 37 pairs                            0.335
       total/0 (this clock), delta/W (this clock), param/W (lag 1) -> param/W :=
  #evaluate/objective  evaluate  with the totals of the clock, at no cost       0
       param/W (lag 1)
STOP  after 1000 clocks, at a relative change below 1e-06; decided every clock; evaluation byproduct
CERTIFICATE
  every read sees all contributions of the clocks before  bsp
REJECTED
  instead                                       of           ms/clock  clocks  because
  model[Class]                                  distribute       22.8      60  needs block scheduling, which this build does not have
  model[Feature]                                distribute       23.2      60  needs block scheduling, which this build does not have
  hybrid                                        distribute          -       -  hybrid needs two axes that rows name by key; this program has none
  ssp(2) | async                                bridge              -       -  lbfgs needs the whole clock before it moves (fold COMPLETE): bsp only
  replicas                                      communicate         -       -  one process shares memory: a replica would be a copy for nothing
  server, star | replicas, p2p | ring | halton  communicate         -       -  one process shares memory: there is no topology to choose
  sparse | factors                              payload             -       -  nothing travels within one process
  owlqn                                         update              -       -  owlqn is for an L1 penalty; there is none
  fista                                         update           22.4     300  4.93x the time to the target
  sgd, batch 256                                update          0.109  234375  18.7x the time to the target
  adam, batch 256                               update          0.111  195313  15.8x the time to the target
  adagrad, batch 256                            update          0.109  234375  18.7x the time to the target
  cd                                            update              -       -  cd needs rows that see the parameters through one linear predictor, sums of a matrix times a parameter
  sdca                                          update              -       -  sdca needs rows that see the parameters through one linear predictor, sums of a matrix times a parameter
  mspg                                          update              -       -  mspg needs rows that see the parameters through one linear predictor, sums of a matrix times a parameter
  dsgd                                          update              -       -  dsgd needs rows that name the parameters by keys (U(user(r), k)) and see them through one predictor
  als                                           update              -       -  als needs rows that name the parameters by keys (U(user(r), k)) and see them through one predictor
  1 lane                                        lanes            45.1      60  1.98x the time to the target
WOULD CHANGE IF
  Sample < 2 -> 1 lane
  Sample > 1e+06 -> adam, batch 256
)");
}

TEST(Explain, RendersTheProtoAndNothingElse) {
  const Program p = Lasso();
  const Plan plan = Make(p, Bind(p, 1000, 50));
  const absl::StatusOr<Plan> loaded = ParsePlan(PlanToText(plan), "plan");
  ASSERT_TRUE(loaded.ok());
  for (const ExplainFormat format : {ExplainFormat::kText, ExplainFormat::kJson, ExplainFormat::kDot,
                                     ExplainFormat::kHtml}) {
    EXPECT_EQ(Explain(*loaded, format), Explain(plan, format));
  }
  Plan changed = plan;
  changed.mutable_per_clock()->set_ms(123);
  EXPECT_THAT(Explain(changed), HasSubstr("est 123 ms/clock"));
}

TEST(Explain, AllFormatsUseThePlansIds) {
  const Program p = CoordinateDescent();
  const Plan plan = Make(p, Bind(p, 1000, 50));
  for (const Task& t : plan.task()) {
    EXPECT_THAT(Explain(plan), HasSubstr("#" + t.id()));
    EXPECT_THAT(Explain(plan, ExplainFormat::kJson), HasSubstr("\"id\": \"" + t.id() + "\""));
    EXPECT_THAT(Explain(plan, ExplainFormat::kDot), HasSubstr("\"" + t.id() + "\" [label="));
  }
}

TEST(Explain, DotShowsDependencesWithTheirLags) {
  const Program p = Lasso();
  const std::string dot = Explain(Make(p, Bind(p, 1000, 50)), ExplainFormat::kDot);
  EXPECT_THAT(dot, HasSubstr(R"("clock/step" -> "clock/grad" [label="param/beta, lag 1", style=dashed])"));
  EXPECT_THAT(dot, HasSubstr(R"("clock/grad" -> "clock/step" [label="delta/beta"])"));
}

TEST(Explain, HtmlIsOnePageThatNeedsNothingElse) {
  const Program p = Lasso();
  const Plan plan = Make(p, Bind(p, 1000, 50));
  const std::string page = Explain(plan, ExplainFormat::kHtml);
  EXPECT_THAT(page, StartsWith("<!doctype html>"));
  for (const char* title : {"PROGRAM", "DEPENDENCES of beta", "ANSWERS for", "REJECTED", "<svg", "</svg>"})
    EXPECT_THAT(page, HasSubstr(title));
  for (const Task& t : plan.task()) EXPECT_THAT(page, HasSubstr(">" + t.id() + "</text>"));
  for (const char* outside : {"http:", "https:", "src=", "@import", "<script"})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  Plan odd = plan;
  odd.mutable_task(0)->set_words("a < b & \"c\"");
  EXPECT_THAT(Explain(odd, ExplainFormat::kHtml), HasSubstr("a &lt; b &amp; &quot;c&quot;"));
}

TEST(Explain, AnEmptyOrBrokenPlanStillRenders) {
  EXPECT_THAT(Explain(Plan()), StartsWith("plan @"));
  Plan broken;
  broken.add_task()->add_read()->set_table("no such table");
  EXPECT_THAT(Explain(broken, ExplainFormat::kDot), HasSubstr("digraph"));
  EXPECT_THAT(Explain(broken, ExplainFormat::kHtml), HasSubstr("<svg"));
}

TEST(Explain, QuotesWhatJsonDemands) {
  RenderTree tree;
  tree.name = "a \"b\" \\ \n \x01";
  EXPECT_THAT(RenderJson(tree), HasSubstr(R"("a \"b\" \\ \n \u0001")"));
}

TEST(Explain, AnalyzeShowsMeasuredBesideEstimated) {
  const Program p = Lasso();
  const Plan plan = Make(p, Bind(p, 1000, 50));
  Trace trace;
  trace.set_clocks(100);
  trace.set_train_seconds(0.5);
  trace.set_lanes(1);
  Trace::Task* t = trace.add_task();
  t->set_id("clock/grad");
  t->set_fired(100);
  t->set_seconds(0.2);
  const std::string text = ExplainAnalyze(plan, trace);
  EXPECT_THAT(text, HasSubstr("measured ms"));
  EXPECT_THAT(text, HasSubstr("100 clocks in 0.5 s, 5 ms/clock"));
  EXPECT_THAT(ExplainAnalyze(plan, trace, ExplainFormat::kJson), HasSubstr("\"measured ms\": \"2\""));
}

TEST(Explain, SummaryIsAFewLines) {
  const Program p = Lasso();
  const std::string text = Summary(Make(p, Bind(p, 1000, 50)));
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_THAT(text, AllOf(HasSubstr("owlqn"), HasSubstr("bsp"), Not(HasSubstr("REJECTED"))));
}

TEST(Explain, FormatsByName) {
  EXPECT_EQ(*ParseExplainFormat("dot"), ExplainFormat::kDot);
  EXPECT_THAT(std::string(ParseExplainFormat("svg").status().message()), HasSubstr("text, json, dot or html"));
}

}  // namespace
}  // namespace gyre
