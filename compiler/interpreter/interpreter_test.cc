#include "compiler/interpreter/interpreter.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ir::Node;
using ir::Op;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// Builds a graph node by node. Indices: n (2 rows), d (3), k = d'. Axes are numbered alike.
class InterpreterTest : public ::testing::Test {
 protected:
  InterpreterTest() {
    rows_ = graph_.axis.push({.name = "Sample", .extent = 2, .data = true});
    cols_ = graph_.axis.push({.name = "Feature", .extent = 3});
    n_ = graph_.index.push({static_cast<int16_t>(rows_), 0});
    d_ = graph_.index.push({static_cast<int16_t>(cols_), 0});
    e_ = graph_.index.push({static_cast<int16_t>(cols_), 1});
    x_ = Symbol("X", ir::Kind::kData, {rows_, cols_});
    w_ = Symbol("w", ir::Kind::kParam, {cols_});
    key_ = Symbol("key", ir::Kind::kMap, {rows_});
    bind_ = Bindings::For(graph_);
    bind_.tensor[0] = {{2, 3}, {1, 2, 3, 4, 5, 6}};
    bind_.tensor[1] = {{3}, {0.5, -1, 2}};
    bind_.tensor[2] = {{2}, {2, 0}};
  }

  int Symbol(std::string_view name, ir::Kind kind, std::vector<int> axes) {
    ir::Symbol s{.name = name, .kind = kind, .rank = static_cast<int8_t>(axes.size())};
    for (size_t i = 0; i < axes.size(); ++i) s.axis[i] = static_cast<int16_t>(axes[i]);
    return graph_.symbol.push(s);
  }
  int Add(Op op, int a = -1, int b = -1, int c = -1) {
    Node node;
    node.op = op;
    node.a = static_cast<int16_t>(a), node.b = static_cast<int16_t>(b);
    node.c = static_cast<int16_t>(c);
    for (const int operand : {a, b, c}) {
      if (operand >= 0) node.free |= graph_.node[operand].free;
    }
    return graph_.node.push(node);
  }
  int Const(double value) {
    const int id = Add(Op::kConst);
    graph_.node[id].value = value;
    return id;
  }
  int Leaf(Op op, int symbol, std::vector<ir::Subscript> subs) {
    const int id = Add(op);
    Node& node = graph_.node[id];
    node.symbol = static_cast<int16_t>(symbol);
    node.subs = static_cast<int8_t>(subs.size());
    for (size_t i = 0; i < subs.size(); ++i) {
      node.sub[i] = subs[i];
      for (const int index : {subs[i].index, subs[i].second}) {
        if (index >= 0) node.free |= 1u << index;
      }
      if (subs[i].node >= 0) node.free |= graph_.node[subs[i].node].free;
    }
    return id;
  }
  static ir::Subscript At(int index) { return {.index = static_cast<int16_t>(index)}; }
  int Over(Op op, int index, int a, int b = -1) {
    const int id = Add(op, a, b);
    graph_.node[id].index = static_cast<int16_t>(index);
    graph_.node[id].free &= ~(1u << index);
    return id;
  }
  int X() { return Leaf(Op::kData, x_, {At(n_), At(d_)}); }
  int W() { return Leaf(Op::kParam, w_, {At(d_)}); }
  int Score() { return Over(Op::kSum, d_, Add(Op::kMul, X(), W())); }
  double Value(int node) { return Interpreter(graph_, bind_).Eval(node); }
  std::vector<double> Values(int node, std::vector<int> indices) {
    Interpreter oracle(graph_, bind_);
    const std::vector<double> values = oracle.EvalTensor(node, indices);
    EXPECT_TRUE(oracle.status().ok()) << oracle.status();
    return values;
  }

  ir::Graph graph_;
  Bindings bind_;
  int rows_, cols_, n_, d_, e_, x_, w_, key_;
};

TEST_F(InterpreterTest, EvaluatesContractionsRowByRow) {
  EXPECT_THAT(Values(Score(), {n_}), ElementsAre(0.5 - 2 + 6, 2 - 5 + 12));
}

