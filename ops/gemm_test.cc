// Dense products in every orientation against three plain loops; leading dimensions larger than
// rows.
#include "ops/gemm.h"

#include <cmath>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

template <class T>
std::vector<T> Values(int64_t n, int seed) {
  std::vector<T> values;
  for (int64_t i = 0; i < n; ++i) {
    values.push_back(static_cast<T>((i * 7919 + seed * 104729) % 201 - 100) / T{100});
  }
  return values;
}

using Shape = std::tuple<int64_t, int64_t, int64_t>;

class GemmTest : public testing::TestWithParam<Shape> {};

template <class T>
void Check(int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool add) {
  const int64_t lda = (ta ? m : k) + 3, ldb = (tb ? k : n) + 1, ldc = n + 2;
  const std::vector<T> a = Values<T>((ta ? k : m) * lda, 1), b = Values<T>((tb ? n : k) * ldb, 2);
  const std::vector<T> before = Values<T>(m * ldc, 3);
  std::vector<T> c = before;
  Gemm<T>(ta, tb, m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc, add);
  const auto at = [](const std::vector<T>& v, int64_t i) {
    return static_cast<double>(v[static_cast<size_t>(i)]);
  };
  const double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      double want = add || j >= n ? at(before, i * ldc + j) : 0;  // the gap between rows stays
      for (int64_t l = 0; j < n && l < k; ++l) {
        want += at(a, ta ? l * lda + i : i * lda + l) * at(b, tb ? j * ldb + l : l * ldb + j);
      }
      ASSERT_NEAR(at(c, i * ldc + j), want, tolerance * (1 + static_cast<double>(k)))
          << i << ", " << j << (ta ? " a'" : "") << (tb ? " b'" : "") << (add ? " add" : "");
    }
  }
}

TEST_P(GemmTest, MatchesLoops) {
  const auto [m, n, k] = GetParam();
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (const bool add : {false, true}) {
        Check<float>(m, n, k, ta, tb, add);
        Check<double>(m, n, k, ta, tb, add);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GemmTest,
                         testing::Values(Shape{1, 1, 1}, Shape{1, 17, 5}, Shape{16, 1, 33},
                                         Shape{7, 9, 1}, Shape{33, 48, 65}, Shape{100, 10, 257},
                                         Shape{4, 4, 0}));

class TransposeTest : public testing::TestWithParam<std::pair<int64_t, int64_t>> {};

TEST_P(TransposeTest, MovesEveryElementAndNoOther) {
  const auto [rows, cols] = GetParam();
  const int64_t from_ld = cols + 2, to_ld = rows + 3;
  const std::vector<double> from = Values<double>(rows * from_ld, 4);
  std::vector<double> to(static_cast<size_t>(cols * to_ld), -7);
  TransposeTo<double>(from.data(), rows, cols, from_ld, to.data(), to_ld);
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t r = 0; r < to_ld; ++r) {
      const double want = r < rows ? from[static_cast<size_t>(r * from_ld + c)] : -7;
      ASSERT_EQ(to[static_cast<size_t>(c * to_ld + r)], want) << r << ", " << c;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TransposeTest,
                         testing::Values(std::pair{1, 1}, std::pair{16, 16}, std::pair{1, 40},
                                         std::pair{40, 1}, std::pair{17, 31}, std::pair{100, 10}));

}  // namespace
}  // namespace gyre
