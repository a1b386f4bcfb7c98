// Rules with a step per element: AdaGrad (Duchi, Hazan & Singer 2011, with the proximal step in its
// diagonal metric) and Adam (Kingma & Ba 2015).
//
// Where Omega couples the elements of a group they share one step, from the mean of their squared
// gradients, so that the proximal step stays exact.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/update/rule.h"
#include "ops/update/schedule.h"

namespace gyre::internal {
namespace {

constexpr double kAdamStep = 1e-3, kAdaGradStep = 1e-1;
constexpr int kMostFailures = 40;

class Adaptive final : public Rule {
 public:
  explicit Adaptive(const UpdateOptions& options)
      : Rule(options), adam_(options.rule == "adam") {}

  bool needs_value() const override { return false; }
  UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                   double epoch) override;
  void Best(absl::Span<double> x) const override {
    std::copy(x_.begin(), x_.end(), x.begin());
  }

 private:
  struct Scalars {
    double step = 0;
    double power1 = 1, power2 = 1;  // beta1^t, beta2^t
    int failures = 0;
  };

  void Reset(absl::Span<double> x) override;
  void Visit(Archive& archive) override {
    archive(s_), archive(x_), archive(first_), archive(second_);
  }

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
  s_.step = options_.step > 0 ? options_.step : adam_ ? kAdamStep : kAdaGradStep;
  x_.assign(x.begin(), x.end());
  first_.assign(n(), 0), second_.assign(n(), 0), steps_.assign(n(), 0);
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
  if (++s_.failures > kMostFailures)
    state.status = absl::AbortedError(absl::StrCat(
        options_.rule, ": the objective or its gradient is not finite, ", kMostFailures,
        " times in a row"));
  std::copy(x_.begin(), x_.end(), x.begin());
  return state;
}

UpdateState Adaptive::Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                           double epoch) {
  if (!AllFinite(gradient) || std::isinf(f)) return Fail(x);
  s_.failures = 0;
  UpdateState state;
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