TEST_F(InterpreterTest, EvaluatesEveryUnaryFunction) {
  const int x = Const(0.7);
  const std::vector<std::pair<Op, double>> expected = {{Op::kNeg, -0.7},
                                                       {Op::kExp, std::exp(0.7)},
                                                       {Op::kLog, std::log(0.7)},
                                                       {Op::kLog1p, std::log(1.7)},
                                                       {Op::kSqrt, std::sqrt(0.7)},
                                                       {Op::kSq, 0.49},
                                                       {Op::kAbs, 0.7},
                                                       {Op::kSign, 1},
                                                       {Op::kRelu, 0.7},
                                                       {Op::kSigmoid, 1 / (1 + std::exp(-0.7))},
                                                       {Op::kTanh, std::tanh(0.7)},
                                                       {Op::kLgamma, std::lgamma(0.7)},
                                                       {Op::kDigamma, -1.2200235536979349},
                                                       {Op::kTrigamma, 2.8340491566946113},
                                                       {Op::kNot, 0},
                                                       {Op::kStop, 0.7},
                                                       {Op::kRound, 1},
                                                       {Op::kSoftplus, std::log1p(std::exp(0.7))}};
  for (const auto& [op, value] : expected) {
    EXPECT_NEAR(Value(Add(op, x)), value, 1e-13) << static_cast<int>(op);
  }
  EXPECT_EQ(Value(Add(Op::kSign, Const(0))), 0);
  EXPECT_EQ(Value(Add(Op::kSoftplus, Const(1000))), 1000);
  EXPECT_EQ(Value(Add(Op::kRelu, Const(-2))), 0);
  EXPECT_NEAR(Value(Add(Op::kDigamma, Const(1))), -0.57721566490153286, 1e-13);
  EXPECT_NEAR(Value(Add(Op::kDigamma, Const(-0.5))), 0.03648997397857652, 1e-12);
  EXPECT_NEAR(Value(Add(Op::kTrigamma, Const(1))), 1.6449340668482264, 1e-13);
  EXPECT_NEAR(Value(Add(Op::kTrigamma, Const(-0.5))), 8.9348022005446793, 1e-12);
}

TEST_F(InterpreterTest, EvaluatesEveryBinaryFunction) {
  const int a = Const(-3), b = Const(2);
  const std::vector<std::pair<Op, double>> expected = {
      {Op::kAdd, -1}, {Op::kSub, -5}, {Op::kMul, -6}, {Op::kDiv, -1.5}, {Op::kPow, 9},
      {Op::kMin, -3}, {Op::kMax, 2},  {Op::kEq, 0},   {Op::kNe, 1},     {Op::kLt, 1},
      {Op::kLe, 1},   {Op::kAnd, 1},  {Op::kOr, 1},   {Op::kSoft, -1}};
  for (const auto& [op, value] : expected) {
    EXPECT_EQ(Value(Add(op, a, b)), value) << static_cast<int>(op);
  }
}

TEST_F(InterpreterTest, EvaluatesEveryReduction) {
  const int w = W();  // 0.5, -1, 2
  EXPECT_EQ(Value(Over(Op::kSum, d_, w)), 1.5);
  EXPECT_EQ(Value(Over(Op::kProd, d_, w)), -1);
  EXPECT_EQ(Value(Over(Op::kMaxOver, d_, w)), 2);
  EXPECT_EQ(Value(Over(Op::kMinOver, d_, w)), -1);
  EXPECT_EQ(Value(Over(Op::kArgmax, d_, w)), 2);
  EXPECT_EQ(Value(Over(Op::kArgmin, d_, w)), 1);
  EXPECT_EQ(Value(Over(Op::kAny, d_, w)), 1);
  EXPECT_NEAR(Value(Over(Op::kNorm, d_, w)), std::sqrt(5.25), 1e-15);
  EXPECT_NEAR(Value(Over(Op::kLogSumExp, d_, w)),
              std::log(std::exp(0.5) + std::exp(-1) + std::exp(2)), 1e-15);
}

