#include "ops/coordinate/working_set.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

namespace gyre {
namespace {

constexpr int kMemory = 5;         // visits that an extrapolation looks at
constexpr int kGapEvery = 10;      // epochs between two measurements of the gap

}  // namespace

WorkingSet::WorkingSet(std::vector<Part>* parts, int64_t rows, int64_t outputs)
    : parts_(parts), rows_(rows), outputs_(outputs), gram_(parts, rows) {}

void WorkingSet::Begin(const std::vector<UnitId>& units, const Options& options,
                       QuadraticModel* model, int workers) {
  units_ = units;
  options_ = options;
  model_ = model;
  changed_ = false;
  if (model->fresh) gram_.Clear();
  Load();
  const std::vector<Gram::Column> columns = GramColumns();
  covariance_ = !columns.empty() && options.may_covariance && CovariancePays(columns);
  if (!covariance_) return;
  gram_.Begin(columns, model->weight, workers);
  slot_.resize(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) slot_[i] = gram_.slot(columns[i]);
}

void WorkingSet::End() {
  if (covariance_) {
    Covariances();
  } else {
    Curvatures(*model_);
  }
  double target = options_.target;
  if (options_.reduction > 0) {
    first_gap_ = covariance_ ? CovarianceGap(BregmanWeight(*model_)) : MeasureGap(*model_);
    if (first_gap_ <= options_.target) return;
    target = std::max(target, options_.reduction * first_gap_);
  }
  if (covariance_) {
    SolveByCovariance(target);
  } else {
    SolveByResidual(target);
  }
  SetStep(1);
  changed_ = x_ != before_;
}

void WorkingSet::Load() {
  first_.clear(), x_.clear(), penalty_.clear(), segment_.clear();
  scalar_ = true;
  for (size_t k = 0; k < units_.size(); ++k) {
    const UnitId id = units_[k];
    const Part& part = (*parts_)[static_cast<size_t>(id.part())];
    if (segment_.empty() || segment_.back().part != id.part()) segment_.push_back({id.part(), k, k});
    segment_.back().end = k + 1;
    scalar_ = scalar_ && part.scalar();
    first_.push_back(x_.size());
    for (int64_t i = 0; i < part.unit_columns(); ++i) {
      const int64_t j = part.column(id.unit(), i);
      for (int64_t c = 0; c < part.outputs; ++c) {
        const int64_t e = part.element(j, c);
        x_.push_back(part.theta[e]);
        penalty_.push_back(part.penalty(e));
      }
    }
  }
  first_.push_back(x_.size());
  before_ = x_;
}

// Per unit a bound of the model's second derivative: exact for one column; for a group of columns the
// Frobenius norm of its Gram matrix, which no eigenvalue exceeds.
void WorkingSet::Curvatures(const QuadraticModel& model) {
  curvature_.assign(units_.size(), 0);
  std::vector<double> dense;
  for (const Segment& s : segment_) {
    const Part& part = (*parts_)[static_cast<size_t>(s.part)];
    WithColumns(part.columns, [&](const auto& view) {
      const auto weighted = [&](int64_t j) {
        double most = 0;
        for (int64_t c = 0; c < outputs_; ++c) {
          double sum = 0;
          if (model.weight == nullptr) {
            view.ForEach(j, [&](int64_t, double x) { sum += x * x; });
            return model.uniform * sum;
          }
          view.ForEach(j, [&](int64_t i, double x) { sum += model.weight[i * outputs_ + c] * x * x; });
          most = std::max(most, sum);
        }
        return most;
      };
      for (size_t k = s.begin; k < s.end; ++k) {
        const int64_t unit = units_[k].unit(), columns = part.unit_columns();
        if (columns == 1) {
          curvature_[k] = weighted(part.column(unit, 0));
          continue;
        }
        double most = model.uniform, norm2 = 0;
        for (int64_t i = 0; model.weight != nullptr && i < rows_ * outputs_; ++i)
          most = std::max(most, model.weight[i]);
        for (int64_t a = 0; a < columns; ++a) {
          dense.assign(static_cast<size_t>(rows_), 0);
          view.ForEach(part.column(unit, a),
                       [&](int64_t i, double x) { dense[static_cast<size_t>(i)] = x; });
          for (int64_t b = 0; b < columns; ++b) {
            const double dot = view.Dot(part.column(unit, b), dense.data());
            norm2 += dot * dot;
          }
        }
        curvature_[k] = most * std::sqrt(norm2);
      }
    });
  }
}

// ---- By residual.

double WorkingSet::Epoch(QuadraticModel* model, const std::vector<uint32_t>* items) {
  ++work_.epochs;
  work_.visits += static_cast<int64_t>(items != nullptr ? items->size() : units_.size());
  return scalar_ ? ScalarEpoch(model, items) : BlockEpoch(model, items);
}

double WorkingSet::ScalarEpoch(QuadraticModel* model, const std::vector<uint32_t>* items) {
  double moved = 0;
  double* const slope = model->slope;
  size_t next = 0;
  for (const Segment& s : segment_) {
    const Part& part = (*parts_)[static_cast<size_t>(s.part)];
    WithColumns(part.columns, [&](const auto& view) {
      const auto visit = [&](size_t k) {
        const int64_t j = units_[k].unit();
        const double a = curvature_[k], now = x_[k];
        const double g = part.sign * view.Dot(j, slope);
        const double to = penalty_[k].Minimizer(a, a * now - g, now);
        const double change = to - now;
        if (change == 0) return;
        x_[k] = to;
        ++work_.updates;
        moved += 0.5 * a * change * change;
        if (model->weight == nullptr) {
          view.Add(j, part.sign * change * model->uniform, slope);
        } else {
          const double scaled = part.sign * change;
          view.ForEach(j, [&](int64_t i, double x) { slope[i] += scaled * x * model->weight[i]; });
        }
      };
      if (items == nullptr) {
        for (size_t k = s.begin; k < s.end; ++k) visit(k);
      } else {
        for (; next < items->size() && (*items)[next] < s.end; ++next) visit((*items)[next]);
      }
    });
  }
  return moved;
}

// slope += weight X change, for item k.
void WorkingSet::Move(size_t k, const double* change, QuadraticModel* model) {
  const UnitId id = units_[k];
  const Part& part = (*parts_)[static_cast<size_t>(id.part())];
  const int64_t outputs = outputs_;
  WithColumns(part.columns, [&](const auto& view) {
    for (int64_t i = 0; i < part.unit_columns(); ++i, change += outputs) {
      const int64_t j = part.column(id.unit(), i);
      if (outputs == 1 && model->weight == nullptr) {
        if (*change != 0) view.Add(j, part.sign * *change * model->uniform, model->slope);
        continue;
      }
      view.ForEach(j, [&](int64_t row, double x) {
        double* const to = model->slope + row * outputs;
        const double scale = part.sign * x;
        if (model->weight == nullptr) {
          for (int64_t c = 0; c < outputs; ++c) to[c] += scale * model->uniform * change[c];
        } else {
          const double* const w = model->weight + row * outputs;
          for (int64_t c = 0; c < outputs; ++c) to[c] += scale * w[c] * change[c];
        }
      });
    }
  });
}

double WorkingSet::BlockEpoch(QuadraticModel* model, const std::vector<uint32_t>* items) {
  double moved = 0;
  const size_t count = items != nullptr ? items->size() : units_.size();
  std::vector<double>& z = buffer_;
  for (size_t at = 0; at < count; ++at) {
    const size_t k = items != nullptr ? (*items)[at] : at;
    const Part& part = (*parts_)[static_cast<size_t>(units_[k].part())];
    const size_t numbers = first_[k + 1] - first_[k];
    z.assign(3 * numbers, 0);
    double* const g = z.data();
    double* const to = g + numbers;
    double* const now = x_.data() + first_[k];
    part.Gradient(units_[k].unit(), model->slope, g);
    const double a = curvature_[k];
    for (size_t i = 0; i < numbers; ++i) g[i] = a * now[i] - g[i];
    part.Minimizer(units_[k].unit(), a, g, now, to);
    bool any = false;
    for (size_t i = 0; i < numbers; ++i) {
      const double change = to[i] - now[i];
      any = any || change != 0;
      moved += 0.5 * a * change * change;
      now[i] = to[i];
      to[i] = change;
    }
    if (!any) continue;
    ++work_.updates;
    Move(k, to, model);
  }
  return moved;
}

void WorkingSet::Support(std::vector<uint32_t>* items) const {
  items->clear();
  for (size_t k = 0; k < units_.size(); ++k) {
    bool active = false;
    for (size_t i = first_[k]; i < first_[k + 1]; ++i) active = active || x_[i] != 0;
    if (active) items->push_back(static_cast<uint32_t>(k));
  }
}

void WorkingSet::SolveByResidual(double target) {
  std::vector<uint32_t> support;
  std::vector<std::vector<double>> history;
  int since = 0;
  for (int64_t epoch = 0; epoch < options_.max_epochs; ++epoch) {
    const double moved = Epoch(model_, nullptr);
    if (moved == 0) break;
    Support(&support);
    history.assign(1, x_);
    double last = moved;
    for (int i = 0; i < kMemory && last > 1e-4 * moved && epoch < options_.max_epochs; ++i, ++epoch) {
      last = Epoch(model_, &support);
      history.push_back(x_);
    }
    if (options_.may_extrapolate && history.size() == kMemory + 1) Extrapolate(model_, history);
    since += static_cast<int>(history.size());
    if (since < kGapEvery) continue;
    since = 0;
    if (MeasureGap(*model_) <= target) return;
  }
}

double WorkingSet::MeasureGap(const QuadraticModel& model) const {
  std::vector<double> z(x_.size());
  for (size_t k = 0; k < units_.size(); ++k) PartOf(k).Gradient(units_[k].unit(), model.slope, &z[first_[k]]);
  return Gap(BregmanWeight(model), &z);
}

// The gap at theta with the dual point s * slope, s the largest that is feasible within the set:
//   (1 - s)^2 sum_i slope_i^2 / (2 weight_i) + sum_units Omega + Omega*(-s g) + s g theta
// `g`: by number; lost.
double WorkingSet::Gap(double bregman, std::vector<double>* g) const {
  double scale = 1;
  for (double& z : *g) z = -z;
  for (size_t k = 0; k < units_.size(); ++k) {
    const double* const z = &(*g)[first_[k]];
    if (!PartOf(k).Unbounded(units_[k].unit(), z))
      scale = std::min(scale, PartOf(k).FeasibleScale(units_[k].unit(), z));
  }
  double gap = scale < 1 ? (1 - scale) * (1 - scale) * bregman : 0;
  for (size_t k = 0; k < units_.size(); ++k) {
    double* const z = &(*g)[first_[k]];
    const double* const x = &x_[first_[k]];
    const size_t numbers = first_[k + 1] - first_[k];
    if (PartOf(k).Unbounded(units_[k].unit(), z)) {
      for (size_t i = 0; i < numbers; ++i) gap += curvature_[k] > 0 ? z[i] * z[i] / (2 * curvature_[k]) : 0;
      continue;
    }
    gap += PartOf(k).Value(units_[k].unit(), x);
    for (size_t i = 0; i < numbers; ++i) {
      z[i] *= scale;
      gap -= z[i] * x[i];
    }
    gap += PartOf(k).Conjugate(units_[k].unit(), z);
  }
  return gap;
}

// M up to a constant, from the slopes: with d = X (x - before), slope = slope_0 + w d, so
// slope_0.d + w d^2 / 2 = (slope^2 - slope_0^2) / (2 w); rows of no weight are linear and are left out
// by comparing only points of the same set.
double WorkingSet::ModelValue(const QuadraticModel& model) const {
  double sum = BregmanWeight(model);
  for (size_t k = 0; k < units_.size(); ++k)
    sum += (*parts_)[static_cast<size_t>(units_[k].part())].Value(units_[k].unit(),
                                                               x_.data() + first_[k]);
  return sum;
}

// The affine combination of the last points whose change is least (Anderson); kept if M falls.
bool WorkingSet::Extrapolate(QuadraticModel* model,
                             const std::vector<std::vector<double>>& history) {
  const int m = kMemory;
  Eigen::MatrixXd u(static_cast<Eigen::Index>(x_.size()), m);
  for (int i = 0; i < m; ++i) {
    for (size_t k = 0; k < x_.size(); ++k)
      u(static_cast<Eigen::Index>(k), i) =
          history[static_cast<size_t>(i + 1)][k] - history[static_cast<size_t>(i)][k];
  }
  Eigen::MatrixXd normal = u.transpose() * u;
  normal.diagonal().array() += 1e-12 * normal.trace();
  Eigen::VectorXd c = normal.ldlt().solve(Eigen::VectorXd::Ones(m));
  const double sum = c.sum();
  if (!std::isfinite(sum) || std::abs(sum) < 1e-300) return false;
  c /= sum;
  const std::vector<double> kept = x_;
  const std::vector<double> slope(model->slope, model->slope + rows_ * outputs_);
  const double value = ModelValue(*model);
  std::vector<double> change;
  for (size_t k = 0; k < units_.size(); ++k) {
    change.assign(first_[k + 1] - first_[k], 0);
    bool any = false;
    for (size_t i = first_[k]; i < first_[k + 1]; ++i) {
      double to = 0;
      for (int h = 0; h < m; ++h) to += c[h] * history[static_cast<size_t>(h + 1)][i];
      to = std::min(std::max(to, penalty_[i].lower), penalty_[i].upper);
      change[i - first_[k]] = to - x_[i];
      any = any || to != x_[i];
      x_[i] = to;
    }
    if (any) Move(k, change.data(), model);
  }
  if (ModelValue(*model) < value) return ++work_.extrapolations, true;
  x_ = kept;
  std::copy(slope.begin(), slope.end(), model->slope);
  return false;
}

// sum_i slope_i^2 / (2 weight_i): what scaling the slopes costs, times (1 - scale)^2.
double WorkingSet::BregmanWeight(const QuadraticModel& model) const {
  double sum = 0;
  for (int64_t i = 0; i < rows_ * outputs_; ++i) {
    const double w = model.weight != nullptr ? model.weight[i] : model.uniform;
    if (w > 0) sum += model.slope[i] * model.slope[i] / (2 * w);
  }
  return sum;
}

// ---- The result.

void WorkingSet::SetStep(double t) {
  for (size_t k = 0; k < units_.size(); ++k) {
    Part& part = (*parts_)[static_cast<size_t>(units_[k].part())];
    size_t at = first_[k];
    for (int64_t i = 0; i < part.unit_columns(); ++i) {
      const int64_t j = part.column(units_[k].unit(), i);
      for (int64_t c = 0; c < part.outputs; ++c, ++at)
        part.theta[part.element(j, c)] = t == 1 ? x_[at] : before_[at] + t * (x_[at] - before_[at]);
    }
  }
}

double WorkingSet::PenaltyChange() const {
  double sum = 0;
  for (size_t k = 0; k < units_.size(); ++k) {
    const Part& part = (*parts_)[static_cast<size_t>(units_[k].part())];
    sum += part.Value(units_[k].unit()) - part.Value(units_[k].unit(), before_.data() + first_[k]);
  }
  return sum;
}

void WorkingSet::AddChange(double* view) const {
  for (size_t k = 0; k < units_.size(); ++k) {
    const Part& part = (*parts_)[static_cast<size_t>(units_[k].part())];
    size_t at = first_[k];
    WithColumns(part.columns, [&](const auto& columns) {
      for (int64_t i = 0; i < part.unit_columns(); ++i, at += static_cast<size_t>(outputs_)) {
        const int64_t j = part.column(units_[k].unit(), i);
        bool any = false;
        for (int64_t c = 0; c < outputs_; ++c)
          any = any || x_[at + static_cast<size_t>(c)] != before_[at + static_cast<size_t>(c)];
        if (!any) continue;
        if (outputs_ == 1) {
          columns.Add(j, part.sign * (x_[at] - before_[at]), view);
          continue;
        }
        columns.ForEach(j, [&](int64_t row, double x) {
          for (int64_t c = 0; c < outputs_; ++c) {
            const size_t e = at + static_cast<size_t>(c);
            view[row * outputs_ + c] += part.sign * x * (x_[e] - before_[e]);
          }
        });
      }
    });
  }
}

}  // namespace gyre
