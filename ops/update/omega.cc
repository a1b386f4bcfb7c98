#include "ops/update/omega.h"

#include "absl/strings/str_cat.h"

namespace gyre::internal {

absl::Status Omega::Start(absl::string_view rule, int64_t n, absl::Span<const Segment> segments) {
  n_ = n;
  segments_.assign(segments.begin(), segments.end());
  constrained_ = false;
  identity_ = true;
  int64_t at = 0;
  for (const Segment& s : segments_) {
    if (s.begin != at || s.size < 0)
      return absl::InvalidArgumentError(
          absl::StrCat("segments must follow each other: one begins at ", s.begin, ", not ", at));
    at += s.size;
    if (absl::Status ok = s.prox.Check(s.size); !ok.ok()) return ok;
    if (absl::Status ok = CheckPenalty(rule, s.prox); !ok.ok()) return ok;
    constrained_ |= s.prox.bounded() || s.prox.simplex > 0;
    identity_ &= s.prox.identity();
  }
  if (at != n)
    return absl::InvalidArgumentError(
        absl::StrCat("segments cover ", at, " of ", n, " parameters"));
  return absl::OkStatus();
}

void Omega::Apply(double step, double* x) const {
  if (identity_) return;
  for (const Segment& s : segments_)
    if (!s.prox.identity()) s.prox.Apply(step, x + s.begin, s.size);
}

void Omega::ApplyEach(const double* step, double* x) const {
  if (identity_) return;
  for (const Segment& s : segments_)
    if (!s.prox.identity()) s.prox.ApplyEach(step + s.begin, x + s.begin, s.size);
}

double Omega::Value(const double* x) const {
  double sum = 0;
  for (const Segment& s : segments_)
    if (!s.prox.identity()) sum += s.prox.Value(x + s.begin, s.size);
  return sum;
}

double Omega::AddL2(const double* x, double* gradient) const {
  double sum = 0;
  for (const Segment& s : segments_)
    sum += s.prox.AddL2(x + s.begin, gradient == nullptr ? nullptr : gradient + s.begin, s.size);
  return sum;
}

double Omega::L1Value(const double* x) const {
  double sum = 0;
  for (const Segment& s : segments_) sum += s.prox.L1Value(x + s.begin, s.size);
  return sum;
}

void Omega::Project(double* x) const {
  if (!constrained_) return;
  for (const Segment& s : segments_) s.prox.Project(x + s.begin, s.size);
}

}  // namespace gyre::internal