TEST_F(InterpreterTest, LogSumExpDoesNotOverflow) {
  EXPECT_NEAR(Value(Over(Op::kLogSumExp, d_, Add(Op::kMul, Const(1000), W()))), 2000, 1e-9);
}

TEST_F(InterpreterTest, GathersThroughMaps) {
  const int key = Leaf(Op::kKey, key_, {At(n_)});
  ir::Subscript through;
  through.node = static_cast<int16_t>(key);
  EXPECT_THAT(Values(Leaf(Op::kParam, w_, {through}), {n_}), ElementsAre(2, 0.5));
}

TEST_F(InterpreterTest, AffineSubscriptsPadWithZero) {
  bind_.literal = {2, -1};
  ir::Subscript twice_less_one = At(d_);
  twice_less_one.scale0 = 0, twice_less_one.offset = 1;
  EXPECT_THAT(Values(Leaf(Op::kParam, w_, {twice_less_one}), {d_}), ElementsAre(0, -1, 0));
  ir::Subscript sum_of_two = At(d_);
  sum_of_two.second = static_cast<int16_t>(e_);
  EXPECT_THAT(Values(Leaf(Op::kParam, w_, {sum_of_two}), {d_, e_}),
              ElementsAre(0.5, -1, 2, -1, 2, 0, 2, 0, 0));
  EXPECT_THAT(Values(Leaf(Op::kPosition, -1, {sum_of_two}), {d_, e_}),
              ElementsAre(0, 1, 2, 1, 2, 3, 2, 3, 4));
}

TEST_F(InterpreterTest, ReportsAReadOutOfRange) {
  bind_.tensor[2].value = {5, 0};
  ir::Subscript through;
  through.node = static_cast<int16_t>(Leaf(Op::kKey, key_, {At(n_)}));
  Interpreter oracle(graph_, bind_);
  EXPECT_TRUE(std::isnan(oracle.Eval(Leaf(Op::kParam, w_, {through}))));
  EXPECT_THAT(std::string(oracle.status().message()), HasSubstr("subscript of w out of range"));
}

