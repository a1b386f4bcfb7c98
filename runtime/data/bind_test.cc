#include "runtime/data/bind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "runtime/data/testing.h"

namespace gyre {
namespace {

using testing::Cells;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IdxFile;
using testing::NpyFile;
using testing::Raw;
using testing::WriteFile;
using Matrix = std::vector<std::vector<double>>;

const Want kX{.name = "X", .axes = {"Sample", "Feature"}};
const Want kY{.name = "y", .axes = {"Sample"}};
const Want kSign{.name = "label", .kind = WantKind::kSign, .axes = {"Sample"}};
const Want kClass{.name = "label", .kind = WantKind::kMap, .axes = {"Sample"}, .to = "Class"};
const Want kWeight{.name = "weight", .axes = {"Sample"}, .ones = true};
const Want kPenalty{.name = "penalty", .axes = {"Feature"}, .ones = true};

BindOptions Options() {
  BindOptions options;
  options.data_axes = {"Sample"};
  options.layout = DataLayout::kDense;
  return options;
}

BoundData Bind(const std::vector<Want>& wants, const std::vector<DataInput>& inputs,
               const BindOptions& options = Options()) {
  auto bound = BindFiles(wants, inputs, options);
  EXPECT_TRUE(bound.ok()) << bound.status();
  return bound.ok() ? *std::move(bound) : BoundData{};
}

std::string Error(const std::vector<Want>& wants, const std::vector<DataInput>& inputs,
                  const BindOptions& options = Options()) {
  const auto bound = BindFiles(wants, inputs, options);
  EXPECT_FALSE(bound.ok());
  return std::string(bound.status().message());
}

TEST(Bind, LibsvmSuppliesFeaturesAndLabels) {
  const std::string path = WriteFile("a.svm", "3 1:1 2:2\n-7 2:4\n3 1:5\n");
  const BoundData bound = Bind({kX, kSign, kWeight, kPenalty}, {{"", path}});
  EXPECT_EQ(Cells(bound.tensor[0].data.block), (Matrix{{1, 2}, {0, 4}, {5, 0}}));
  EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{1}, {-1}, {1}}));
  EXPECT_THAT(bound.tensor[1].labels, ElementsAre("-7", "3"));
  EXPECT_EQ(Cells(bound.tensor[2].data.block), (Matrix{{1}, {1}, {1}}));
  EXPECT_EQ(Cells(bound.tensor[3].data.block), (Matrix{{1}, {1}}));
  EXPECT_EQ(bound.extents.at("Sample"), 3);
  EXPECT_EQ(bound.extents.at("Feature"), 2);
  EXPECT_TRUE(bound.complete);
}

TEST(Bind, ALabelColumnIsNotTakenForAnOptionalWeight) {
  for (const std::string& path : {WriteFile("a.svm", "3 1:1\n-7 1:4\n"),
                                  WriteFile("a.csv", "a,y\n1,3\n4,-7\n")}) {
    const BoundData bound = Bind({kX, kWeight, kSign}, {{"", path}});
    EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{1}, {1}})) << path;
    EXPECT_EQ(Cells(bound.tensor[2].data.block), (Matrix{{1}, {-1}})) << path;
  }
}

TEST(Bind, ClassesAreNumberedInAscendingOrder) {
  const std::string path = WriteFile("a.svm", "10 1:1\n2.5 1:2\n-1 1:3\n10 1:4\n");
  const BoundData bound = Bind({kX, kClass}, {{"", path}});
  EXPECT_EQ(bound.tensor[1].data.block.type, Type::kInt32);
  EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{2}, {1}, {0}, {2}}));
  EXPECT_THAT(bound.tensor[1].labels, ElementsAre("-1", "2.5", "10"));
  EXPECT_EQ(bound.extents.at("Class"), 3);
}

