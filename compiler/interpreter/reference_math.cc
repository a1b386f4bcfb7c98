#include "compiler/interpreter/reference_math.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

namespace gyre {

double Digamma(double x) {
  constexpr double kPi = 3.141592653589793238463;
  if (x <= 0 && x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
  if (x < 0) return Digamma(1 - x) - kPi / std::tan(kPi * x);
  double shift = 0;
  for (; x < 10; x += 1) shift -= 1 / x;
  const double r = 1 / (x * x);
  return shift + std::log(x) - 0.5 / x -
         r * (1. / 12 - r * (1. / 120 - r * (1. / 252 - r * (1. / 240 - r * (1. / 132)))));
}

double Trigamma(double x) {
  constexpr double kPi = 3.141592653589793238463;
  if (x <= 0 && x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
  if (x < 0) {
    const double s = kPi / std::sin(kPi * x);
    return s * s - Trigamma(1 - x);
  }
  double shift = 0;
  for (; x < 20; x += 1) shift += 1 / (x * x);
  const double r = 1 / (x * x);
  return shift + 1 / x + 0.5 * r + r / x * (1. / 6 - r * (1. / 30 - r * (1. / 42 - r * (1. / 30))));
}

bool SolveInPlace(std::vector<std::vector<double>>& a, std::vector<double>& b) {
  const size_t n = b.size();
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i) {
      if (std::fabs(a[i][k]) > std::fabs(a[pivot][k])) pivot = i;
    }
    if (a[pivot][k] == 0) return false;
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return true;
}

}  // namespace gyre
