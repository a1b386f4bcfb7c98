#include "ops/coordinate/part.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

double ElementPenalty::ConjugateBeyond(double z) const {
  if (l2 > 0) {
    const double m = std::abs(z) - l1;
    const double t =
        std::min(std::max(m > 0 ? std::copysign(m / (2 * l2), z) : 0, lower), upper);
    return z * t - Value(t);
  }
  if (FeasibleScale(z) < 1) return kInfinity;
  // Piecewise linear: the supremum is at an end or at zero.
  double most = lower <= 0 && upper >= 0 ? 0 : -kInfinity;
  if (!std::isinf(lower)) most = std::max(most, z * lower - Value(lower));
  if (!std::isinf(upper)) most = std::max(most, z * upper - Value(upper));
  return most;
}

absl::Status Part::Cut() {
  unit_columns_ = 1;
  group_step_ = 1;
  units_ = columns.size;
  if (prox.simplex > 0)
    return absl::UnimplementedError("a simplex couples its elements; no coordinate moves alone");
  if (!prox.group.given()) return absl::OkStatus();
  const int64_t length = prox.group_length(size());
  const auto unfit = [] {
    return absl::UnimplementedError("a group must take all outputs of the columns it takes");
  };
  if (length % outputs != 0) return unfit();
  unit_columns_ = length / outputs;
  units_ = size() / length;
  if (units_ * length != size()) return unfit();
  // Steps of the group's elements that lead from column to column.
  group_step_ = outputs > 1 && output_stride == 1 ? prox.group_stride * outputs : prox.group_stride;
  if (unit_columns_ > 1 && outputs > 1 && units_ > 1 && output_stride != 1) return unfit();
  for (int64_t unit = 0; unit < std::min<int64_t>(units_, 2); ++unit) {
    const int64_t begin = prox.group_begin(unit);
    for (int64_t i = 0; i < length; ++i) {
      const int64_t e = begin + i * prox.group_stride;
      bool found = false;
      for (int64_t k = 0; k < unit_columns_ && !found; ++k) {
        for (int64_t c = 0; c < outputs && !found; ++c)
          found = element(unit_columns_ == 1 ? ColumnOf(begin) : column(unit, k), c) == e;
      }
      if (!found) return unfit();
    }
  }
  return absl::OkStatus();
}

bool Part::Active(int64_t unit) const {
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c)
      if (theta[element(j, c)] != 0) return true;
  }
  return false;
}

double Part::Value(int64_t unit) const {
  double sum = 0, norm2 = 0;
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c) {
      const int64_t e = element(j, c);
      sum += penalty(e).Value(theta[e]);
      norm2 += theta[e] * theta[e];
    }
  }
  return grouped() ? sum + group_weight(unit) * std::sqrt(norm2) : sum;
}

double Part::Value(int64_t unit, const double* x) const {
  double sum = 0, norm2 = 0;
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c, ++x) {
      sum += penalty(element(j, c)).Value(*x);
      norm2 += *x * *x;
    }
  }
  return grouped() ? sum + group_weight(unit) * std::sqrt(norm2) : sum;
}

double Part::ShrunkNorm(int64_t unit, const double* z) const {
  double norm2 = 0;
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c, ++z) {
      const ElementPenalty p = penalty(element(j, c));
      double m = std::max(std::abs(*z) - p.l1, 0.0);
      if (p.lower == 0 && *z < 0) m = 0;
      norm2 += m * m;
    }
  }
  return std::sqrt(norm2);
}

double Part::Conjugate(int64_t unit, const double* z) const {
  if (grouped()) {
    const double over = ShrunkNorm(unit, z) - group_weight(unit);
    if (over <= 0) return 0;
    const double l2 = prox.l2.value;
    return l2 > 0 ? over * over / (4 * l2) : over <= 1e-12 * group_weight(unit) ? 0 : kInfinity;
  }
  double sum = 0;
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c) sum += penalty(element(j, c)).Conjugate(*z++);
  }
  return sum;
}

double Part::FeasibleScale(int64_t unit, const double* z) const {
  if (!grouped()) {
    double least = 1;
    for (int64_t i = 0; i < unit_columns_; ++i) {
      const int64_t j = column(unit, i);
      for (int64_t c = 0; c < outputs; ++c)
        least = std::min(least, penalty(element(j, c)).FeasibleScale(*z++));
    }
    return least;
  }
  if (prox.l2.value > 0) return 1;
  const double weight = group_weight(unit), norm = ShrunkNorm(unit, z);
  if (norm <= weight) return 1;
  if (!prox.l1.given()) return weight / norm;
  // ||soft(s z, l1)|| grows with s: bisection.
  double low = 0, high = 1;
  std::vector<double> scaled(static_cast<size_t>(unit_columns_ * outputs));
  for (int step = 0; step < 50; ++step) {
    const double s = (low + high) / 2;
    for (size_t i = 0; i < scaled.size(); ++i) scaled[i] = s * z[i];
    (ShrunkNorm(unit, scaled.data()) <= weight ? low : high) = s;
  }
  return low;
}

double Part::Violation(int64_t unit, const double* g) const {
  if (grouped()) {
    std::vector<double> z(static_cast<size_t>(unit_columns_ * outputs));
    for (size_t i = 0; i < z.size(); ++i) z[i] = -g[i];
    return ShrunkNorm(unit, z.data()) - group_weight(unit);
  }
  double most = -kInfinity;
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c, ++g)
      most = std::max(most, penalty(element(j, c)).Violation(*g));
  }
  return most;
}

void Part::Minimizer(int64_t unit, double a, const double* z, const double* now,
                     double* to) const {
  double norm2 = 0;
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c, ++z, ++now, ++to) {
      const ElementPenalty p = penalty(element(j, c));
      if (!grouped()) {
        *to = p.Minimizer(a, *z, *now);
        continue;
      }
      const double m = std::abs(*z) - p.l1;
      *to = m > 0 ? std::copysign(m, *z) : 0;
      if (p.lower == 0) *to = std::max(*to, 0.0);
      norm2 += *to * *to;
    }
  }
  if (!grouped()) return;
  const double norm = std::sqrt(norm2), weight = group_weight(unit);
  const double scale = a + 2 * prox.l2.value;
  const double factor = norm > weight && scale > 0 ? (1 - weight / norm) / scale : 0;
  for (int64_t i = unit_columns_ * outputs; i > 0; --i) *--to *= factor;
}

void Part::Gradient(int64_t unit, const double* slope, double* g) const {
  WithColumns(columns, [&](const auto& view) {
    for (int64_t i = 0; i < unit_columns_; ++i, g += outputs) {
      const int64_t j = column(unit, i);
      if (outputs == 1) {
        *g = sign * view.Dot(j, slope);
        continue;
      }
      for (int64_t c = 0; c < outputs; ++c) g[c] = 0;
      view.ForEach(j, [&](int64_t row, double x) {
        const double* const r = slope + row * outputs;
        for (int64_t c = 0; c < outputs; ++c) g[c] += sign * x * r[c];
      });
    }
  });
}

bool Part::Unbounded(int64_t unit, const double* z) const {
  if (grouped()) return group_weight(unit) == 0 && prox.l2.value == 0 && !prox.l1.given();
  for (int64_t i = 0; i < unit_columns_; ++i) {
    const int64_t j = column(unit, i);
    for (int64_t c = 0; c < outputs; ++c, ++z)
      if (penalty(element(j, c)).Unbounded(*z)) return true;
  }
  return false;
}

}  // namespace gyre