TEST(Bind, CsvColumnsByNameThenLabelThenFeatures) {
  const std::string path = WriteFile("a.csv", "a,weight,target,b\n1,2,3,4\n5,6,7,8\n");
  const BoundData bound = Bind({kX, kY, kWeight}, {{"", path}});
  EXPECT_EQ(Cells(bound.tensor[0].data.block), (Matrix{{1, 4}, {5, 8}}));
  EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{3}, {7}}));
  EXPECT_EQ(Cells(bound.tensor[2].data.block), (Matrix{{2}, {6}}));
  EXPECT_THAT(bound.tensor[0].column_names, ElementsAre("a", "b"));
}

TEST(Bind, CsvLabelIsNoFeatureWhereNoneIsWanted) {
  const BoundData named = Bind({kX}, {{"", WriteFile("a.csv", "a,label\n1,2\n")}});
  EXPECT_EQ(named.extents.at("Feature"), 1);
  EXPECT_EQ(named.notes.size(), 1u);
  const BoundData bare = Bind({kX}, {{"", WriteFile("a.csv", "1,2\n3,4\n")}});
  EXPECT_EQ(bare.extents.at("Feature"), 2);
}

TEST(Bind, CsvColumnsByFlag) {
  const std::string path = WriteFile("a.csv", "id,a,b,c,w\n7,1,2,3,4\n7,5,6,7,8\n");
  BindOptions options = Options();
  options.columns = "y=b,weight=5,X=2:2";
  const BoundData bound = Bind({kX, kY, kWeight}, {{"", path}}, options);
  EXPECT_EQ(Cells(bound.tensor[0].data.block), (Matrix{{1}, {5}}));
  EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{2}, {6}}));
  EXPECT_EQ(Cells(bound.tensor[2].data.block), (Matrix{{4}, {8}}));
  for (const auto& [columns, message] :
       std::vector<std::pair<std::string, std::string>>{{"y=z", "there is no column 'z' for y"},
                                                        {"y=9", "there is no column '9' for y"},
                                                        {"y=2:3", "y takes one column"},
                                                        {"y=b,weight=3", "is given to both"},
                                                        {"y=b,y=c", "y is given twice"},
                                                        {"y", "'y' is not understood"},
                                                        {"X=4:2", "is empty"}}) {
    options.columns = columns;
    EXPECT_THAT(Error({kX, kY, kWeight}, {{"", path}}, options), HasSubstr(message));
  }
}

TEST(Bind, CsvVectorsInOrderWithoutAMatrix) {
  const std::vector<Want> wants = {
      {.name = "user", .kind = WantKind::kMap, .axes = {"Rating"}, .to = "User"},
      {.name = "item", .kind = WantKind::kMap, .axes = {"Rating"}, .to = "Item"},
      {.name = "rating", .axes = {"Rating"}}};
  BindOptions options;
  options.data_axes = {"Rating"};
  const std::string path = WriteFile("a.csv", "100,7,4.5\n300,7,1\n100,9,2\n");
  const BoundData bound = Bind(wants, {{"", path}}, options);
  EXPECT_EQ(Cells(bound.tensor[0].data.block), (Matrix{{0}, {1}, {0}}));
  EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{0}, {0}, {1}}));
  EXPECT_EQ(Cells(bound.tensor[2].data.block), (Matrix{{4.5}, {1}, {2}}));
  EXPECT_EQ(bound.extents.at("User"), 2);
  const BoundData named =
      Bind(wants, {{"", WriteFile("a.csv", "rating,item,time,user\n4,7,0,1\n")}}, options);
  EXPECT_EQ(Cells(named.tensor[2].data.block), (Matrix{{4}}));
  EXPECT_THAT(named.tensor[0].labels, ElementsAre("1"));
}

TEST(Bind, OneTensorFilesByNameAndByRank) {
  const std::string images = WriteFile("x.idx", IdxFile(8, {3, 2, 2}, std::string(12, '\xff')));
  const std::string labels = WriteFile("l.idx", IdxFile(8, {3}, "\x04\x02\x04"));
  for (const auto& inputs : std::vector<std::vector<DataInput>>{{{"X", images}, {"label", labels}},
                                                                {{"", labels}, {"", images}}}) {
    const BoundData bound = Bind({kX, kClass}, inputs);
    EXPECT_EQ(bound.extents.at("Feature"), 4);
    EXPECT_EQ(Cells(bound.tensor[0].data.block)[0][0], 1);
    EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{1}, {0}, {1}}));
  }
  const BoundData cube =
      Bind({{.name = "image", .axes = {"Sample", "H", "W"}}}, {{"image", images}});
  EXPECT_EQ(cube.extents.at("W"), 2);
}

