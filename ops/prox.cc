#include "ops/prox.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Constraints are met up to this, relative to the largest element: rounding of a projection.
constexpr double kSlack = 1e-9;

template <class F>
bool AllOf(const Weights& w, int64_t n, const F& holds) {
  if (w.each == nullptr) return holds(w.value);
  return std::all_of(w.each, w.each + n, holds);
}

double SoftThreshold(double x, double threshold) {
  return std::copysign(std::max(std::abs(x) - threshold, 0.0), x);
}

// Elements on their own; step(i) is the step of element i.
template <class Step>
void ApplySeparable(const Prox& p, const Step& step, double* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double s = step(i);
    const double y = SoftThreshold(x[i], s * p.l1.at(i)) / (1 + 2 * s * p.l2.at(i));
    x[i] = std::min(std::max(y, p.lower.at(i)), p.upper.at(i));
  }
}

// The common case without a branch on the weights inside, so that it vectorises.
void ApplyUniform(double threshold, double scale, double lower, double upper, double* x,
                  int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double a = std::abs(x[i]) - threshold;
    const double y = std::copysign(a > 0 ? a : 0, x[i]) * scale;
    const double z = y < lower ? lower : y;
    x[i] = z > upper ? upper : z;
  }
}

bool UniformWeights(const Prox& p) {
  return p.l1.each == nullptr && p.l2.each == nullptr && p.lower.each == nullptr &&
         p.upper.each == nullptr;
}

// Threshold tau with sum max(v - tau, 0) = total; v is permuted (Duchi et al. 2008, figure 1).
double SimplexThreshold(std::vector<double>* v, double total) {
  std::sort(v->begin(), v->end(), std::greater<>());
  double sum = 0, tau = 0;
  for (size_t k = 0; k < v->size(); ++k) {
    sum += (*v)[k];
    const double candidate = (sum - total) / static_cast<double>(k + 1);
    if ((*v)[k] <= candidate) break;
    tau = candidate;
  }
  return tau;
}

void ProjectSimplex(double total, double* x, int64_t count, int64_t stride) {
  thread_local std::vector<double> sorted;
  sorted.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) sorted[static_cast<size_t>(i)] = x[i * stride];
  const double tau = SimplexThreshold(&sorted, total);
  for (int64_t i = 0; i < count; ++i) x[i * stride] = std::max(x[i * stride] - tau, 0.0);
}

void ShrinkGroup(double threshold, double scale, double* x, int64_t count, int64_t stride) {
  double norm2 = 0;
  for (int64_t i = 0; i < count; ++i) norm2 += x[i * stride] * x[i * stride];
  const double norm = std::sqrt(norm2);
  const double factor = norm > threshold ? scale * (1 - threshold / norm) : 0;
  for (int64_t i = 0; i < count; ++i) x[i * stride] *= factor;
}

// Groups; step(i) is the step of element i, equal within a group.
template <class Step>
void ApplyGrouped(const Prox& p, const Step& step, double* x, int64_t n) {
  const int64_t length = p.group_length(n), stride = p.group_stride;
  for (int64_t g = 0; g < p.group_count(n); ++g) {
    const int64_t begin = p.group_begin(g);
    const double s = step(begin), scale = 1 / (1 + 2 * s * p.l2.at(begin));
    double* group = x + begin;
    if (p.simplex > 0) {
      for (int64_t i = 0; i < length; ++i)
        group[i * stride] = scale * (group[i * stride] - s * p.l1.at(begin + i * stride));
      ProjectSimplex(p.simplex, group, length, stride);
      continue;
    }
    for (int64_t i = 0; i < length; ++i) {
      double& v = group[i * stride];
      v = SoftThreshold(v, s * p.l1.at(begin + i * stride));
      if (p.lower.value == 0) v = std::max(v, 0.0);
    }
    ShrinkGroup(s * p.group.at(g), scale, group, length, stride);
  }
}

absl::Status CheckGroups(const Prox& p, int64_t n) {
  if (p.group_size < 0 || p.group_stride < 1)
    return absl::InvalidArgumentError("a group needs a size >= 0 and a stride >= 1");
  if (p.group_size == 0 && p.group_stride != 1)
    return absl::InvalidArgumentError("one whole group has stride 1");
  if (p.group_size > 0 && n % (p.group_size * p.group_stride) != 0)
    return absl::InvalidArgumentError(absl::StrCat("groups of ", p.group_size, " elements ",
                                                   p.group_stride, " apart do not divide ", n));
  if (p.l2.each != nullptr)
    return absl::UnimplementedError(
        "a group penalty or simplex with a squared penalty that differs by element has no closed "
        "form; use one weight");
  return absl::OkStatus();
}

