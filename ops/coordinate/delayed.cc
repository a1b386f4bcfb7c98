#include "ops/coordinate/delayed.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gyre {
namespace {

constexpr int kMostIterations = 300;    // of the power method
constexpr double kSettled = 1e-4;       // relative change at which it ends
constexpr double kMargin = 0.95;        // of the step's bound, for what the power method leaves
constexpr double kDiverged = 1e3;       // of the objective at the start
constexpr int kLeastProbe = -5, kMostProbe = 10;  // powers of two at which curvatures are looked up
constexpr int kRefinements = 40;        // of the largest of them, each by a third
constexpr double kGrows = 1e3;          // a curvature so many times that near zero has no bound

CoordinateSolver::Options GaugeOptions(double tolerance, int workers) {
  CoordinateSolver::Options options;
  options.tolerance = tolerance;
  options.workers = workers;
  options.screening = false;
  options.measure_only = true;
  return options;
}

}  // namespace

DelayedSolver::DelayedSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
                             const double* offset, int64_t rows, int64_t outputs)
    : options_(options),
      parts_(parts),
      loss_(loss),
      rows_(rows),
      outputs_(outputs),
      gauge_(GaugeOptions(options.tolerance, options.workers), parts, loss, offset, rows, outputs) {}

absl::Status DelayedSolver::Start() {
  if (options_.workers < 1 || options_.staleness < 0)
    return absl::InvalidArgumentError("workers or staleness is out of range");
  converged_ = false;
  status_ = absl::OkStatus();
  measured_ = 0;
  ready_ = false;
  turned_ = 0;
  const auto numbers = static_cast<size_t>(rows_ * outputs_);
  slice_.assign(static_cast<size_t>(options_.workers), Slice());
  for (Slice& slice : slice_) {
    slice.view.resize(numbers), slice.slope.resize(numbers);
    slice.sent.assign(static_cast<size_t>(options_.staleness) + 1, std::vector<double>(numbers));
  }
  view_.assign(slice_[0].sent.size(), std::vector<double>(numbers));
  return absl::OkStatus();
}

void DelayedSolver::Prepare() {
  status_ = gauge_.Start();
  if (!status_.ok()) return;
  Cut();
  status_ = BoundCurvatures();
  if (!status_.ok()) return;
  ChooseStep();
  Measure();
  ready_.store(true, std::memory_order_release);
}

// Units in slices of even work.
void DelayedSolver::Cut() {
  unit_.clear();
  width_ = 1;
  int64_t all = 0, done = 0;
  for (size_t p = 0; p < parts_->size(); ++p) {
    const Part& part = (*parts_)[p];
    width_ = std::max(width_, part.numbers());
    for (int64_t u = 0; u < part.units(); ++u) {
      unit_.emplace_back(static_cast<int>(p), u);
      all += part.entries(u);
    }
  }
  size_t k = 0;
  for (size_t w = 0; w < slice_.size(); ++w) {
    slice_[w].begin = k;
    const auto share = static_cast<int64_t>(w + 1);
    while (k < unit_.size() && (w + 1 == slice_.size() || done * options_.workers < all * share))
      done += PartOf(k).entries(unit_[k].unit()), ++k;
    slice_[w].end = k;
    slice_[w].scratch.resize(static_cast<size_t>(3 * width_));
  }
}

// ---- The step.