TEST(Bind, FilesMustAgree) {
  const std::string x = WriteFile("x.svm", "1 1:1 2:2\n0 1:3\n");
  const std::string w =
      WriteFile("w.npy", NpyFile("<f8", false, "(3,)", Raw(std::vector<double>{1, 2, 3})));
  const std::string rows = Error({kX, kY, kWeight}, {{"", x}, {"weight", w}});
  EXPECT_THAT(rows, HasSubstr(x));
  EXPECT_THAT(rows, HasSubstr(w));
  EXPECT_THAT(rows, HasSubstr("of axis Sample"));
  // A penalty for a third feature, which the libsvm file happens not to mention, says that there
  // are three.
  EXPECT_EQ(Bind({kX, kY, kPenalty}, {{"", x}, {"penalty", w}}).extents.at("Feature"), 3);
  const std::string narrow =
      WriteFile("p.npy", NpyFile("<f8", false, "(1,)", Raw(std::vector<double>{1})));
  EXPECT_THAT(Error({kX, kY, kPenalty}, {{"", x}, {"penalty", narrow}}),
              HasSubstr("x.svm:1: feature index 2 is beyond the 1 features"));
  const std::string csv = WriteFile("x.csv", "1,2,3\n4,5,6\n");
  const std::string features = Error({kX, kY, kPenalty}, {{"", csv}, {"penalty", w}});
  EXPECT_THAT(features, HasSubstr(csv));
  EXPECT_THAT(features, HasSubstr(w));
}

TEST(Bind, SaysWhatIsMissingOrTooMuch) {
  const std::string x =
      WriteFile("x.npy", NpyFile("<f8", false, "(2, 2)", Raw(std::vector<double>{1, 2, 3, 4})));
  EXPECT_EQ(Error({kX, kY}, {{"X", x}}), "no data for y; give it as --data=y=FILE");
  EXPECT_THAT(Error({kX}, {{"Z", x}}), HasSubstr("the program has no data called Z; it has X"));
  EXPECT_THAT(Error({kX}, {{"X", x}, {"X", x}}), HasSubstr("X is bound to"));
  EXPECT_THAT(Error({kX}, {{"", x}, {"", x}}), HasSubstr("there is nothing left to bind it to"));
  EXPECT_THAT(Error({kY}, {{"y", x}}), HasSubstr("is 2 x 2 where y is a vector"));
  EXPECT_THAT(Error({kX, kSign}, {{"", WriteFile("a.svm", "1 1:1\n1 1:1\n")}}),
              HasSubstr("label has 1 value (1) where a sign has two"));
  EXPECT_THAT(Error({kX, kSign}, {{"", WriteFile("a.svm", "1 1:1\n2 1:1\n3 1:1\n")}}),
              HasSubstr("label has 3 different values (1, 2, 3) where a sign has two"));
  EXPECT_THAT(Error({kX, kY}, {{"", WriteFile("a.svm", "1:1\n2:1\n")}}),
              HasSubstr("where its label should be"));
}

TEST(Bind, TestDataTakesExtentsAndLabelsOfTraining) {
  BindOptions options = Options();
  options.extents = {{"Feature", 4}, {"Class", 3}, {"Sample", 999}};
  options.labels = {{"label", {"1", "5", "9"}}};
  const BoundData bound = Bind({kX, kClass}, {{"", WriteFile("t.svm", "5 2:1\n")}}, options);
  EXPECT_EQ(bound.extents.at("Feature"), 4);
  EXPECT_EQ(bound.extents.at("Class"), 3);
  EXPECT_EQ(bound.extents.at("Sample"), 1);
  EXPECT_EQ(Cells(bound.tensor[1].data.block), (Matrix{{1}}));
  EXPECT_THAT(Error({kX, kClass}, {{"", WriteFile("t.svm", "5 2:1\n1 7:1\n")}}, options),
              HasSubstr("t.svm:2: feature index 7 is beyond the 4"));
  EXPECT_THAT(Error({kX, kClass}, {{"", WriteFile("t.svm", "5 2:1\n6 1:1\n")}}, options),
              HasSubstr("label of row 2 is 6, which is not among 1, 5, 9"));
}

