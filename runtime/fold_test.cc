// Penalties as proximal operators, and the parameters of a statement within the run's.
#include "runtime/fold.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/penalty.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;

enum { kRows, kCols };

void Scalar(const PostArgs& a) { a.out[0] = a.hyper[0]; }
void ByRow(const PostArgs& a) {
  for (int64_t i = 0; i < a.extent[kRows]; ++i) a.out[i] = static_cast<double>(i + 1);
}

// One parameter w(Rows, Cols) and a hyper-parameter.
struct PenaltyTest : ::testing::Test {
  PenaltyTest() {
    program.graph.axis.push({"Rows"});
    program.graph.axis.push({"Cols"});
    ir::Symbol w;
    w.name = "w";
    w.kind = ir::Kind::kParam;
    w.rank = 2;
    w.axis[0] = kRows, w.axis[1] = kCols;
    program.graph.symbol.push(w);
    program.literal = {0};
    context.program = &program;
    context.hyper = hyper.data();
    context.extent = extent.data();
  }
  static Penalty Term(PenaltyKind kind, PostFn weight, const std::vector<int>& axes = {},
                      const std::vector<int>& inside = {}) {
    Penalty penalty;
    penalty.kind = kind;
    penalty.param = 0;
    penalty.weight.axes = axes;
    penalty.weight.fn = weight;
    penalty.group_axes = inside;
    return penalty;
  }
  template <class... Terms>
  absl::StatusOr<Prox> Make(const Terms&... terms) {
    std::vector<Penalty> penalties;
    (penalties.push_back(terms), ...);
    return ProxOf(context, extent, penalties, 0, &storage);
  }

  Program program;
  std::vector<double> hyper = {0.5};
  std::vector<int64_t> extent = {2, 3};
  PostContext context;
  std::vector<AlignedArray<double>> storage;
};

TEST_F(PenaltyTest, NumbersStayNumbersAndAdd) {
  const Penalty l1 = Term(PenaltyKind::kL1, Scalar);
  const auto prox = Make(l1, l1, Term(PenaltyKind::kSquaredL2, Scalar));
  ASSERT_TRUE(prox.ok());
  EXPECT_EQ(prox->l1.value, 1);
  EXPECT_EQ(prox->l1.each, nullptr);
  EXPECT_EQ(prox->l2.value, 0.5);
  Penalty other = l1;
  other.param = 7;
  EXPECT_TRUE(Make(other)->identity());
}

TEST_F(PenaltyTest, WeightsOverFewerAxesAreRepeated) {
  const auto prox = Make(Term(PenaltyKind::kL1, ByRow, {kRows}));
  ASSERT_TRUE(prox.ok());
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(prox->l1.at(i), i / 3 + 1);
}

TEST_F(PenaltyTest, GroupsFollowTheAxesInside) {
  const auto rows = Make(Term(PenaltyKind::kGroupL2, ByRow, {kRows}, {kCols}));
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->group_size, 3);
  EXPECT_EQ(rows->group_stride, 1);
  EXPECT_EQ(rows->group.at(1), 2);
  const auto cols = Make(Term(PenaltyKind::kGroupL2, Scalar, {}, {kRows}));
  EXPECT_EQ(cols->group_size, 2);
  EXPECT_EQ(cols->group_stride, 3);
  const auto whole = Make(Term(PenaltyKind::kSimplex, Scalar, {}, {kRows, kCols}));
  EXPECT_EQ(whole->group_size, 0);
  EXPECT_EQ(whole->simplex, 0.5);
  EXPECT_FALSE(Make(Term(PenaltyKind::kSimplex, Scalar, {}, {kCols}),
                    Term(PenaltyKind::kGroupL2, Scalar, {}, {kCols}))
                   .ok());
}

TEST_F(PenaltyTest, BoundsAreBounds) {
  const auto prox =
      Make(Term(PenaltyKind::kLower, Scalar), Term(PenaltyKind::kUpper, ByRow, {kRows}));
  ASSERT_TRUE(prox.ok());
  EXPECT_EQ(prox->lower.at(0), 0.5);
  EXPECT_EQ(prox->upper.at(5), 2);
}

// Two parameters a and b; only b is minimised: f = (b - 3)^2, with smooth Omega b^2 / 2.
void Square(const PostArgs& a) { a.out[0] = (a.param[1][0] - 3) * (a.param[1][0] - 3); }
void SquareGradient(const PostArgs& a) { a.out[0] = 2 * (a.param[1][0] - 3); }
void Half(const PostArgs& a) { a.out[0] = 0.5 * a.param[1][0] * a.param[1][0]; }
void HalfGradient(const PostArgs& a) { a.out[0] = a.param[1][0]; }

TEST(MinimizeFold, MovesItsOwnParametersOnly) {
  Program program;
  for (const char* name : {"a", "b"}) {
    ir::Symbol s;
    s.name = name;
    s.kind = ir::Kind::kParam;
    program.graph.symbol.push(s);
  }
  program.literal = {0};
  Statement statement;
  statement.kind = StatementKind::kMinimize;
  statement.param = {1};
  statement.value = {{}, Square, -1};
  statement.gradient = {{{}, SquareGradient, -1}};
  statement.smooth_value = {{}, Half, -1};
  statement.smooth_gradient = {{{}, HalfGradient, -1}};
  ParamState state(program, {}, Type::kFloat64);
  state.master(0)[0] = 7;
  FoldSetup setup;
  setup.program = &program;
  setup.context.program = &program;
  setup.context.param = state.by_symbol();
  Rule rule;
  rule.name = "lbfgs";
  auto fold = MakeFold(setup, statement, rule);
  ASSERT_TRUE(fold.ok()) << fold.status();
  ASSERT_TRUE((*fold)->Start(&state).ok());
  for (int i = 0; i < 50; ++i) (*fold)->Apply(setup.context, &state);
  std::vector<double> model(state.master(), state.master() + state.layout().size);
  (*fold)->Model(state, model.data());
  EXPECT_NEAR(model[static_cast<size_t>(state.layout().Find(1)->offset)], 2, 1e-6);
  EXPECT_EQ(model[0], 7);
  EXPECT_NEAR((*fold)->best_objective(), 3, 1e-6);
}

TEST(MakeFold, RefusesAnUnknownRule) {
  const Program program = testing_programs::MakeProgram(testing_programs::Kind::kMinimize);
  FoldSetup setup;
  setup.program = &program;
  setup.extent = {1, 1};
  Rule rule;
  rule.name = "newton";
  const auto fold = MakeFold(setup, program.root, rule);
  EXPECT_THAT(std::string(fold.status().message()), HasSubstr("newton"));
}

}  // namespace
}  // namespace gyre