TEST_F(InterpreterTest, RefusesFunctors) {
  Interpreter oracle(graph_, bind_);
  EXPECT_TRUE(std::isnan(oracle.Eval(Add(Op::kEach, Const(1)))));
  EXPECT_EQ(oracle.status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(InterpreterTest, LetsReplaceTheirIndices) {
  const int score = Score();
  const int let = graph_.let.push({.name = "score",
                                   .body = static_cast<int16_t>(score),
                                   .rank = 1,
                                   .index = {static_cast<int16_t>(n_)}});
  EXPECT_THAT(Values(Leaf(Op::kLet, let, {At(n_)}), {n_}), ElementsAre(4.5, 9));
}

TEST_F(InterpreterTest, TotalsAreEvaluatedOrGiven) {
  const int node = Over(Op::kSum, n_, X());
  const int total = graph_.total.push({.node = static_cast<int16_t>(node),
                                       .row_index = static_cast<int16_t>(n_),
                                       .rank = 1,
                                       .index = {static_cast<int16_t>(d_)}});
  const int read = Leaf(Op::kTotal, total, {At(d_)});
  EXPECT_THAT(Values(read, {d_}), ElementsAre(5, 7, 9));
  bind_.total[total] = {{3}, {1, 0, -1}};
  EXPECT_THAT(Values(read, {d_}), ElementsAre(1, 0, -1));
}

TEST_F(InterpreterTest, WhereTakesOneBranch) {
  const int positive = Add(Op::kLt, Const(0), W());
  EXPECT_THAT(Values(Add(Op::kWhere, positive, Add(Op::kLog, W()), Const(7)), {d_}),
              ElementsAre(std::log(0.5), 7, std::log(2)));
}

TEST_F(InterpreterTest, SolvesALinearSystemForEachIndex) {
  // A(d, e) = w(d) w(e) + 3 [d == e], b(d) = w(d): x = w / (3 + w'w).
  const int product = Add(Op::kMul, W(), Leaf(Op::kParam, w_, {At(e_)}));
  const int equal =
      Add(Op::kEq, Leaf(Op::kPosition, -1, {At(d_)}), Leaf(Op::kPosition, -1, {At(e_)}));
  const int a = Add(Op::kAdd, product, Add(Op::kMul, Const(3), equal));
  const int list = Add(Op::kChain, a, -1, Leaf(Op::kPosition, -1, {At(e_)}));
  const int x = Add(Op::kSolve, list, W(), Leaf(Op::kPosition, -1, {At(d_)}));
  EXPECT_THAT(Values(x, {d_}), Pointwise(DoubleNear(1e-14), {0.5 / 8.25, -1 / 8.25, 2 / 8.25}));
}

TEST_F(InterpreterTest, DifferentiatesByCentralDifferences) {
  const int f = Over(Op::kSum, n_, Add(Op::kSq, Score()));  // gradient 2 X' X w
  Interpreter oracle(graph_, bind_);
  EXPECT_THAT(oracle.NumericalGradient(f, w_),
              Pointwise(DoubleNear(1e-6), {9. + 72, 18. + 90, 27. + 108}));
  EXPECT_THAT(oracle.bindings().tensor[1].value, ElementsAre(0.5, -1, 2));
}

TEST_F(InterpreterTest, StopKeepsItsValuesWhileParametersMove) {
  const int f = Over(Op::kSum, d_, Add(Op::kMul, W(), Add(Op::kStop, W())));  // gradient w
  Interpreter oracle(graph_, bind_);
  EXPECT_THAT(oracle.NumericalGradient(f, w_), Pointwise(DoubleNear(1e-9), {0.5, -1., 2.}));
  EXPECT_EQ(oracle.Eval(f), 5.25);
}

TEST_F(InterpreterTest, ShufflePermutesAnAxis) {
  std::vector<double> places = Values(Leaf(Op::kShuffle, -1, {At(d_)}), {d_});
  std::sort(places.begin(), places.end());
  EXPECT_THAT(places, ElementsAre(0, 1, 2));
}

TEST_F(InterpreterTest, DrawsDependOnSeedNameIndexAndClockOnly) {
  const int draw = Leaf(Op::kNormal, w_, {At(d_)});
  graph_.node[draw].a = static_cast<int16_t>(Const(1));
  graph_.node[draw].b = static_cast<int16_t>(Const(0));
  EXPECT_THAT(Values(draw, {d_}), ElementsAre(1, 1, 1));
  graph_.node[draw].b = graph_.node[draw].a;
  const std::vector<double> first = Values(draw, {d_});
  EXPECT_EQ(first, Values(draw, {d_}));
  EXPECT_NE(first[0], first[1]);
  bind_.clock = 1;
  EXPECT_NE(first, Values(draw, {d_}));
}

TEST(DensifyTest, FormatsAgree) {
  const std::vector<double> dense = {1, 0, 2, -9, 0, 0, 0, -9, 0, 3, 0, -9};  // stride 4
  const std::vector<float> rows = {1, 2, 3}, columns = {1, 3, 2};
  const std::vector<int32_t> csr_index = {0, 2, 1}, csc_index = {0, 2, 0};
  const std::vector<int64_t> csr_offset = {0, 2, 2, 3}, csc_offset = {0, 1, 2, 3};
  const std::vector<double> expected = {1, 0, 2, 0, 0, 0, 0, 3, 0};
  const Block d{.values = dense.data(), .rows = 3, .cols = 3, .stride = 4};
  const Block r{
      Format::kCsr, Type::kFloat32, rows.data(), csr_index.data(), csr_offset.data(), 3, 3, 0};
  const Block c{
      Format::kCsc, Type::kFloat32, columns.data(), csc_index.data(), csc_offset.data(), 3, 3, 0};
  EXPECT_EQ(Densify(d).value, expected);
  EXPECT_EQ(Densify(r).value, expected);
  EXPECT_EQ(Densify(c).value, expected);
}

}  // namespace
}  // namespace gyre