absl::Status CheckGroupBounds(const Prox& p) {
  const bool no_lower = p.lower.each == nullptr && p.lower.value == -kInfinity;
  const bool nonnegative = p.lower.each == nullptr && p.lower.value == 0;
  const bool no_upper = p.upper.each == nullptr && p.upper.value == kInfinity;
  if (no_upper && (no_lower || nonnegative)) return absl::OkStatus();
  return absl::UnimplementedError(
      "a group penalty or simplex goes with x >= 0 or no bounds; other bounds have no closed form");
}

}  // namespace

bool Prox::bounded() const {
  return lower.each != nullptr || upper.each != nullptr || lower.value > -kInfinity ||
         upper.value < kInfinity;
}

bool Prox::identity() const { return !l1.given() && !l2.given() && !bounded() && !grouped(); }

absl::Status Prox::Check(int64_t n) const {
  const auto weight = [](double w) { return w >= 0 && w < kInfinity; };
  if (!AllOf(l1, n, weight) || !AllOf(l2, n, weight))
    return absl::InvalidArgumentError("the weight of a penalty must be finite and not negative");
  for (int64_t i = 0; bounded() && i < n; ++i) {
    if (!(lower.at(i) <= upper.at(i)))
      return absl::InvalidArgumentError(absl::StrCat("element ", i, " has lower bound ",
                                                     lower.at(i), " above upper bound ",
                                                     upper.at(i)));
    if (lower.each == nullptr && upper.each == nullptr) break;
  }
  if (!(simplex >= 0) || simplex == kInfinity)
    return absl::InvalidArgumentError("the sum of a simplex must be positive and finite");
  if (!grouped()) return absl::OkStatus();
  if (n == 0) return absl::OkStatus();
  if (absl::Status s = CheckGroups(*this, n); !s.ok()) return s;
  if (!AllOf(group, group_count(n), weight))
    return absl::InvalidArgumentError("the weight of a group must be finite and not negative");
  if (simplex > 0 && group.given())
    return absl::UnimplementedError("a simplex with a group penalty has no closed form");
  return CheckGroupBounds(*this);
}

void Prox::Apply(double step, double* x, int64_t n) const {
  if (n == 0) return;
  const auto same = [step](int64_t) { return step; };
  if (grouped()) return ApplyGrouped(*this, same, x, n);
  if (!UniformWeights(*this)) return ApplySeparable(*this, same, x, n);
  ApplyUniform(step * l1.value, 1 / (1 + 2 * step * l2.value), lower.value, upper.value, x, n);
}

void Prox::ApplyEach(const double* step, double* x, int64_t n) const {
  if (n == 0) return;
  const auto each = [step](int64_t i) { return step[i]; };
  if (grouped()) return ApplyGrouped(*this, each, x, n);
  ApplySeparable(*this, each, x, n);
}

double Prox::L1Value(const double* x, int64_t n) const {
  if (!l1.given()) return 0;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += l1.at(i) * std::abs(x[i]);
  return sum;
}

double Prox::AddL2(const double* x, double* gradient, int64_t n) const {
  if (!l2.given()) return 0;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double w = l2.at(i);
    sum += w * x[i] * x[i];
    if (gradient != nullptr) gradient[i] += 2 * w * x[i];
  }
  return sum;
}

double Prox::Value(const double* x, int64_t n) const {
  double sum = L1Value(x, n) + AddL2(x, nullptr, n);
  for (int64_t i = 0; bounded() && i < n; ++i) {
    const double slack = kSlack * std::max(1.0, std::abs(x[i]));
    if (x[i] < lower.at(i) - slack || x[i] > upper.at(i) + slack) return kInfinity;
  }
  const int64_t groups = grouped() && n > 0 ? group_count(n) : 0;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t begin = group_begin(g);
    double norm2 = 0, total = 0, least = kInfinity;
    for (int64_t i = 0; i < group_length(n); ++i) {
      const double v = x[begin + i * group_stride];
      norm2 += v * v, total += v, least = std::min(least, v);
    }
    sum += group.at(g) * std::sqrt(norm2);
    const double slack = kSlack * std::max(1.0, simplex);
    if (simplex > 0 && (least < -slack || std::abs(total - simplex) > slack)) return kInfinity;
  }
  return sum;
}

void Prox::Project(double* x, int64_t n) const {
  for (int64_t i = 0; bounded() && i < n; ++i)
    x[i] = std::min(std::max(x[i], lower.at(i)), upper.at(i));
  if (simplex <= 0 || n == 0) return;
  for (int64_t g = 0; g < group_count(n); ++g)
    ProjectSimplex(simplex, x + group_begin(g), group_length(n),
                   group_stride);
}

}  // namespace gyre
