// Elementary functions that compilers vectorise: branch-free, inline, for float and double.
//
//   for (int64_t i = 0; i < n; ++i) out[i] = simd::Log1p(simd::Exp(-margin[i]));
//
// becomes vector code under g++ 12 and clang 14 at -O3 -fno-math-errno -fno-trapping-math, without
// -ffast-math. Errors are at most 2 units in the last place over the whole range, subnormals
// included; overflow, zeros, infinities and NaN behave as in <cmath> (errno and floating-point
// flags apart). Methods: Cody and Waite's argument reduction with polynomials; the logarithm is that
// of FreeBSD's msun (Ng 1993); Pow carries the logarithm in two doubles (Dekker 1971).
// Pure functions, so thread-safe.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#define GYRE_SIMD_INLINE [[gnu::always_inline]] inline

namespace gyre::simd {

template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

GYRE_SIMD_INLINE double Abs(double x) { return __builtin_fabs(x); }
GYRE_SIMD_INLINE float Abs(float x) { return __builtin_fabsf(x); }
GYRE_SIMD_INLINE double Sqrt(double x) { return __builtin_sqrt(x); }
GYRE_SIMD_INLINE float Sqrt(float x) { return __builtin_sqrtf(x); }
GYRE_SIMD_INLINE double Floor(double x) { return __builtin_floor(x); }
GYRE_SIMD_INLINE float Floor(float x) { return __builtin_floorf(x); }
GYRE_SIMD_INLINE double CopySign(double x, double s) { return __builtin_copysign(x, s); }
GYRE_SIMD_INLINE float CopySign(float x, float s) { return __builtin_copysignf(x, s); }

namespace internal {

// What the two widths differ in.
template <class T>
struct Real;
template <>
struct Real<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr Bits kBias = 1023;
  // Adding it rounds to the nearest integer, which then stands in the low bits.
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kLog2e = 0x1.71547652b82fep0;
  static constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  // exp is 0 (infinite) below (above) these, whatever the rounding.
  static constexpr double kExpMin = -746, kExpMax = 710, kExpm1Min = -40;
};
template <>
struct Real<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23;
  static constexpr Bits kBias = 127;
  static constexpr float kRound = 0x1.8p23f;
  static constexpr float kLog2e = 0x1.715476p0f;
  static constexpr float kLn2High = 0x1.62ep-1f, kLn2Low = 0x1.0bfbe8p-15f;
  static constexpr float kExpMin = -104, kExpMax = 89, kExpm1Min = -20;
};

// 2^n for an integral n in the normal range.
template <class T>
GYRE_SIMD_INLINE T Exp2Integer(T n) {
  using R = Real<T>;
  const auto bits = std::bit_cast<typename R::Bits>(n + R::kRound);
  return std::bit_cast<T>((bits + R::kBias) << R::kMantissa);
}

// (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2: Taylor to the last bit of each width.
GYRE_SIMD_INLINE double ExpTail(double r) {
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  return p * r + 0.5;
}
GYRE_SIMD_INLINE float ExpTail(float r) {
  float p = 1.0f / 40320;
  p = p * r + 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  return p * r + 0.5f;
}

// x = n ln 2 + r + c with |r| <= ln(2) / 2 and c the rounding error of r.
template <class T>
struct Reduced {
  T n, r, c;
};
template <class T>
GYRE_SIMD_INLINE Reduced<T> ReduceByLn2(T x) {
  using R = Real<T>;
  const T n = (x * R::kLog2e + R::kRound) - R::kRound;
  const T high = x - n * R::kLn2High, low = n * R::kLn2Low;  // the first is exact
  const T r = high - low;
  return {n, r, (high - r) - low};
}

template <class T>
GYRE_SIMD_INLINE T Clamp(T x, T low, T high) {  // NaN passes through
  const T y = x < low ? low : x;
  return y > high ? high : y;
}

// exp(x + low) for |low| much below |x|.
template <class T>
GYRE_SIMD_INLINE T ExpSum(T x, T low) {
  using R = Real<T>;
  const auto [n, r, c] = ReduceByLn2(Clamp(x, R::kExpMin, R::kExpMax));
  const T half = (n * T{0.5} + R::kRound) - R::kRound;
  const T sum = T{1} + r, lost = r - (sum - T{1});
  const T tail = r * r * ExpTail(r);
  const T p = sum + (lost + (tail + (c + low) * (sum + tail)));
  // Two factors, because 2^n itself may overflow or be subnormal where the product is not.
  return p * Exp2Integer(half) * Exp2Integer(n - half);
}

