// Update rules g: theta <- g(theta, gradient), by reverse communication.
//
// The caller evaluates the smooth part f and its gradient at the point x last handed out, summed
// over the data, and the rule answers with the next point: one evaluation is one clock, and line
// searches, restarts and probes are states of the rule instead of loops in the caller.
//
//   auto rule = MakeUpdateRule({.rule = "lbfgs"}).value();
//   status = rule->Start(x, segments);                  // may move x into the feasible set
//   for (UpdateState s; !s.converged && s.status.ok();)
//     s = rule->Step(F(x), Gradient(x), x, epoch);      // x is now the next point to evaluate
//   rule->Best(x);                                      // the model
//
// F(x) = f(x) + Omega(x), Omega given by the Prox of each segment of x. All in double. Start
// allocates; Step does not. A rule is deterministic. Not thread-safe.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/prox.h"

namespace gyre {

// A run of parameters under one Prox. Segments cover x in order, without gaps.
struct Segment {
  int64_t begin = 0;
  int64_t size = 0;
  Prox prox;
};

// How the fold may be distributed; see the plan's Fold.
enum class UpdateFold { kLinear, kPerClock, kComplete };

struct UpdateOptions {
  std::string rule = "fista";        // fista, lbfgs, owlqn, sgd, adagrad, adam
  double step = 0;                   // first step; 0: the rule finds it
  double momentum = 0.9;             // sgd
  std::string schedule = "constant"; // constant, inverse, sqrt, cosine; sgd, adagrad, adam
  double decay = 1;                  // inverse: step / (1 + decay epoch); sqrt: step / sqrt(1 + decay epoch)
  double epochs = 0;                 // cosine: the epoch at which the step reaches zero
  int memory = 10;                   // lbfgs, owlqn: pairs kept
  double beta1 = 0.9, beta2 = 0.999; // adam
  double epsilon = 1e-8;             // adam, adagrad
  bool restart = true;               // fista: adaptive restart of the momentum
  double staleness_scale = 1;        // multiplies every step of the per-clock rules
  double tolerance = 1e-6;           // on UpdateState::stationarity; 0: never converge
};

struct UpdateState {
  absl::Status status;               // not ok: the rule gave up, and why
  // F at the point just evaluated; NaN where f was not asked for or not finite.
  double objective = std::numeric_limits<double>::quiet_NaN();
  // An upper bound of F at Best() (up to rounding); for sgd, adagrad and adam F as of the last
  // evaluation, on whatever data that was.
  double best_objective = std::numeric_limits<double>::quiet_NaN();
  // Distance from optimality, relative and free of scale: the norm of the (proximal) gradient
  // against the largest gradient met, or the root of the decrease still predicted against |F|,
  // whichever is less. NaN while unknown (per-clock rules).
  double stationarity = std::numeric_limits<double>::quiet_NaN();
  bool converged = false;            // nothing more to gain: x is Best() from now on
  bool accepted = true;              // false: the point was a trial that is taken back, or a probe
};

class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  virtual UpdateFold fold() const = 0;
  // Whether the next Step measures: it then wants f and the gradient of all rows (or of an unbiased
  // mini-batch), at the very point last handed out, however freely its other Steps may be fed. So it
  // is while a rule looks for its first step.
  virtual bool probing() const { return false; }
  // Whether Step uses the value of f. If not, any f may be passed.
  virtual bool needs_value() const = 0;

  // x: the starting point; made feasible, it is the first point to evaluate. The arrays that the
  // segments' weights point to must outlive the rule. Refuses an Omega that the rule cannot take.
  virtual absl::Status Start(absl::Span<double> x, absl::Span<const Segment> segments) = 0;

  // f and its gradient at the point last handed out, which x must still hold; x becomes the next.
  // A value or gradient that is not finite is a failed trial: the rule steps back and, after
  // repeated failures, gives up with a status.
  virtual UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x,
                           double epoch) = 0;
  UpdateState Step(double f, absl::Span<const double> gradient, absl::Span<double> x) {
    return Step(f, gradient, x, 0);
  }

  // The model: the best point known (the current one, for per-clock rules).
  virtual void Best(absl::Span<double> x) const = 0;

  // Everything Step depends on, as bytes; Load on a rule that was started with the same options,
  // segments and size continues bit for bit.
  virtual std::string Save() const = 0;
  virtual absl::Status Load(absl::string_view bytes) = 0;
};

// Unknown names and constants out of range are refused with what is legal.
absl::StatusOr<std::unique_ptr<UpdateRule>> MakeUpdateRule(const UpdateOptions& options);

// How a rule folds, without making one. REQUIRES: a legal name.
UpdateFold FoldOf(absl::string_view rule);
// Whether `rule` can take this penalty.
absl::Status CheckPenalty(absl::string_view rule, const Prox& prox);

}  // namespace gyre
