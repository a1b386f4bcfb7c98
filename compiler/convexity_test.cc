#include "compiler/convexity.h"

#include "dsl/builder.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ir::Op;

// Functions of one variable, x, with weights.
class Convexity : public ::testing::Test {
 protected:
  bool IsConvex(int node) { return IsConvexIn(b_.graph, node, x_); }
  int Is(Op op, int a, int c = -1) { return b_.node(op, a, c); }
  int Number(double v) { return b_.constant(v); }

  internal::Builder b_;
  const int x_ = b_.leaf(Op::kParam, 0), weight_ = b_.leaf(Op::kHyper, 1);
};

TEST_F(Convexity, LossesOfLinearModels) {
  EXPECT_TRUE(IsConvex(x_));
  EXPECT_TRUE(IsConvex(Is(Op::kSq, Is(Op::kSub, weight_, x_))));
  EXPECT_TRUE(IsConvex(Is(Op::kSoftplus, Is(Op::kNeg, Is(Op::kMul, weight_, x_)))));
  EXPECT_TRUE(IsConvex(Is(Op::kSub, Is(Op::kExp, x_), Is(Op::kMul, weight_, x_))));
  EXPECT_TRUE(IsConvex(Is(Op::kSq, Is(Op::kRelu, Is(Op::kSub, Number(1), x_)))));
  EXPECT_TRUE(IsConvex(Is(Op::kMul, weight_, Is(Op::kAbs, x_))));
  EXPECT_TRUE(IsConvex(Is(Op::kMax, Is(Op::kMul, Number(0.3), x_), Is(Op::kMul, Number(-0.7), x_))));
  EXPECT_TRUE(IsConvex(Is(Op::kNeg, Is(Op::kLog, x_))));
}

TEST_F(Convexity, WhatTheRulesDoNotShow) {
  EXPECT_FALSE(IsConvex(Is(Op::kNeg, Is(Op::kSq, x_))));
  EXPECT_FALSE(IsConvex(Is(Op::kMul, Number(-2), Is(Op::kExp, x_))));
  EXPECT_FALSE(IsConvex(Is(Op::kLog, Is(Op::kAdd, Number(1), Is(Op::kSq, x_)))));
  EXPECT_FALSE(IsConvex(Is(Op::kMin, Is(Op::kSq, x_), Number(1))));
  EXPECT_FALSE(IsConvex(Is(Op::kSq, Is(Op::kSq, Is(Op::kSub, Is(Op::kSq, x_), Number(1))))));
  EXPECT_FALSE(IsConvex(Is(Op::kSub, Is(Op::kSq, x_), Is(Op::kExp, x_))));
  EXPECT_FALSE(IsConvex(Is(Op::kSigmoid, x_)));
  // Data that is added may be negative, and the sum with it.
  EXPECT_FALSE(IsConvex(Is(Op::kSq, Is(Op::kAdd, Is(Op::kExp, x_), b_.leaf(Op::kData, 2)))));
  EXPECT_FALSE(IsConvex(Is(Op::kMul, Is(Op::kExp, x_), x_)));
  // A condition that looks at the variable may jump.
  EXPECT_FALSE(IsConvex(b_.node(Op::kWhere, Is(Op::kLt, x_, Number(0)), Is(Op::kSq, x_), x_)));
}

TEST_F(Convexity, CurvaturesThatAreBounded) {
  const auto bounded = [&](int node) { return IsBoundedIn(b_.graph, node, x_); };
  const int s = Is(Op::kSigmoid, Is(Op::kMul, weight_, x_)), square = Is(Op::kSq, x_);
  EXPECT_TRUE(bounded(Number(2)));
  EXPECT_TRUE(bounded(Is(Op::kMul, Is(Op::kSq, weight_), Is(Op::kMul, s, Is(Op::kSub, Number(1), s)))));
  EXPECT_TRUE(bounded(Is(Op::kMul, weight_, Is(Op::kLt, x_, weight_))));
  EXPECT_TRUE(bounded(Is(Op::kSub, Number(1), Is(Op::kSq, Is(Op::kTanh, x_)))));
  EXPECT_TRUE(bounded(Is(Op::kDiv, weight_, Is(Op::kAdd, Number(1), square))));
  EXPECT_TRUE(bounded(b_.node(Op::kWhere, Is(Op::kLt, x_, Number(0)), weight_, Number(0))));
  EXPECT_TRUE(bounded(Is(Op::kExp, Is(Op::kNeg, s))));

  EXPECT_FALSE(bounded(x_));
  EXPECT_FALSE(bounded(Is(Op::kExp, x_)));
  EXPECT_FALSE(bounded(Is(Op::kMul, s, x_)));
  EXPECT_FALSE(bounded(Is(Op::kDiv, Number(1), square)));
  EXPECT_FALSE(bounded(Is(Op::kDiv, Number(1), Is(Op::kSub, Number(1), square))));
  EXPECT_FALSE(bounded(Is(Op::kDiv, Number(1), Is(Op::kAdd, weight_, square))));  // it may be negative
  EXPECT_FALSE(bounded(b_.node(Op::kWhere, Is(Op::kLt, x_, Number(0)), square, Number(0))));
}

}  // namespace
}  // namespace gyre
