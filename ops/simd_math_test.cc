// Errors in units of the last place against long double libm, over the whole range: random bit
// patterns, the interesting interval, and the special values.
#include "ops/simd_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gyre::simd {
namespace {

template <class T>
using Limits = std::numeric_limits<T>;

// The distance of got from want in units of the last place of T at want.
template <class T>
double UlpError(T got, long double want) {
  const T rounded = static_cast<T>(want);
  if (std::isnan(rounded)) return std::isnan(got) ? 0 : 1e30;
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded ? 0 : 1e30;
  const T magnitude = std::max(std::abs(rounded), Limits<T>::min());
  const T next = std::nextafter(magnitude, kInfinity<T>);
  const long double ulp = std::isinf(next) ? magnitude - std::nextafter(magnitude, T{0})
                                           : next - magnitude;
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / ulp);
}

// Points: uniform on the interval, dense near zero, every exponent of the type.
template <class T>
std::vector<T> Points(double low, double high, bool all_patterns) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(low, high), exponent(-60, 0);
  std::vector<T> x;
  for (int i = 0; i < 400000; ++i) x.push_back(static_cast<T>(uniform(random)));
  for (int i = 0; i < 200000; ++i) {
    const double tiny = std::exp2(exponent(random));
    x.push_back(static_cast<T>(i % 2 && low < 0 ? -tiny : tiny));
    x.push_back(static_cast<T>(1 + (i % 2 ? -tiny : tiny)));  // around one, for logarithms
  }
  for (int i = 0; all_patterns && i < 400000; ++i)
    x.push_back(std::bit_cast<T>(static_cast<typename internal::Real<T>::Bits>(random())));
  for (const T v : {T{0}, -T{0}, T{1}, -T{1}, Limits<T>::min(), Limits<T>::denorm_min(),
                    Limits<T>::max(), Limits<T>::lowest(), kInfinity<T>, -kInfinity<T>, kNan<T>})
    x.push_back(v);
  return x;
}

template <class T, class F, class Reference>
void CheckUlp(const std::string& name, const std::vector<T>& points, const F& f,
              const Reference& reference, double bound) {
  double worst = 0;
  T at = 0;
  std::vector<T> out(points.size());
  for (size_t i = 0; i < points.size(); ++i) out[i] = f(points[i]);  // the vectorised code
  for (size_t i = 0; i < points.size(); ++i) {
    const double error = UlpError(out[i], reference(static_cast<long double>(points[i])));
    if (error > worst) worst = error, at = points[i];
  }
  EXPECT_LE(worst, bound) << name << " at " << at << " gives " << f(at) << " for "
                          << static_cast<double>(reference(static_cast<long double>(at)));
  testing::Test::RecordProperty(name, std::to_string(worst));
  std::printf("%-10s %-6s %.3f ulp\n", name.c_str(), sizeof(T) == 4 ? "float" : "double", worst);
}

template <class T>
class SimdMathTest : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(SimdMathTest, Reals);