// exp(x) - 1 as high + low, low being about the rounding error of high.
template <class T>
struct Pair {
  T high, low;
};
template <class T>
GYRE_SIMD_INLINE Pair<T> Expm1Pair(T x) {
  using R = Real<T>;
  const auto [n, r, c] = ReduceByLn2(Clamp(x, R::kExpm1Min, R::kExpMax));
  const T half = Exp2Integer(n - T{1});  // 2^n itself may overflow
  const T tail = r * r * ExpTail(r) + c;
  // 2^n (1 + r + tail) - 1; the terms in falling order of size, except where n = 0 or r is tiny.
  const T one = half - T{0.5}, linear = half * r;
  const T sum = one + linear;
  const T swapped = Abs(one) < Abs(linear) ? one : linear;
  const T lost = swapped - (sum - (Abs(one) < Abs(linear) ? linear : one));
  const T rest = lost + half * tail;
  const T high = sum + rest;
  return {T{2} * high, T{2} * (rest - (high - sum))};
}

// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x.
template <class T>
struct Split {
  T e, f;
};
GYRE_SIMD_INLINE Split<double> SplitExponent(double x) {
  const bool tiny = x < 0x1p-1022;
  const uint64_t bits = std::bit_cast<uint64_t>(tiny ? x * 0x1p54 : x);
  // The exponent field counts from sqrt(1/2); offset so that it never goes below zero.
  const uint64_t shifted = bits - 0x3fe6a09e667f3bcdu + (uint64_t{1023} << 52);
  const uint64_t field = shifted >> 52;
  const double e = std::bit_cast<double>(field | 0x4330000000000000u) - (0x1p52 + 1023);
  const double m = std::bit_cast<double>(bits - (field << 52) + (uint64_t{1023} << 52));
  return {tiny ? e - 54 : e, m - 1};
}
GYRE_SIMD_INLINE Split<float> SplitExponent(float x) {
  const bool tiny = x < 0x1p-126f;
  const uint32_t bits = std::bit_cast<uint32_t>(tiny ? x * 0x1p25f : x);
  const uint32_t shifted = bits - 0x3f3504f3u + (uint32_t{127} << 23);
  const uint32_t field = shifted >> 23;
  const float e = static_cast<float>(static_cast<int32_t>(field)) - 127.0f;
  const float m = std::bit_cast<float>(bits - (field << 23) + (uint32_t{127} << 23));
  return {tiny ? e - 25 : e, m - 1};
}

// R(z) of msun: log(1 + f) = f - (f^2/2 - s (f^2/2 + R(s^2))), s = f / (2 + f).
GYRE_SIMD_INLINE double LogTail(double z) {
  double p = 1.479819860511658591e-01;
  p = p * z + 1.531383769920937332e-01;
  p = p * z + 1.818357216161805012e-01;
  p = p * z + 2.222219843214978396e-01;
  p = p * z + 2.857142874366239149e-01;
  p = p * z + 3.999999999940941908e-01;
  p = p * z + 6.666666666666735130e-01;
  return p * z;
}
GYRE_SIMD_INLINE float LogTail(float z) {
  float p = 0xf89e26.0p-26f;
  p = p * z + 0x91e9ee.0p-25f;
  p = p * z + 0xccce13.0p-25f;
  p = p * z + 0xaaaaaa.0p-24f;
  return p * z;
}

// log(x) + c for positive finite x and a small correction c.
template <class T>
GYRE_SIMD_INLINE T LogPositive(T x, T c) {
  using R = Real<T>;
  const auto [e, f] = SplitExponent(x);
  const T s = f / (T{2} + f), half = T{0.5} * f * f;
  const T tail = s * (half + LogTail(s * s)) + (e * R::kLn2Low + c);
  return e * R::kLn2High - ((half - tail) - f);
}

template <class T>
GYRE_SIMD_INLINE T LogSpecial(T x, T result) {
  result = x == kInfinity<T> ? x : result;
  result = x == 0 ? -kInfinity<T> : result;
  return x >= 0 ? result : kNan<T>;  // false for NaN too
}

}  // namespace internal

template <class T>
GYRE_SIMD_INLINE T Exp(T x) {
  return internal::ExpSum(x, T{0});
}

template <class T>
GYRE_SIMD_INLINE T Expm1(T x) {
  const auto [high, low] = internal::Expm1Pair(x);
  return x == 0 ? x : high + low;  // keeps the sign of zero
}

template <class T>
GYRE_SIMD_INLINE T Log(T x) {
  return internal::LogSpecial(x, internal::LogPositive(x, T{0}));
}

// log(1 + x), exact to the last places for small x: the rounding of 1 + x is added back.
template <class T>
GYRE_SIMD_INLINE T Log1p(T x) {
  const T u = T{1} + x;
  const T lost = x > 1 ? T{1} - (u - x) : x - (u - T{1});
  const T result = internal::LogSpecial(u, internal::LogPositive(u, lost / u));
  return x == 0 ? x : result;
}

template <class T>
GYRE_SIMD_INLINE T Sigmoid(T x) {
  const T e = Exp(-Abs(x)), d = T{1} + e;
  const T lost = e - (d - T{1});
  const T q = (x < 0 ? e : T{1}) / d;
  return q - q * lost * (T{1} - T{0.5} * e);  // the last factor is about 1 / d
}

