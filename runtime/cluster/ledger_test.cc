#include "runtime/cluster/ledger.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

using Verdict = Ledger::Verdict;

TEST(Ledger, AppliesInOrderOnce) {
  Ledger ledger(2);
  const Origin w{1, 0};
  EXPECT_EQ(ledger.Check(w, 0, 0), Verdict::kApply);
  ledger.Record(w, 0, 1);
  EXPECT_EQ(ledger.Check(w, 0, 0), Verdict::kDuplicate);
  EXPECT_EQ(ledger.Check(w, 1, 1), Verdict::kApply);
  EXPECT_EQ(ledger.Next(1), 1u);
  EXPECT_EQ(ledger.ClocksDone(1), 1);
  EXPECT_EQ(ledger.ClocksDone(0), 0);
}

TEST(Ledger, GapAsksForTheRest) {
  Ledger ledger(1);
  EXPECT_EQ(ledger.Check({0, 0}, 3, 3), Verdict::kGap);
  ledger.Record({0, 0}, 4, 2);
  EXPECT_EQ(ledger.Check({0, 0}, 6, 6), Verdict::kGap);
  EXPECT_EQ(ledger.Check({0, 0}, 5, 9), Verdict::kApply);
}

TEST(Ledger, PartlyOldIsNotApplied) {
  Ledger ledger(1);
  ledger.Record({0, 0}, 4, 1);
  EXPECT_EQ(ledger.Check({0, 0}, 3, 6), Verdict::kGap);
  EXPECT_EQ(ledger.Check({0, 0}, 2, 4), Verdict::kDuplicate);
}

TEST(Ledger, ReversedRangeIsNotApplied) {
  Ledger ledger(1);
  ledger.Record({0, 0}, 4, 1);
  EXPECT_NE(ledger.Check({0, 0}, 5, 4), Verdict::kApply);
}

TEST(Ledger, NewIncarnationFencesTheOld) {
  Ledger ledger(2);
  ledger.Record({1, 0}, 7, 3);
  EXPECT_EQ(ledger.Fence({1, 1}), 3);  // resumes at the ledger's clock
  EXPECT_EQ(ledger.Check({1, 0}, 8, 8), Verdict::kFenced);
  EXPECT_EQ(ledger.Check({1, 1}, 0, 0), Verdict::kApply);
  EXPECT_EQ(ledger.Fence({1, 0}), -1);
  EXPECT_EQ(ledger.Incarnation(1), 1u);
}

TEST(Ledger, ReconnectOfTheSameIncarnationKeepsItsPlace) {
  Ledger ledger(1);
  ledger.Record({0, 2 - 2}, 5, 2);
  EXPECT_EQ(ledger.Fence({0, 0}), 2);
  EXPECT_EQ(ledger.Next(0), 6u);
}

TEST(Ledger, FutureIncarnationMustBeAdmittedFirst) {
  Ledger ledger(1);
  EXPECT_EQ(ledger.Check({0, 1}, 0, 0), Verdict::kFenced);
}

TEST(Ledger, UnknownProcessIsFenced) {
  Ledger ledger(1);
  EXPECT_EQ(ledger.Check({9, 0}, 0, 0), Verdict::kFenced);
}

TEST(Ledger, MergedParcelIsAllOrNothing) {
  Ledger ledger(3);
  ledger.Record({1, 0}, 3, 1);
  const std::vector<SequenceRun> fresh = {{{0, 0}, 0, 1}, {{1, 0}, 4, 5}};
  const std::vector<SequenceRun> mixed = {{{0, 0}, 0, 1}, {{1, 0}, 2, 3}};
  const std::vector<SequenceRun> old = {{{1, 0}, 1, 2}, {{1, 0}, 3, 3}};
  const std::vector<SequenceRun> fenced = {{{0, 0}, 0, 1}, {{2, 5}, 0, 0}};
  EXPECT_EQ(ledger.Check(fresh), Verdict::kApply);
  EXPECT_EQ(ledger.Check(mixed), Verdict::kGap);
  EXPECT_EQ(ledger.Check(old), Verdict::kDuplicate);
  EXPECT_EQ(ledger.Check(fenced), Verdict::kFenced);
}

// A sender that resends a window after every break and an owner that keeps a ledger: whatever the
// network repeats or loses, every parcel is applied once and in order.
TEST(Ledger, RandomRetriesApplyEachParcelOnce) {
  std::mt19937 random(7);
  for (int run = 0; run < 200; ++run) {
    Ledger ledger(1);
    std::vector<uint64_t> applied;
    uint64_t next = 0;
    constexpr uint64_t kParcels = 40;
    while (ledger.Next(0) < kParcels) {
      const uint64_t from = next;
      const uint64_t count = 1 + random() % 8;
      for (uint64_t s = from; s < std::min(kParcels, from + count); ++s) {
        if (random() % 6 == 0) continue;  // lost with its stream
        const int copies = 1 + static_cast<int>(random() % 3);
        for (int i = 0; i < copies; ++i) {
          if (ledger.Check({0, 0}, s, s) != Verdict::kApply) continue;
          applied.push_back(s);
          ledger.Record({0, 0}, s, static_cast<int64_t>(s));
        }
      }
      next = random() % 2 ? ledger.Next(0) : ledger.Next(0) - std::min<uint64_t>(ledger.Next(0), 3);
    }
    ASSERT_EQ(applied.size(), kParcels);
    for (uint64_t s = 0; s < kParcels; ++s) ASSERT_EQ(applied[s], s);
  }
}

}  // namespace
}  // namespace gyre
