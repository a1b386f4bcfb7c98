#include "ops/coordinate/solver.h"

#include <Eigen/Dense>
#include <algorithm>
#include <chrono>
#include <cmath>

namespace gyre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kFirstSet = 100;   // units of the first working set
constexpr double kShare = 0.3;       // of the gap that a working set may leave
constexpr int kRefreshEvery = 64;    // changes of the view before it is computed afresh
constexpr int kMostModels = 20;      // quadratic models of one working set
constexpr double kReduction = 0.1;   // of the gap of a model that the next one will leave anyway
constexpr double kLasting = 150, kPassing = 40;  // epochs that a Gram matrix may cost
constexpr size_t kMostFree = 16;     // units without a penalty that are brought to rest together
constexpr int kMostSettling = 30;    // Newton steps to that
constexpr double kAtRest = 1e-13;    // slope of a unit against its largest possible one
constexpr int kIdle = 4;             // iterations without any change before giving up on the gap
constexpr double kRounding = 1e-14;  // of a sum of losses, relative

absl::Status NotConvex() {
  return absl::InvalidArgumentError(
      "the loss of some row is not convex: is a weight negative? mend the data, or minimise by another "
      "rule, as with --update=lbfgs");
}

}  // namespace

CoordinateSolver::CoordinateSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
                                   const double* offset, int64_t rows, int64_t outputs)
    : options_(options),
      parts_(parts),
      loss_(loss),
      offset_(offset),
      rows_(rows),
      outputs_(outputs),
      set_(parts, rows, outputs) {}

absl::Status CoordinateSolver::Start() {
  const auto numbers = static_cast<size_t>(rows_ * outputs_);
  view_.resize(numbers), slope_.resize(numbers), moved_.resize(numbers), trial_.resize(numbers);
  curvature_.resize(numbers);
  loss_of_.resize(static_cast<size_t>(rows_));
  phase_ = Phase::kScore;
  converged_ = false;
  iterations_ = 0, idle_ = 0, gap_ = kInfinity;
  best_dual_ = -kInfinity;
  weight_.clear();
  candidate_.clear();
  width_ = 1;
  for (size_t p = 0; p < parts_->size(); ++p) {
    Part& part = (*parts_)[p];
    if (absl::Status status = part.Cut(); !status.ok()) return status;
    width_ = std::max(width_, part.numbers());
    for (int64_t u = 0; u < part.units(); ++u) candidate_.emplace_back(static_cast<int>(p), u);
  }
  Norms();
  ComputeView();
  const bool was_uniform = uniform_;
  uniform_ = false;
  if (loss_->quadratic()) {
    const std::vector<double> before = curvature_;
    loss_->Curvatures(view_.data(), curvature_.data());
    const auto [least, most] = std::minmax_element(curvature_.begin(), curvature_.end());
    if (*least < 0) return NotConvex();
    most_curvature_ = *most;
    // The Gram matrix of equal weights is that of none, whatever they are.
    uniform_ = *least == *most;
    fresh_ = fresh_ || (curvature_ != before && !(uniform_ && was_uniform));
  }
  FindFree();
  ComputeSlopes();
  if (least_curvature_ < -1e-9 * *std::max_element(curvature_.begin(), curvature_.end()))
    return NotConvex();
  Settle();
  Slice();
  return absl::OkStatus();
}

// Kept from the second start on: one run does not need those of units that are no candidates.
void CoordinateSolver::Norms() {
  if (all_norm_.size() == candidate_.size()) {
    norm_ = all_norm_;
    return;
  }
  norm_.resize(candidate_.size());
  ForRuns([&](const Part& part, size_t begin, size_t end) {
    WithColumns(part.columns, [&](const auto& view) {
      for (size_t k = begin; k < end; ++k) {
        double sum = 0;
        for (int64_t i = 0; i < part.unit_columns(); ++i)
          sum += view.SquaredNorm(part.column(candidate_[k].unit(), i));
        norm_[k] = std::sqrt(sum);
      }
    });
  });
  if (++starts_ > 1) all_norm_ = norm_;
}

