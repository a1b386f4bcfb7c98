#include "runtime/cluster/pace.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;

TEST(Pace, Reads) {
  const absl::StatusOr<Pace> all = Pace::Parse("ms=20,slow=2.5,share=0.25,seed=7");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->length, absl::Milliseconds(20));
  EXPECT_EQ(all->slow, 2.5);
  EXPECT_EQ(all->share, 0.25);
  EXPECT_EQ(all->seed, 7u);
  const absl::StatusOr<Pace> least = Pace::Parse("ms=0.5");
  ASSERT_TRUE(least.ok()) << least.status();
  EXPECT_EQ(least->LengthOf(3, 8), absl::Microseconds(500));
}

TEST(Pace, WhatDoesNotReadIsNamed) {
  for (const char* word : {"ms", "ms=0", "ms=-1", "ms=x", "ms=inf", "slow=0.5", "share=1.1",
                           "share=-0.1", "of=0", "of=2.5", "seed=-1", "speed=3"}) {
    const absl::Status status = Pace::Parse(std::string("ms=1,") + word).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << word;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("\"") + word + "\""));
  }
  for (const char* text : {"slow=2,share=1", "ms=1,,seed=2", "ms=1,share=0.5,of=2", ""})
    EXPECT_EQ(Pace::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
}

TEST(Pace, AShareOfClocksIsSlowForEachWorkerOnItsOwn) {
  Pace pace;
  pace.length = absl::Milliseconds(10);
  pace.slow = 3;
  pace.share = 0.2;
  constexpr int kClocks = 10000;
  int slow[2] = {}, both = 0;
  for (Clock c = 0; c < kClocks; ++c) {
    bool is[2];
    for (int w = 0; w < 2; ++w) {
      const absl::Duration length = pace.LengthOf(w, c);
      is[w] = length == absl::Milliseconds(30);
      EXPECT_TRUE(is[w] || length == absl::Milliseconds(10));
      slow[w] += is[w] ? 1 : 0;
    }
    both += is[0] && is[1] ? 1 : 0;
  }
  for (const int n : slow) EXPECT_NEAR(n, 0.2 * kClocks, 200);  // five deviations
  EXPECT_NEAR(both, 0.04 * kClocks, 100);
  Pace other = pace;
  other.seed = 2;
  int differ = 0;
  for (Clock c = 0; c < kClocks; ++c) differ += pace.LengthOf(0, c) != other.LengthOf(0, c) ? 1 : 0;
  EXPECT_NEAR(differ, 0.32 * kClocks, 250);
}

TEST(Pace, OneOfSomeWorkersIsSlowInEveryClock) {
  const Pace pace = *Pace::Parse("ms=10,slow=2,of=4");
  constexpr int kClocks = 10000;
  int slow[5] = {};
  for (Clock c = 0; c < kClocks; ++c) {
    int these = 0;
    for (int w = 0; w < 5; ++w) {
      const int is = pace.LengthOf(w, c) == absl::Milliseconds(20) ? 1 : 0;
      slow[w] += is;
      these += is;
    }
    EXPECT_EQ(these, 1);
  }
  for (int w = 0; w < 4; ++w) EXPECT_NEAR(slow[w], kClocks / 4, 220);  // five deviations
  EXPECT_EQ(slow[4], 0);
}

// Says what it was asked.
class Recorder final : public StateTable {
 public:
  bool Ready(int /*worker*/, Stage need) override { return need < 5; }
  Stamp Read(int /*worker*/, Clock clock, Stage /*need*/, const void** /*param*/) override {
    return {clock, clock};
  }
  double* const* Write(int /*worker*/, Clock /*clock*/, int /*slice*/, double /*scale*/) override {
    return target_;
  }
  void Release(int /*worker*/, Clock /*clock*/) override { released = true; }
  void Done(int worker, Stage stage) override {
    ended.emplace_back(worker, stage);
    at = absl::Now();
  }
  bool FoldReady(Stage* /*stage*/, int* /*part*/) override { return false; }
  void Fold(Stage /*stage*/, int /*part*/) override {}
  absl::Status Apply(const Parcel& /*parcel*/) override { return absl::OkStatus(); }
  int Blocker(Stage need) const override { return static_cast<int>(need); }

  bool released = false;
  std::vector<std::pair<int, Stage>> ended;
  absl::Time at;

 private:
  double* target_[1] = {nullptr};
};

TEST(PacedTable, ATaskIsOverNoSoonerThanThePaceSays) {
  Recorder beneath;
  Pace pace;
  pace.length = absl::Milliseconds(5);
  PacedTable table(pace, &beneath, /*first_worker=*/2, /*workers=*/2);
  EXPECT_TRUE(table.Ready(3, 4));
  EXPECT_FALSE(table.Ready(3, 5));
  EXPECT_EQ(table.Blocker(7), 7);
  const absl::Time start = absl::Now();
  EXPECT_EQ(table.Read(3, 4, 4, nullptr).complete, 4);
  EXPECT_EQ(table.Write(3, 4, 0, 1), beneath.Write(3, 4, 0, 1));
  table.Release(3, 4);
  EXPECT_TRUE(beneath.released);
  table.Done(3, 5);
  ASSERT_EQ(beneath.ended.size(), 1u);
  EXPECT_EQ(beneath.ended[0], std::make_pair(3, Stage{5}));
  EXPECT_GE(beneath.at - start, absl::Milliseconds(5));
}

}  // namespace
}  // namespace gyre
