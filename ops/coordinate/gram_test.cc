#include "ops/coordinate/gram.h"

#include <initializer_list>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

// A dense part and the negated sparse copy of it, asked for in two steps that overlap.
TEST(GramTest, ExtendIsThePlainProduct) {
  constexpr int64_t kRows = 17, kColumns = 6;
  std::mt19937_64 random(3);
  std::vector<double> x(kRows * kColumns), weight(kRows), value;
  std::vector<int32_t> index;
  std::vector<int64_t> offset = {0};
  for (double& v : x) v = random() % 2 == 0 ? static_cast<double>(random() % 9) - 4 : 0;
  for (double& w : weight) w = static_cast<double>(1 + random() % 4) / 4;
  for (size_t j = 0; j < kColumns; ++j) {
    for (size_t i = 0; i < kRows; ++i) {
      if (x[j * kRows + i] == 0) continue;
      value.push_back(x[j * kRows + i]);
      index.push_back(static_cast<int32_t>(i));
    }
    offset.push_back(static_cast<int64_t>(value.size()));
  }
  std::vector<Part> parts(2);
  for (Part& part : parts) part.columns.rows = kRows, part.columns.size = kColumns;
  parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr,
                            kColumns, kRows, kRows};
  parts[1].columns.block = {Format::kCsc, Type::kFloat64, value.data(), index.data(),
                            offset.data(), kColumns, kRows, 0};
  parts[1].sign = -1;
  const std::vector<Gram::Column> first = {{0, 4}, {1, 1}, {1, 5}};
  const std::vector<Gram::Column> all = {{0, 0}, {1, 2}, {0, 4}, {1, 1}, {0, 3}, {1, 5}};
  for (const double* const w : std::initializer_list<const double*>{nullptr, weight.data()}) {
    Gram gram(&parts, kRows);
    gram.Extend(first, w);
    ASSERT_EQ(gram.size(), 3);
    gram.Extend(all, w);
    ASSERT_EQ(gram.size(), 6);
    for (const Gram::Column& a : all) {
      for (const Gram::Column& b : all) {
        double sum = 0;
        for (int64_t i = 0; i < kRows; ++i)
          sum += (w != nullptr ? w[i] : 1) * x[static_cast<size_t>(a.column * kRows + i)] *
                 x[static_cast<size_t>(b.column * kRows + i)];
        if (a.part != b.part) sum = -sum;
        EXPECT_NEAR(gram.row(gram.slot(a))[gram.slot(b)], sum, 1e-12)
            << a.part << " " << a.column << ", " << b.part << " " << b.column;
      }
    }
    gram.Clear();
    EXPECT_EQ(gram.slot(all[0]), -1);
  }
}

}  // namespace
}  // namespace gyre