// Candidates cut where the entries of their columns are shared evenly.
void CoordinateSolver::Slice() {
  const auto workers = static_cast<size_t>(options_.workers);
  slice_.assign(workers + 1, candidate_.size());
  slice_[0] = 0;
  if (workers == 1) {
    gradient_.resize(candidate_.size() * static_cast<size_t>(width_));
    return;
  }
  double all = 0, done = 0;
  for (const UnitId id : candidate_) all += static_cast<double>(PartOf(id).entries(id.unit())) + 4;
  size_t next = 1;
  for (size_t k = 0; k < candidate_.size() && next < workers; ++k) {
    if (done >= all * static_cast<double>(next) / static_cast<double>(workers)) slice_[next++] = k;
    done += static_cast<double>(PartOf(candidate_[k]).entries(candidate_[k].unit())) + 4;
  }
  gradient_.resize(candidate_.size() * static_cast<size_t>(width_));
}

void CoordinateSolver::ComputeView() {
  if (offset_ != nullptr) {
    std::copy_n(offset_, view_.size(), view_.data());
  } else {
    std::fill(view_.begin(), view_.end(), 0.0);
  }
  for (const Part& part : *parts_) {
    WithColumns(part.columns, [&](const auto& columns) {
      for (int64_t j = 0; j < part.columns.size; ++j) {
        for (int64_t c = 0; c < outputs_; ++c) {
          const double t = part.theta[part.element(j, c)];
          if (t == 0) continue;
          if (outputs_ == 1) {
            columns.Add(j, part.sign * t, view_.data());
            continue;
          }
          double* const to = view_.data() + c;
          columns.ForEach(j, [&](int64_t i, double x) { to[i * outputs_] += part.sign * t * x; });
        }
      }
    });
  }
  changes_ = 0;
}

void CoordinateSolver::ComputeSlopes() {
  loss_->Slopes(view_.data(), slope_.data());
  if (loss_->quadratic()) return;
  loss_->Curvatures(view_.data(), curvature_.data());
  least_curvature_ = 0;
  for (double& h : curvature_) {
    least_curvature_ = std::min(least_curvature_, h);
    h = std::max(h, 0.0);
  }
}

double CoordinateSolver::Loss(const double* view) {
  loss_->Losses(view, loss_of_.data());
  double sum = 0;
  for (const double l : loss_of_) sum += l;
  return sum;
}

void CoordinateSolver::Work(int worker) {
  if (phase_ == Phase::kSolve) return set_.Work(round_, worker);
  const auto w = static_cast<size_t>(worker);
  ForRuns(
      [&](const Part& part, size_t begin, size_t end) {
        if (!part.scalar()) {
          for (size_t k = begin; k < end; ++k)
            part.Gradient(candidate_[k].unit(), slope_.data(), GradientOf(k));
          return;
        }
        WithColumns(part.columns, [&](const auto& view) {
          for (size_t k = begin; k < end; ++k)
            *GradientOf(k) = part.sign * view.Dot(candidate_[k].unit(), slope_.data());
        });
      },
      slice_[w], slice_[w + 1]);
}

void CoordinateSolver::Turn() {
  if (converged_) return;
  if (phase_ == Phase::kScore) {
    EndScore();
    if (converged_ || options_.measure_only) return;
    const auto start = std::chrono::steady_clock::now();
    Choose();
    schedule_ns_ += (std::chrono::steady_clock::now() - start) / std::chrono::nanoseconds(1);
    phase_ = Phase::kSolve;
    BeginModels();
  } else {
    ++round_;
  }
  for (;;) {
    if (round_ < set_.rounds()) {
      if (options_.workers > 1) return;
      set_.Work(round_++, 0);
    } else if (EndModel()) {
      break;
    } else {
      BeginModel();
    }
  }
  EndModels();
  phase_ = Phase::kScore;
}

// ---- Score.

double CoordinateSolver::Curvature(size_t k) const {
  if (uniform_) return norm_[k] * norm_[k] * most_curvature_;
  const UnitId id = candidate_[k];
  const Part& part = PartOf(id);
  double sum = 0;
  WithColumns(part.columns, [&](const auto& view) {
    for (int64_t i = 0; i < part.unit_columns(); ++i) {
      view.ForEach(part.column(id.unit(), i), [&](int64_t row, double x) {
        for (int64_t c = 0; c < outputs_; ++c)
          sum += curvature_[static_cast<size_t>(row * outputs_ + c)] * x * x;
      });
    }
  });
  return sum / static_cast<double>(outputs_);
}

