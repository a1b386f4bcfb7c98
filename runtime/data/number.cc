#include "runtime/data/number.h"

#include <cfloat>
#include <charconv>
#include <cstring>
#include <limits>
#include <system_error>

namespace gyre::io {
namespace {

#if LDBL_MANT_DIG == 64
constexpr long double kWidePowers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                       1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                       1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                       1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};

// The same argument as the fast path's with the 64-bit mantissa of the x87: the first rounding is
// correct, and the second, to 53 bits, can only err when the first landed exactly on a midpoint.
bool WideDecimal(uint64_t mantissa, int64_t exponent, double* value) {
  if (exponent < -27 || exponent > 27) return false;
  long double wide = static_cast<long double>(mantissa);
  wide = exponent < 0 ? wide / kWidePowers[-exponent] : wide * kWidePowers[exponent];
  uint64_t bits;
  std::memcpy(&bits, &wide, sizeof(bits));
  if ((bits & 0x7ff) == 0x400) return false;
  *value = static_cast<double>(wide);
  return true;
}
#else
bool WideDecimal(uint64_t, int64_t, double*) { return false; }
#endif

}  // namespace

double SlowDecimal(const char* begin, const char* end, int64_t digits, uint64_t mantissa,
                   int64_t exponent) {
  const bool negative = *begin == '-';
  if (*begin == '+' || *begin == '-') ++begin;
  double v = 0;
  if (digits <= 19 && WideDecimal(mantissa, exponent, &v)) return negative ? -v : v;
  const auto result = std::from_chars(begin, end, v);
  if (result.ec == std::errc::result_out_of_range) {
    // Exponents this far out cannot be balanced by the digits of any line: the sign decides.
    int64_t leading = 0;  // decimal position of the first non-zero digit
    bool point = false, found = false;
    for (const char* p = begin; p < end && (IsDigit(*p) || *p == '.'); ++p) {
      if (*p == '.') {
        point = true;
      } else if (found || *p != '0') {
        found = true;
        if (!point) ++leading;
      } else if (point) {
        --leading;
      }
    }
    int64_t fraction = 0;
    if (const void* dot = std::memchr(begin, '.', static_cast<size_t>(end - begin))) {
      for (const char* p = static_cast<const char*>(dot) + 1; p < end && IsDigit(*p); ++p)
        ++fraction;
    }
    v = exponent + fraction + leading > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  }
  return negative ? -v : v;
}

}  // namespace gyre::io
