#include "ops/coordinate/delayed.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

constexpr int kMostIterations = 300;    // of the power method
constexpr double kSettled = 1e-4;       // relative change at which it ends
constexpr double kMargin = 0.95;        // of the step's bound, for what the power method leaves
constexpr double kDiverged = 1e3;       // of the objective at the start

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
      gauge_(GaugeOptions(options.tolerance, options.workers), parts, loss, offset, rows, outputs),
      random_(options.seed) {}

absl::Status DelayedSolver::Start() {
  if (options_.workers < 1 || options_.staleness < 0 || options_.measure_every < 1)
    return absl::InvalidArgumentError("workers, staleness or measure_every is out of range");
  if (!loss_->quadratic() && options_.curvature <= 0)
    return absl::InvalidArgumentError("the losses are no squares: their curvature needs a bound");
  if (absl::Status status = gauge_.Start(); !status.ok()) return status;
  const auto numbers = static_cast<size_t>(rows_ * outputs_);
  weight_.assign(numbers, options_.curvature);
  if (options_.curvature <= 0) loss_->Curvatures(gauge_.view().data(), weight_.data());
  converged_ = false;
  status_ = absl::OkStatus();
  clock_ = 0, measured_ = 0, most_delay_ = 0;
  random_ = CounterRandom(options_.seed);
  Cut();
  for (Slice& slice : slice_) {
    slice.view = gauge_.view();
    slice.slope.resize(numbers);
    loss_->Slopes(slice.view.data(), slice.slope.data());
    slice.sent.assign(static_cast<size_t>(options_.staleness) + 1, std::vector<double>(numbers));
    slice.seen.assign(slice_.size(), -1);
    slice.scratch.resize(static_cast<size_t>(3 * width_));
    slice.moved = 0;
  }
  lipschitz_ = Norm(0, unit_.size());
  double blocks = 0;
  for (const Slice& slice : slice_) blocks += Norm(slice.begin, slice.end);
  coupling_ = std::sqrt(lipschitz_ * blocks);
  const double bound = lipschitz_ + 2 * coupling_ * options_.staleness;
  step_ = bound > 0 ? options_.step_scale * kMargin / bound : 1;
  phase_ = Phase::kMeasure;  // gauge_ has begun
  return absl::OkStatus();
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
  slice_.assign(static_cast<size_t>(options_.workers), Slice());
  size_t k = 0;
  for (size_t w = 0; w < slice_.size(); ++w) {
    slice_[w].begin = k;
    const auto share = static_cast<int64_t>(w + 1);
    while (k < unit_.size() && (w + 1 == slice_.size() || done * options_.workers < all * share))
      done += PartOf(k).entries(unit_[k].unit()), ++k;
    slice_[w].end = k;
  }
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
double DelayedSolver::Norm(size_t begin, size_t end) {
  std::vector<double> v(static_cast<size_t>(width_) * (end - begin)), view(weight_.size());
  CounterRandom random(1);
  double norm = 0, length = 0;
  for (double& t : v) t = random.Uniform() - 0.5;
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

void DelayedSolver::Work(int worker) {
  if (converged_ || !status_.ok()) return;
  if (phase_ == Phase::kMeasure) {
    gauge_.Work(worker);
    return;
  }
  Slice& slice = slice_[static_cast<size_t>(worker)];
  std::vector<double>& sent = slice.sent[static_cast<size_t>(clock_) % slice.sent.size()];
  std::fill(sent.begin(), sent.end(), 0.0);
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
  if (converged_ || !status_.ok()) return;
  if (phase_ == Phase::kMeasure) {
    EndMeasure();
    return;
  }
  Arrive();
  ++clock_;
  if (clock_ % options_.measure_every == 0) BeginMeasure();
}

void DelayedSolver::Arrive() {
  for (size_t w = 0; w < slice_.size(); ++w) {
    Slice& slice = slice_[w];
    for (size_t v = 0; v < slice_.size(); ++v) {
      const double draw = v == w ? 0 : random_.Uniform() * (options_.staleness + 1);
      const auto delay = static_cast<int64_t>(draw);
      const int64_t newest = std::max(slice.seen[v], clock_ - delay);
      for (int64_t c = slice.seen[v] + 1; c <= newest; ++c) {
        const std::vector<double>& sent =
            slice_[v].sent[static_cast<size_t>(c) % slice_[v].sent.size()];
        for (size_t i = 0; i < sent.size(); ++i) slice.view[i] += sent[i];
      }
      slice.seen[v] = newest;
      most_delay_ = std::max(most_delay_, static_cast<int>(clock_ - newest));
    }
    loss_->Slopes(slice.view.data(), slice.slope.data());
  }
}

void DelayedSolver::BeginMeasure() {
  phase_ = Phase::kMeasure;
  gauge_.Start().IgnoreError();  // the parts were fit at the start
}

void DelayedSolver::EndMeasure() {
  gauge_.Turn();
  primal_ = gauge_.objective();
  gap_ = gauge_.gap();
  if (measured_++ == 0) start_value_ = primal_;
  converged_ = gauge_.converged();
  if (!std::isfinite(primal_) || primal_ > kDiverged * std::abs(start_value_)) {
    converged_ = false;
    status_ = absl::AbortedError(absl::StrCat("diverged after ", clock_, " clocks; a step of ",
                                              step_ / options_.step_scale, " does not"));
  }
  phase_ = Phase::kStep;
}

CoordinateWork DelayedSolver::counters() const {
  CoordinateWork work;
  for (const Slice& slice : slice_) work.updates += slice.moved;
  return work;
}

}  // namespace gyre
