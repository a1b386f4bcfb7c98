// Every contraction against plain loops in long double, over shapes that reach each tail of the
// blocked kernels, in dense (with and without padding), CSR and CSC.
#include "ops/contract.h"

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

template <class T>
struct Matrix {
  int64_t rows, cols;
  std::vector<T> values;  // dense, row-major, no padding
  std::vector<T> stored;
  std::vector<int32_t> index;
  std::vector<int64_t> offset;
  Block block;

  T at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * cols + j)]; }
};

template <class T>
void StoreDense(Matrix<T>* x, int64_t padding) {
  const int64_t stride = x->cols + padding;
  // Padding is NaN: reading it into a result would show.
  x->stored.assign(static_cast<size_t>(x->rows * stride), std::numeric_limits<T>::quiet_NaN());
  for (int64_t i = 0; i < x->rows; ++i)
    for (int64_t j = 0; j < x->cols; ++j) x->stored[static_cast<size_t>(i * stride + j)] = x->at(i, j);
  x->block.stride = stride;
}

template <class T>
void StoreSparse(Matrix<T>* x, bool by_row) {
  const int64_t outer = by_row ? x->rows : x->cols, inner = by_row ? x->cols : x->rows;
  x->offset.push_back(0);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t n = 0; n < inner; ++n) {
      const T v = by_row ? x->at(o, n) : x->at(n, o);
      if (v == 0) continue;
      x->stored.push_back(v);
      x->index.push_back(static_cast<int32_t>(n));
    }
    x->offset.push_back(static_cast<int64_t>(x->stored.size()));
  }
}

// Formats: dense, padded dense, CSR, CSC.
enum class Kind { kDense, kPadded, kCsr, kCsc };

template <class T>
Matrix<T> MakeMatrix(Kind kind, int64_t rows, int64_t cols, uint32_t seed) {
  Matrix<T> x{rows, cols, {}, {}, {}, {}, {}};
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  const bool sparse = kind == Kind::kCsr || kind == Kind::kCsc;
  x.values.resize(static_cast<size_t>(rows * cols));
  for (T& v : x.values) v = sparse && uniform(random) < 0.6 ? T{0} : static_cast<T>(uniform(random));
  if (sparse && rows > 2)  // an empty row
    for (int64_t j = 0; j < cols; ++j) x.values[static_cast<size_t>(cols + j)] = 0;
  x.block.type = kTypeOf<T>;
  x.block.rows = rows;
  x.block.cols = cols;
  x.block.format = !sparse ? Format::kDense : kind == Kind::kCsr ? Format::kCsr : Format::kCsc;
  if (sparse) {
    StoreSparse(&x, kind == Kind::kCsr);
  } else {
    StoreDense(&x, kind == Kind::kPadded ? 3 : 0);
  }
  x.block.values = x.stored.data();
  x.block.index = x.index.data();
  x.block.offset = x.offset.data();
  return x;
}

template <class T>
std::vector<T> RandomVector(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<T> v(static_cast<size_t>(n));
  for (T& x : v) x = static_cast<T>(uniform(random));
  return v;
}

template <class T>
double Tolerance(int64_t terms) {
  const double eps = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  return eps * (8 + 4 * static_cast<double>(terms));
}

struct Case {
  Kind kind;
  int64_t rows, cols;
};

class ContractTest : public testing::TestWithParam<std::tuple<Kind, int64_t, int64_t>> {
 protected:
  Case Param() const {
    return {std::get<0>(GetParam()), std::get<1>(GetParam()), std::get<2>(GetParam())};
  }
  // The row range to ask for: an inner one, where the format has ranges.
  static std::pair<int64_t, int64_t> Range(const Case& c) {
    if (c.kind == Kind::kCsc || c.rows < 4) return {0, c.rows};
    return {1, c.rows - 2};
  }
};