TEST(Bind, LabelsMayBeAbsentWhenPredicting) {
  BindOptions options = Options();
  options.extents = {{"Feature", 2}};
  options.labels = {{"label", {"0", "1"}}};
  Want label = kSign;
  label.needed = false;
  for (const std::string& path :
       {WriteFile("p.svm", "1:1\n2:1\n"), WriteFile("p.csv", "1,2\n3,4\n"),
        WriteFile("h.csv", "a,b\n1,2\n3,4\n")}) {
    const BoundData bound = Bind({kX, label}, {{"", path}}, options);
    EXPECT_FALSE(bound.complete);
    EXPECT_FALSE(bound.tensor[1].bound);
    EXPECT_EQ(Cells(bound.tensor[0].data.block).size(), 2u) << path;
  }
  const BoundData labelled =
      Bind({kX, label}, {{"", WriteFile("l.csv", "1,2,1\n3,4,1\n")}}, options);
  EXPECT_TRUE(labelled.complete);
  EXPECT_EQ(Cells(labelled.tensor[1].data.block), (Matrix{{1}, {1}}));
}

// Every tensor's shards are the same rows, whatever the formats, and concatenate to the whole.
TEST(Bind, ShardsAgreeBetweenFiles) {
  std::string svm;
  std::vector<double> weights;
  std::vector<float> cells;
  for (int i = 0; i < 41; ++i) {
    absl::StrAppend(&svm, i % 2, " 1:", std::string(static_cast<size_t>(i % 11 * 3), '0'), i, "\n");
    weights.push_back(i);
    cells.insert(cells.end(), {static_cast<float>(i), 1.0f});
  }
  const std::vector<Want> wants = {
      kX, kSign, kWeight, {.name = "Z", .axes = {"Sample", "Other"}}, kPenalty};
  const std::vector<DataInput> inputs = {
      {"weight", WriteFile("w.npy", NpyFile("<f8", false, "(41,)", Raw(weights)))},
      {"Z", WriteFile("z.npy", NpyFile("<f4", false, "(41, 2)", Raw(cells)))},
      {"", WriteFile("a.svm", svm)}};
  const BoundData whole = Bind(wants, inputs);
  for (int shards = 1; shards <= 5; ++shards) {
    std::vector<Matrix> joined(4);
    for (int s = 0; s < shards; ++s) {
      BindOptions options = Options();
      options.shard = s;
      options.shards = shards;
      const BoundData part = Bind(wants, inputs, options);
      EXPECT_EQ(part.extents, whole.extents);
      EXPECT_EQ(part.first_row.at("Sample"), static_cast<int64_t>(joined[0].size()));
      EXPECT_EQ(part.tensor[4].data.block.rows, 1);
      for (size_t t = 0; t < 4; ++t) {
        for (auto& row : Cells(part.tensor[t].data.block)) joined[t].push_back(std::move(row));
      }
    }
    for (size_t t = 0; t < 4; ++t)
      EXPECT_EQ(joined[t], Cells(whole.tensor[t].data.block)) << wants[t].name << " in " << shards;
  }
}

