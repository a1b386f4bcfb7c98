// The part of WorkingSet that works on the Gram matrix of the set.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "ops/coordinate/working_set.h"

namespace gyre {
namespace {

constexpr int64_t kMostGram = 6000;     // columns whose Gram matrix is worth its memory
constexpr size_t kMostNewton = 3000;    // numbers that are solved for at once
constexpr int kBetween = 3;             // visits of what is not zero between two such solutions
constexpr double kSufficient = 1e-4;    // share of the predicted descent that a step must reach
constexpr double kShortest = 1e-3;      // step that is tried

}  // namespace

// None where the outputs of a column would need one each.
std::vector<Gram::Column> WorkingSet::GramColumns() const {
  std::vector<Gram::Column> columns;
  if (outputs_ > 1 || static_cast<int64_t>(x_.size()) > kMostGram) return columns;
  for (const UnitId& id : units_) {
    const Part& part = (*parts_)[static_cast<size_t>(id.part())];
    for (int64_t i = 0; i < part.unit_columns(); ++i) columns.push_back({id.part(), part.column(id.unit(), i)});
  }
  return columns;
}

// The Gram matrix pays when it costs less than the visits that it is likely to save.
bool WorkingSet::CovariancePays(const std::vector<Gram::Column>& columns) const {
  double entries = 0;
  for (size_t k = 0; k < units_.size(); ++k) entries += static_cast<double>(PartOf(k).entries(units_[k].unit()));
  return gram_.CostOf(columns) <= model_->epochs * 2 * entries;
}

// The curvatures of the set and the slopes of its units. Of a group a bound of the largest eigenvalue:
// the lesser of two norms.
void WorkingSet::Covariances() {
  scale_ = model_->weight == nullptr ? model_->uniform : 1;
  curvature_.resize(units_.size());
  slope_of_.assign(static_cast<size_t>(gram_.size()), 0);
  std::vector<double> g;
  for (size_t k = 0; k < units_.size(); ++k) {
    double squares = 0, most = 0;
    for (size_t i = first_[k]; i < first_[k + 1]; ++i) {
      double sum = 0;
      for (size_t j = first_[k]; j < first_[k + 1]; ++j) {
        const double entry = gram_.row(slot_[i])[slot_[j]];
        squares += entry * entry, sum += std::abs(entry);
      }
      most = std::max(most, sum);
    }
    curvature_[k] = scale_ * std::min(std::sqrt(squares), most);
    g.assign(first_[k + 1] - first_[k], 0);
    if (options_.gradient != nullptr) {
      g[0] = options_.gradient[k];
    } else {
      PartOf(k).Gradient(units_[k].unit(), model_->slope, g.data());
    }
    for (size_t i = 0; i < g.size(); ++i) SlopeOf(first_[k] + i) = g[i];
  }
}

// Moves one number, and the slopes of all.
void WorkingSet::MoveTo(size_t i, double to) {
  const double step = (to - x_[i]) * scale_;
  x_[i] = to;
  if (step == 0) return;
  const double* const row = gram_.row(slot_[i]);
  double* const q = slope_of_.data();
  const int64_t size = gram_.size();
  for (int64_t s = 0; s < size; ++s) q[s] += step * row[s];
}

// Returns whether the unit moved.
bool WorkingSet::VisitByCovariance(size_t k) {
  const double a = curvature_[k];
  const size_t first = first_[k], numbers = first_[k + 1] - first;
  if (numbers == 1 && !PartOf(k).grouped()) {
    const double now = x_[first], to = penalty_[first].Minimizer(a, a * now - SlopeOf(first), now);
    if (to == now) return false;
    MoveTo(first, to);
  } else {
    buffer_.resize(2 * numbers);
    double* const z = buffer_.data();
    double* const to = z + numbers;
    for (size_t i = 0; i < numbers; ++i) z[i] = a * x_[first + i] - SlopeOf(first + i);
    PartOf(k).Minimizer(units_[k].unit(), a, z, &x_[first], to);
    if (std::equal(to, to + numbers, &x_[first])) return false;
    for (size_t i = 0; i < numbers; ++i) MoveTo(first + i, to[i]);
  }
  ++work_.updates;
  return true;
}

void WorkingSet::SolveByCovariance(double target) {
  std::vector<uint32_t> support;
  const double bregman = BregmanWeight(*model_);
  for (int64_t epoch = 0; epoch < options_.max_epochs; ++epoch) {
    bool moved = false;
    for (size_t k = 0; k < units_.size(); ++k) moved |= VisitByCovariance(k);
    ++work_.epochs, work_.visits += static_cast<int64_t>(units_.size());
    if (!moved || CovarianceGap(bregman) <= target) break;
    Support(&support);
    for (int i = 0; i < kBetween; ++i) {
      for (const uint32_t k : support) VisitByCovariance(k);
      ++work_.epochs, work_.visits += static_cast<int64_t>(support.size());
    }
    Newton();
  }
}

// From the slopes of the units; those of the rows are as they were at the start.
double WorkingSet::CovarianceGap(double bregman) const {
  std::vector<double> g(x_.size());
  for (size_t i = 0; i < g.size(); ++i) g[i] = slope_of_[static_cast<size_t>(slot_[i])];
  return Gap(bregman, &g);
}

// ---- Newton's method over what moves freely.

// Numbers that are neither zero, where the penalty has a kink, nor at a bound.
std::vector<size_t> WorkingSet::FreeNumbers() const {
  std::vector<size_t> free;
  for (size_t k = 0; k < units_.size(); ++k) {
    const bool at_kink = PartOf(k).grouped() && Norm(k) == 0;
    for (size_t i = first_[k]; i < first_[k + 1] && !at_kink; ++i) {
      const ElementPenalty& p = penalty_[i];
      if ((x_[i] != 0 || p.l1 == 0) && x_[i] > p.lower && x_[i] < p.upper) free.push_back(i);
    }
  }
  return free;
}

double WorkingSet::Norm(size_t k) const {
  double sum = 0;
  for (size_t i = first_[k]; i < first_[k + 1]; ++i) sum += x_[i] * x_[i];
  return std::sqrt(sum);
}

// Adds the derivatives of the penalties at x to those of the rows' part: gradient, and the lower triangle
// of the second ones.
void WorkingSet::AddPenalties(const std::vector<size_t>& free, Eigen::VectorXd* g, Eigen::MatrixXd* h) const {
  const auto n = static_cast<Eigen::Index>(free.size());
  for (Eigen::Index i = 0; i < n; ++i) {
    const size_t number = free[static_cast<size_t>(i)];
    const ElementPenalty& p = penalty_[number];
    (*g)[i] += std::copysign(p.l1, x_[number]) + 2 * p.l2 * x_[number];
    (*h)(i, i) = ((*h)(i, i) + 2 * p.l2) * (1 + 1e-12);
  }
  Eigen::Index i = 0;
  for (size_t k = 0; k < units_.size() && i < n; ++k) {  // of a norm: w (I / |x| - x x' / |x|^3)
    const Eigen::Index begin = i;
    while (i < n && free[static_cast<size_t>(i)] < first_[k + 1]) ++i;
    if (!PartOf(k).grouped() || begin == i) continue;
    const double weight = PartOf(k).group_weight(units_[k].unit()), norm = Norm(k);
    for (Eigen::Index a = begin; a < i; ++a) {
      const double xa = x_[free[static_cast<size_t>(a)]] / norm;
      (*g)[a] += weight * xa;
      (*h)(a, a) += weight / norm;
      for (Eigen::Index b = begin; b <= a; ++b)
        (*h)(a, b) -= weight / norm * xa * x_[free[static_cast<size_t>(b)]] / norm;
    }
  }
}

// A step of Newton's method, to the minimum for the signs at hand where there are no groups. Those that
// would leave their side become zero, or stop at their bound; if that is no descent the step ends where the
// first does, or earlier.
void WorkingSet::Newton() {
  const std::vector<size_t> free = FreeNumbers();
  const size_t n = free.size();
  if (n < 2 || n > kMostNewton) return;
  const auto count = static_cast<Eigen::Index>(n);
  Eigen::MatrixXd h(count, count);  // above the diagonal the rows' part remains
  Eigen::VectorXd g(count), slope(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const double* const row = gram_.row(slot_[free[static_cast<size_t>(i)]]);
    for (Eigen::Index j = 0; j <= i; ++j)
      h(i, j) = h(j, i) = scale_ * row[slot_[free[static_cast<size_t>(j)]]];
    g[i] = slope[i] = SlopeOf(free[static_cast<size_t>(i)]);
  }
  const Eigen::VectorXd diagonal = h.diagonal();
  AddPenalties(free, &g, &h);
  ++work_.factorisations;
  Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> llt(h);
  if (llt.info() != Eigen::Success) return;
  const Eigen::VectorXd d = llt.solve(g);
  const double descent = g.dot(d);
  if (!(descent > 0) || !std::isfinite(descent)) return;

  std::vector<double> to = x_;
  double crossing = 1;  // the step at which the first does
  const auto move = [&](double t) {
    for (size_t i = 0; i < n; ++i) {
      const size_t number = free[i];
      const ElementPenalty& p = penalty_[number];
      const double x = x_[number], end = x - t * d[static_cast<Eigen::Index>(i)];
      const bool crosses = p.l1 > 0 && (end * x < 0 || std::abs(end) < 1e-14 * std::abs(x));
      to[number] = std::min(std::max(crosses ? 0.0 : end, p.lower), p.upper);
      if (to[number] != end) crossing = std::min(crossing, t * (x - to[number]) / (x - end));
    }
  };
  const auto change = [&] {
    Eigen::VectorXd delta(count);
    for (size_t i = 0; i < n; ++i) delta[static_cast<Eigen::Index>(i)] = to[free[i]] - x_[free[i]];
    Eigen::VectorXd product = diagonal.cwiseProduct(delta);
    product += h.triangularView<Eigen::StrictlyUpper>() * delta;
    product += h.transpose().triangularView<Eigen::StrictlyLower>() * delta;
    double sum = delta.dot(slope + 0.5 * product);
    for (size_t k = 0; k < units_.size(); ++k) {
      const int64_t unit = units_[k].unit();
      if (std::equal(&to[first_[k]], &to[first_[k]] + (first_[k + 1] - first_[k]), &x_[first_[k]])) continue;
      sum += PartOf(k).Value(unit, &to[first_[k]]) - PartOf(k).Value(unit, &x_[first_[k]]);
    }
    return sum;
  };
  for (double t = 1; t >= kShortest; t = crossing < t ? crossing : t / 2) {
    move(t);
    if (!(change() <= -kSufficient * t * descent)) continue;
    for (const size_t number : free) MoveTo(number, to[number]);
    return;
  }
}

}  // namespace gyre