template <class T>
void CheckVector(const Case& c, int64_t r0, int64_t rows) {
  const Matrix<T> x = MakeMatrix<T>(c.kind, c.rows, c.cols, 1);
  const std::vector<T> b = RandomVector<T>(c.cols, 2), u = RandomVector<T>(rows, 3);
  std::vector<T> out(static_cast<size_t>(rows), T{-77});
  RowsTimesVector(x.block, r0, rows, b.data(), out.data());
  for (int64_t i = 0; i < rows; ++i) {
    long double sum = 0;
    for (int64_t j = 0; j < c.cols; ++j)
      sum += static_cast<long double>(x.at(r0 + i, j)) * b[static_cast<size_t>(j)];
    ASSERT_NEAR(out[static_cast<size_t>(i)], static_cast<double>(sum), Tolerance<T>(c.cols));
  }
  std::vector<double> acc = RandomVector<double>(c.cols, 4), expected = acc;
  AddTransposedTimesVector(x.block, r0, rows, u.data(), acc.data());
  for (int64_t j = 0; j < c.cols; ++j) {
    long double sum = 0;
    for (int64_t i = 0; i < rows; ++i)
      sum += static_cast<long double>(x.at(r0 + i, j)) * u[static_cast<size_t>(i)];
    ASSERT_NEAR(acc[static_cast<size_t>(j)],
                static_cast<double>(sum) + expected[static_cast<size_t>(j)], Tolerance<T>(rows));
  }
}

TEST_P(ContractTest, Vector) {
  const Case c = Param();
  const auto [r0, rows] = Range(c);
  CheckVector<float>(c, r0, rows);
  CheckVector<double>(c, r0, rows);
  CheckVector<float>(c, 0, c.rows);
}

template <class T>
void CheckMatrix(const Case& c, int64_t r0, int64_t rows, int64_t m, bool k_major) {
  SCOPED_TRACE("m=" + std::to_string(m) + " k_major=" + std::to_string(k_major));
  const Matrix<T> x = MakeMatrix<T>(c.kind, c.rows, c.cols, 5);
  const std::vector<T> b = RandomVector<T>(m * c.cols, 6), u = RandomVector<T>(rows * m, 7);
  const auto at = [&](int64_t class_, int64_t j) {
    return static_cast<size_t>(k_major ? j * m + class_ : class_ * c.cols + j);
  };
  std::vector<T> out(static_cast<size_t>(rows * m), T{-77});
  RowsTimesMatrix(x.block, r0, rows, b.data(), m, k_major, out.data());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t o = 0; o < m; ++o) {
      long double sum = 0;
      for (int64_t j = 0; j < c.cols; ++j)
        sum += static_cast<long double>(x.at(r0 + i, j)) * b[at(o, j)];
      ASSERT_NEAR(out[static_cast<size_t>(i * m + o)], static_cast<double>(sum),
                  Tolerance<T>(c.cols));
    }
  std::vector<double> acc = RandomVector<double>(m * c.cols, 8), before = acc;
  std::vector<T> scratch(static_cast<size_t>(ScratchOuter(m, c.cols)));
  AddOuter(x.block, r0, rows, u.data(), m, k_major, acc.data(), scratch.data());
  for (int64_t o = 0; o < m; ++o)
    for (int64_t j = 0; j < c.cols; ++j) {
      long double sum = 0;
      for (int64_t i = 0; i < rows; ++i)
        sum += static_cast<long double>(x.at(r0 + i, j)) * u[static_cast<size_t>(i * m + o)];
      ASSERT_NEAR(acc[at(o, j)], static_cast<double>(sum) + before[at(o, j)], Tolerance<T>(rows));
    }
}

TEST_P(ContractTest, Matrix) {
  const Case c = Param();
  const auto [r0, rows] = Range(c);
  for (const bool k_major : {false, true}) {
    for (const int64_t m : {1, 2, 3, 4, 5, 6, 10, 16, 33, 70}) {
      CheckMatrix<float>(c, r0, rows, m, k_major);
      CheckMatrix<double>(c, r0, rows, m, k_major);
    }
  }
}

