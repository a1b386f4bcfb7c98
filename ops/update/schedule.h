// Step schedules of the per-clock rules: the factor of the first step at an epoch (passes over the
// data, fractions included).
#pragma once
#include <algorithm>
#include <cmath>

#include "ops/update/update.h"

namespace gyre::internal {

inline double ScheduleFactor(const UpdateOptions& options, double epoch) {
  constexpr double kPi = 3.14159265358979323846;
  double factor = 1;
  if (options.schedule == "inverse") factor = 1 / (1 + options.decay * epoch);
  if (options.schedule == "sqrt") factor = 1 / std::sqrt(1 + options.decay * epoch);
  if (options.schedule == "cosine")
    factor = 0.5 * (1 + std::cos(kPi * std::min(1.0, epoch / options.epochs)));
  return factor * options.staleness_scale;
}

}  // namespace gyre::internal
