#include "compiler/dependence.h"

#include "compiler/delta.h"
#include "compiler/testing.h"
#include "compiler/traits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;
using namespace gyre::testing;  // NOLINT: the programs under test

AxisVerdict VerdictOf(const Program& program, const BoundInfo& bound, absl::string_view param,
                      absl::string_view axis) {
  for (const AxisVerdict& v : AnalyzeDependences(program, bound.extent)) {
    if (Name(program.graph.symbol[v.param].name) == param && Name(program.graph.axis[v.axis].name) == axis) return v;
  }
  ADD_FAILURE() << "no verdict for " << param << " over " << axis;
  return {};
}

TEST(Dependence, RowsOfAGradientAreAdditive) {
  const Program p = Lasso();
  const AxisVerdict v = VerdictOf(p, Bind(p, 100, 5), "beta", "Sample");
  EXPECT_EQ(v.verdict, Verdict::kAdditive);
  EXPECT_THAT(v.words, HasSubstr("data-parallel legal, reorderable"));
}

TEST(Dependence, FeaturesMeetInTheSumUnderTheSquare) {
  const Program p = Lasso();
  const AxisVerdict v = VerdictOf(p, Bind(p, 100, 5), "beta", "Feature");
  EXPECT_EQ(v.verdict, Verdict::kCoupled);
  EXPECT_EQ(v.by, "sum in yhat");
  EXPECT_EQ(v.exchange, 1);
}

TEST(Dependence, ClassesMeetInTheLogSumExp) {
  const Program p = Multiclass(10);
  const BoundInfo bound = Bind(p, 100, 5);
  const AxisVerdict cls = VerdictOf(p, bound, "W", "Class");
  EXPECT_EQ(cls.by, "lse in f");
  EXPECT_EQ(cls.exchange, 2);
  const AxisVerdict feature = VerdictOf(p, bound, "W", "Feature");
  EXPECT_EQ(feature.by, "sum in logit");
  EXPECT_EQ(feature.exchange, 10);  // a partial logit of every class
}

TEST(Dependence, CentersMeetInTheArgmin) {
  const Program p = KMeans(7);
  const BoundInfo bound = Bind(p, 100, 5);
  EXPECT_EQ(VerdictOf(p, bound, "C", "Cluster").by, "argmin in nearest");
  EXPECT_EQ(VerdictOf(p, bound, "C", "Feature").by, "sum in distance");
  EXPECT_EQ(VerdictOf(p, bound, "C", "Feature").exchange, 7);
}

TEST(Dependence, SumsThatEnterLinearlyLeaveSlicesIndependent) {
  Draft t;  // sum over targets of squared errors: one regression per target
  const int target = t.b.axis("Target", 3, false), k = t.b.index(target, 0);
  const int B = t.Symbol("B", ir::Kind::kParam, {target, t.feature});
  const int product = t.b.node(Op::kMul, t.At(Op::kData, t.X, {t.n, t.d}), t.At(Op::kParam, B, {k, t.d}));
  const int fit = t.Let("fit", {t.n, k}, t.b.node(Op::kSum, product, -1, -1, t.d));
  const int loss = t.b.node(Op::kSum, t.b.node(Op::kSq, t.At(Op::kLet, fit, {t.n, k})), -1, -1, k);
  const int f = t.Total({}, loss);
  t.program.root.kind = StatementKind::kMinimize;
  t.program.root.param = {B};
  t.program.root.pass = t.AddPass("step", {f}, {Structure::kScalar}, {B});
  const Program p = t.Finish("targets");
  EXPECT_EQ(VerdictOf(p, Bind(p, 100, 5), "B", "Target").verdict, Verdict::kIndependent);
  EXPECT_EQ(VerdictOf(p, Bind(p, 100, 5), "B", "Feature").verdict, Verdict::kCoupled);
}

TEST(Dependence, AMapKeysItsRows) {
  Draft t;
  const int user = t.b.axis("User", 9, false);
  const int map = t.Symbol("user", ir::Kind::kMap, {t.sample}, user);
  const int bu = t.Symbol("bu", ir::Kind::kParam, {user});
  ir::Node read;
  read.op = Op::kParam;
  read.symbol = static_cast<int16_t>(bu);
  read.subs = 1;
  read.sub[0].node = static_cast<int16_t>(t.At(Op::kKey, map, {t.n}));
  const int f = t.Total({}, t.b.node(Op::kSq, t.b.add(read)));
  t.program.root.kind = StatementKind::kMinimize;
  t.program.root.param = {bu};
  t.program.root.pass = t.AddPass("step", {f}, {Structure::kScalar}, {bu});
  const Program p = t.Finish("keyed");
  const AxisVerdict v = VerdictOf(p, Bind(p, 100, 5), "bu", "User");
  EXPECT_EQ(v.verdict, Verdict::kKeyed);
  EXPECT_EQ(v.by, "user");
}

TEST(Dependence, AGroupNormCouplesItsGroup) {
  const Program p = LeastSquares({PenaltyKind::kGroupL2});
  const AxisVerdict v = VerdictOf(p, Bind(p, 100, 5), "beta", "Feature");
  EXPECT_EQ(v.by, "group norm in the prox");
}