template <class T>
void CheckNorms(const Case& c, int64_t r0, int64_t rows) {
  const Matrix<T> x = MakeMatrix<T>(c.kind, c.rows, c.cols, 9);
  std::vector<T> out(static_cast<size_t>(rows), T{-77});
  std::vector<double> columns(static_cast<size_t>(c.cols), 0.5);
  RowNorms2(x.block, r0, rows, out.data());
  AddColumnNorms2<T>(x.block, r0, rows, columns.data());
  for (int64_t i = 0; i < rows; ++i) {
    long double sum = 0;
    for (int64_t j = 0; j < c.cols; ++j)
      sum += static_cast<long double>(x.at(r0 + i, j)) * x.at(r0 + i, j);
    ASSERT_NEAR(out[static_cast<size_t>(i)], static_cast<double>(sum), Tolerance<T>(c.cols));
  }
  for (int64_t j = 0; j < c.cols; ++j) {
    long double sum = 0.5L;
    for (int64_t i = 0; i < rows; ++i)
      sum += static_cast<long double>(x.at(r0 + i, j)) * x.at(r0 + i, j);
    ASSERT_NEAR(columns[static_cast<size_t>(j)], static_cast<double>(sum), Tolerance<T>(rows));
  }
}

TEST_P(ContractTest, Norms) {
  const Case c = Param();
  const auto [r0, rows] = Range(c);
  CheckNorms<float>(c, r0, rows);
  CheckNorms<double>(c, r0, rows);
}

template <class T>
void CheckByKey(const Case& c, int64_t r0, int64_t rows, bool weighted) {
  const int64_t keys = 3;
  const Matrix<T> x = MakeMatrix<T>(c.kind, c.rows, c.cols, 10);
  const std::vector<T> weight = RandomVector<T>(rows, 11);
  std::vector<int32_t> key(static_cast<size_t>(rows));
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<int32_t>(i * 7 % 5) - 1;  // -1 .. 3
  std::vector<double> acc(static_cast<size_t>(keys * c.cols), 0.25), expected = acc;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < c.cols; ++j) {
      const size_t r = static_cast<size_t>(i);
      if (key[r] < 0 || key[r] >= keys) continue;
      expected[static_cast<size_t>(key[r] * c.cols + j)] +=
          static_cast<double>(x.at(r0 + i, j)) * (weighted ? static_cast<double>(weight[r]) : 1.0);
    }
  AddRowsByKey(x.block, r0, rows, key.data(), weighted ? weight.data() : nullptr, keys, acc.data());
  for (size_t j = 0; j < acc.size(); ++j) ASSERT_NEAR(acc[j], expected[j], Tolerance<T>(rows));
}

TEST_P(ContractTest, RowsByKey) {
  const Case c = Param();
  const auto [r0, rows] = Range(c);
  for (const bool weighted : {false, true}) {
    CheckByKey<float>(c, r0, rows, weighted);
    CheckByKey<double>(c, r0, rows, weighted);
  }
}

