// L-BFGS (Liu & Nocedal 1989) and OWL-QN (Andrew & Gao 2007), one evaluation per trial step.
//
// Both minimise f + l2 (taken as smooth) by a two-loop direction and a line search; x_k stays in
// base_ while trial points x_k + t d are handed out.
//   lbfgs  weak Wolfe conditions by bracketing (Lewis & Overton 2013) with secant and cubic steps,
//          and Hager & Zhang's approximate test (2005) where differences of f are rounding
//   owlqn  l1 by the pseudo-gradient and projection on the orthant of the trial; bounds by
//          projection, with the elements that push against their bound held out of the direction
//          (Bertsekas 1982); backtracking
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/update/pairs.h"
#include "ops/update/rule.h"

namespace gyre::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kArmijo = 1e-4;   // share of the predicted decrease that a step must reach
constexpr double kWolfe = 0.9;     // share of the slope that may be left
constexpr double kRounding = 1e-13;  // relative changes of F below it are no progress
// A rise of F up to this, relative, may be the rounding of a sum in float; the slope then decides.
constexpr double kNoise = 1e-7;
constexpr int kMostTrials = 40;    // of one line search
constexpr int kMostStill = 20;     // accepted steps in a row without a new least F

class QuasiNewton final : public Rule {
 public:
  explicit QuasiNewton(const UpdateOptions& options)
      : Rule(options), orthant_(options.rule == "owlqn") {}

  bool needs_value() const override { return true; }
  UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                   double epoch) override;
  void Best(absl::Span<double> x) const override {
    std::copy(base_.begin(), base_.end(), x.begin());
  }

 private:
  struct Scalars {
    double objective = 0;                   // at base_
    double least = kInfinity;               // of the accepted points
    double trial_objective = 0;
    double slope = 0;                       // directional derivative at base_, negative
    double t = 0, low = 0, high = kInfinity;  // trial step and its bracket
    double low_slope = 0;                   // directional derivative at `low`
    double largest_gradient = 0;
    double stationarity = 0, predicted = 0;
    int trials = 0, still = 0;
    int steepest = 0;                       // restarts from steepest descent since the last success
    bool started = false, converged = false;
  };

  void Reset(absl::Span<double> x) override;
  void Visit(Archive& archive) override {
    archive(s_), archive(base_), archive(gradient_), archive(pseudo_), archive(direction_);
    archive(trial_gradient_);
    pairs_.Visit(archive);
  }

  // The gradient of F where it has one, the steepest one-sided derivative elsewhere.
  void SetPseudoGradient();
  void SetDirection();
  void AlignDirection();
  void FirstTrial(absl::Span<double> x);
  void Trial(absl::Span<double> x);
  void Accept(double objective, absl::Span<const double> x);
  enum class Verdict { kAccept, kTooLong, kTooShort };
  Verdict Judge(double objective, absl::Span<const double> x, double* trial_slope) const;
  void Shorten(double objective, double trial_slope, bool finite);
  void Lengthen(double trial_slope);
  UpdateState GiveUp(absl::Span<double> x);
  UpdateState Finish(absl::Span<double> x);
  UpdateState Report(bool accepted) const;

  const bool orthant_;
  Scalars s_;
  Pairs pairs_;
  std::vector<double> base_, gradient_, pseudo_, direction_, trial_gradient_;
};

void QuasiNewton::Reset(absl::Span<double> x) {
  s_ = Scalars{};
  base_.assign(x.begin(), x.end());
  gradient_.assign(n(), 0);
  pseudo_ = direction_ = trial_gradient_ = gradient_;
  pairs_.Reset(n(), options_.memory);
}

void QuasiNewton::SetPseudoGradient() {
  pseudo_ = gradient_;
  if (!orthant_) return;
  for (const Segment& segment : omega_.segments()) {
    const Prox& p = segment.prox;
    for (int64_t j = 0; j < segment.size; ++j) {
      const size_t i = static_cast<size_t>(segment.begin + j);
      const double x = base_[i], g = gradient_[i], w = p.l1.at(j);
      const double lower = p.lower.at(j), upper = p.upper.at(j);
      // One-sided derivatives to the right and to the left, closed by the bounds.
      const double right = x >= upper ? kInfinity : g + (x >= 0 ? w : -w);
      const double left = x <= lower ? -kInfinity : g + (x > 0 ? w : -w);
      pseudo_[i] = right < 0 ? right : left > 0 ? left : 0;
    }
  }
}

