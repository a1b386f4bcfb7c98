// Accelerated proximal gradient (FISTA; Beck & Teboulle 2009) with adaptive restart (O'Donoghue &
// Candes 2015) and a step that follows the curvature, at one evaluation per iteration.
//
// Every evaluation, at an extrapolated point y, also measures the curvature L between y and the
// point evaluated before, <f'(y) - f'(y'), y - y'> / ||y - y'||^2, which keeps its digits where
// differences of f are rounding. The step is 1 / L of
// the largest L met, which is forgotten slowly so that the step can grow (the weights of the
// momentum follow it: Scheinberg, Goldfarb & Bai 2014). A point where F rose although the curvature
// was worse than assumed is taken back.
//
// Q: Why not the textbook test at x+? It would cost a second evaluation per iteration.
// The model is the proximal step x+ from the best y, F(x+) <= F(y), once the curvature beyond it has
// confirmed the step; at the end x+ itself is evaluated.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ops/update/rule.h"

namespace gyre::internal {
namespace {

// Share of the largest curvature met that is kept per iteration, so that the step can grow. Where the
// condition is bad, faster growth (0.98) ends in instability over and over: 5 times the evaluations.
constexpr double kForget = 0.998;
constexpr double kRounding = 1e-13;  // relative changes of F below it are no progress
// A rise of F up to this, relative, may be the rounding of a sum in float.
constexpr double kNoise = 1e-7;
// Failed trials in a row before the rule gives up: halving the step as often leaves no step.
constexpr int kMostFailures = 40;
// Accepted points in a row without a new least F before the momentum restarts (where the condition is
// bad, F rises and falls again within dozens), and such restarts in a row before F counts as still.
constexpr int kMostStill = 100, kMostStalls = 5;

class Fista final : public Rule {
 public:
  using Rule::Rule;

  bool needs_value() const override { return true; }
  UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                   double epoch) override;
  void Best(absl::Span<double> x) const override {
    std::copy(best_.begin(), best_.end(), x.begin());
  }

 private:
  struct Scalars {
    double f = 0, objective = 0;         // at point_
    double best = std::numeric_limits<double>::infinity();  // bound of F at best_
    double least = std::numeric_limits<double>::infinity();  // F of the accepted points
    double curvature = 0;                // L; 0: not known yet
    double step = 0, first_step = 0;     // of the last and of the first iteration
    double gradient_left = 0;            // norm of the proximal gradient over the largest gradient
    double decrease = 0;                 // root of the relative decrease predicted by the last
    double theta = 1;                    // t_k of the momentum
    double beta = 0;                     // momentum that led to the point under evaluation
    double largest_gradient = 0;
    double stationarity = 0;
    int failures = 0, still = 0, stalls = 0;
    bool started = false, converged = false;
    bool final = false;                  // the point under evaluation is x_k itself, for the last test
  };

  void Reset(absl::Span<double> x) override;
  void Visit(Archive& archive) override {
    archive(s_), archive(point_), archive(gradient_), archive(last_), archive(next_);
    archive(best_);
  }

  // Curvature between the point evaluated before and this one.
  double Curvature(absl::Span<const double> gradient, absl::Span<const double> y) const;
  bool Acceptable(double f, double objective, double curvature) const;
  void Accept(double f, double objective, absl::Span<const double> gradient,
              absl::Span<const double> y);
  UpdateState Reject(double curvature, absl::Span<double> y);
  void Track(double objective);
  double FirstStep() const;
  // From point_ and gradient_: the proximal step, its tests, and the next point into y.
  void Iterate(absl::Span<double> y);
  void Measure(double distance2);
  void KeepBest(double curvature);
  UpdateState Conclude(absl::Span<double> y);
  UpdateState Finish(absl::Span<double> y, bool accepted);
  UpdateState Report(bool accepted) const;

