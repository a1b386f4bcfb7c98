// Proximal operators: the part of an objective that has no derivative, or is a constraint.
//
//   Omega(x) = sum_i l1_i |x_i| + sum_i l2_i x_i^2 + sum_g group_g ||x_g||_2
//              + indicator(lower <= x <= upper) + indicator(each group x_g >= 0 sums to `simplex`)
//
// Apply computes argmin_x ||x - v||^2 / (2 step) + Omega(x) exactly, in closed form:
//   separable terms   soft threshold, scale by 1 / (1 + 2 step l2), clip (one-dimensional convex)
//   groups            shrink ||.|| after the l1 threshold (Yu 2013; also with x >= 0)
//   simplex           sort and threshold (Duchi et al. 2008), with l1 as a linear term
// Check names the combinations that have no closed form. All in double. A Prox is a value that
// borrows its arrays; thread-safe when they are not written.
#pragma once
#include <cstdint>
#include <limits>

#include "absl/status/status.h"

namespace gyre {

// One number for all elements or one for each.
struct Weights {
  double value = 0;
  const double* each = nullptr;

  double at(int64_t i) const { return each != nullptr ? each[i] : value; }
  bool given() const { return each != nullptr || value != 0; }
};

struct Prox {
  Weights l1;  // l1 |x|, weights >= 0
  Weights l2;  // l2 x^2 (not l2 / 2), weights >= 0
  Weights lower{-std::numeric_limits<double>::infinity(), nullptr};
  Weights upper{std::numeric_limits<double>::infinity(), nullptr};
  // Groups, for `group` and `simplex`: of group_size elements group_stride apart, so that a group
  // is one index of a row-major array with group_stride elements below it. Size 0: one whole group.
  int64_t group_size = 0;
  int64_t group_stride = 1;
  Weights group;       // weight of ||x_g||, by group
  double simplex = 0;  // > 0: every group lies on the simplex of this sum

  bool identity() const;     // Omega = 0
  bool bounded() const;      // has lower or upper bounds
  bool grouped() const { return group.given() || simplex > 0; }
  bool smooth() const { return !l1.given() && !bounded() && !grouped(); }
  // No term but l1, l2 and bounds: every element on its own.
  bool separable() const { return !grouped(); }

  // Whether Apply knows these n elements: weights in range, groups that divide n, a closed form.
  absl::Status Check(int64_t n) const;

  // x <- prox_{step Omega}(x). REQUIRES: Check(n) is ok, step > 0.
  // Does not allocate but for the simplex (one sort buffer per thread).
  void Apply(double step, double* x, int64_t n) const;
  // The same in the metric diag(1 / step[i]): one step per element. Within a group all steps must
  // be equal when `grouped`.
  void ApplyEach(const double* step, double* x, int64_t n) const;

  // Omega(x); infinite outside the constraints (by more than rounding).
  double Value(const double* x, int64_t n) const;
  // Without the l2 term, which smooth methods add to f themselves, and without the constraints.
  double L1Value(const double* x, int64_t n) const;
  // sum l2 x^2 and, where `gradient` is not null, gradient += 2 l2 x.
  double AddL2(const double* x, double* gradient, int64_t n) const;
  // The nearest point within the constraints.
  void Project(double* x, int64_t n) const;

  int64_t group_count(int64_t n) const { return n / group_length(n); }
  int64_t group_length(int64_t n) const { return group_size > 0 ? group_size : n; }
  // First element of group g; the others follow at group_stride.
  int64_t group_begin(int64_t g) const {
    return g / group_stride * group_size * group_stride + g % group_stride;
  }
};

}  // namespace gyre