// Penalised elements move only along their own descent (equation 4 of Andrew & Gao); elements held
// by a bound stay.
void QuasiNewton::AlignDirection() {
  for (const Segment& segment : omega_.segments()) {
    const Prox& p = segment.prox;
    if (p.smooth()) continue;
    for (int64_t j = 0; j < segment.size; ++j) {
      const size_t i = static_cast<size_t>(segment.begin + j);
      const bool at_bound = base_[i] <= p.lower.at(j) || base_[i] >= p.upper.at(j);
      if (at_bound && pseudo_[i] == 0) direction_[i] = 0;
      if (p.l1.at(j) > 0 && direction_[i] * pseudo_[i] >= 0) direction_[i] = 0;
    }
  }
}

void QuasiNewton::SetDirection() {
  direction_ = pseudo_;
  pairs_.Direction(direction_.data());
  if (orthant_) AlignDirection();
  s_.slope = DotOf(direction_.data(), pseudo_.data(), n());
  if (s_.slope < 0 && std::isfinite(s_.slope)) return;
  pairs_.Clear();
  direction_ = pseudo_;
  pairs_.Direction(direction_.data());
  s_.slope = -DotOf(pseudo_.data(), pseudo_.data(), n());
}

void QuasiNewton::FirstTrial(absl::Span<double> x) {
  SetPseudoGradient();
  const double norm = std::sqrt(DotOf(pseudo_.data(), pseudo_.data(), n()));
  s_.largest_gradient = std::max(s_.largest_gradient, norm);
  SetDirection();
  const double decrease = std::sqrt(-s_.slope / 2 / std::max(std::abs(s_.objective), 1e-300));
  s_.stationarity = s_.largest_gradient > 0 ? norm / s_.largest_gradient : 0;
  if (!pairs_.empty()) s_.stationarity = std::min(s_.stationarity, decrease);
  s_.converged = norm == 0 || (options_.tolerance > 0 && s_.stationarity <= options_.tolerance);
  // Without curvature yet: a step of a hundredth of x, or of unit length at most.
  const double size = std::sqrt(DotOf(base_.data(), base_.data(), n()));
  const double first = options_.step > 0 ? options_.step
                                         : std::min(1.0, std::max(size * 0.01, 1.0) / std::max(norm, 1e-300));
  s_.t = pairs_.empty() ? first : 1;
  s_.low = 0, s_.high = kInfinity, s_.low_slope = s_.slope;
  s_.trials = 0;
  if (s_.converged) {
    std::copy(base_.begin(), base_.end(), x.begin());
  } else {
    Trial(x);
  }
}

void QuasiNewton::Trial(absl::Span<double> x) {
  for (size_t i = 0; i < n(); ++i) x[i] = base_[i] + s_.t * direction_[i];
  if (!orthant_) return;
  for (const Segment& segment : omega_.segments()) {
    if (!segment.prox.l1.given()) continue;
    for (int64_t j = 0; j < segment.size; ++j) {
      const size_t i = static_cast<size_t>(segment.begin + j);
      if (segment.prox.l1.at(j) == 0) continue;
      const double side = base_[i] != 0 ? base_[i] : -pseudo_[i];
      if (x[i] * side <= 0) x[i] = 0;
    }
  }
  omega_.Project(x.data());
}

QuasiNewton::Verdict QuasiNewton::Judge(double objective, absl::Span<const double> x,
                                        double* trial_slope) const {
  double predicted = s_.t * s_.slope, left = 0;  // slopes along the whole move, before and after
  if (orthant_) {  // the path bends at zeros and bounds: what counts is the move that was made
    const double *slope = pseudo_.data(), *base = base_.data(), *gradient = gradient_.data();
    const double* trial = trial_gradient_.data();
    const auto [move, change] = SumsOf<2>(n(), [&](size_t i, const auto& add) {
      const double d = x[i] - base[i];
      add(0, slope[i] * d), add(1, (trial[i] - gradient[i]) * d);
    });
    predicted = move, left = move + change;
  } else {
    *trial_slope = DotOf(trial_gradient_.data(), direction_.data(), n());
    left = s_.t * *trial_slope;
  }
  const bool falls = objective <= s_.objective + kArmijo * predicted;
  const bool flat = objective <= s_.objective + kNoise * std::abs(s_.objective) &&
                    left <= (2 * kArmijo - 1) * predicted;
  if (!falls && !flat) return Verdict::kTooLong;
  // Along a bent path longer is not better than the first, full step.
  return !orthant_ && left < kWolfe * predicted ? Verdict::kTooShort : Verdict::kAccept;
}

