// One parameter of a linear predictor, cut into the units that coordinate methods visit.
//
//   view(i, c) = offset(i, c) + sum over parts, columns j: sign X(i, j) theta(j, c)
//
// A unit is what is moved at once: one column with all its outputs c, or, where a penalty looks at
// groups, the columns of one group. Between outputs of one column nothing is coupled but by a group
// penalty, so moving them together is coordinate descent on each.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "ops/coordinate/columns.h"
#include "ops/prox.h"

namespace gyre {

// Omega of one element on its own: l1 |t| + l2 t^2 within [lower, upper].
struct ElementPenalty {
  double l1 = 0, l2 = 0;
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();

  // argmin_t a/2 t^2 - z t + Omega(t); `now` where the problem is flat. REQUIRES: a >= 0.
  double Minimizer(double a, double z, double now) const {
    const double m = std::abs(z) - l1, scale = a + 2 * l2;
    if (scale <= 0) {  // no curvature: the column is zero and so is z, up to rounding
      if (m > 0) return std::clamp(now, lower, upper);
      return l1 > 0 ? std::clamp(0.0, lower, upper) : std::clamp(now, lower, upper);
    }
    const double t = m > 0 ? std::copysign(m / scale, z) : 0;
    return std::min(std::max(t, lower), upper);
  }
  double Value(double t) const { return l1 * std::abs(t) + l2 * t * t; }
  // sup_t z t - Omega(t); infinite where z lies outside the domain of Omega*.
  double Conjugate(double z) const {
    if (l2 <= 0 && std::abs(z) <= l1 && lower <= 0 && upper >= 0) return 0;
    return ConjugateBeyond(z);
  }
  // Nothing holds t back in the direction z.
  bool Unbounded(double z) const {
    return l1 == 0 && l2 == 0 && std::isinf(z > 0 ? upper : lower);
  }
  // How far -g lies outside of what holds t at zero.
  double Violation(double g) const {
    if (lower > 0 || upper < 0) return std::numeric_limits<double>::infinity();
    const double down = lower < 0 ? g : -std::numeric_limits<double>::infinity();
    const double up = upper > 0 ? -g : -std::numeric_limits<double>::infinity();
    return std::max(down, up) - l1;
  }
  // The largest s in [0, 1] with Omega*(s z) finite.
  double FeasibleScale(double z) const {
    if (l2 > 0) return 1;
    const double bound = z > 0 ? upper : lower;
    if (!std::isinf(bound) || std::abs(z) <= l1) return 1;
    return l1 / std::abs(z);
  }

 private:
  double ConjugateBeyond(double z) const;
};

class Part {
 public:
  Columns columns;
  double sign = 1;
  int64_t outputs = 1;
  int64_t column_stride = 1, output_stride = 1;  // of theta
  Prox prox;
  double* theta = nullptr;

  // Cuts the parameter into units. Not ok where its penalties look at groups that are no whole
  // columns, or at a simplex.
  absl::Status Cut();

  int64_t size() const { return columns.size * outputs; }
  int64_t units() const { return units_; }
  int64_t unit_columns() const { return unit_columns_; }
  int64_t column(int64_t unit, int64_t i) const {
    return unit_columns_ == 1 ? unit : ColumnOf(prox.group_begin(unit) + i * group_step_);
  }
  int64_t element(int64_t column, int64_t output) const {
    return column * column_stride + output * output_stride;
  }
  bool grouped() const { return prox.group.given(); }
  double group_weight(int64_t unit) const { return prox.group.at(unit); }
  ElementPenalty penalty(int64_t element) const {
    return {prox.l1.at(element), prox.l2.at(element), prox.lower.at(element),
            prox.upper.at(element)};
  }
  // One number and a column alone: what most problems consist of.
  bool scalar() const { return outputs == 1 && unit_columns_ == 1 && !grouped(); }

  int64_t entries(int64_t unit) const {
    int64_t sum = 0;
    for (int64_t i = 0; i < unit_columns_; ++i) sum += columns.entries(column(unit, i));
    return sum;
  }
  // Whether an element of the unit is not zero.
  bool Active(int64_t unit) const;
  // Omega of the unit, at theta and at `x`, unit_columns x outputs numbers.
  double Value(int64_t unit) const;
  double Value(int64_t unit, const double* x) const;
  // Omega* of the unit at z; and how far z may be scaled.
  double Conjugate(int64_t unit, const double* z) const;
  double FeasibleScale(int64_t unit, const double* z) const;
  // How far -gradient lies outside of what the penalty holds at zero: > 0 where the unit would move.
  // For a unit at zero.
  double Violation(int64_t unit, const double* g) const;
  // to <- argmin_t a/2 ||t||^2 - z.t + Omega(t); `now` where that is flat.
  void Minimizer(int64_t unit, double a, const double* z, const double* now, double* to) const;
  // Numbers of a unit.
  int64_t numbers() const { return unit_columns_ * outputs; }
  // g <- the derivative of sum_i slope(i, c) view(i, c) by the unit's numbers.
  void Gradient(int64_t unit, const double* slope, double* g) const;
  // Whether nothing holds the unit back in the direction z: no scale makes z feasible.
  bool Unbounded(int64_t unit, const double* z) const;

 private:
  int64_t ColumnOf(int64_t element) const {
    return column_stride == 1 && outputs > 1 ? element % columns.size : element / column_stride;
  }
  // ||soft(z, l1)|| over the unit.
  double ShrunkNorm(int64_t unit, const double* z) const;

  int64_t units_ = 0, unit_columns_ = 1, group_step_ = 1;
};

}  // namespace gyre
