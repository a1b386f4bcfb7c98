// Data as the commands see it: bound, typed, standardised.
#include "runtime/driver/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "runtime/driver/files.h"
#include "runtime/driver/rows.h"
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

double At(const Dataset& data, int symbol, int64_t row) {
  const Block& block = data.block[static_cast<size_t>(symbol)];
  return block.data<double>()[row * block.stride];
}

TEST_F(PrepareTest, EachRowIsTrainedOnOrHeldOut) {
  std::string csv = "age,bmi,y\n", svm;
  for (int r = 0; r < 1000; ++r) {
    csv += absl::StrCat(r, ",2,", r, "\n");
    svm += absl::StrCat(r, " ", 1 + r % 9, ":", r + 1, "\n");
  }
  ASSERT_TRUE(WriteFile(Path("many.csv"), csv).ok());
  ASSERT_TRUE(WriteFile(Path("many.svm"), svm).ok());
  std::vector<std::vector<double>> fates;
  for (const char* file : {"many.csv", "many.svm"}) {
    absl::StatusOr<Dataset> data = Load(file);
    ASSERT_TRUE(data.ok()) << data.status();
    absl::StatusOr<Dataset> held = HoldOut(program_, 0.25, 3, &*data);
    ASSERT_TRUE(held.ok()) << held.status();
    EXPECT_EQ(held->rows + data->rows, 1000);
    EXPECT_NEAR(static_cast<double>(held->rows), 250, 50);
    std::vector<double> seen;
    for (const Dataset* part : {&*data, &*held}) {
      EXPECT_EQ(part->info.extent[kSample], part->rows);
      EXPECT_EQ(part->info.extent[kFeature], data->info.extent[kFeature]);
      EXPECT_EQ(part->block[kX].rows, part->rows);
      EXPECT_EQ(part->block[kY].rows, part->rows);
      for (const TensorInfo& tensor : part->info.tensor) EXPECT_EQ(tensor.rows, part->rows);
      for (int64_t r = 0; r < part->rows; ++r) {
        const Block& x = part->block[kX];
        const double y = At(*part, kY, r);
        const int64_t first = x.format == Format::kDense ? r * x.stride : x.offset[r];
        EXPECT_EQ(x.data<double>()[first], x.format == Format::kDense ? y : y + 1)
            << "rows stay whole";
        if (r > 0) {
          EXPECT_GT(y, At(*part, kY, r - 1));
        }
        seen.push_back(y);
      }
    }
    fates.push_back(seen);
    std::sort(seen.begin(), seen.end());
    for (int r = 0; r < 1000; ++r) EXPECT_EQ(seen[static_cast<size_t>(r)], r);
    EXPECT_THAT(data->notes.back(), HasSubstr("of 1000 rows held out, by seed 3"));
  }
  EXPECT_EQ(fates[0], fates[1]) << "whatever the file";
}

TEST_F(PrepareTest, WhatIsHeldOutHasTheTallyOfTheTraining) {
  Program program = testing::Ridge();
  ir::Node key;
  key.op = ir::Op::kKey, key.symbol = kY;
  ir::Symbol count;
  count.name = "N", count.kind = ir::Kind::kCount;
  count.key[0] = static_cast<int16_t>(program.graph.node.push(key));
  ir::Axis distinct{"N", 0, false, false};
  distinct.tally = static_cast<int16_t>(program.graph.symbol.push(count));
  const auto axis = static_cast<size_t>(program.graph.axis.push(distinct));
  std::string csv = "age,y\n";
  for (int r = 0; r < 400; ++r) csv += absl::StrCat(r, ",", r, "\n");
  ASSERT_TRUE(WriteFile(Path("counted.csv"), csv).ok());
  absl::StatusOr<Dataset> data =
      LoadDataset(program, {}, {{"", Path("counted.csv")}}, "program", nullptr);
  ASSERT_TRUE(data.ok()) << data.status();
  absl::StatusOr<Dataset> held = HoldOut(program, 0.1, 1, &*data);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(data->info.extent[axis],
            TallyExtent(program.graph, static_cast<int>(axis), data->info.extent));
  EXPECT_EQ(held->info.extent[axis], data->info.extent[axis]);
}

TEST_F(PrepareTest, RowsThatCannotBeHeldOut) {
  absl::StatusOr<Dataset> data = Load("a.csv");
  ASSERT_TRUE(data.ok()) << data.status();
  const auto error = [&](const Program& program, double share) {
    const absl::StatusOr<Dataset> held = HoldOut(program, share, 1, &*data);
    EXPECT_FALSE(held.ok());
    return std::string(held.status().message());
  };
  EXPECT_THAT(error(program_, 1e-9), HasSubstr("of 4 rows none would be held out; give a larger"));
  EXPECT_THAT(error(program_, 1 - 1e-9),
              HasSubstr("of 4 rows all would be held out; give a smaller"));
  Program program = testing::Ridge();
  program.graph.symbol[kY].target = kSample;
  EXPECT_THAT(error(program, 0.5), HasSubstr("rows that other data (y) names cannot be left out"));
  program = testing::Ridge();
  program.graph.axis[kFeature].data = true;
  EXPECT_THAT(error(program, 0.5),
              HasSubstr("has not one kind of rows but several (Sample, Feature)"));
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