template <class T, class V>
void CheckLanes(const Case& c) {
  const Matrix<T> x = MakeMatrix<T>(c.kind, c.rows, c.cols, 12);
  const bool by_column = c.kind != Kind::kCsr, by_row = c.kind != Kind::kCsc;
  const double tolerance = Tolerance<T>(c.rows + c.cols);
  for (int64_t j = 0; by_column && j < c.cols; ++j) {
    std::vector<V> v = RandomVector<V>(c.rows, 13), w = v;
    double dot = 0;
    for (size_t i = 0; i < v.size(); ++i) {
      const double entry = static_cast<double>(x.at(static_cast<int64_t>(i), j));
      dot += entry * static_cast<double>(v[i]);
      w[i] += static_cast<V>(0.3 * entry);
    }
    ASSERT_NEAR((ColumnDot<T, V>(x.block, j, v.data())), dot, tolerance);
    AddColumn<T, V>(x.block, j, 0.3, v.data());
    for (size_t i = 0; i < v.size(); ++i)
      ASSERT_NEAR(static_cast<double>(v[i]), static_cast<double>(w[i]), tolerance);
  }
  for (int64_t i = 0; by_row && i < c.rows; ++i) {
    std::vector<V> v = RandomVector<V>(c.cols, 14), w = v;
    double dot = 0;
    for (size_t j = 0; j < v.size(); ++j) {
      const double entry = static_cast<double>(x.at(i, static_cast<int64_t>(j)));
      dot += entry * static_cast<double>(v[j]);
      w[j] += static_cast<V>(-0.7 * entry);
    }
    ASSERT_NEAR((RowDot<T, V>(x.block, i, v.data())), dot, tolerance);
    AddRow<T, V>(x.block, i, -0.7, v.data());
    for (size_t j = 0; j < v.size(); ++j)
      ASSERT_NEAR(static_cast<double>(v[j]), static_cast<double>(w[j]), tolerance);
  }
}

TEST_P(ContractTest, Lanes) {
  const Case c = Param();
  CheckLanes<float, float>(c);
  CheckLanes<float, double>(c);
  CheckLanes<double, double>(c);
}

TEST_P(ContractTest, RowsPerBlockIsInRange) {
  const Case c = Param();
  const Matrix<float> x = MakeMatrix<float>(c.kind, c.rows, c.cols, 15);
  const int64_t n = RowsPerBlock(x.block, 100);
  EXPECT_GE(n, std::min<int64_t>(c.rows, 8));
  EXPECT_LE(n, c.rows);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ContractTest,
                         testing::Combine(testing::Values(Kind::kDense, Kind::kPadded, Kind::kCsr,
                                                          Kind::kCsc),
                                          testing::Values(1, 3, 7, 8, 21, 300),
                                          testing::Values(1, 5, 16, 31, 64, 203)));

TEST(Contract, SumsAndConversions) {
  for (const int64_t n : {0, 1, 31, 32, 33, 1000}) {
    const std::vector<float> u = RandomVector<float>(n * 3, 16), v = RandomVector<float>(n * 3, 17);
    double sum = 0, dot = 0, columns[3] = {1, 2, 3}, expected[3] = {1, 2, 3};
    for (size_t i = 0; i < u.size(); ++i) {
      sum += static_cast<double>(u[i]);
      dot += static_cast<double>(u[i]) * static_cast<double>(v[i]);
      expected[i % 3] += static_cast<double>(u[i]);
    }
    EXPECT_NEAR(Sum(u.data(), n * 3), sum, 1e-12);
    EXPECT_NEAR(Dot(u.data(), v.data(), n * 3), dot, 1e-12);
    AddColumnSums(u.data(), n, 3, columns);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(columns[c], expected[c], 1e-12);
  }
  const double from[] = {1.5, -2, 1e300};
  double to[3];
  ConvertTo(to, from, 3);
  EXPECT_EQ(to[2], 1e300);
  float narrow[3];
  ConvertTo(narrow, from, 2);
  EXPECT_EQ(narrow[1], -2.0f);
}

// 0.1f a million times: summed in float this would be off by hundreds.
TEST(Contract, LongSumsAreInDouble) {
  const int64_t rows = 1 << 20;
  const std::vector<float> ones(static_cast<size_t>(rows), 0.1f);
  Block a;
  a.type = Type::kFloat32;
  a.values = ones.data();
  a.rows = rows;
  a.cols = a.stride = 1;
  double acc = 0;
  const std::vector<float> u(static_cast<size_t>(rows), 1.0f);
  AddTransposedTimesVector(a, 0, rows, u.data(), &acc);
  EXPECT_NEAR(acc, static_cast<double>(0.1f) * static_cast<double>(rows), 1.0);
}

}  // namespace
}  // namespace gyre
