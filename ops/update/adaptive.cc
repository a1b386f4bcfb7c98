// Rules with a step per element: AdaGrad (Duchi, Hazan & Singer 2011, with the proximal step in its
// diagonal metric) and Adam (Kingma & Ba 2015).
//
// Where Omega couples the elements of a group they share one step, from the mean of their squared
// gradients, so that the proximal step stays exact.
//
// The first step of both is the sign of the gradient times the step, so that is where the step comes
// from when options.step is 0: the first clocks probe x0 - d sign(g) with d growing until the slope
// has fallen by half, which gives the d of the least f along that line. The step is a share of it.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/update/rule.h"
#include "ops/update/schedule.h"

namespace gyre::internal {
namespace {

// Shares of the best first move: Adam's steps keep their length, AdaGrad's fall from the start.
constexpr double kAdamShare = 0.1, kAdaGradShare = 0.5;
constexpr double kFirstProbe = 1e-5;
constexpr int kMostProbes = 16;
constexpr int kMostFailures = 40;

class Adaptive final : public Rule {
 public:
  explicit Adaptive(const UpdateOptions& options)
      : Rule(options), adam_(options.rule == "adam") {}

  bool probing() const override { return s_.phase != Phase::kDescend; }
  bool needs_value() const override { return false; }
  UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                   double epoch) override;
  void Best(absl::Span<double> x) const override {
    std::copy(x_.begin(), x_.end(), x.begin());
  }

 private:
  enum class Phase { kFirst, kBase, kProbe, kDescend };
  struct Scalars {
    Phase phase = Phase::kFirst;
    int probes = 0;
    double distance = 0;  // of the probe, by element
    double slope = 0;     // along the probe's direction, at the start
    double step = 0;
    double power1 = 1, power2 = 1;  // beta1^t, beta2^t
    int failures = 0;
  };

  void Reset(absl::Span<double> x) override;
  void Visit(Archive& archive) override {
    archive(s_), archive(x_), archive(first_), archive(second_);
  }

  // Each answers one clock of the search for a step.
  void Probe(absl::Span<const double> gradient, absl::Span<double> x);
  void Measure(absl::Span<const double> gradient, absl::Span<double> x);
  void HandOutProbe(absl::Span<double> x);
  void StartDescent(double best_move, absl::Span<double> x);
  void AddMoments(absl::Span<const double> gradient);
  void SetSteps(double step);
  void ShareSteps();
  UpdateState Fail(absl::Span<double> x);