absl::Status DelayedSolver::BoundCurvatures() {
  const auto numbers = static_cast<size_t>(rows_ * outputs_);
  weight_.assign(numbers, 0);
  std::vector<double> at(numbers), curvature(numbers);
  if (loss_->quadratic()) {
    loss_->Curvatures(at.data(), weight_.data());
    return absl::OkStatus();
  }
  // The largest on a grid, then between its neighbours there.
  std::vector<double> low(numbers, -std::ldexp(1, kLeastProbe)), high(numbers, std::ldexp(1, kLeastProbe));
  loss_->Curvatures(at.data(), weight_.data());
  double near = *std::max_element(weight_.begin(), weight_.end());
  for (int k = kLeastProbe; k <= kMostProbe; ++k) {
    for (const double sign : {-1.0, 1.0}) {
      std::fill(at.begin(), at.end(), sign * std::ldexp(1, k));
      loss_->Curvatures(at.data(), curvature.data());
      for (size_t i = 0; i < numbers; ++i) {
        if (k <= 0) near = std::max(near, curvature[i]);
        if (!std::isfinite(curvature[i]) || (k > 0 && near > 0 && curvature[i] > kGrows * near))
          return absl::InvalidArgumentError(
              "the curvature of the loss has no bound, so that no step of mspg surely converges; minimise "
              "by another rule, as with --update=sgd, or without delay, by --bridge=bsp");
        if (curvature[i] <= weight_[i]) continue;
        weight_[i] = curvature[i];
        const double inner = k == kLeastProbe ? 0 : sign * std::ldexp(1, k - 1), outer = 2 * at[i];
        low[i] = std::min(inner, outer), high[i] = std::max(inner, outer);
      }
    }
  }
  std::vector<double> right(numbers), beyond(numbers);
  for (int step = 0; step < kRefinements; ++step) {
    for (size_t i = 0; i < numbers; ++i) {
      at[i] = low[i] + (high[i] - low[i]) / 3;
      right[i] = high[i] - (high[i] - low[i]) / 3;
    }
    loss_->Curvatures(at.data(), curvature.data());
    loss_->Curvatures(right.data(), beyond.data());
    for (size_t i = 0; i < numbers; ++i) {
      weight_[i] = std::max({weight_[i], curvature[i], beyond[i]});
      (curvature[i] < beyond[i] ? low[i] : high[i]) = curvature[i] < beyond[i] ? at[i] : right[i];
    }
  }
  return absl::OkStatus();
}

// Whether some curvature at the view is above its bound; it is the bound from now on.
bool DelayedSolver::RaiseBounds() {
  if (loss_->quadratic()) return false;
  std::vector<double> curvature(weight_.size());
  loss_->Curvatures(gauge_.view().data(), curvature.data());
  bool any = false;
  for (size_t i = 0; i < weight_.size(); ++i) {
    if (!(curvature[i] > weight_[i] * (1 + 1e-9))) continue;
    weight_[i] = 2 * curvature[i];
    any = true;
  }
  return any;
}

void DelayedSolver::ChooseStep() {
  lipschitz_ = Norm(0, unit_.size());
  double blocks = 0;
  for (const Slice& slice : slice_) blocks += Norm(slice.begin, slice.end);
  coupling_ = std::sqrt(lipschitz_ * blocks);
  const double bound = lipschitz_ + 2 * coupling_ * options_.staleness;
  step_ = bound > 0 ? options_.step_scale * kMargin / bound : 1;
}

std::string DelayedSolver::certificate() const {
  if (!ready_.load(std::memory_order_acquire)) return "";
  return absl::StrFormat("step %.4g < 1 / (L_f + 2 L s): L_f = %.4g, L = %.4g, s = %d", step_, lipschitz_,
                         coupling_, options_.staleness);
}

void DelayedSolver::AddColumns(size_t k, const double* change, double* view) const {
  const Part& part = PartOf(k);
  WithColumns(part.columns, [&](const auto& columns) {
    for (int64_t b = 0; b < part.unit_columns(); ++b, change += outputs_) {
      columns.ForEach(part.column(unit_[k].unit(), b), [&](int64_t row, double x) {
        double* const to = view + row * outputs_;
        for (int64_t c = 0; c < outputs_; ++c) to[c] += part.sign * x * change[c];
      });
    }
  });
}

// The largest eigenvalue of X' W X over units [begin, end): outputs do not couple, so of the most.
double DelayedSolver::Norm(size_t begin, size_t end) const {
  std::vector<double> v(static_cast<size_t>(width_) * (end - begin)), view(weight_.size());
  std::mt19937_64 random(1);
  double norm = 0, length = 0;
  for (double& t : v) t = static_cast<double>(random() >> 11) * 0x1p-53 - 0.5;
  for (int step = 0; step < kMostIterations; ++step) {
    length = 0;
    for (const double t : v) length += t * t;
    length = std::sqrt(length);
    if (length <= 0) return 0;
    for (double& t : v) t /= length;
    std::fill(view.begin(), view.end(), 0.0);
    for (size_t k = begin; k < end; ++k)
      AddColumns(k, v.data() + (k - begin) * static_cast<size_t>(width_), view.data());
    for (size_t i = 0; i < view.size(); ++i) view[i] *= weight_[i];
    double next = 0;
    for (size_t k = begin; k < end; ++k) {
      double* const to = v.data() + (k - begin) * static_cast<size_t>(width_);
      PartOf(k).Gradient(unit_[k].unit(), view.data(), to);
      std::fill(to + PartOf(k).numbers(), to + width_, 0.0);
    }
    for (const double t : v) next += t * t;
    next = std::sqrt(next);
    const bool settled = step > 10 && next - norm <= kSettled * next;
    norm = next;
    if (settled) break;
  }
  return norm;
}

