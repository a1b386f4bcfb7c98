#include "runtime/driver/standardize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/driver/evaluate.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using testing::kB;
using testing::kFeature;
using testing::kW;
using testing::kX;
using testing::Ridge;

Block Dense(std::vector<double>* values, int64_t rows, int64_t cols) {
  Block block;
  block.values = values->data();
  block.rows = rows;
  block.cols = block.stride = cols;
  return block;
}

MatrixUse OnlyMatrix(const Program& program) {
  const std::vector<MatrixUse> uses = FindMatrices(program);
  EXPECT_EQ(uses.size(), 1u);
  return uses.empty() ? MatrixUse() : uses[0];
}

TEST(FindMatrices, RidgeIsLinearCentrableAndPenalised) {
  const MatrixUse use = OnlyMatrix(Ridge());
  EXPECT_EQ(use.symbol, kX);
  EXPECT_EQ(use.column_axis, std::vector<int>{kFeature});
  EXPECT_TRUE(use.linear);
  EXPECT_TRUE(use.centrable);
  EXPECT_TRUE(use.penalised);
  EXPECT_FALSE(use.bounded);
  ASSERT_EQ(use.coefficient.size(), 1u);
  EXPECT_EQ(use.coefficient[0].param, kW);
  EXPECT_EQ(use.coefficient[0].intercept, kB);
}

TEST(FindMatrices, WithoutInterceptItOnlyScales) {
  const MatrixUse use = OnlyMatrix(Ridge({.intercept = false}));
  EXPECT_TRUE(use.linear);
  EXPECT_FALSE(use.centrable);
  EXPECT_EQ(use.coefficient[0].intercept, -1);
}

TEST(FindMatrices, APenalisedInterceptAbsorbsNothing) {
  const MatrixUse use = OnlyMatrix(Ridge({.penalise_intercept = true}));
  EXPECT_TRUE(use.linear);
  EXPECT_FALSE(use.centrable);
}

TEST(FindMatrices, AnotherUseOfTheMatrixForbidsMappingBack) {
  const MatrixUse use = OnlyMatrix(Ridge({.square_of_x = true}));
  EXPECT_FALSE(use.linear);
  EXPECT_FALSE(use.centrable);
  EXPECT_TRUE(use.coefficient.empty());
}

TEST(FindMatrices, PredictionsNeedNotSayTheirNode) {
  EXPECT_TRUE(OnlyMatrix(Ridge({.prediction_node = false})).centrable);
  EXPECT_FALSE(OnlyMatrix(Ridge({.square_of_x = true, .prediction_node = false})).linear);
}

TEST(FindMatrices, BoundsThatScalingWouldMove) {
  Program program = Ridge();
  Penalty bound{PenaltyKind::kUpper, kW, {}, {}};
  program.root.penalty.push_back(bound);
  EXPECT_TRUE(OnlyMatrix(program).bounded);
}

TEST(MeasureColumns, MeanAndDeviationDenseAndSparseAgree) {
  std::vector<double> values = {1, 0, 5, 0, 0, 5, 3, 4, 5, 0, 0, 5};
  const ColumnTransform dense = MeasureColumns(Dense(&values, 4, 3));
  EXPECT_DOUBLE_EQ(dense.center[0], 1);
  EXPECT_DOUBLE_EQ(dense.scale[0], 1 / std::sqrt(1.5));
  EXPECT_DOUBLE_EQ(dense.center[1], 1);
  EXPECT_DOUBLE_EQ(dense.scale[1], 1 / std::sqrt(3.0));
  EXPECT_DOUBLE_EQ(dense.center[2], 5);
  EXPECT_DOUBLE_EQ(dense.scale[2], 1) << "a constant column keeps its scale";

  std::vector<double> stored = {1, 5, 5, 3, 4, 5, 5};
  const std::vector<int32_t> index = {0, 2, 2, 0, 1, 2, 2};
  const std::vector<int64_t> offset = {0, 2, 3, 6, 7};
  Block sparse;
  sparse.format = Format::kCsr;
  sparse.values = stored.data();
  sparse.index = index.data();
  sparse.offset = offset.data();
  sparse.rows = 4;
  sparse.cols = 3;
  const ColumnTransform same = MeasureColumns(sparse);
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(same.center[c], dense.center[c]);
    EXPECT_DOUBLE_EQ(same.scale[c], dense.scale[c]);
  }
}

TEST(MeasureColumns, RoundingOfAConstantColumnIsNoDeviation) {
  std::vector<double> values(1000, 0.1);
  EXPECT_EQ(MeasureColumns(Dense(&values, 1000, 1)).scale[0], 1);
}

// Predictions of any coefficients on transformed data, and of the mapped ones on the data itself.
TEST(MapBack, PredictionsAreTheSame) {
  const Program program = Ridge();
  const MatrixUse use = OnlyMatrix(program);
  std::vector<double> x = {1, 200, -3, 2, 150, 4, -1, 300, 0.5, 7, 120, 2};
  std::vector<double> y = {0, 0, 0, 0};
  std::vector<double> z = x;
  const ColumnTransform transform = MeasureColumns(Dense(&z, 4, 3));
  ApplyTransform(transform, Dense(&z, 4, 3));
  for (size_t c = 0; c < 3; ++c) {
    double mean = 0, square = 0;
    for (size_t r = 0; r < 4; ++r)
      mean += z[3 * r + c] / 4, square += z[3 * r + c] * z[3 * r + c] / 4;
    EXPECT_NEAR(mean, 0, 1e-12);
    EXPECT_NEAR(square, 1, 1e-12);
  }

  EvaluateOn on;
  on.extent = {4, 3};
  on.data.resize(static_cast<size_t>(program.graph.symbol.size));
  on.data[testing::kY] = Dense(&y, 4, 1);
  on.hyper.resize(on.data.size());
  on.parameter.resize(on.data.size());
  on.parameter[kW] = {0.7, -1.3, 2};
  on.parameter[kB] = {0.25};
  const auto predict = [&](std::vector<double>* matrix) {
    on.data[kX] = Dense(matrix, 4, 3);
    std::vector<double> rows;
    Evaluator(program, on).EachRow(program.pass[2], [&](int64_t, absl::Span<const double> values) {
      rows.push_back(values[0]);
    });
    return rows;
  };
  const std::vector<double> before = predict(&z);
  MapBack(program, use, transform, on.extent, &on.parameter);
  const std::vector<double> after = predict(&x);
  ASSERT_EQ(before.size(), 4u);
  for (size_t r = 0; r < 4; ++r) EXPECT_NEAR(before[r], after[r], 1e-12);
}

}  // namespace
}  // namespace gyre::driver