TEST(Dependence, ASweepCouplesItsItemsThroughTheView) {
  const Program p = CoordinateDescent();
  const BoundInfo bound = Bind(p, 100, 5);
  EXPECT_EQ(VerdictOf(p, bound, "beta", "Feature").by, "view r");
  EXPECT_EQ(VerdictOf(p, bound, "beta", "Sample").verdict, Verdict::kCoupled);
  EXPECT_EQ(VerdictOf(p, bound, "b", "Sample").verdict, Verdict::kAdditive);
}

TEST(Dependence, ASweepSaysWhatJoinsItsItems) {
  Program p = CoordinateDescent();
  const BoundInfo bound = Bind(p, 100, 5);
  Statement& sweep = p.root.child[0];
  const int view = sweep.maintained[0], sum = p.graph.let[view].body;
  sweep.coupling = {{CouplingForm::kColumns, 0, -1, sum}};
  const std::string derivative = ToText(p.graph, p.literal, sum);
  EXPECT_EQ(VerdictOf(p, bound, "beta", "Feature").words,
            "coupled by view r: " + derivative + "; one at a time, or scheduled around the coupling");
  sweep.maintained.clear();
  EXPECT_EQ(VerdictOf(p, bound, "beta", "Feature").by, derivative);
  sweep.coupling = {{CouplingForm::kKeys, 0, 1, sum}, {CouplingForm::kKeys, 1, 0, sum}};
  EXPECT_THAT(VerdictOf(p, bound, "beta", "Feature").words,
              HasSubstr("coupled where a Sample joins them: X, y;"));
  sweep.coupling.clear();
  EXPECT_EQ(VerdictOf(p, bound, "beta", "Feature").verdict, Verdict::kIndependent);
}

TEST(Delta, AnOuterProductShipsItsFactors) {
  const Program p = Multiclass(10000);
  const std::vector<Delta> deltas = DeltasOf(p, Bind(p, 100, 20000).extent, Type::kFloat32);
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(deltas[0].structure(), "outer");
  EXPECT_EQ(deltas[0].row_bytes(), 4 * (10000 + 20000));
  EXPECT_EQ(deltas[0].matrix_bytes(), int64_t{8} * 10000 * 20000);
  EXPECT_THAT(deltas[0].u() + deltas[0].v(), HasSubstr(": Class"));
  EXPECT_THAT(deltas[0].u() + deltas[0].v(), HasSubstr(": Feature"));
}

TEST(Traits, ReadFromTheGraphAndThePenalties) {
  const Program lasso = Lasso();
  const Traits l = TraitsOf(lasso, Leaves(lasso)[0]);
  EXPECT_TRUE(l.convex && l.smooth && l.l1);
  EXPECT_FALSE(l.grouped || l.bounds || l.products);
  const Program network = Network();
  EXPECT_FALSE(TraitsOf(network, Leaves(network)[0]).convex);
}

TEST(Traits, AKinkCountsUnlessASquareSmoothsIt) {
  for (const bool squared : {false, true}) {
    Draft t;
    const int b = t.Symbol("b", ir::Kind::kParam, {});
    const int margin = t.b.node(Op::kMul, t.At(Op::kData, t.y, {t.n}), t.At(Op::kParam, b, {}));
    int loss = t.b.node(Op::kRelu, margin);
    if (squared) loss = t.b.node(Op::kSq, loss);
    t.program.root.kind = StatementKind::kMinimize;
    t.program.root.param = {b};
    t.program.root.pass = t.AddPass("step", {t.Total({}, loss)}, {Structure::kScalar}, {b});
    const Program p = t.Finish("hinge");
    EXPECT_EQ(TraitsOf(p, Leaves(p)[0]).smooth, squared);
  }
}

TEST(Traits, OnlyAddingSumsIsALinearFold) {
  const Program add = Accumulate(), means = KMeans(3);
  EXPECT_TRUE(TraitsOf(add, Leaves(add)[0]).linear_fold);
  EXPECT_FALSE(TraitsOf(means, Leaves(means)[0]).linear_fold);
}

TEST(Leaves, SequencesNameTheirStatements) {
  const Program p = CoordinateDescent();
  const std::vector<Leaf> leaves = Leaves(p);
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_EQ(leaves[0].id, "clock/s0");
  EXPECT_EQ(leaves[1].path, std::vector<int>{1});
}

TEST(Leaves, AnInnerRepeatIsWrittenOut) {
  Program p = CoordinateDescent();
  Statement twice;
  twice.kind = StatementKind::kRepeat;
  twice.repeat = 2;
  twice.child = {p.root.child[0]};
  p.root.child[0] = twice;
  const std::vector<Leaf> leaves = Leaves(p);
  ASSERT_EQ(leaves.size(), 3u);
  EXPECT_EQ(leaves[0].id, "clock/s0/r0");
  EXPECT_EQ(leaves[1].id, "clock/s0/r1");
  EXPECT_EQ(leaves[1].path, (std::vector<int>{0, 0}));
}

}  // namespace
}  // namespace gyre