void CoordinateSolver::EndScore() {
  ++iterations_;
  std::vector<double> z(static_cast<size_t>(width_));
  const auto negated = [&](size_t k, double scale) {
    const double* const g = GradientOf(k);
    for (int64_t i = 0; i < PartOf(candidate_[k]).numbers(); ++i)
      z[static_cast<size_t>(i)] = -scale * g[i];
    return z.data();
  };
  double scale = 1, omega = 0;
  active_ = 0, violating_ = 0;
  ForRuns([&](const Part& part, size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) {
      const int64_t unit = candidate_[k].unit();
      if (part.scalar()) {
        const ElementPenalty p = part.penalty(unit);
        const double t = part.theta[unit], at = -*GradientOf(k);
        if (t != 0) {
          ++active_, omega += p.Value(t);
        } else if (p.Violation(-at) > 0) {
          ++violating_;
        }
        if (!p.Unbounded(at)) scale = std::min(scale, p.FeasibleScale(at));
        continue;
      }
      if (part.Active(unit)) {
        ++active_, omega += part.Value(unit);
      } else if (part.Violation(unit, GradientOf(k)) > 0) {
        ++violating_;
      }
      const double* const at = negated(k, 1);
      if (!part.Unbounded(unit, at)) scale = std::min(scale, part.FeasibleScale(unit, at));
    }
  });
  primal_ = Loss(view_.data()) + omega;
  double gap = 0, unbounded = 0;
  if (!Divergence(scale, &gap)) gap = kInfinity;
  const auto alone = [&](size_t k, double squared) {  // what moving the unit alone would gain
    const double a = squared > 0 ? Curvature(k) : 0;
    return a > 0 ? squared / (2 * a) : 0;
  };
  ForRuns([&](const Part& part, size_t begin, size_t end) {
    for (size_t k = begin; k < end && std::isfinite(gap); ++k) {
      const int64_t unit = candidate_[k].unit();
      if (part.scalar()) {
        const ElementPenalty p = part.penalty(unit);
        const double t = part.theta[unit], at = -scale * *GradientOf(k);
        if (p.Unbounded(at)) {
          unbounded += alone(k, at * at);
        } else {
          gap += p.Value(t) + p.Conjugate(at) - at * t;
        }
        continue;
      }
      const double* const at = negated(k, scale);
      if (part.Unbounded(unit, at)) {
        double squared = 0;
        for (int64_t i = 0; i < part.numbers(); ++i) squared += at[i] * at[i];
        unbounded += alone(k, squared);
        continue;
      }
      gap += part.Conjugate(unit, at);
      if (!part.Active(unit)) continue;
      gap += part.Value(unit);
      size_t i = 0;
      for (int64_t b = 0; b < part.unit_columns(); ++b) {
        for (int64_t c = 0; c < outputs_; ++c, ++i)
          gap -= at[i] * part.theta[part.element(part.column(unit, b), c)];
      }
    }
  });
  // What nothing penalises has no feasible dual point until it is at rest; until then the gap is an
  // estimate, and nothing to remember.
  gap = std::max(gap + unbounded, 0.0);
  if (unbounded <= 1e-3 * gap) best_dual_ = std::max(best_dual_, primal_ - gap);
  const double before = gap_;
  gap_ = std::max(std::min(gap, primal_ - best_dual_), 0.0);  // rounding may say less
  if (gap_ < before) idle_ = 0;
  if (gap_ <= options_.tolerance * std::abs(primal_) || idle_ >= kIdle) {
    converged_ = true;
    return;
  }
  if (options_.screening && loss_->quadratic() && std::isfinite(gap)) Screen(scale, gap);
}

