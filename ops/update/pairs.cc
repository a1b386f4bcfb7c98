#include "ops/update/pairs.h"

#include <algorithm>

#include "ops/update/rule.h"

namespace gyre::internal {
namespace {

// to += a x, returning the dot product of the new `to` with z. Eight sums, so that it vectorises.
double AddThenDot(double* to, double a, const double* x, const double* z, size_t n) {
  constexpr size_t kChains = 16;
  double sum[kChains] = {};
  size_t i = 0;
  for (; i + kChains <= n; i += kChains)
    for (size_t c = 0; c < kChains; ++c) {
      to[i + c] += a * x[i + c];
      sum[c] += to[i + c] * z[i + c];
    }
  for (; i < n; ++i) {
    to[i] += a * x[i];
    sum[0] += to[i] * z[i];
  }
  double total = 0;
  for (const double s : sum) total += s;
  return total;
}

// The initial matrix stays within this factor of the plain one, s'y / y'y of the last pair.
constexpr double kSpread = 100;

}  // namespace

void Pairs::Reset(size_t n, int most) {
  n_ = n;
  room_ = static_cast<size_t>(most) + 1;
  count_ = first_ = 0;
  diagonal_.assign(n, 1);
  s_.assign(n * room_, 0), y_.assign(n * room_, 0);
  rho_.assign(room_, 0), alpha_.assign(room_, 0);
}

bool Pairs::Push() {
  const size_t i = slot(count_);
  const double *s = At(s_, i), *y = At(y_, i);
  const double sy = DotOf(s, y, n_), yy = DotOf(y, y, n_), ss = DotOf(s, s, n_);
  // Too little curvature for the precision of y would make the direction explode.
  if (!(sy > 1e-12 * yy) && !(sy > 1e-10 * std::sqrt(ss * yy))) return false;
  if (!(sy > 0)) return false;
  rho_[i] = 1 / sy;
  UpdateDiagonal(s, y, sy, yy);
  if (count_ + 1 < room_) {
    ++count_;
  } else {
    first_ = (first_ + 1) % room_;
  }
  return true;
}

// The diagonal of the inverse BFGS update of D, as Gilbert and Lemarechal write it for D's inverse,
// with D scaled beforehand to fit the pair along y. An element that did not move (held at zero by an
// L1 penalty, say) told nothing of its own curvature.
void Pairs::UpdateDiagonal(const double* s, const double* y, double sy, double yy) {
  const double plain = sy / yy;
  double* diagonal = diagonal_.data();
  if (count_ == 0) {
    std::fill(diagonal_.begin(), diagonal_.end(), plain);
    return;
  }
  const auto [ydy, sbs] = SumsOf<2>(n_, [&](size_t i, const auto& add) {
    add(0, y[i] * y[i] * diagonal[i]), add(1, s[i] * s[i] / diagonal[i]);
  });
  const double scale = sy / ydy, least = plain / kSpread, most = plain * kSpread;
  for (size_t i = 0; i < n_; ++i) {
    const double scaled = scale * diagonal[i], b = 1 / scaled, bs = s[i] * b;
    const double curvature = b + y[i] * y[i] / sy - bs * bs * scale / sbs;
    diagonal[i] = std::clamp(s[i] == 0 ? scaled : 1 / curvature, least, most);
  }
}

void Pairs::Direction(double* d) const {
  if (count_ == 0) {
    for (size_t i = 0; i < n_; ++i) d[i] = -d[i];
    return;
  }
  double product = DotOf(d, At(s_, slot(count_ - 1)), n_);
  for (size_t k = count_; k-- > 0;) {
    const size_t i = slot(k);
    alpha_[i] = rho_[i] * product;
    const double* other = k > 0 ? At(s_, slot(k - 1)) : At(y_, i);
    product = AddThenDot(d, -alpha_[i], At(y_, i), other, n_);
  }
  const double* diagonal = diagonal_.data();
  for (size_t i = 0; i < n_; ++i) d[i] *= -diagonal[i];
  product = DotOf(d, At(y_, slot(0)), n_);
  for (size_t k = 0; k < count_; ++k) {
    const size_t i = slot(k);
    const double beta = rho_[i] * product;
    const double* other = At(y_, slot(k + 1 < count_ ? k + 1 : k));
    product = AddThenDot(d, -alpha_[i] - beta, At(s_, i), other, n_);
  }
}

}  // namespace gyre::internal
