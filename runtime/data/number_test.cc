#include "runtime/data/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

namespace gyre::io {
namespace {

// Bit for bit what strtod makes of the same text, and as much of it.
void ExpectLikeStrtod(const std::string& text) {
  char* end;
  const double expected = std::strtod(text.c_str(), &end);
  double actual = -1;
  const char* after = ParseNumber(text.c_str(), &actual);
  ASSERT_NE(after, nullptr) << text;
  EXPECT_EQ(after - text.c_str(), end - text.c_str()) << text;
  EXPECT_EQ(std::memcmp(&actual, &expected, sizeof(double)), 0)
      << text << ": " << actual << " " << expected;
}

TEST(ParseNumber, MatchesStrtodOnWrittenForms) {
  for (const char* text : {"0",
                           "-0",
                           "+1",
                           "1",
                           ".5",
                           "-.0404",
                           "5.",
                           "1e5",
                           "1E+5",
                           "1e-5",
                           "1.e3",
                           "0.1",
                           "3.14159265358979312",
                           "123456789012345678",
                           "9007199254740993",
                           "9007199254740992.5",
                           "9007199254740993.0000000000000000000001",
                           "18446744073709551615",
                           "18446744073709551616",
                           "99999999999999999999",
                           "0.000000000000000000000001",
                           "1e22",
                           "1e23",
                           "1e-22",
                           "1e-23",
                           "1e308",
                           "1.7976931348623157e308",
                           "1e309",
                           "-1e309",
                           "1e-400",
                           "4.9e-324",
                           "2.4703282292062327e-324",
                           "2.4703282292062328e-324",
                           "2.2250738585072011e-308",
                           "1e999999999999",
                           "1e-999999999999",
                           "0e999999999999",
                           "0.0000000000000000000000000000000000000000001e43",
                           "1000000000000000000000000000000e-30",
                           "6.02214076e23",
                           "0x",
                           "1 2",
                           "1,2",
                           "1:2"}) {
    if (std::strcmp(text, "0x") == 0) continue;  // strtod would read on
    ExpectLikeStrtod(text);
  }
}

TEST(ParseNumber, MatchesStrtodOnRandomValuesOfEveryLength) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(-30, 30);
  std::normal_distribution<double> normal;
  char text[64];
  for (int i = 0; i < 200000; ++i) {
    const double v = normal(random) * std::pow(10.0, i % 3 == 0 ? exponent(random) : 0.0);
    std::snprintf(text, sizeof(text), i % 2 != 0 ? "%.*g" : "%.*e", 1 + i % 20, v);
    ExpectLikeStrtod(text);
    std::snprintf(text, sizeof(text), "%.*f", i % 20, v);
    ExpectLikeStrtod(text);
  }
}

TEST(ParseNumber, MatchesStrtodOnRandomBitsAndDigits) {
  std::mt19937_64 random(8);
  char text[64];
  for (int i = 0; i < 200000; ++i) {
    const uint64_t bits = random();
    double v;
    std::memcpy(&v, &bits, sizeof(v));
    if (!std::isfinite(v)) continue;
    std::snprintf(text, sizeof(text), "%.17g", v);
    ExpectLikeStrtod(text);
    // 17 to 20 digits with a small exponent: the path with two roundings, midpoints included.
    std::snprintf(text, sizeof(text), "%llu.%llue%d",
                  static_cast<unsigned long long>(random() >> (random() % 60)),
                  static_cast<unsigned long long>(random() % 1000),
                  static_cast<int>(random() % 40) - 20);
    ExpectLikeStrtod(text);
    std::snprintf(text, sizeof(text), "%llu",
                  static_cast<unsigned long long>((bits >> 10 | 1) << 9 | 1u << 8));
    ExpectLikeStrtod(text);
  }
}

TEST(ParseNumber, RefusesWhatIsNoNumber) {
  double v;
  for (const char* text : {"", "-", "+", ".", "-.", "e5", "abc", "nan", "NaN", "inf", "-inf",
                           "Infinity", "1e", "1e+", "--1", " 1"}) {
    EXPECT_EQ(ParseNumber(text, &v), nullptr) << text;
  }
}

}  // namespace
}  // namespace gyre::io
