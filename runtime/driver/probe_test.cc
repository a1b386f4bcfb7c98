#include "runtime/driver/probe.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/driver/files.h"

namespace gyre::driver {
namespace {

class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/probe_test";
    std::filesystem::remove_all(folder_);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  }
  std::string folder_;
};

TEST_F(ProbeTest, MeasuresEveryFigureItClaims) {
  const Profile profile = MeasureProfile();
  EXPECT_GE(profile.cores(), 1);
  for (double figure :
       {profile.gflops_f32(), profile.gflops_f64(), profile.memory_gbs_one(),
        profile.memory_gbs_all(), profile.cache_gbs_one(), profile.random_mops_l2(),
        profile.random_mops_l3(), profile.random_mops_memory(), profile.sync_us()}) {
    EXPECT_GT(figure, 0);
    EXPECT_LT(figure, 1e6);
  }
  EXPECT_GT(profile.memory_bytes(), 1 << 20);
}

TEST_F(ProbeTest, SmallJobsNeitherMeasureNorCache) {
  EXPECT_EQ(ThisMachine(false).age(), "not measured");
  EXPECT_FALSE(Exists(folder_));
}

TEST_F(ProbeTest, AMeasuredProfileIsKept) {
  const Profile measured = ThisMachine(true);
  EXPECT_EQ(measured.age(), "just measured");
  EXPECT_TRUE(Exists(ProfileCachePath())) << ProfileCachePath();
  const Profile cached = ThisMachine(false);
  EXPECT_EQ(cached.age(), "measured within the hour");
  EXPECT_EQ(cached.gflops_f32(), measured.gflops_f32());
}

TEST_F(ProbeTest, AnUnreadableCacheIsMeasuredAnew) {
  ASSERT_TRUE(WriteFile(ProfileCachePath(), "cores: banana").ok());
  EXPECT_EQ(ThisMachine(true).age(), "just measured");
  EXPECT_EQ(ThisMachine(false).age(), "measured within the hour");
}

TEST_F(ProbeTest, WithoutAHomeNothingIsKept) {
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  EXPECT_EQ(ProfileCachePath(), "");
  EXPECT_EQ(ThisMachine(true).age(), "just measured");
}

}  // namespace
}  // namespace gyre::driver
