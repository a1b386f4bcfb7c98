// Omega over all segments of a parameter vector, as the update rules see it.
#pragma once
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/update/update.h"

namespace gyre::internal {

class Omega {
 public:
  // Refuses segments with gaps, penalties out of range and those that `rule` cannot take.
  absl::Status Start(absl::string_view rule, int64_t n, absl::Span<const Segment> segments);

  int64_t size() const { return n_; }
  bool has_constraints() const { return constrained_; }
  void Apply(double step, double* x) const;
  void ApplyEach(const double* step, double* x) const;
  double Value(const double* x) const;
  // The l2 terms as part of the smooth function: their value; their gradient is added.
  double AddL2(const double* x, double* gradient) const;
  double L1Value(const double* x) const;
  void Project(double* x) const;
  absl::Span<const Segment> segments() const { return segments_; }

 private:
  int64_t n_ = 0;
  bool constrained_ = false;
  bool identity_ = true;
  std::vector<Segment> segments_;
};

}  // namespace gyre::internal