// log(1 + exp(x)) without overflow.
template <class T>
GYRE_SIMD_INLINE T Softplus(T x) {
  const T e = Exp(-Abs(x)), u = T{1} + e;  // u in [1, 2]: none of Log1p's special cases
  return (x > 0 ? x : T{0}) + internal::LogPositive(u, (e - (u - T{1})) / u);
}

// -t / (2 + t) with t = exp(-2 |x|) - 1, where the rounding errors of t and 2 + t are added back.
template <class T>
GYRE_SIMD_INLINE T Tanh(T x) {
  const auto [t, t_low] = internal::Expm1Pair(T{-2} * Abs(x));
  const T d = T{2} + t;
  const T lost = (t - (d - T{2})) + t_low;
  const T q = -t / d;
  const T r = T{1.5} - T{0.5} * d;  // about 1 / d, close enough for the corrections
  return CopySign(q - (t_low + q * lost) * r, x);
}

namespace internal {

// log(x) as high + low with relative error about 2^-66, for positive finite x: twice the inverse
// hyperbolic tangent of s = f / (2 + f), with s and the cubic term in two doubles.
GYRE_SIMD_INLINE Pair<double> FastTwoSum(double a, double b) {  // |a| >= |b|
  const double s = a + b;
  return {s, b - (s - a)};
}
GYRE_SIMD_INLINE Pair<double> LogPair(double x) {
  const auto [e, f] = SplitExponent(x);
  const double d = 2 + f, d_low = f - (d - 2);
  const double s = f / d;
  const double s_low = (__builtin_fma(-s, d, f) - s * d_low) / d;
  const double z = s * s;
  const double z_low = __builtin_fma(s, s, -z) + 2 * s * s_low;
  // s^3 / 3 in two doubles; third + third_low = 1 / 3.
  constexpr double kThird = 1.0 / 3, kThirdLow = 0x1.5555555555555p-56;
  const double t = z * kThird;
  const double t_low = __builtin_fma(z, kThird, -t) + z * kThirdLow + z_low * kThird;
  const double cube = s * t;
  const double cube_low = __builtin_fma(s, t, -cube) + s * t_low + s_low * t;
  double p = 1.0 / 25;  // the rest of the series, s^5 / 5 on
  p = p * z + 1.0 / 23;
  p = p * z + 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  const double rest = p * z * z * s;
  const Pair<double> a = FastTwoSum(2 * s, 2 * cube);
  const double low = a.low + 2 * (s_low + cube_low + rest);
  const double e_high = e * Real<double>::kLn2High;  // exact; zero or larger than the rest
  const Pair<double> b = e == 0 ? Pair<double>{a.high, 0} : FastTwoSum(e_high, a.high);
  return FastTwoSum(b.high, b.low + (low + e * Real<double>::kLn2Low));
}

// |x|^y for finite y and finite non-zero x.
GYRE_SIMD_INLINE double PowPositive(double x, double y) {
  const Pair<double> l = LogPair(x);
  const double product = y * l.high;
  const double low = __builtin_fma(y, l.high, -product) + y * l.low;
  // Beyond the range of exp the low part is infinite or NaN and means nothing.
  return ExpSum(product, Abs(product) < 800 ? low : 0);
}

}  // namespace internal

namespace internal {

// x^y as std::pow has it, from `usual`, which is |x|^y where x is neither zero nor infinite.
template <class T>
GYRE_SIMD_INLINE T PowEdges(T x, T y, T usual) {
  const T a = Abs(x);
  const bool edge = a == 0 || a == kInfinity<T>;
  const bool large = (a == 0) == (y < 0);  // 0^y and inf^y go by the sign of y
  T result = edge ? (large ? kInfinity<T> : T{0}) : usual;
  const bool integer = Floor(y) == y;
  const bool odd = integer && 2 * Floor(T{0.5} * y) != y;
  result = odd ? CopySign(result, x) : result;
  result = x < 0 && !integer && !edge ? kNan<T> : result;
  result = x != x || y != y ? x + y : result;
  return y == 0 || x == 1 || (x == -1 && Abs(y) == kInfinity<T>) ? T{1} : result;
}

}  // namespace internal

// x^y as std::pow has it: exact signs, NaN for a negative x with y not an integer.
GYRE_SIMD_INLINE double Pow(double x, double y) {
  const double a = Abs(x);
  const bool edge = a == 0 || a == kInfinity<double>;
  return internal::PowEdges(x, y, internal::PowPositive(edge ? 1.0 : a, y));
}
// In double, where the plain product y log x is exact enough.
GYRE_SIMD_INLINE float Pow(float x, float y) {
  const double product = static_cast<double>(y) * Log(static_cast<double>(Abs(x)));
  return internal::PowEdges(x, y, static_cast<float>(Exp(product)));
}

// log |Gamma(x)|; not vectorised.
inline double Lgamma(double x) { return std::lgamma(x); }
inline float Lgamma(float x) { return std::lgamma(x); }

}  // namespace gyre::simd

#undef GYRE_SIMD_INLINE