// sum_i D(view_i, v_i) for loss_i'(v_i) = scale slope_i. False where such v were not found.
bool CoordinateSolver::Divergence(double scale, double* sum) {
  *sum = 0;
  if (scale == 1) return true;
  if (loss_->quadratic()) {
    const double rest = (1 - scale) * (1 - scale) / 2;
    for (size_t i = 0; i < slope_.size(); ++i) {
      if (slope_[i] == 0) continue;
      if (curvature_[i] <= 0) return false;
      *sum += rest * slope_[i] * slope_[i] / curvature_[i];
    }
    return true;
  }
  if (scale < 0.5) return false;  // far away: not worth the search
  const size_t n = view_.size();
  std::vector<double> v = view_, slope = slope_, curvature = curvature_;
  double most = 0;
  for (const double u : slope_) most = std::max(most, std::abs(u));
  for (int step = 0;; ++step) {
    double off = 0;
    for (size_t i = 0; i < n; ++i) {
      const double r = scale * slope_[i] - slope[i];
      off = std::max(off, std::abs(r));
      if (r == 0 || curvature[i] <= 0) continue;
      const double limit = std::max(1.0, std::abs(v[i]) / 2);
      v[i] += std::clamp(r / curvature[i], -limit, limit);
    }
    if (off <= 1e-10 * most) break;
    if (step == 40) return false;
    loss_->Slopes(v.data(), slope.data());
    loss_->Curvatures(v.data(), curvature.data());
  }
  *sum = Loss(view_.data()) - Loss(v.data());
  for (size_t i = 0; i < n; ++i) *sum -= scale * slope_[i] * (view_[i] - v[i]);
  return true;
}

// The optimal slopes lie within sqrt(2 gap curvature) of scale * slope: what cannot leave zero there
// never will (Ndiaye et al. 2017).
void CoordinateSolver::Screen(double scale, double gap) {
  const double radius = std::sqrt(2 * gap * most_curvature_);
  std::vector<double> z(static_cast<size_t>(width_));
  size_t kept = 0;
  const auto keep = [&](size_t k) {
    candidate_[kept] = candidate_[k];
    norm_[kept] = norm_[k];
    std::copy_n(GradientOf(k), width_, GradientOf(kept));
    ++kept;
  };
  ForRuns([&](const Part& part, size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) {
      const int64_t unit = candidate_[k].unit();
      double violation = 0;
      if (part.scalar()) {
        violation = part.theta[unit] != 0 ? kInfinity
                                          : part.penalty(unit).Violation(scale * *GradientOf(k));
      } else if (part.Active(unit)) {
        violation = kInfinity;
      } else {
        for (int64_t i = 0; i < part.numbers(); ++i)
          z[static_cast<size_t>(i)] = scale * GradientOf(k)[i];
        violation = part.Violation(unit, z.data());
      }
      if (violation + norm_[k] * radius >= 0) keep(k);
    }
  });
  if (kept == candidate_.size()) return;
  candidate_.resize(kept);
  norm_.resize(kept);
  Slice();
}

