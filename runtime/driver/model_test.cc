#include "runtime/driver/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/driver/files.h"
#include "runtime/driver/npy.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Ridge;

class ModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/model_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    model_.program = "ridge";
    model_.extent = {100, 3};
    model_.type = Type::kFloat32;
    model_.hyper = {0, 0, 0, 0, 0.1};
    model_.parameter = {{}, {}, {1, -2.5, 1e-300}, {0.1}, {}};
    model_.label[testing::kY] = {"no", "yes, \"quoted\""};
    model_.column[testing::kX] = {"age", "sex", "bmi"};
    model_.transform[testing::kX] = {{0, 0.1, 1.0 / 3}, {1, 2, 1e-17}};
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void ExpectError(const std::string& path, const std::string& words) {
    absl::StatusOr<Model> model = LoadModel(path, Ridge());
    ASSERT_FALSE(model.ok());
    EXPECT_THAT(std::string(model.status().message()), HasSubstr(words));
    EXPECT_EQ(model.status().message().find('\n'), absl::string_view::npos);
  }

  std::string folder_;
  Model model_;
};

TEST_F(ModelTest, ComesBackToTheLastBit) {
  ASSERT_TRUE(SaveModel(Path("m"), Ridge(), model_).ok());
  absl::StatusOr<Model> back = LoadModel(Path("m"), Ridge());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->extent, model_.extent);
  EXPECT_EQ(back->type, Type::kFloat32);
  EXPECT_EQ(back->hyper, model_.hyper);
  EXPECT_EQ(back->parameter, model_.parameter);
  EXPECT_EQ(back->label, model_.label);
  EXPECT_EQ(back->column, model_.column);
  EXPECT_EQ(back->transform[testing::kX].center, model_.transform[testing::kX].center);
  EXPECT_EQ(back->transform[testing::kX].scale, model_.transform[testing::kX].scale);
}

TEST_F(ModelTest, ReplacesAModelButNothingElse) {
  ASSERT_TRUE(SaveModel(Path("m"), Ridge(), model_).ok());
  model_.parameter[testing::kB] = {7};
  ASSERT_TRUE(SaveModel(Path("m/"), Ridge(), model_).ok());
  absl::StatusOr<Model> back = LoadModel(Path("m"), Ridge());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->parameter[testing::kB][0], 7);

  ASSERT_TRUE(WriteFile(Path("photos/cat.txt"), "cat").ok());
  const absl::Status refused = SaveModel(Path("photos"), Ridge(), model_);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is no model; choose another folder"));
  EXPECT_TRUE(Exists(Path("photos/cat.txt")));
  // Nothing half-written stays behind.
  int entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_)) ++entries;
  EXPECT_EQ(entries, 2);
}

TEST_F(ModelTest, RefusesWhatIsNotWholeOrNotOurs) {
  ExpectError(Path("nowhere"), "holds no model");
  ASSERT_TRUE(SaveModel(Path("m"), Ridge(), model_).ok());
  absl::StatusOr<std::string> manifest = ReadWholeFile(Path("m/manifest.json"));
  ASSERT_TRUE(manifest.ok());

  Program other = Ridge();
  other.fingerprint ^= 1;
  EXPECT_THAT(std::string(LoadModel(Path("m"), other).status().message()),
              HasSubstr("is a model of another program (ridge"));

  ASSERT_TRUE(WriteFile(Path("m/manifest.json"), manifest->substr(0, manifest->size() / 2)).ok());
  ExpectError(Path("m"), "no readable manifest");
  ASSERT_TRUE(WriteFile(Path("m/manifest.json"), *manifest).ok());
  ASSERT_TRUE(WriteNpy(Path("m/w.npy"), {2}, {1, 2}).ok());
  ExpectError(Path("m"), "w.npy: has another shape");
  fs::remove(Path("m/w.npy"));
  ExpectError(Path("m"), "w.npy");
}

TEST_F(ModelTest, NpyOfEveryRank) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{}, {4}, {2, 3}, {2, 1, 3}, {0}}) {
    size_t cells = 1;
    for (int64_t extent : shape) cells *= static_cast<size_t>(extent);
    std::vector<double> values;
    for (size_t i = 0; i < cells; ++i) values.push_back(static_cast<double>(i) + 0.1);
    ASSERT_TRUE(WriteNpy(Path("a.npy"), shape, values).ok());
    absl::StatusOr<NpyArray> back = ReadNpy(Path("a.npy"));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->shape, shape);
    EXPECT_EQ(back->values, values);
    EXPECT_EQ((fs::file_size(Path("a.npy")) - cells * 8) % 64, 0u) << "numpy's alignment";
  }
}

TEST_F(ModelTest, NpyErrorsNameTheFile) {
  ASSERT_TRUE(WriteNpy(Path("a.npy"), {3}, {1, 2, 3}).ok());
  absl::StatusOr<std::string> bytes = ReadWholeFile(Path("a.npy"));
  ASSERT_TRUE(bytes.ok());
  const auto error = [&](const std::string& content) {
    EXPECT_TRUE(WriteFile(Path("b.npy"), content).ok());
    absl::StatusOr<NpyArray> array = ReadNpy(Path("b.npy"));
    EXPECT_FALSE(array.ok());
    return std::string(array.status().message());
  };
  EXPECT_THAT(error("PK\x03\x04 not numpy"), HasSubstr("b.npy: is not a .npy file"));
  EXPECT_THAT(error(bytes->substr(0, 40)), HasSubstr("truncated within its header"));
  EXPECT_THAT(error(bytes->substr(0, bytes->size() - 1)),
              HasSubstr("holds 23 bytes of numbers where its shape says 24"));
  std::string fortran = *bytes;
  fortran.replace(fortran.find("False"), 5, "True,");
  EXPECT_THAT(error(fortran), HasSubstr("Fortran order"));
  std::string integers = *bytes;
  integers.replace(integers.find("<f8"), 3, "<i8");
  EXPECT_THAT(error(integers), HasSubstr("other numbers than"));
  EXPECT_EQ(ReadNpy(Path("none.npy")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gyre::driver