  Scalars s_;
  std::vector<double> point_, gradient_;  // evaluated last and accepted
  std::vector<double> last_, next_;       // proximal iterates x_{k-1}, x_k
  std::vector<double> best_;
};

void Fista::Reset(absl::Span<double> x) {
  s_ = Scalars{};
  point_.assign(n(), 0), gradient_.assign(n(), 0);
  last_.assign(x.begin(), x.end());
  next_ = best_ = last_;
}

double Fista::Curvature(absl::Span<const double> gradient, absl::Span<const double> y) const {
  const double *from = point_.data(), *slope = gradient_.data();
  const auto [distance2, secant] = SumsOf<2>(n(), [&](size_t i, const auto& add) {
    const double d = y[i] - from[i];
    add(0, d * d), add(1, d * (gradient[i] - slope[i]));
  });
  return distance2 > 0 ? secant / distance2 : 0;
}

bool Fista::Acceptable(double f, double objective, double curvature) const {
  if (!std::isfinite(f) || !std::isfinite(objective) || !std::isfinite(curvature)) return false;
  const double rise = objective - s_.objective, noise = kNoise * std::abs(s_.objective);
  if (rise <= noise) return true;
  // A plain proximal step must not rise; an extrapolated one may, unless it was unstable.
  return s_.beta > 0 && curvature * s_.step <= 1.5;
}

void Fista::Accept(double f, double objective, absl::Span<const double> gradient,
                   absl::Span<const double> y) {
  s_.f = f, s_.objective = objective;
  s_.failures = 0;
  std::copy(y.begin(), y.end(), point_.begin());
  std::copy(gradient.begin(), gradient.end(), gradient_.begin());
  s_.largest_gradient =
      std::max(s_.largest_gradient, std::sqrt(DotOf(gradient_.data(), gradient_.data(), n())));
}

// Notices when F has stopped falling.
void Fista::Track(double objective) {
  const bool falls = objective < s_.least - kRounding * std::abs(s_.least);
  s_.still = falls ? 0 : s_.still + 1;
  if (falls) s_.stalls = 0;
  s_.least = std::min(s_.least, objective);
  if (s_.still <= kMostStill) return;
  s_.still = 0;
  ++s_.stalls;
  s_.theta = 1;
}

// Small against x and against the gradient; the first pair of points corrects it either way.
double Fista::FirstStep() const {
  if (options_.step > 0) return options_.step;
  const double x = std::sqrt(DotOf(point_.data(), point_.data(), n()));
  return s_.largest_gradient > 0 ? 1e-3 * std::max(x, 1.0) / s_.largest_gradient : 1;
}

void Fista::Measure(double distance2) {
  const double norm = std::sqrt(distance2) / s_.step;
  const double gradient = s_.largest_gradient > 0 ? norm / s_.largest_gradient : 0;
  const double decrease = std::sqrt(distance2 / (2 * s_.step) / std::max(std::abs(s_.objective), 1e-300));
  s_.decrease = decrease, s_.gradient_left = gradient;
  s_.stationarity = std::min(gradient, decrease);
  s_.final = s_.stationarity <= options_.tolerance && options_.tolerance > 0 && s_.curvature > 0;
}

// Called when the point beyond x_k = next_ has been accepted, before its F becomes the last one.
void Fista::KeepBest(double curvature) {
  if (curvature * s_.step > 1.5 || s_.objective >= s_.best) return;
  s_.best = s_.objective;
  best_ = next_;
}

void Fista::Iterate(absl::Span<double> y) {
  const double before = s_.step;
  s_.step = s_.curvature > 0 ? 1 / s_.curvature : FirstStep();
  if (!s_.started) s_.first_step = s_.step;
  std::swap(last_, next_);
  double* next = next_.data();
  const double *last = last_.data(), *point = point_.data(), *slope = gradient_.data();
  for (size_t i = 0; i < n(); ++i) next[i] = point[i] - s_.step * slope[i];
  omega_.Apply(s_.step, next_.data());
  const auto [distance2, uphill] = SumsOf<2>(n(), [&](size_t i, const auto& add) {
    const double back = point[i] - next[i];
    add(0, back * back), add(1, back * (next[i] - last[i]));
  });
  Measure(distance2);
  // The gradient scheme; restarts whenever F rises as well were no better anywhere.
  if (options_.restart && uphill > 0) s_.theta = 1;
  const double ratio = before > 0 ? before / s_.step : 1;
  const double theta = (1 + std::sqrt(1 + 4 * ratio * s_.theta * s_.theta)) / 2;
  s_.beta = s_.started && !s_.final ? (s_.theta - 1) / theta : 0;
  s_.theta = theta;
  for (size_t i = 0; i < n(); ++i) y[i] = next[i] + s_.beta * (next[i] - last[i]);
  if (s_.beta > 0) omega_.Project(y.data());
  s_.started = true;
}

UpdateState Fista::Report(bool accepted) const {
  UpdateState state;
  state.objective = accepted ? s_.objective : std::numeric_limits<double>::quiet_NaN();
  state.best_objective = s_.best;
  state.stationarity = s_.stationarity;
  state.converged = s_.converged;
  state.accepted = accepted;
  return state;
}

// The last proximal step has been evaluated and is no worse: it is the model.
UpdateState Fista::Conclude(absl::Span<double> y) {
  s_.converged = true;
  if (s_.objective <= s_.best) {
    s_.best = s_.objective;
    std::copy(y.begin(), y.end(), best_.begin());
  }
  std::copy(best_.begin(), best_.end(), y.begin());
  return Report(true);
}

// F no longer falls in floating point: as good as it gets, unless the gradient says otherwise.
UpdateState Fista::Finish(absl::Span<double> y, bool accepted) {
  // A step made tiny by failures predicts no decrease; the first one's length tells what is left.
  const double left = s_.decrease * std::sqrt(std::max(1.0, s_.first_step / s_.step));
  s_.converged = std::min(left, s_.gradient_left) < 1e-3;
  std::copy(best_.begin(), best_.end(), y.begin());
  UpdateState state = Report(accepted);
  if (!s_.converged)
    state.status = absl::AbortedError(
        "fista found no smaller objective in many steps; the gradient may be wrong");
  return state;
}

UpdateState Fista::Reject(double curvature, absl::Span<double> y) {
  if (!s_.started) {
    UpdateState state = Report(false);
    state.status = absl::InvalidArgumentError(
        "the objective or its gradient is not finite at the starting point");
    return state;
  }
  if (++s_.failures > kMostFailures) return Finish(y, false);
  const double assumed = 1 / s_.step;
  const double twice = std::isfinite(curvature) ? std::clamp(curvature, 2 * assumed, 1e3 * assumed)
                                                : 4 * assumed;
  s_.curvature = std::max(s_.curvature, twice);
  s_.theta = 1;
  std::swap(last_, next_);  // Iterate swaps back: x_{k-1} stays what it was
  Iterate(y);
  return Report(false);
}

UpdateState Fista::Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                        double /*epoch*/) {
  if (s_.converged) return Report(true);
  const double objective = f + omega_.Value(x.data());
  const bool finite = std::isfinite(objective) && AllFinite(gradient);
  if (!s_.started) {
    if (!finite) return Reject(0, x);
    Accept(f, objective, gradient, x);
  } else {
    const double curvature = finite ? Curvature(gradient, x) : std::numeric_limits<double>::quiet_NaN();
    if (!finite || !Acceptable(f, objective, curvature)) return Reject(curvature, x);
    KeepBest(curvature);
    s_.curvature = std::max(curvature, s_.curvature * kForget);
    if (s_.curvature <= 0) s_.curvature = 0.5 / s_.step;  // flat or concave so far: grow
    Track(objective);
    const bool last = s_.final;
    Accept(f, objective, gradient, x);
    if (last) return Conclude(x);
    if (s_.stalls > kMostStalls) return Finish(x, true);
  }
  Iterate(x);
  return Report(true);
}

}  // namespace

std::unique_ptr<UpdateRule> MakeFista(const UpdateOptions& options) {
  return std::make_unique<Fista>(options);
}

}  // namespace gyre::internal