// The units that are not zero, and those nearest to leaving it, by how far the dual point would have
// to move, |violation| / norm: about as many as would leave it now, at most as many again as have.
void CoordinateSolver::Choose() {
  const int64_t all = static_cast<int64_t>(candidate_.size()),
                most = std::max(kFirstSet, active_),
                set_size = std::min(all, active_ + std::min(most, 5 * violating_ / 4 + active_ / 8 + 10));
  const auto rank_in = [&](const Part& part, size_t k) {
    const int64_t unit = candidate_[k].unit();
    double violation = 0;
    if (part.scalar()) {
      if (part.theta[unit] != 0) return kInfinity;
      violation = part.penalty(unit).Violation(*GradientOf(k));
    } else {
      if (part.Active(unit)) return kInfinity;
      violation = part.Violation(unit, GradientOf(k));
    }
    return norm_[k] > 0 ? violation / norm_[k] : -kInfinity;
  };
  std::vector<std::pair<double, UnitId>> ranked;
  // Of very many, first those above a threshold that a sample suggests.
  constexpr size_t kSample = 1 << 16;
  double threshold = -kInfinity;
  if (candidate_.size() > 4 * kSample && static_cast<size_t>(set_size) < candidate_.size() / 8) {
    const size_t step = candidate_.size() / kSample;
    std::vector<double> sample;
    for (size_t k = 0; k < candidate_.size(); k += step) sample.push_back(rank_in(PartOf(candidate_[k]), k));
    const size_t at = std::min(sample.size() - 1, 2 * static_cast<size_t>(set_size) / step + 64);
    std::nth_element(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(at), sample.end(),
                     std::greater<>());
    threshold = sample[at];
  }
  for (;;) {
    ForRuns([&](const Part& part, size_t begin, size_t end) {
      for (size_t k = begin; k < end; ++k) {
        const double r = rank_in(part, k);
        if (r >= threshold) ranked.emplace_back(r, candidate_[k]);
      }
    });
    if (static_cast<int64_t>(ranked.size()) >= set_size || threshold == -kInfinity) break;
    threshold = -kInfinity;
    ranked.clear();
  }
  const auto size = static_cast<std::ptrdiff_t>(
      std::min<int64_t>(set_size, static_cast<int64_t>(ranked.size())));
  std::nth_element(ranked.begin(), ranked.begin() + size, ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  chosen_.clear();
  for (std::ptrdiff_t k = 0; k < size; ++k) chosen_.push_back(ranked[static_cast<size_t>(k)].second);
  std::sort(chosen_.begin(), chosen_.end());
  chosen_gradient_.clear();
  for (size_t k = 0, at = 0; width_ == 1 && at < chosen_.size(); ++k)
    if (candidate_[k] == chosen_[at]) chosen_gradient_.push_back(*GradientOf(k)), ++at;
}

// ---- Solve.

// Of the gap as much as the units outside of the set are good for is left to them; where none of them
// would move, nothing.
void CoordinateSolver::BeginModels() {
  const double known = std::isfinite(gap_) ? gap_ : 0.01 * std::abs(primal_);
  const double enough = violating_ > 0 ? known : std::min(known, options_.tolerance * std::abs(primal_));
  set_options_ = {};
  set_options_.target = kShare * enough;
  set_options_.may_extrapolate = options_.extrapolation;
  set_options_.may_covariance = options_.covariance;
  set_options_.gradient = chosen_gradient_.empty() ? nullptr : chosen_gradient_.data();
  if (!loss_->quadratic()) {
    value_ = Loss(view_.data());
    set_options_.reduction = kReduction;
  }
  models_ = 0;
  changed_ = false;
  BeginModel();
}

void CoordinateSolver::BeginModel() {
  model_ = {};
  model_.rows = rows_, model_.outputs = outputs_;
  model_.slope = slope_.data();
  if (loss_->quadratic()) {
    model_.weight = uniform_ ? nullptr : curvature_.data();
    model_.uniform = most_curvature_;
    model_.fresh = fresh_;
    fresh_ = false;
    model_.epochs = kLasting;
  } else {
    model_.epochs = kPassing;
    model_.fresh = RenewWeights();
    model_.weight = weight_.data();
  }
  set_.Begin(chosen_, set_options_, &model_, options_.workers);
  round_ = 0;
}

// True when the set is solved.
bool CoordinateSolver::EndModel() {
  set_.End();
  set_options_.gradient = nullptr;
  if (loss_->quadratic()) {
    set_.AddChange(view_.data());
    changed_ = set_.changed();
    ++changes_;
    return true;
  }
  if (!set_.changed()) return true;
  const Search found = LineSearch();
  if (found == Search::kNothing) return true;
  changed_ = changed_ || found == Search::kDescent;
  ++changes_;
  ComputeSlopes();
  return ++models_ == kMostModels;
}

void CoordinateSolver::EndModels() {
  idle_ = changed_ ? 0 : idle_ + 1;
  if (changes_ >= kRefreshEvery || !changed_) ComputeView();
  ComputeSlopes();
  Settle();
}

// ---- What nothing penalises.

void CoordinateSolver::FindFree() {
  free_.clear();
  for (size_t p = 0; p < parts_->size(); ++p) {
    const Part& part = (*parts_)[p];
    if (part.grouped() || part.unit_columns() > 1) continue;
    const auto free = [&](int64_t element) {
      const ElementPenalty penalty = part.penalty(element);
      return penalty.Unbounded(1) && penalty.Unbounded(-1);
    };
    for (int64_t u = 0; u < part.units(); ++u) {
      bool all = true;
      for (int64_t c = 0; c < part.outputs && all; ++c) all = free(part.element(u, c));
      if (!all) continue;
      free_.emplace_back(static_cast<int>(p), u);
      if (free_.size() > kMostFree) return free_.clear();
    }
  }
}

// Newton's method on the free units, all others fixed, until their slopes are zero to rounding.
void CoordinateSolver::Settle() {
  if (free_.empty()) return;
  for (int step = 0; step < kMostSettling && SettleStep(); ++step) {
  }
}

bool CoordinateSolver::SettleStep() {
  const auto size = static_cast<Eigen::Index>(free_.size());
  std::vector<double> column(static_cast<size_t>(rows_) * free_.size());
  for (size_t k = 0; k < free_.size(); ++k) {
    const Part& part = PartOf(free_[k]);
    double* const to = column.data() + static_cast<int64_t>(k) * rows_;
    WithColumns(part.columns, [&](const auto& view) {
      view.ForEach(free_[k].unit(), [&](int64_t i, double x) { to[i] = part.sign * x; });
    });
  }
  const Eigen::Map<const Eigen::MatrixXd> x(column.data(), rows_, size);
  Eigen::MatrixXd moves(size, outputs_);
  double most = 0;
  for (int64_t c = 0; c < outputs_; ++c) {
    const Eigen::InnerStride<> stride(outputs_);
    const Eigen::Map<const Eigen::VectorXd, 0, Eigen::InnerStride<>> slope(slope_.data() + c, rows_, stride),
        weight(curvature_.data() + c, rows_, stride);
    const Eigen::VectorXd g = x.transpose() * slope;
    const Eigen::VectorXd bound = x.cwiseAbs().transpose() * slope.cwiseAbs();
    Eigen::MatrixXd h = x.transpose() * weight.asDiagonal() * x;
    h.diagonal().array() += 1e-12 * h.trace() + std::numeric_limits<double>::min();
    moves.col(c) = -h.ldlt().solve(g);
    for (Eigen::Index k = 0; k < size; ++k)
      if (bound[k] > 0) most = std::max(most, std::abs(g[k]) / bound[k]);
  }
  if (!(most > kAtRest) || !moves.allFinite()) return false;
  Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      moved_.data(), rows_, outputs_) = x * moves;
  const double before = loss_->quadratic() ? 0 : Loss(view_.data());
  for (double t = 1; t > 1e-6; t /= 2) {
    for (size_t i = 0; i < trial_.size(); ++i) trial_[i] = view_[i] + t * moved_[i];
    if (!loss_->quadratic() && !(Loss(trial_.data()) <= before)) continue;
    view_.swap(trial_);
    for (size_t k = 0; k < free_.size(); ++k) {
      Part& part = (*parts_)[static_cast<size_t>(free_[k].part())];
      for (int64_t c = 0; c < outputs_; ++c)
        part.theta[part.element(free_[k].unit(), c)] += t * moves(static_cast<Eigen::Index>(k), c);
    }
    ComputeSlopes();
    return true;
  }
  return false;
}

