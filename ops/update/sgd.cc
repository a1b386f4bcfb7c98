// Proximal mini-batch gradient descent with momentum, which finds its own first step.
//
//   v <- momentum v - step g        x <- prox_{step Omega}(x + v),  v <- x - x_old
//
// Without options.step the first clocks are probes (at most kMostProbes): gradients at the starting
// point twice, for the noise between mini-batches, then at points x0 + d u, with the distance d
// growing until the change of the gradient along u stands out of the noise or the gradient is no
// longer the same one, then a few rounds of power iteration on u. The step is (1 - momentum)
// / L for the largest curvature L met: as long as one of plain descent once momentum has built up,
// and room for batches steeper than those probed. Should f rise all the same, the rule starts again
// with half the step.
//
// Under a schedule that lets the step fall, the model is a mean of the points passed through, of which
// the later ones weigh more (Shamir & Zhang 2013): the noise of single batches is not in it.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/update/rule.h"
#include "ops/update/schedule.h"

namespace gyre::internal {
namespace {

constexpr int kMostProbes = 24;
constexpr int kPowerRounds = 4;
// A change of the gradient counts when it exceeds the noise and this share of the gradient; beyond
// this other share the probe has gone as far as a step ever would.
constexpr double kChange = 0.05, kMostChange = 0.5;
// Failures in a row before the rule gives up; each halves the step.
constexpr int kMostFailures = 40;
// A running mean of |f| this many times |f| at the start means that the step is too long.
constexpr double kBlowUp = 3;
constexpr double kMeanShare = 0.1;  // of the newest value in the running mean

class Sgd final : public Rule {
 public:
  using Rule::Rule;

  bool probing() const override { return s_.phase != Phase::kDescend; }
  bool needs_value() const override { return false; }
  UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                   double epoch) override;
  void Best(absl::Span<double> x) const override {
    const std::vector<double>& model = s_.averaged > 0 ? average_ : x_;
    std::copy(model.begin(), model.end(), x.begin());
  }

 private:
  enum class Phase { kFirst, kNoise, kDistance, kPower, kDescend };
  struct Scalars {
    Phase phase = Phase::kFirst;
    double step = 0;
    double distance = 0;         // of the probe from the starting point
    double noise = 0;            // between two gradients at one point, along the probe's direction
    double noise2 = 0;           // the same in all directions, squared
    double first_norm = 0;       // of the gradient at the starting point
    double curvature = 0;        // largest met
    double usual_f = 0;          // largest |f| seen at the starting point
    double mean_f = 0;           // running mean of |f|
    int clocks = 0;
    double objective = 0;
    int probes = 0, rounds = 0, failures = 0;
    int64_t averaged = 0;        // points in the mean
  };

  void Reset(absl::Span<double> x) override;
  void Visit(Archive& archive) override {
    archive(s_), archive(x_), archive(velocity_), archive(gradient_), archive(start_);
    archive(average_);
  }

  void Probe(absl::Span<const double> gradient, absl::Span<double> x);
  void Measure(absl::Span<const double> gradient, absl::Span<double> x);
  void HandOutProbe(absl::Span<double> x);
  void StartDescent(absl::Span<double> x);
  void Descend(absl::Span<const double> gradient, absl::Span<double> x, double epoch);
  void Average();
  bool Blown(double f);
  UpdateState Fail(absl::Span<double> x);

