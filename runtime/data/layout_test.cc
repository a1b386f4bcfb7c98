#include "runtime/data/layout.h"

#include <gtest/gtest.h>

#include <random>

#include "runtime/data/testing.h"

namespace gyre {
namespace {

using testing::Cells;

// Random cells, about `density` of them non-zero, with an empty row and an empty column.
OwnedBlock RandomDense(Type type, int64_t rows, int64_t cols, double density, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  OwnedBlock out = MakeDense(type, rows, cols);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      if (r == rows / 2 || c == cols / 2 || uniform(random) > density) continue;
      const int64_t at = r * out.block.stride + c;
      if (type == Type::kFloat32)
        out.mutable_values<float>()[at] = static_cast<float>(uniform(random));
      else
        out.mutable_values<double>()[at] = uniform(random);
    }
  }
  return out;
}

std::vector<std::vector<double>> Transposed(const std::vector<std::vector<double>>& m,
                                            int64_t cols) {
  std::vector<std::vector<double>> out(static_cast<size_t>(cols), std::vector<double>(m.size()));
  for (size_t r = 0; r < m.size(); ++r) {
    for (size_t c = 0; c < m[r].size(); ++c) out[c][r] = m[r][c];
  }
  return out;
}

void ExpectAscending(const Block& b) {
  const int64_t major = b.format == Format::kCsr ? b.rows : b.cols;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.values) % 64, 0u);
  for (int64_t j = 0; j < major; ++j) {
    for (int64_t i = b.offset[j] + 1; i < b.offset[j + 1]; ++i)
      EXPECT_LT(b.index[i - 1], b.index[i]);
  }
}

class Layouts : public ::testing::TestWithParam<std::tuple<Type, int, int>> {};

TEST_P(Layouts, AllHoldTheSameMatrix) {
  const auto [type, rows, cols] = GetParam();
  const OwnedBlock dense = RandomDense(type, rows, cols, 0.3, 1);
  const auto want = Cells(dense.block);
  const OwnedBlock csr = ToCsr(dense.block), csc = ToCsc(dense.block);
  EXPECT_EQ(csr.block.format, Format::kCsr);
  EXPECT_EQ(csc.block.format, Format::kCsc);
  for (const OwnedBlock* m : {&csr, &csc}) {
    ExpectAscending(m->block);
    EXPECT_EQ(Cells(m->block), want);
    EXPECT_EQ(Cells(ToDense(m->block).block), want);
    EXPECT_EQ(Cells(ToCsr(m->block).block), want);
    EXPECT_EQ(Cells(ToCsc(m->block).block), want);
  }
  for (const OwnedBlock* m : {&dense, &csr, &csc}) {
    const OwnedBlock t = Transpose(m->block);
    EXPECT_EQ(t.block.format, m->block.format);
    EXPECT_EQ(Cells(t.block), Transposed(want, cols));
    const OwnedBlock wide = ToType(m->block, Type::kFloat64);
    EXPECT_EQ(wide.block.type, Type::kFloat64);
    EXPECT_EQ(Cells(wide.block), want);
  }
}

TEST_P(Layouts, RangesOfRows) {
  const auto [type, rows, cols] = GetParam();
  const OwnedBlock dense = RandomDense(type, rows, cols, 0.4, 2);
  const OwnedBlock csr = ToCsr(dense.block), csc = ToCsc(dense.block);
  const auto all = Cells(dense.block);
  for (int begin = 0; begin <= rows; ++begin) {
    for (int end = begin; end <= rows; end += 2) {
      const std::vector<std::vector<double>> want(all.begin() + begin, all.begin() + end);
      EXPECT_EQ(Cells(Rows(dense.block, begin, end)), want);
      EXPECT_EQ(Cells(Rows(csr.block, begin, end)), want);
      const OwnedBlock slice = SliceCscRows(csc.block, begin, end);
      EXPECT_EQ(Cells(slice.block), want);
      // A view of rows converts like any block, though its offsets do not start at 0.
      EXPECT_EQ(Cells(ToCsc(Rows(csr.block, begin, end)).block), want);
      EXPECT_EQ(Cells(ToDense(Rows(csr.block, begin, end)).block), want);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Layouts,
                         ::testing::Combine(::testing::Values(Type::kFloat32, Type::kFloat64),
                                            ::testing::Values(1, 7, 40),
                                            ::testing::Values(1, 5, 37)));

TEST(MakeDense, PadsLongRowsOnly) {
  EXPECT_EQ(PaddedStride(15, Type::kFloat32), 15);
  EXPECT_EQ(PaddedStride(17, Type::kFloat32), 32);
  EXPECT_EQ(PaddedStride(17, Type::kFloat64), 24);
  EXPECT_EQ(PaddedStride(64, Type::kFloat64), 64);
}

}  // namespace
}  // namespace gyre