  const bool adam_;
  Scalars s_;
  std::vector<double> x_;
  std::vector<double> first_;   // mean of gradients (adam), the last gradient (adagrad)
  std::vector<double> second_;  // mean (adam) or sum (adagrad) of squares
  std::vector<double> steps_;   // of this Step
};

void Adaptive::Reset(absl::Span<double> x) {
  s_ = Scalars{};
  s_.step = options_.step;
  if (s_.step > 0) s_.phase = Phase::kDescend;
  x_.assign(x.begin(), x.end());
  first_.assign(n(), 0), second_.assign(n(), 0), steps_.assign(n(), 0);
}

void Adaptive::StartDescent(double best_move, absl::Span<double> x) {
  s_.phase = Phase::kDescend;
  s_.step = (adam_ ? kAdamShare : kAdaGradShare) * best_move;
  std::fill(first_.begin(), first_.end(), 0.0);
  std::copy(x_.begin(), x_.end(), x.begin());
}

void Adaptive::HandOutProbe(absl::Span<double> x) {  // first_ holds the signs
  for (size_t i = 0; i < n(); ++i) x[i] = x_[i] - s_.distance * first_[i];
  omega_.Project(x.data());
}

void Adaptive::Probe(absl::Span<const double> gradient, absl::Span<double> x) {
  ++s_.probes;
  if (s_.phase == Phase::kFirst) {  // the next batch measures the slope without the bias of its sign
    for (size_t i = 0; i < n(); ++i)
      first_[i] = gradient[i] == 0 ? 0 : std::copysign(1.0, gradient[i]);
    s_.phase = Phase::kBase;
    return;
  }
  if (s_.phase == Phase::kBase) {
    s_.slope = DotOf(first_.data(), gradient.data(), n());
    if (!(s_.slope > 0)) {  // all noise: the scale of x is all there is
      const double size = std::sqrt(DotOf(x_.data(), x_.data(), n()) / static_cast<double>(n()));
      return StartDescent(0.1 * std::max(size, 0.1), x);
    }
    s_.distance = kFirstProbe;
    s_.phase = Phase::kProbe;
    return HandOutProbe(x);
  }
  Measure(gradient, x);
}

void Adaptive::Measure(absl::Span<const double> gradient, absl::Span<double> x) {
  const double ratio = DotOf(first_.data(), gradient.data(), n()) / s_.slope;
  const bool steep = ratio < 0.5;
  if (!steep && s_.probes < kMostProbes) {
    s_.distance *= 8;
    return HandOutProbe(x);
  }
  if (ratio < -20 && s_.distance <= kFirstProbe && s_.probes < kMostProbes) {
    s_.distance *= 1e-3;  // far beyond the minimum already: the data is on a large scale
    s_.probes = std::max(s_.probes, kMostProbes / 2);
    return HandOutProbe(x);
  }
  StartDescent(steep ? s_.distance / (1 - ratio) : s_.distance, x);
}

void Adaptive::AddMoments(absl::Span<const double> gradient) {
  const double b1 = adam_ ? options_.beta1 : 0, b2 = adam_ ? options_.beta2 : 1;
  const double a2 = adam_ ? 1 - b2 : 1;
  s_.power1 *= b1, s_.power2 *= b2;
  for (size_t i = 0; i < n(); ++i) {
    const double g = gradient[i];
    first_[i] = b1 * first_[i] + (1 - b1) * g;
    second_[i] = b2 * second_[i] + a2 * g * g;
  }
}

// steps_[i] = step / (sqrt(second moment, without its bias) + epsilon)
void Adaptive::SetSteps(double step) {
  const double unbias2 = adam_ ? 1 / (1 - s_.power2) : 1, epsilon = options_.epsilon;
  steps_ = second_;
  ShareSteps();
  for (size_t i = 0; i < n(); ++i)
    steps_[i] = step / (std::sqrt(steps_[i] * unbias2) + epsilon);
}

void Adaptive::ShareSteps() {
  for (const Segment& segment : omega_.segments()) {
    const Prox& p = segment.prox;
    if (!p.grouped() || segment.size == 0) continue;
    const int64_t length = p.group_length(segment.size);
    for (int64_t g = 0; g < p.group_count(segment.size); ++g) {
      double* group = steps_.data() + segment.begin + p.group_begin(g);
      double sum = 0;
      for (int64_t i = 0; i < length; ++i) sum += group[i * p.group_stride];
      for (int64_t i = 0; i < length; ++i)
        group[i * p.group_stride] = sum / static_cast<double>(length);
    }
  }
}

// A batch whose gradient is not finite is skipped, with half the step from then on.
UpdateState Adaptive::Fail(absl::Span<double> x) {
  UpdateState state;
  state.accepted = false;
  s_.step *= 0.5;
  s_.distance *= 0.1;
  if (++s_.failures > kMostFailures)
    state.status = absl::AbortedError(absl::StrCat(
        options_.rule, ": the objective or its gradient is not finite, ", kMostFailures,
        " times in a row"));
  if (s_.phase == Phase::kProbe) {
    HandOutProbe(x);
  } else {
    std::copy(x_.begin(), x_.end(), x.begin());
  }
  return state;
}

UpdateState Adaptive::Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                           double epoch) {
  if (!AllFinite(gradient) || std::isinf(f)) return Fail(x);
  s_.failures = 0;
  UpdateState state;
  if (s_.phase != Phase::kDescend) {
    Probe(gradient, x);
    state.accepted = false;
    return state;
  }
  state.objective = state.best_objective = f + omega_.Value(x.data());
  AddMoments(gradient);
  SetSteps(s_.step * ScheduleFactor(options_, epoch));
  const double unbias1 = adam_ ? 1 / (1 - s_.power1) : 1;
  for (size_t i = 0; i < n(); ++i) x[i] = x_[i] - steps_[i] * (unbias1 * first_[i]);
  omega_.ApplyEach(steps_.data(), x.data());
  std::copy(x.begin(), x.end(), x_.begin());
  return state;
}

}  // namespace

std::unique_ptr<UpdateRule> MakeAdaptive(const UpdateOptions& options) {
  return std::make_unique<Adaptive>(options);
}

}  // namespace gyre::internal