  Scalars s_;
  std::vector<double> x_;         // the current point; probes leave it
  std::vector<double> velocity_;  // while probing: the unit direction u
  std::vector<double> gradient_;  // while probing: the mean gradient at the starting point
  std::vector<double> start_;      // the starting point, to go back to
  std::vector<double> average_;    // of the points since the start; empty: not wanted
};

void Sgd::Reset(absl::Span<double> x) {
  s_ = Scalars{};
  x_.assign(x.begin(), x.end());
  start_ = x_;
  if (options_.schedule != "constant") average_ = x_;
  velocity_.assign(n(), 0), gradient_.assign(n(), 0);
  if (options_.step > 0) {
    s_.step = options_.step;
    s_.phase = Phase::kDescend;
  }
}

void Sgd::HandOutProbe(absl::Span<double> x) {
  for (size_t i = 0; i < n(); ++i) x[i] = x_[i] + s_.distance * velocity_[i];
  omega_.Project(x.data());
}

void Sgd::StartDescent(absl::Span<double> x) {
  s_.phase = Phase::kDescend;
  // No curvature in reach (a linear function, say): move by the distance probed.
  s_.step = s_.curvature > 0 ? (1 - options_.momentum) / s_.curvature
                             : s_.distance / std::max(s_.first_norm, 1e-300);
  std::fill(velocity_.begin(), velocity_.end(), 0.0);
  std::copy(x_.begin(), x_.end(), x.begin());
}

void Sgd::Probe(absl::Span<const double> gradient, absl::Span<double> x) {
  ++s_.probes;
  if (s_.phase == Phase::kFirst) {
    s_.first_norm = std::sqrt(DotOf(gradient.data(), gradient.data(), n()));
    std::copy(gradient.begin(), gradient.end(), gradient_.begin());
    if (s_.first_norm == 0) return StartDescent(x);
    for (size_t i = 0; i < n(); ++i) velocity_[i] = gradient[i] / s_.first_norm;
    s_.phase = Phase::kNoise;  // the same point again, on the next batch
    return;
  }
  if (s_.phase == Phase::kNoise) {
    double along = 0;
    for (size_t i = 0; i < n(); ++i) {
      const double change = gradient[i] - gradient_[i];
      along += velocity_[i] * change, s_.noise2 += change * change;
      gradient_[i] += 0.5 * change;
    }
    s_.noise = std::abs(along);
    const double size = std::sqrt(DotOf(x_.data(), x_.data(), n()));
    s_.distance = 1e-3 * std::max(1.0, size);
    s_.phase = Phase::kDistance;
    return HandOutProbe(x);
  }
  Measure(gradient, x);
}

void Sgd::Measure(absl::Span<const double> gradient, absl::Span<double> x) {
  double along = 0, norm2 = 0, distance2 = 0;  // the probe may have been moved into the constraints
  for (size_t i = 0; i < n(); ++i) {
    const double change = gradient[i] - gradient_[i], d = x[i] - x_[i];
    along += d * change, norm2 += change * change, distance2 += d * d;
  }
  if (distance2 == 0) return StartDescent(x);
  const double distance = std::sqrt(distance2), slope = std::abs(along) / distance;
  const bool clear = slope >= s_.noise + kChange * s_.first_norm ||
                     norm2 - s_.noise2 >= std::pow(kMostChange * s_.first_norm, 2);
  if (s_.phase == Phase::kDistance && !clear && s_.probes < kMostProbes - kPowerRounds) {
    s_.distance *= 4;
    return HandOutProbe(x);
  }
  s_.phase = Phase::kPower;
  s_.curvature = std::max(s_.curvature, (slope + s_.noise) / distance);
  const double norm = std::sqrt(norm2);
  if (++s_.rounds > kPowerRounds || norm == 0) return StartDescent(x);
  for (size_t i = 0; i < n(); ++i) velocity_[i] = (gradient[i] - gradient_[i]) / norm;
  HandOutProbe(x);
}

void Sgd::Descend(absl::Span<const double> gradient, absl::Span<double> x, double epoch) {
  const double step = s_.step * ScheduleFactor(options_, epoch), m = options_.momentum;
  for (size_t i = 0; i < n(); ++i) {
    velocity_[i] = m * velocity_[i] - step * gradient[i];
    x[i] = x_[i] + velocity_[i];
  }
  omega_.Apply(step, x.data());
  for (size_t i = 0; i < n(); ++i) {
    velocity_[i] = x[i] - x_[i];
    x_[i] = x[i];
  }
  if (!average_.empty()) Average();
}

void Sgd::Average() {
  constexpr double kDecay = 3;  // the last quarter of the points weighs two thirds
  const double weight = (kDecay + 1) / (static_cast<double>(++s_.averaged) + kDecay);
  for (size_t i = 0; i < n(); ++i) average_[i] += weight * (x_[i] - average_[i]);
}

// Back to the starting point, with half the step (a quarter of the probe's distance).
UpdateState Sgd::Fail(absl::Span<double> x) {
  UpdateState state;
  state.accepted = false;
  if (s_.phase <= Phase::kNoise || ++s_.failures > kMostFailures) {
    state.status = absl::AbortedError(
        s_.phase <= Phase::kNoise
            ? "the objective or its gradient is not finite at the starting point"
            : "sgd diverged however small its step; check the scale of the data or set step");
    return state;
  }
  if (s_.phase != Phase::kDescend) {
    s_.distance *= 0.25;
    HandOutProbe(x);
    return state;
  }
  s_.step *= 0.5;
  s_.mean_f = s_.usual_f;
  s_.averaged = 0;
  std::fill(velocity_.begin(), velocity_.end(), 0.0);
  x_ = start_;
  std::copy(x_.begin(), x_.end(), x.begin());
  return state;
}

// Whether f, which may be noisy, has become hopeless. Without f (NaN) nothing is known.
bool Sgd::Blown(double f) {
  if (!std::isfinite(f)) return false;
  const double size = std::abs(f);
  if (s_.clocks++ == 0 || s_.phase <= Phase::kNoise)
    s_.mean_f = s_.usual_f = std::max(s_.usual_f, size);
  if (s_.phase != Phase::kDescend) return false;
  s_.mean_f += kMeanShare * (size - s_.mean_f);
  return s_.mean_f > kBlowUp * s_.usual_f;
}

UpdateState Sgd::Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                      double epoch) {
  if (!AllFinite(gradient) || std::isinf(f) || Blown(f)) return Fail(x);
  UpdateState state;
  if (s_.phase != Phase::kDescend) {
    Probe(gradient, x);
    state.accepted = false;
    return state;
  }
  state.objective = f + omega_.Value(x.data());
  state.best_objective = state.objective;
  Descend(gradient, x, epoch);
  return state;
}

}  // namespace

std::unique_ptr<UpdateRule> MakeSgd(const UpdateOptions& options) {
  return std::make_unique<Sgd>(options);
}

}  // namespace gyre::internal
