#include "ops/coordinate/gram.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

// A dense part, the sparse negated copy of it, and a column of ones. Columns of the sparse part hold from
// nearly every row down to one in fifty.
struct Data {
  explicit Data(int64_t n, int64_t columns) : rows(n), x(static_cast<size_t>(n * columns)), parts(3) {
    std::mt19937_64 random(3);
    for (int64_t j = 0; j < columns; ++j) {
      const auto one_in = static_cast<uint64_t>(1 + j % 50);
      for (int64_t i = 0; i < n; ++i) {
        const bool there = random() % one_in == 0;
        const double v = there ? static_cast<double>(random() % 9) - 4 : 0;
        x[static_cast<size_t>(j * n + i)] = v;
        if (v == 0) continue;
        value.push_back(v);
        index.push_back(static_cast<int32_t>(i));
      }
      offset.push_back(static_cast<int64_t>(value.size()));
    }
    for (Part& part : parts) part.columns.rows = n, part.columns.size = columns;
    parts[0].columns.block = {Format::kDense, Type::kFloat64, x.data(), nullptr, nullptr, columns, n, n};
    parts[1].columns.block = {Format::kCsc, Type::kFloat64, value.data(), index.data(), offset.data(),
                              columns, n, 0};
    parts[1].sign = -1;
    parts[2].columns.ones = true, parts[2].columns.size = 1;
    weight.resize(static_cast<size_t>(n));
    for (double& w : weight) w = static_cast<double>(1 + random() % 4) / 4;
  }
  double At(const Gram::Column& c, int64_t i) const {
    if (c.part == 2) return 1;
    return (c.part == 1 ? -1 : 1) * x[static_cast<size_t>(c.column * rows + i)];
  }
  double Product(const Gram::Column& a, const Gram::Column& b, const double* w) const {
    double sum = 0;
    for (int64_t i = 0; i < rows; ++i) sum += (w != nullptr ? w[i] : 1) * At(a, i) * At(b, i);
    return sum;
  }

  int64_t rows;
  std::vector<double> x, value, weight;
  std::vector<int32_t> index;
  std::vector<int64_t> offset = {0};
  std::vector<Part> parts;
};

using Columns = std::vector<Gram::Column>;

void Extend(const Columns& columns, const double* weight, int workers, Gram* gram) {
  gram->Begin(columns, weight, workers);
  for (int round = 0; round < gram->rounds(); ++round)
    for (int w = workers - 1; w >= 0; --w) gram->Work(round, w);
}

void ExpectProducts(const Data& data, const Columns& columns, const double* weight, const Gram& gram) {
  for (const Gram::Column& a : columns) {
    ASSERT_GE(gram.slot(a), 0);
    for (const Gram::Column& b : columns) {
      ASSERT_NEAR(gram.row(gram.slot(a))[gram.slot(b)], data.Product(a, b, weight), 1e-9)
          << a.part << " " << a.column << ", " << b.part << " " << b.column;
    }
  }
}

// In steps that overlap: many columns at once, few more, many more, other weights, mostly other columns.
void GrowsAndForgets(int64_t rows, int workers) {
  constexpr int64_t kColumns = 150;
  const Data data(rows, kColumns);
  Columns columns = {{2, 0}};
  const auto add = [&](int part, int64_t begin, int64_t end, int64_t step) {
    for (int64_t j = begin; j < end; j += step) columns.push_back({part, j});
  };
  Gram gram(&data.parts, rows), alone(&data.parts, rows);
  const double* weight = nullptr;
  const auto check = [&] {
    Extend(columns, weight, workers, &gram);
    ExpectProducts(data, columns, weight, gram);
    Extend(columns, weight, 1, &alone);
    for (const Gram::Column& a : columns)
      for (const Gram::Column& b : columns)
        ASSERT_EQ(gram.row(gram.slot(a))[gram.slot(b)], alone.row(alone.slot(a))[alone.slot(b)]);
  };
  add(1, 0, kColumns, 2);
  add(0, 10, 14, 1);
  check();
  add(1, 1, 8, 2);
  check();
  add(1, 21, kColumns, 4);
  add(0, 50, 90, 1);
  check();
  gram.Clear(), alone.Clear();
  weight = data.weight.data();
  check();
  columns.clear();
  add(1, 40, 80, 1);
  add(0, 40, 60, 1);
  gram.Clear(), alone.Clear();
  weight = nullptr;
  check();
  EXPECT_EQ(gram.size(), static_cast<int64_t>(columns.size()));
}

TEST(GramTest, IsThePlainProduct) { GrowsAndForgets(170, 1); }
TEST(GramTest, WorkersChangeNothing) { GrowsAndForgets(170, 3); }
TEST(GramTest, RowsBeyondOneBlock) { GrowsAndForgets(9001, 2); }
TEST(GramTest, MoreWorkersThanRows) { GrowsAndForgets(3, 5); }

TEST(GramTest, CountsWhatIsMissing) {
  const Data data(40, 10);
  const Columns columns = {{1, 0}, {1, 3}, {0, 2}, {2, 0}};
  Gram gram(&data.parts, 40);
  EXPECT_GT(gram.CostOf(columns), 0);
  Extend(columns, nullptr, 1, &gram);
  EXPECT_EQ(gram.CostOf(columns), 0);
  gram.Clear();
  EXPECT_GT(gram.CostOf(columns), 0);
}

}  // namespace
}  // namespace gyre
