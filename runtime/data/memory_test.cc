#include "runtime/data/memory.h"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gyre {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 100'000;  // of four bytes: some pages, the last one partly used
constexpr int64_t kBytes = 4 * kRows;

class MemoryTest : public testing::Test {
 protected:
  void TearDown() override { SetMemoryBudget(std::numeric_limits<int64_t>::max()); }
};

RowArray<int32_t> Numbered(int32_t first) {
  RowArray<int32_t> rows(kRows);
  for (int64_t r = 0; r < kRows; ++r) rows[r] = first + static_cast<int32_t>(r);
  return rows;
}
void ExpectNumbered(const RowArray<int32_t>& rows, int32_t first) {
  int64_t wrong = 0;
  for (int64_t r = 0; r < kRows; ++r) wrong += rows[r] != first + static_cast<int32_t>(r) ? 1 : 0;
  EXPECT_EQ(wrong, 0);
}

TEST_F(MemoryTest, WithoutABudgetNothingIsSpilled) {
  const RowArray<int32_t> rows = Numbered(1);
  EXPECT_EQ(SpilledBytes(), 0);
  rows.Release(0, kRows);
  ExpectNumbered(rows, 1);
}

TEST_F(MemoryTest, WhatTheBudgetHasNoRoomForIsSpilled) {
  SetMemoryBudget(kBytes + kBytes / 2);
  const RowArray<int32_t> first = Numbered(1);
  EXPECT_EQ(SpilledBytes(), 0);
  {
    const RowArray<int32_t> second = Numbered(2);
    EXPECT_EQ(SpilledBytes(), kBytes);
    ExpectNumbered(second, 2);
  }
  EXPECT_EQ(SpilledBytes(), 0);
  ExpectNumbered(first, 1);
}

TEST_F(MemoryTest, RoomThatIsFreedIsUsedAgain) {
  SetMemoryBudget(kBytes);
  { const RowArray<int32_t> first = Numbered(1); }
  const RowArray<int32_t> second = Numbered(2);
  EXPECT_EQ(SpilledBytes(), 0);
}

TEST_F(MemoryTest, ReleasedRowsKeepTheirValues) {
  SetMemoryBudget(0);
  RowArray<int32_t> rows = Numbered(5);
  rows.Release(0, kRows);
  ExpectNumbered(rows, 5);
  rows[1234] = -1;
  rows.Release(1000, 2000);
  rows.Release(kRows - 3, kRows);
  EXPECT_EQ(rows[1234], -1);
  rows[1234] = 5 + 1234;
  ExpectNumbered(rows, 5);
}

TEST_F(MemoryTest, SpilledArraysAreZeroAndMove) {
  SetMemoryBudget(0);
  RowArray<double> rows(kRows), moved;
  EXPECT_EQ(rows[kRows - 1], 0);
  rows[7] = 7;
  moved = std::move(rows);
  EXPECT_EQ(moved[7], 7);
  EXPECT_EQ(SpilledBytes(), 8 * kRows);
  moved = {};
  EXPECT_EQ(SpilledBytes(), 0);
}

TEST_F(MemoryTest, SmallArraysAreNeverSpilled) {
  SetMemoryBudget(0);
  const RowArray<int32_t> rows(100);
  EXPECT_EQ(SpilledBytes(), 0);
}

TEST_F(MemoryTest, StretchesCoverTheRowsOnce) {
  int64_t next = 3, stretches = 0;
  InStretches(3, 1000, 64, [&](int64_t begin, int64_t end) {
    EXPECT_EQ(begin, next);
    EXPECT_LE(end, 1000);
    next = end, ++stretches;
  });
  EXPECT_EQ(next, 1000);
  EXPECT_EQ(stretches, 16);
}

TEST_F(MemoryTest, NoRoomForTheFileIsOneLine) {
  SetMemoryBudget(0);
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  setenv("TMPDIR", "/nowhere", 1);
  try {
    RowArray<int32_t> rows(int64_t{1} << 20);
    ADD_FAILURE() << "spilled to a folder that is not there";
  } catch (const CannotSpill& error) {
    EXPECT_THAT(error.what(), HasSubstr("no room for 4.2 MB of data in /nowhere"));
    EXPECT_THAT(error.what(), HasSubstr("TMPDIR"));
  }
  EXPECT_EQ(SpilledBytes(), 0);
  if (before == nullptr) {
    unsetenv("TMPDIR");
  } else {
    setenv("TMPDIR", kept.c_str(), 1);
  }
}

}  // namespace
}  // namespace gyre
