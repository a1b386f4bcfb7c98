#include "ops/outer_terms.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "ops/contract.h"

namespace gyre {
namespace {

constexpr int64_t kRows = 7, kM = 3, kK = 5;

struct Matrices {
  std::vector<double> dense, u;
  std::vector<double> value;  // CSR and CSC hold the same entries in other orders
  std::vector<int32_t> index;
  std::vector<int64_t> offset;
  std::vector<double> column_value;
  std::vector<int32_t> row;
  std::vector<int64_t> column_offset;

  Matrices() : dense(kRows * kK), u(kRows * kM), offset{0}, column_offset{0} {
    for (int64_t i = 0; i < kRows; ++i) {
      for (int64_t k = 0; k < kK; ++k)
        if ((i * 3 + k) % 4 != 0)
          dense[i * kK + k] = 0.5 * static_cast<double>(i) - static_cast<double>(k);
      for (int64_t c = 0; c < kM; ++c)
        u[i * kM + c] = i == 2 ? 0 : static_cast<double>(i + c) - 2.25;
    }
    for (int64_t i = 0; i < kRows; ++i) {
      for (int64_t k = 0; k < kK; ++k)
        if (dense[i * kK + k] != 0)
          value.push_back(dense[i * kK + k]), index.push_back(static_cast<int32_t>(k));
      offset.push_back(static_cast<int64_t>(value.size()));
    }
    for (int64_t k = 0; k < kK; ++k) {
      for (int64_t i = 0; i < kRows; ++i)
        if (dense[i * kK + k] != 0)
          column_value.push_back(dense[i * kK + k]), row.push_back(static_cast<int32_t>(i));
      column_offset.push_back(static_cast<int64_t>(column_value.size()));
    }
  }
  Block As(Format format) const {
    if (format == Format::kDense)
      return {format, Type::kFloat64, dense.data(), nullptr, nullptr, kRows, kK, kK};
    if (format == Format::kCsr)
      return {format, Type::kFloat64, value.data(), index.data(), offset.data(), kRows, kK, 0};
    return {
        format, Type::kFloat64, column_value.data(), row.data(), column_offset.data(), kRows, kK,
        0};
  }
};

class OuterTermsOf : public testing::TestWithParam<Format> {};

TEST_P(OuterTermsOf, SumToTheSameAndSkipZeros) {
  const Matrices data;
  const Block a = data.As(GetParam());
  for (const bool k_major : {false, true}) {
    OuterTerms terms({kM, kK, k_major, Type::kFloat64});
    terms.Append<double>(a, 0, 4, data.u.data());
    terms.Append<double>(a, 4, 3, data.u.data() + 4 * kM);
    EXPECT_EQ(terms.terms(), kRows - 1);  // row 2 adds nothing
    EXPECT_EQ(terms.sparse(), GetParam() != Format::kDense);
    EXPECT_TRUE(terms.Valid());
    terms.Scale(2);
    std::vector<double> sum(kM * kK, 1.0);
    terms.AddTo(sum.data());
    for (int64_t c = 0; c < kM; ++c)
      for (int64_t k = 0; k < kK; ++k) {
        double want = 1;
        for (int64_t i = 0; i < kRows; ++i) want += 2 * data.u[i * kM + c] * data.dense[i * kK + k];
        EXPECT_NEAR(sum[k_major ? k * kM + c : c * kK + k], want, 1e-12);
      }
    terms.Clear();
    terms.AddTo(sum.data());
    EXPECT_EQ(terms.terms(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, OuterTermsOf,
                         testing::Values(Format::kDense, Format::kCsr, Format::kCsc));

TEST(OuterTerms, AreFilledFromElsewhere) {
  const Matrices data;
  OuterTerms from({kM, kK, false, Type::kFloat64}), to({kM, kK, false, Type::kFloat64});
  from.Append<double>(data.As(Format::kCsr), 0, kRows, data.u.data());
  const OuterTerms::Room room = to.Grow(from.terms(), from.entries());
  std::memcpy(room.u, from.u(), static_cast<size_t>(from.u_bytes()));
  std::memcpy(room.v, from.v(), static_cast<size_t>(from.v_bytes()));
  std::copy_n(from.length(), from.terms(), room.length);
  std::copy_n(from.index(), from.entries(), room.index);
  ASSERT_TRUE(to.Valid());
  std::vector<double> a(kM * kK), b(kM * kK);
  from.AddTo(a.data());
  to.AddTo(b.data());
  EXPECT_EQ(a, b);
  room.index[0] = kK;
  EXPECT_FALSE(to.Valid());
  room.index[0] = 1;
  room.length[0] += 1;
  EXPECT_FALSE(to.Valid());
}

}  // namespace
}  // namespace gyre