// Described by one, read in parts by others: together the same as read whole.
TEST(Bind, DescribedThenReadInParts) {
  std::string svm, weights = "w\n";
  for (int r = 0; r < 300; ++r) {
    absl::StrAppend(&weights, r + 1, "\n");
    absl::StrAppend(&svm, r % 3 - 1, " ", 1 + r % 7, ":", r, " 40:", 0.5 * r, "\n");
  }
  const std::vector<Want> wants = {
      {.name = "X", .axes = {"Sample", "Feature"}},
      {.name = "label", .kind = WantKind::kMap, .axes = {"Sample"}, .to = "Class"},
      {.name = "w", .axes = {"Sample"}},
      {.name = "weight", .axes = {"Sample"}, .ones = true}};
  const std::vector<DataInput> inputs = {{"", WriteFile("a.svm", svm)},
                                         {"w", WriteFile("w.csv", weights)}};
  BindOptions options{.data_axes = {"Sample"}};
  const auto whole = BindFiles(wants, inputs, options);
  ASSERT_TRUE(whole.ok()) << whole.status();
  options.describe = options.moments = true;
  const auto described = BindFiles(wants, inputs, options);
  ASSERT_TRUE(described.ok()) << described.status();
  EXPECT_EQ(described->extents, whole->extents);
  for (size_t i = 0; i < wants.size(); ++i) {
    const Block &a = described->tensor[i].data.block, &b = whole->tensor[i].data.block;
    EXPECT_EQ(a.rows, b.rows) << i;
    EXPECT_EQ(a.cols, b.cols) << i;
    EXPECT_EQ(a.format, b.format) << i;
    EXPECT_EQ(a.type, b.type) << i;
    EXPECT_EQ(described->tensor[i].labels, whole->tensor[i].labels);
    EXPECT_EQ(described->tensor[i].info.nnz, whole->tensor[i].info.nnz);
  }
  EXPECT_EQ(described->tensor[0].data.block.values, nullptr);
  ASSERT_EQ(described->described.size(), 1u);
  const auto all = Cells(whole->tensor[0].data.block);
  options.describe = false;
  options.described = &described->described;
  for (const auto& [begin, end] : {std::pair{0, 100}, std::pair{100, 300}, std::pair{299, 300}}) {
    options.row_begin = begin;
    options.row_end = end;
    const auto part = BindFiles(wants, inputs, options);
    ASSERT_TRUE(part.ok()) << part.status();
    EXPECT_EQ(part->extents, whole->extents);
    EXPECT_EQ(part->first_row.at("Sample"), begin);
    EXPECT_EQ(Cells(part->tensor[0].data.block),
              std::vector<std::vector<double>>(all.begin() + begin, all.begin() + end));
    for (int r = begin; r < end; ++r) {
      EXPECT_EQ(part->tensor[1].data.block.data<int32_t>()[r - begin], r % 3);
      EXPECT_EQ(part->tensor[2].data.block.data<double>()[r - begin], r + 1);
    }
    EXPECT_EQ(part->tensor[3].data.block.rows, end - begin);
  }
}

TEST(Bind, DataThatShips) {
  const std::string folder = "examples/data/";
  const auto shape = [](const BoundData& b) {
    return std::make_pair(b.extents.at("Sample"), b.extents.at("Feature"));
  };
  EXPECT_EQ(shape(Bind({kX, kY}, {{"", folder + "diabetes.csv"}})),
            std::make_pair(int64_t{442}, int64_t{10}));
  EXPECT_EQ(shape(Bind({kX, kSign}, {{"", folder + "breast_cancer.csv"}})),
            std::make_pair(int64_t{569}, int64_t{30}));
  EXPECT_EQ(shape(Bind({kX, kClass}, {{"", folder + "wine.csv"}})),
            std::make_pair(int64_t{178}, int64_t{13}));
  EXPECT_EQ(shape(Bind({kX}, {{"", folder + "wine.csv"}})),
            std::make_pair(int64_t{178}, int64_t{13}));
  const BoundData digits = Bind({kX, kClass}, {{"", folder + "digits.svm.gz"}});
  EXPECT_EQ(shape(digits), std::make_pair(int64_t{1797}, int64_t{64}));
  EXPECT_EQ(digits.extents.at("Class"), 10);
  EXPECT_EQ(shape(Bind({kX, kY}, {{"", folder + "doctor_visits.csv.gz"}})),
            std::make_pair(int64_t{20190}, int64_t{9}));
}

}  // namespace
}  // namespace gyre
