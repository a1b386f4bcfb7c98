#include "runtime/driver/weights.h"

#include "gtest/gtest.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using ir::Op;

enum { kSample, kFeature };

// mean(n, f(v(n), w)) + sum(d, g(v(d), w)) node by node, over vectors that are named by what they
// do.
class WeightTest : public ::testing::Test {
 protected:
  WeightTest() {
    graph().axis.push({"Sample", 0, false, true});
    graph().axis.push({"Feature"});
    graph().index.push({kSample});
    graph().index.push({kFeature});
    param_ = Symbol(ir::Kind::kParam, kFeature);
  }
  ir::Graph& graph() { return program_.graph; }

  int Symbol(ir::Kind kind, int axis) {
    ir::Symbol s;
    s.name = "v";
    s.kind = kind;
    s.rank = 1;
    s.axis[0] = static_cast<int16_t>(axis);
    return graph().symbol.push(s);
  }
  int Node(Op op, int a = -1, int b = -1, int index = -1) {
    ir::Node n;
    n.op = op;
    n.a = static_cast<int16_t>(a);
    n.b = static_cast<int16_t>(b);
    n.index = static_cast<int16_t>(index);
    return graph().node.push(n);
  }
  int Leaf(int symbol) {
    ir::Node n;
    n.op = graph().symbol[symbol].kind == ir::Kind::kParam ? Op::kParam : Op::kData;
    n.symbol = static_cast<int16_t>(symbol);
    n.subs = 1;
    n.sub[0].index = graph().symbol[symbol].axis[0];
    return graph().node.push(n);
  }
  // Adds sum(n, node) to the objective, as a total.
  void Sum(int row) {
    ir::Total total;
    total.node = static_cast<int16_t>(Node(Op::kSum, row, -1, kSample));
    ir::Node n;
    n.op = Op::kTotal;
    n.symbol = static_cast<int16_t>(graph().total.push(total));
    Add(graph().node.push(n));
  }
  void Add(int node) {
    int& objective = program_.objective.value.node;
    objective = objective < 0 ? node : Node(Op::kAdd, objective, node);
  }
  int Loss() { return Node(Op::kExp, Leaf(param_)); }

  Program program_;
  int param_ = -1;
};

TEST_F(WeightTest, WhatScalesWholeTermsOfASum) {
  const int v = Symbol(ir::Kind::kData, kSample);
  Sum(Node(Op::kDiv, Node(Op::kNeg, Node(Op::kMul, Leaf(v), Loss())), Loss()));
  EXPECT_TRUE(IsWeight(program_, v));
}

TEST_F(WeightTest, ThroughALetOfItsOwnIndex) {
  const int v = Symbol(ir::Kind::kData, kSample);
  ir::Let let;
  let.rank = 1;
  let.index[0] = kSample;
  let.body = static_cast<int16_t>(Node(Op::kMul, Leaf(v), Loss()));
  ir::Node n;
  n.op = Op::kLet;
  n.symbol = static_cast<int16_t>(graph().let.push(let));
  n.subs = 1;
  n.sub[0].index = kSample;
  Sum(graph().node.push(n));
  EXPECT_TRUE(IsWeight(program_, v));
}

TEST_F(WeightTest, APenaltyFactor) {
  const int v = Symbol(ir::Kind::kData, kFeature);
  Add(Node(Op::kSum, Node(Op::kMul, Leaf(v), Node(Op::kAbs, Leaf(param_))), -1, kFeature));
  EXPECT_TRUE(IsWeight(program_, v));
}

TEST_F(WeightTest, ATargetIsNone) {
  const int v = Symbol(ir::Kind::kData, kSample);
  Sum(Node(Op::kSq, Node(Op::kSub, Leaf(v), Loss())));
  EXPECT_FALSE(IsWeight(program_, v));
}

// Poisson regression: exp(eta) - y eta. y multiplies, but not all that the row adds.
TEST_F(WeightTest, AFactorOfOneTermOfARowIsNone) {
  const int v = Symbol(ir::Kind::kData, kSample);
  Sum(Node(Op::kSub, Loss(), Node(Op::kMul, Leaf(v), Loss())));
  EXPECT_FALSE(IsWeight(program_, v));
}

TEST_F(WeightTest, AUseElsewhereDecides) {
  const int v = Symbol(ir::Kind::kData, kSample);
  Sum(Node(Op::kMul, Leaf(v), Loss()));
  Sum(Node(Op::kMul, Node(Op::kExp, Leaf(v)), Loss()));
  EXPECT_FALSE(IsWeight(program_, v));
}

TEST_F(WeightTest, ADivisorAndWhatIsPredictedAreNone) {
  const int v = Symbol(ir::Kind::kData, kSample);
  Sum(Node(Op::kDiv, Loss(), Leaf(v)));
  EXPECT_FALSE(IsWeight(program_, v));
  const int u = Symbol(ir::Kind::kData, kSample);
  Sum(Node(Op::kMul, Leaf(u), Loss()));
  EXPECT_TRUE(IsWeight(program_, u));
  program_.prediction.push_back({});
  program_.prediction[0].node = Leaf(u);
  EXPECT_FALSE(IsWeight(program_, u));
}

TEST_F(WeightTest, WhatIsNotUsedIsNone) {
  const int v = Symbol(ir::Kind::kData, kSample);
  EXPECT_FALSE(IsWeight(program_, v));
  EXPECT_FALSE(IsWeight(program_, param_));
}

TEST(Weight, OfRidgeThereIsNone) {
  const Program ridge = testing::Ridge({});
  for (int s = 0; s < ridge.graph.symbol.size; ++s) EXPECT_FALSE(IsWeight(ridge, s)) << s;
}

}  // namespace
}  // namespace gyre::driver
