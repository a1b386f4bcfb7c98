#include "runtime/cluster/process.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

absl::Time Soon() { return absl::Now() + absl::Seconds(20); }

TEST(ChildProcess, ReportsItsExitStatus) {
  auto child = ChildProcess::Start({"/bin/sh", "-c", "exit 3"}, {});
  ASSERT_TRUE(child.ok()) << child.status();
  const auto status = child->Wait(Soon());
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(DescribeWaitStatus(*status), "exit status 3");
}

TEST(ChildProcess, EnvironmentIsAddedAndOverrides) {
  setenv("GYRE_TEST_A", "old", 1);
  auto child = ChildProcess::Start(
      {"/bin/sh", "-c", "test \"$GYRE_TEST_A$GYRE_TEST_B\" = new2 && test -n \"$PATH\""},
      {"GYRE_TEST_A=new", "GYRE_TEST_B=2"});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->Wait(Soon()), absl::optional<int>(0));
}

TEST(ChildProcess, MissingProgramIsAnErrorNotAChild) {
  const auto child = ChildProcess::Start({"/no/such/program"}, {});
  ASSERT_FALSE(child.ok());
  EXPECT_NE(child.status().message().find("/no/such/program"), absl::string_view::npos);
}

TEST(ChildProcess, KilledChildIsNamed) {
  auto child = ChildProcess::Start({"/bin/sleep", "100"}, {});
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE(child->Poll().has_value());
  kill(child->pid(), SIGKILL);
  const auto status = child->Wait(Soon());
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(DescribeWaitStatus(*status), "killed by signal 9 (Killed)");
}

TEST(ChildProcess, DestructorLeavesNoneBehind) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::Start({"/bin/sleep", "100"}, {});
    ASSERT_TRUE(child.ok());
    ChildProcess moved = *std::move(child);
    pid = moved.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

// A parent that dies without a word takes its children along.
TEST(ChildProcess, DiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    auto child = ChildProcess::Start({"/bin/sleep", "100"}, {});
    const pid_t pid = child.ok() ? child->pid() : -1;
    (void)!write(ends[1], &pid, sizeof(pid));
    raise(SIGKILL);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(read(ends[0], &grandchild, sizeof(grandchild)), ssize_t{sizeof(grandchild)});
  ASSERT_GT(grandchild, 0);
  const absl::Time deadline = Soon();
  bool gone = false;
  while (!gone && absl::Now() < deadline) {
    std::ifstream stat(absl::StrCat("/proc/", grandchild, "/stat"));
    std::string id, name, state;
    gone = !(stat >> id >> name >> state) || state == "Z";
    absl::SleepFor(absl::Milliseconds(2));
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace gyre
