// Data as the commands see it: bound, typed, standardised.
#include "runtime/driver/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/driver/files.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using ::testing::HasSubstr;
using testing::kFeature;
using testing::kSample;
using testing::kX;
using testing::kY;

class PrepareTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/prepare_test";
    ASSERT_TRUE(WriteFile(Path("a.csv"), "age,bmi,y\n1,10,5\n2,30,6\n3,20,7\n4,40,8\n").ok());
    ASSERT_TRUE(WriteFile(Path("a.svm"), "5 1:1 9:10\n6 1:2\n7 9:20\n8 1:4\n").ok());
    ASSERT_TRUE(WriteFile(Path("features.csv"), "age,bmi\n1,10\n9,90\n").ok());
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  absl::StatusOr<Dataset> Load(const std::string& file, const Options& options = {},
                               const Model* model = nullptr) {
    return LoadDataset(program_, options, {{"", Path(file)}}, "program", model);
  }

  const Program program_ = testing::Ridge();
  std::string folder_;
};

TEST_F(PrepareTest, BindsACsvFile) {
  absl::StatusOr<Dataset> data = Load("a.csv");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->info.extent[kSample], 4);
  EXPECT_EQ(data->info.extent[kFeature], 2);
  EXPECT_EQ(data->info.type, Type::kFloat64);
  EXPECT_EQ(data->rows, 4);
  EXPECT_TRUE(data->labelled);
  EXPECT_EQ(data->column[kX], (std::vector<std::string>{"age", "bmi"}));
  EXPECT_EQ(data->block[kY].data<double>()[2 * data->block[kY].stride], 7);
  ASSERT_EQ(data->info.tensor.size(), 2u);
  EXPECT_EQ(data->info.tensor[0].symbol, "X");
  EXPECT_EQ(data->info.tensor[0].nnz, 8);
}

TEST_F(PrepareTest, PrecisionIsThatOfTheFlag) {
  Options options;
  options.precision = Precision::kFloat32;
  absl::StatusOr<Dataset> data = Load("a.csv", options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->info.type, Type::kFloat32);
  EXPECT_EQ(data->block[kX].type, Type::kFloat32);
}

TEST_F(PrepareTest, AutoCentresDenseAndScalesSparse) {
  absl::StatusOr<Dataset> dense = Load("a.csv");
  ASSERT_TRUE(dense.ok()) << dense.status();
  absl::StatusOr<std::vector<Standardized>> done =
      StandardizeData(program_, Standardize::kAuto, &*dense);
  ASSERT_TRUE(done.ok()) << done.status();
  ASSERT_EQ(done->size(), 1u);
  EXPECT_TRUE((*done)[0].centred);
  EXPECT_TRUE((*done)[0].mapped_back);
  EXPECT_DOUBLE_EQ((*done)[0].transform.center[0], 2.5);
  EXPECT_NEAR(dense->block[kX].data<double>()[0], -1.5 / std::sqrt(1.25), 1e-12);
  EXPECT_THAT(Words(program_, *done), HasSubstr("columns of X centred and scaled"));

  absl::StatusOr<Dataset> sparse = Load("a.svm");
  ASSERT_TRUE(sparse.ok()) << sparse.status();
  ASSERT_NE(sparse->block[kX].format, Format::kDense);
  done = StandardizeData(program_, Standardize::kAuto, &*sparse);
  ASSERT_TRUE(done.ok()) << done.status();
  ASSERT_EQ(done->size(), 1u);
  EXPECT_FALSE((*done)[0].centred);
  EXPECT_EQ((*done)[0].transform.center[0], 0);
}

TEST_F(PrepareTest, FullOnSparseDataNeedsAnIntercept) {
  const Program program = testing::Ridge({.intercept = false});
  absl::StatusOr<Dataset> data = Load("a.svm");
  ASSERT_TRUE(data.ok()) << data.status();
  const auto refused = StandardizeData(program, Standardize::kFull, &*data);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("use --standardize=scale"));
}

TEST_F(PrepareTest, WhatCannotBeMappedBackStaysWithTheModel) {
  const Program program = testing::Ridge({.square_of_x = true});
  absl::StatusOr<Dataset> data = Load("a.csv");
  ASSERT_TRUE(data.ok()) << data.status();
  absl::StatusOr<std::vector<Standardized>> done =
      StandardizeData(program, Standardize::kAuto, &*data);
  ASSERT_TRUE(done.ok());
  EXPECT_TRUE(done->empty()) << "auto leaves it alone";
  done = StandardizeData(program, Standardize::kFull, &*data);
  ASSERT_TRUE(done.ok());
  ASSERT_EQ(done->size(), 1u);
  EXPECT_FALSE((*done)[0].mapped_back);
}

TEST_F(PrepareTest, PredictNeedsNoTarget) {
  Model model;
  model.extent = {4, 2};
  Options options;
  options.command = Command::kPredict;
  absl::StatusOr<Dataset> data = Load("features.csv", options, &model);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_FALSE(data->labelled);
  EXPECT_EQ(data->rows, 2);
  EXPECT_EQ(data->block[kX].cols, 2);
}

TEST_F(PrepareTest, DataOfAnotherShapeIsRefused) {
  Model model;
  model.extent = {4, 2};
  absl::StatusOr<Dataset> data = Load("a.svm", {}, &model);
  ASSERT_FALSE(data.ok());
  EXPECT_THAT(std::string(data.status().message()), HasSubstr("a.svm"));
}

}  // namespace
}  // namespace gyre::driver