// ---- Clocks.

// The newest view that all share, and the slice's own changes since.
void DelayedSolver::Look(Slice* slice, int64_t clock) const {
  const int64_t newest = turned_.load(std::memory_order_acquire);
  slice->delay = std::max(slice->delay, clock - newest);
  const std::vector<double>& shared = view_[Ring(newest)];
  std::copy(shared.begin(), shared.end(), slice->view.begin());
  for (int64_t c = newest; c < clock; ++c) {
    const std::vector<double>& sent = slice->sent[Ring(c)];
    for (size_t i = 0; i < sent.size(); ++i) slice->view[i] += sent[i];
  }
  loss_->Slopes(slice->view.data(), slice->slope.data());
}

void DelayedSolver::Work(int worker) {
  Slice& slice = slice_[static_cast<size_t>(worker)];
  const int64_t clock = slice.clock++;
  std::vector<double>& sent = slice.sent[Ring(clock)];
  std::fill(sent.begin(), sent.end(), 0.0);
  if (!ready_.load(std::memory_order_acquire)) return;
  Look(&slice, clock);
  double* const z = slice.scratch.data();
  double* const now = z + width_;
  double* const to = now + width_;
  for (size_t k = slice.begin; k < slice.end; ++k) {
    const Part& part = PartOf(k);
    const int64_t unit = unit_[k].unit();
    double* at = now;
    for (int64_t b = 0; b < part.unit_columns(); ++b) {
      const int64_t j = part.column(unit, b);
      for (int64_t c = 0; c < outputs_; ++c) *at++ = part.theta[part.element(j, c)];
    }
    part.Gradient(unit, slice.slope.data(), z);
    for (int64_t i = 0; i < part.numbers(); ++i) z[i] = now[i] / step_ - z[i];
    part.Minimizer(unit, 1 / step_, z, now, to);
    if (std::equal(now, now + part.numbers(), to)) continue;
    ++slice.moved;
    at = to;
    for (int64_t b = 0; b < part.unit_columns(); ++b) {
      const int64_t j = part.column(unit, b);
      for (int64_t c = 0; c < outputs_; ++c) part.theta[part.element(j, c)] = *at++;
    }
    for (int64_t i = 0; i < part.numbers(); ++i) to[i] -= now[i];
    AddColumns(k, to, sent.data());
  }
}

void DelayedSolver::Turn() {
  const int64_t clock = turned_.load(std::memory_order_relaxed);
  if (clock == 0) {
    Prepare();
    view_[Ring(1)] = gauge_.view();
  } else {
    std::vector<double>& next = view_[Ring(clock + 1)];
    if (options_.staleness > 0) next = view_[Ring(clock)];
    for (const Slice& slice : slice_) {
      const std::vector<double>& sent = slice.sent[Ring(clock)];
      for (size_t i = 0; i < sent.size(); ++i) next[i] += sent[i];
    }
  }
  turned_.store(clock + 1, std::memory_order_release);
}

void DelayedSolver::Rest() {
  if (!status_.ok() || !ready_.load(std::memory_order_relaxed)) return;
  status_ = gauge_.Start();  // the view afresh
  if (!status_.ok()) return;
  if (RaiseBounds()) ChooseStep();
  Measure();
  view_[Ring(turned_.load(std::memory_order_relaxed))] = gauge_.view();
}

void DelayedSolver::Measure() {
  for (int w = 0; w < options_.workers; ++w) gauge_.Work(w);
  gauge_.Turn();
  primal_ = gauge_.objective();
  gap_ = gauge_.gap();
  if (measured_++ == 0) start_value_ = primal_;
  converged_ = gauge_.converged();
  if (!std::isfinite(primal_) || primal_ > kDiverged * std::abs(start_value_)) {
    converged_ = false;
    status_ = absl::AbortedError(absl::StrCat(
        "diverged with a step of ", step_, "; ", step_ / options_.step_scale, " does not"));
  }
}

CoordinateWork DelayedSolver::counters() const {
  CoordinateWork work;
  for (const Slice& slice : slice_) work.updates += slice.moved;
  return work;
}

int64_t DelayedSolver::most_delay() const {
  int64_t most = 0;
  for (const Slice& slice : slice_) most = std::max(most, slice.delay);
  return most;
}

}  // namespace gyre
