#include "ops/update/update.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/contract.h"
#include "ops/update/rule.h"

namespace gyre {
namespace {

using Factory = std::unique_ptr<UpdateRule> (*)(const UpdateOptions&);
struct Known {
  absl::string_view name;
  UpdateFold fold;
  Factory make;
};
constexpr std::array<Known, 6> kRules = {{
    {"fista", UpdateFold::kComplete, internal::MakeFista},
    {"lbfgs", UpdateFold::kComplete, internal::MakeQuasiNewton},
    {"owlqn", UpdateFold::kComplete, internal::MakeQuasiNewton},
    {"sgd", UpdateFold::kPerClock, internal::MakeSgd},
    {"adagrad", UpdateFold::kPerClock, internal::MakeAdaptive},
    {"adam", UpdateFold::kPerClock, internal::MakeAdaptive},
}};
constexpr std::array<absl::string_view, 4> kSchedules = {"constant", "inverse", "sqrt", "cosine"};

const Known* Find(absl::string_view name) {
  const auto* it =
      std::find_if(kRules.begin(), kRules.end(), [&](const Known& k) { return k.name == name; });
  return it == kRules.end() ? nullptr : it;
}

absl::Status CheckRange(bool good, absl::string_view name, double value, absl::string_view range) {
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " = ", value, " must be ", range));
}

absl::Status CheckOptions(const UpdateOptions& o) {
  const auto fraction = [](double v) { return v >= 0 && v < 1; };
  absl::Status status;
  status.Update(CheckRange(o.step >= 0 && std::isfinite(o.step), "step", o.step,
                           "positive, or 0 for one that the rule finds"));
  status.Update(CheckRange(fraction(o.momentum), "momentum", o.momentum, "in [0, 1)"));
  status.Update(CheckRange(o.decay >= 0 && std::isfinite(o.decay), "decay", o.decay, ">= 0"));
  status.Update(CheckRange(o.memory >= 1 && o.memory <= 1000, "memory", o.memory, "in [1, 1000]"));
  status.Update(CheckRange(fraction(o.beta1), "beta1", o.beta1, "in [0, 1)"));
  status.Update(CheckRange(fraction(o.beta2), "beta2", o.beta2, "in [0, 1)"));
  status.Update(CheckRange(o.epsilon > 0, "epsilon", o.epsilon, "positive"));
  status.Update(CheckRange(o.staleness_scale > 0 && o.staleness_scale <= 1, "staleness_scale",
                           o.staleness_scale, "in (0, 1]"));
  status.Update(CheckRange(o.tolerance >= 0, "tolerance", o.tolerance, ">= 0"));
  status.Update(CheckRange(o.schedule != "cosine" || o.epochs > 0, "epochs", o.epochs,
                           "positive with schedule=cosine"));
  if (std::find(kSchedules.begin(), kSchedules.end(), o.schedule) == kSchedules.end())
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "unknown schedule \"", o.schedule, "\"; legal: ", absl::StrJoin(kSchedules, ", "))));
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UpdateRule>> MakeUpdateRule(const UpdateOptions& options) {
  const Known* known = Find(options.rule);
  if (known == nullptr) {
    const auto name = [](std::string* out, const Known& k) { absl::StrAppend(out, k.name); };
    return absl::InvalidArgumentError(absl::StrCat("unknown update \"", options.rule, "\"; legal: ",
                                                   absl::StrJoin(kRules, ", ", name)));
  }
  if (absl::Status s = CheckOptions(options); !s.ok()) return s;
  return known->make(options);
}

UpdateFold FoldOf(absl::string_view rule) {
  const Known* known = Find(rule);
  return known == nullptr ? UpdateFold::kComplete : known->fold;
}

absl::Status CheckPenalty(absl::string_view rule, const Prox& prox) {
  if (rule == "lbfgs" && !prox.smooth())
    return absl::FailedPreconditionError(
        "lbfgs needs a smooth objective; with an l1 penalty or bounds use owlqn, with groups or a "
        "simplex use fista");
  if (rule == "owlqn" && !prox.separable())
    return absl::FailedPreconditionError(
        "owlqn takes l1, squared l2 and bounds; with groups or a simplex use fista");
  return absl::OkStatus();
}

namespace internal {

double DotOf(const double* a, const double* b, size_t n) {
  return Dot(a, b, static_cast<int64_t>(n));
}

// The sum is NaN or infinite if any element is (it might overflow without: then it is rejected too).
bool AllFinite(absl::Span<const double> v) {
  return std::isfinite(Sum(v.data(), static_cast<int64_t>(v.size())));
}

}  // namespace internal
}  // namespace gyre