void QuasiNewton::Shorten(double objective, double trial_slope, bool finite) {
  s_.high = s_.t;
  const double width = s_.high - s_.low;
  double t = s_.low + (finite ? 0.5 : 0.1) * width;
  if (finite && s_.low == 0) {
    // Minimum of the parabola through F(0), F'(0), F(t).
    const double bend = objective - s_.objective - s_.t * s_.slope;
    const double parabola = bend > 0 ? -s_.slope * s_.t * s_.t / (2 * bend) : t;
    t = std::clamp(parabola, 0.1 * s_.t, 0.5 * s_.t);
    // A positive slope brackets the minimum of a smooth F: the secant step is better still.
    if (!orthant_ && trial_slope > 0)
      t = std::clamp(s_.t * s_.slope / (s_.slope - trial_slope), 0.02 * s_.t, 0.9 * s_.t);
  }
  s_.t = t;
}

void QuasiNewton::Lengthen(double trial_slope) {
  const double from = s_.low, from_slope = s_.low_slope;
  s_.low = s_.t, s_.low_slope = trial_slope;
  if (s_.high < kInfinity) {
    s_.t = 0.5 * (s_.low + s_.high);
    return;
  }
  // Where the slope would vanish if it went on as from the last trial.
  const double change = trial_slope - from_slope;
  const double secant = change > 0 ? s_.t - trial_slope * (s_.t - from) / change : kInfinity;
  s_.t = std::clamp(secant, 2 * s_.t, 20 * s_.t);
}

void QuasiNewton::Accept(double objective, absl::Span<const double> x) {
  double *s = pairs_.next_s(), *y = pairs_.next_y();
  for (size_t i = 0; i < n(); ++i) {
    s[i] = x[i] - base_[i];
    y[i] = trial_gradient_[i] - gradient_[i];
  }
  pairs_.Push();
  std::copy(x.begin(), x.end(), base_.begin());
  gradient_.swap(trial_gradient_);
  s_.still = objective < s_.least - kRounding * std::abs(s_.least) ? 0 : s_.still + 1;
  s_.least = std::min(s_.least, objective);
  s_.objective = objective;
  s_.steepest = 0;
}

UpdateState QuasiNewton::Report(bool accepted) const {
  UpdateState state;
  state.objective = s_.trial_objective;
  state.best_objective = s_.objective;
  state.stationarity = s_.stationarity;
  state.converged = s_.converged;
  state.accepted = accepted;
  return state;
}

// The search found nothing: once more along steepest descent, then it is the end.
UpdateState QuasiNewton::GiveUp(absl::Span<double> x) {
  if (s_.steepest++ == 0 && !pairs_.empty()) {
    pairs_.Clear();
    FirstTrial(x);
    return Report(false);
  }
  return Finish(x);
}

// F no longer falls in floating point: as good as it gets, unless the gradient says otherwise.
UpdateState QuasiNewton::Finish(absl::Span<double> x) {
  s_.converged = s_.stationarity < 1e-3;
  std::copy(base_.begin(), base_.end(), x.begin());
  UpdateState state = Report(false);
  if (!s_.converged)
    state.status = absl::AbortedError(absl::StrCat(
        options_.rule,
        " found no smaller objective in many trials of its line search; the gradient may be wrong "
        "or the objective not finite"));
  return state;
}

UpdateState QuasiNewton::Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                              double /*epoch*/) {
  if (s_.converged) return Report(true);
  std::copy(gradient.begin(), gradient.end(), trial_gradient_.begin());
  const double objective =
      f + omega_.AddL2(x.data(), trial_gradient_.data()) + omega_.L1Value(x.data());
  const bool finite = std::isfinite(objective) && AllFinite(trial_gradient_);
  s_.trial_objective = objective;
  if (!s_.started) {
    s_.objective = objective;
    if (!finite) {
      UpdateState state = Report(false);
      state.status = absl::InvalidArgumentError(
          "the objective or its gradient is not finite at the starting point");
      return state;
    }
    s_.started = true;
    gradient_.swap(trial_gradient_);
    FirstTrial(x);
    return Report(true);
  }
  double trial_slope = 0;
  const Verdict verdict = finite ? Judge(objective, x, &trial_slope) : Verdict::kTooLong;
  // A bracket this narrow means that the slope condition cannot be met; decrease is enough.
  const bool narrow = s_.high - s_.low < 1e-9 * s_.high && objective < s_.objective;
  if (verdict == Verdict::kAccept || (finite && narrow)) {
    Accept(objective, x);
    if (s_.still > kMostStill) return Finish(x);
    FirstTrial(x);
    return Report(true);
  }
  if (++s_.trials > kMostTrials) return GiveUp(x);
  if (verdict == Verdict::kTooLong) {
    Shorten(objective, trial_slope, finite);
  } else {
    Lengthen(trial_slope);
  }
  Trial(x);
  return Report(false);
}

}  // namespace

std::unique_ptr<UpdateRule> MakeQuasiNewton(const UpdateOptions& options) {
  return std::make_unique<QuasiNewton>(options);
}

}  // namespace gyre::internal
