#include "ops/quantize.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace gyre {
namespace {

class QuantizeAs : public testing::TestWithParam<Codec> {};

// What is not sent now is sent later: after n rounds the sums differ by one rounding at most.
TEST_P(QuantizeAs, LosesNothingInSum) {
  const double precision = GetParam() == Codec::kFloat32    ? 0x1p-24
                           : GetParam() == Codec::kBfloat16 ? 0x1p-8
                           : GetParam() == Codec::kFloat16  ? 0x1p-11
                                                            : 0;
  const std::vector<double> x = {1.0 / 3, -2.7182818, 1e-3, 0, 1234.5678};
  std::vector<double> rest(x.size()), sent(x.size()), sum(x.size());
  std::vector<char> wire(x.size() * static_cast<size_t>(BytesOf(GetParam())));
  for (int round = 0; round < 50; ++round) {
    Quantize(GetParam(), x.data(), static_cast<int64_t>(x.size()), rest.data(), wire.data());
    Dequantize(GetParam(), wire.data(), static_cast<int64_t>(x.size()), sent.data());
    for (size_t i = 0; i < x.size(); ++i) {
      sum[i] += sent[i];
      EXPECT_NEAR(sent[i], x[i], 2.1 * precision * std::abs(x[i]));
    }
  }
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(sum[i], 50 * x[i], 1.1 * precision * std::abs(x[i]) + 1e-12 * std::abs(x[i]));
}

INSTANTIATE_TEST_SUITE_P(Codecs, QuantizeAs,
                         testing::Values(Codec::kExact, Codec::kFloat32, Codec::kBfloat16,
                                         Codec::kFloat16));

TEST(Quantize, Float16SaturatesAndCatchesUp) {
  double x = 100000, rest = 0, got = 0;
  char wire[2];
  Quantize(Codec::kFloat16, &x, 1, &rest, wire);
  Dequantize(Codec::kFloat16, wire, 1, &got);
  EXPECT_EQ(got, 65504);
  x = 0;
  Quantize(Codec::kFloat16, &x, 1, &rest, wire);
  Dequantize(Codec::kFloat16, wire, 1, &got);
  EXPECT_NEAR(got, 100000 - 65504, 16);
}

TEST(Quantize, NotANumberStaysOne) {
  for (const Codec codec : {Codec::kFloat32, Codec::kBfloat16, Codec::kFloat16}) {
    double x = std::numeric_limits<double>::quiet_NaN(), rest = 0, got = 0;
    char wire[4];
    Quantize(codec, &x, 1, &rest, wire);
    Dequantize(codec, wire, 1, &got);
    EXPECT_TRUE(std::isnan(got));
    EXPECT_EQ(rest, 0);
  }
}

TEST(Quantize, NamesAreThoseOfPlans) {
  Codec codec = Codec::kFloat16;
  EXPECT_TRUE(CodecOf("", &codec));
  EXPECT_EQ(codec, Codec::kExact);
  EXPECT_TRUE(CodecOf("bf16", &codec));
  EXPECT_EQ(codec, Codec::kBfloat16);
  EXPECT_FALSE(CodecOf("int4", &codec));
}

}  // namespace
}  // namespace gyre
