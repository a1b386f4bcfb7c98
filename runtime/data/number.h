// Decimal text to double, as fast as a reader needs and equal to strtod to the last bit.
//
// The text must end in a byte that cannot continue a number (newline, NUL, separator): FileBytes
// guarantees one after the last byte of every file, so no end pointer is passed or compared.
#pragma once
#include <cstdint>

namespace gyre::io {

inline bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

// Powers of ten that a double holds exactly.
inline constexpr double kExactPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
inline constexpr int64_t kMaxExactPower = 22;
inline constexpr uint64_t kMaxExactInteger = uint64_t{1} << 53;

// The value of [begin, end), a valid decimal, `mantissa` * 10^`exponent` when it has at most 19
// digits in all. An overflow yields an infinity, an underflow a zero (or a subnormal).
double SlowDecimal(const char* begin, const char* end, int64_t digits, uint64_t mantissa,
                   int64_t exponent);

// Parses `[+-] digits [. digits] [e [+-] digits]`, with at least one digit before or after the
// point. Returns the first byte after it, or null when there is no number at `p` (also for nan and
// inf, which no data file may hold). Leading spaces are not skipped.
inline const char* ParseNumber(const char* p, double* value) {
  const char* const begin = p;
  const bool negative = *p == '-';
  if (*p == '-' || *p == '+') ++p;
  uint64_t mantissa = 0;
  const char* const whole = p;
  for (; IsDigit(*p); ++p) mantissa = mantissa * 10 + static_cast<uint64_t>(*p - '0');
  int64_t digits = p - whole;
  int64_t exponent = 0;
  if (*p == '.') {
    const char* const fraction = ++p;
    for (; IsDigit(*p); ++p) mantissa = mantissa * 10 + static_cast<uint64_t>(*p - '0');
    exponent = fraction - p;
    digits -= exponent;
  }
  if (digits == 0) return nullptr;
  if ((*p | 0x20) == 'e') {
    const char* q = p + 1;
    const bool minus = *q == '-';
    if (*q == '-' || *q == '+') ++q;
    if (!IsDigit(*q)) return nullptr;
    int64_t written = 0;
    for (; IsDigit(*q); ++q) {
      if (written < 1000000) written = written * 10 + (*q - '0');
    }
    exponent += minus ? -written : written;
    p = q;
  }
  // Both operands are exact here, so one correctly rounded operation gives the correctly rounded
  // result (Clinger, How to read floating point numbers accurately, PLDI 1990).
  if (digits <= 19 && mantissa <= kMaxExactInteger && exponent >= -kMaxExactPower &&
      exponent <= kMaxExactPower) [[likely]] {
    double v = static_cast<double>(mantissa);
    v = exponent < 0 ? v / kExactPowers[-exponent] : v * kExactPowers[exponent];
    *value = negative ? -v : v;
  } else {
    *value = SlowDecimal(begin, p, digits, mantissa, exponent);
  }
  return p;
}

}  // namespace gyre::io