// Takes the curvatures at hand as the weights of the models, unless those in use are close: a model
// is then a little less exact, and what was computed from its weights remains. True when it took them.
bool CoordinateSolver::RenewWeights() {
  constexpr double kClose = 0.1;
  if (weight_.size() == curvature_.size()) {
    double off = 0, all = 0;
    for (size_t i = 0; i < weight_.size(); ++i) {
      off += std::abs(weight_[i] - curvature_[i]);
      all += curvature_[i];
    }
    if (off <= kClose * all) return false;
  }
  weight_ = curvature_;
  return true;
}

// Halves the step until f + Omega falls as its model promises (Armijo). Where the promise is lost in the
// rounding of f the whole step is taken: the slopes are still worth following. Moves theta and the view.
CoordinateSolver::Search CoordinateSolver::LineSearch() {
  std::fill(moved_.begin(), moved_.end(), 0.0);
  set_.AddChange(moved_.data());
  loss_->Slopes(view_.data(), slope_.data());  // those of the model have moved
  double promise = set_.PenaltyChange();
  for (size_t i = 0; i < moved_.size(); ++i) promise += slope_[i] * moved_[i];
  const double rounding = kRounding * std::abs(value_);
  const bool lost = std::abs(promise) <= rounding;
  for (double t = 1; t > 1e-10; t /= 2) {
    for (size_t i = 0; i < moved_.size(); ++i) trial_[i] = view_[i] + t * moved_[i];
    set_.SetStep(t);
    const double value = Loss(trial_.data()), change = value - value_ + set_.PenaltyChange();
    if (lost ? change <= rounding : change <= 1e-4 * t * promise && change <= 0) {
      view_.swap(trial_);
      value_ = value;
      return lost ? Search::kRounding : Search::kDescent;
    }
  }
  set_.SetStep(0);
  return Search::kNothing;
}

}  // namespace gyre
