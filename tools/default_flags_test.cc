#include "tools/default_flags.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kDefaults[] = {"--data=X=a.csv", "--data=y=b.csv", "--test_data=c.csv",
                                     "--format=csv",   "--lambda=0.1",   nullptr};

TEST(DefaultFlagsTest, ABinaryWithoutTheRuleHasNone) {
  EXPECT_THAT(WithDefaultFlags({}), IsEmpty());
  EXPECT_THAT(WithDefaultFlags({"run", "--seed=1"}, nullptr), ElementsAre("run", "--seed=1"));
}

TEST(DefaultFlagsTest, AllAreAddedWhenNoneIsGiven) {
  EXPECT_THAT(WithDefaultFlags({"explain"}, kDefaults),
              ElementsAre("explain", "--data=X=a.csv", "--data=y=b.csv", "--test_data=c.csv",
                          "--format=csv", "--lambda=0.1"));
}

TEST(DefaultFlagsTest, AGivenFlagReplacesTheDefaultOfItsName) {
  EXPECT_THAT(WithDefaultFlags({"--lambda=2", "--lambda_max=3"}, kDefaults),
              ElementsAre("--lambda=2", "--lambda_max=3", "--data=X=a.csv", "--data=y=b.csv",
                          "--test_data=c.csv", "--format=csv"));
  EXPECT_THAT(WithDefaultFlags({"--test_data=mine"}, kDefaults),
              ElementsAre("--test_data=mine", "--data=X=a.csv", "--data=y=b.csv", "--format=csv",
                          "--lambda=0.1"));
}

TEST(DefaultFlagsTest, GivenDataReplacesEverythingThatDescribesData) {
  EXPECT_THAT(WithDefaultFlags({"--data=mine.svm"}, kDefaults),
              ElementsAre("--data=mine.svm", "--lambda=0.1"));
}

TEST(DefaultFlagsTest, NothingAfterTwoDashesIsAFlag) {
  constexpr const char* kOne[] = {"--lambda=0.1", nullptr};
  EXPECT_THAT(WithDefaultFlags({"run", "--", "--lambda=2"}, kOne),
              ElementsAre("run", "--lambda=0.1", "--", "--lambda=2"));
}

class ShippedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* set = std::getenv("RUNFILES_DIR");
    saved_ = set == nullptr ? "" : set;
    dir_ = std::filesystem::path(testing::TempDir()) / ("shipped" + std::to_string(getpid()));
    std::filesystem::create_directories(dir_ / "gyre" / "examples");
    std::ofstream(dir_ / "gyre" / "examples" / "x.csv") << "1\n";
    setenv("RUNFILES_DIR", dir_.c_str(), 1);
  }
  void TearDown() override {
    setenv("RUNFILES_DIR", saved_.c_str(), 1);
    unsetenv("BUILD_WORKSPACE_DIRECTORY");
    std::filesystem::remove_all(dir_);
  }
  std::filesystem::path dir_;
  std::string saved_;
};

TEST_F(ShippedFileTest, IsFoundAmongRunfiles) {
  const std::string expected = (dir_ / "gyre/examples/x.csv").string();
  EXPECT_EQ(ShippedFile("examples/x.csv"), expected);
  constexpr const char* kFlags[] = {"--data=X=@shipped:examples/x.csv", nullptr};
  EXPECT_THAT(WithDefaultFlags({}, kFlags), ElementsAre("--data=X=" + expected));
}

TEST_F(ShippedFileTest, IsFoundInTheWorkspace) {
  setenv("RUNFILES_DIR", "/nonexistent", 1);
  setenv("BUILD_WORKSPACE_DIRECTORY", (dir_ / "gyre").c_str(), 1);
  EXPECT_EQ(ShippedFile("examples/x.csv"), (dir_ / "gyre/examples/x.csv").string());
}

TEST_F(ShippedFileTest, KeepsItsNameWhenItIsNowhere) {
  EXPECT_EQ(ShippedFile("examples/none.csv"), "examples/none.csv");
}

TEST(UserPathTest, IsRelativeToWhereTheCommandWasTyped) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(UserPath("a.csv"), "a.csv");
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(UserPath("a.csv"), "/home/me/a.csv");
  EXPECT_EQ(UserPath("/b.csv"), "/b.csv");
  EXPECT_EQ(UserPath(""), "");
  unsetenv("BUILD_WORKING_DIRECTORY");
}

}  // namespace
}  // namespace gyre