TYPED_TEST(SimdMathTest, WithinTwoUlp) {
  using T = TypeParam;
  using L = long double;
  const bool narrow = sizeof(T) == 4;
  const double edge = narrow ? 110 : 760;
  const std::vector<T> wide = Points<T>(-edge, edge, true), unit = Points<T>(-3, 3, true);
  CheckUlp<T>("Exp", wide, [](T x) { return Exp(x); }, [](L x) { return std::exp(x); }, 2);
  CheckUlp<T>("Exp", unit, [](T x) { return Exp(x); }, [](L x) { return std::exp(x); }, 2);
  CheckUlp<T>("Expm1", wide, [](T x) { return Expm1(x); }, [](L x) { return std::expm1(x); }, 2);
  CheckUlp<T>("Expm1", unit, [](T x) { return Expm1(x); }, [](L x) { return std::expm1(x); }, 2);
  CheckUlp<T>("Log", wide, [](T x) { return Log(x); }, [](L x) { return std::log(x); }, 2);
  CheckUlp<T>("Log", unit, [](T x) { return Log(x); }, [](L x) { return std::log(x); }, 2);
  CheckUlp<T>("Log1p", wide, [](T x) { return Log1p(x); }, [](L x) { return std::log1p(x); }, 2);
  CheckUlp<T>("Log1p", unit, [](T x) { return Log1p(x); }, [](L x) { return std::log1p(x); }, 2);
  const auto sigmoid = [](L x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); };
  CheckUlp<T>("Sigmoid", wide, [](T x) { return Sigmoid(x); }, sigmoid, 2);
  CheckUlp<T>("Sigmoid", unit, [](T x) { return Sigmoid(x); }, sigmoid, 2);
  const auto softplus = [](L x) { return std::isnan(x) ? x : std::max<L>(x, 0) + std::log1p(std::exp(-std::abs(x))); };
  CheckUlp<T>("Softplus", wide, [](T x) { return Softplus(x); }, softplus, 2);
  CheckUlp<T>("Softplus", unit, [](T x) { return Softplus(x); }, softplus, 2);
  CheckUlp<T>("Tanh", wide, [](T x) { return Tanh(x); }, [](L x) { return std::tanh(x); }, 2);
  CheckUlp<T>("Tanh", unit, [](T x) { return Tanh(x); }, [](L x) { return std::tanh(x); }, 2);
  CheckUlp<T>("Sqrt", wide, [](T x) { return Sqrt(x); }, [](L x) { return std::sqrt(x); }, 0.51);
}

TYPED_TEST(SimdMathTest, PowWithinTwoUlp) {
  using T = TypeParam;
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> log_x(-30, 30), log_wide(-700, 700), result(-1.05, 1.05);
  const double range = sizeof(T) == 4 ? 100 : 740;
  double worst = 0;
  for (int i = 0; i < 400000; ++i) {
    // x from everywhere and y such that x^y fills the range of the type, or small whole y.
    const T x = static_cast<T>(std::exp(i % 3 ? log_x(random) / (i % 7 + 1) : log_wide(random)));
    if (x == 0 || std::isinf(x)) continue;
    const T y = i % 5 == 0 ? static_cast<T>(i % 21 - 10)
                           : static_cast<T>(result(random) * range /
                                            std::max(1e-3, std::abs(std::log(static_cast<double>(x)))));
    const T signed_x = i % 5 == 0 && i % 2 ? -x : x;
    const double error = UlpError(Pow(signed_x, y), std::pow(static_cast<long double>(signed_x), static_cast<long double>(y)));
    if (error > worst) worst = error;
    ASSERT_LE(error, 2) << signed_x << " ^ " << y << " gives " << Pow(signed_x, y);
  }
  std::printf("%-10s %-6s %.3f ulp\n", "Pow", sizeof(T) == 4 ? "float" : "double", worst);
}

TYPED_TEST(SimdMathTest, PowSpecialValues) {
  using T = TypeParam;
  const T inf = kInfinity<T>;
  const T values[] = {0, -T{0}, 1, -1, 2, -2, T{0.5}, T{-0.5}, 3, -3, T{1.5}, T{-1.5}, inf, -inf,
                      kNan<T>, Limits<T>::max(), Limits<T>::denorm_min(), Limits<T>::lowest()};
  for (const T x : values)
    for (const T y : values) {
      const T want = std::pow(x, y), got = Pow(x, y);
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(got)) << x << " ^ " << y << " gives " << got;
      } else {
        EXPECT_LE(UlpError(got, static_cast<long double>(want)), 1.5) << x << " ^ " << y;
        EXPECT_EQ(std::signbit(got), std::signbit(want)) << x << " ^ " << y;
      }
    }
}

TYPED_TEST(SimdMathTest, KeepsSignsOfZero) {
  using T = TypeParam;
  EXPECT_TRUE(std::signbit(Expm1(-T{0})));
  EXPECT_TRUE(std::signbit(Log1p(-T{0})));
  EXPECT_TRUE(std::signbit(Tanh(-T{0})));
  EXPECT_FALSE(std::signbit(Tanh(T{0})));
}

}  // namespace
}  // namespace gyre::simd
