// What all update rules share: their options and Omega, checks of what they are given, checkpoints.
#pragma once
#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/update/archive.h"
#include "ops/update/omega.h"
#include "ops/update/update.h"

namespace gyre::internal {

class Rule : public UpdateRule {
 public:
  explicit Rule(const UpdateOptions& options) : options_(options) {}

  UpdateFold fold() const final { return FoldOf(options_.rule); }

  absl::Status Start(absl::Span<double> x, absl::Span<const Segment> segments) final {
    if (absl::Status s = omega_.Start(options_.rule, static_cast<int64_t>(x.size()), segments);
        !s.ok())
      return s;
    omega_.Project(x.data());
    Reset(x);
    return absl::OkStatus();
  }

  std::string Save() const final {
    std::string bytes;
    Archive archive(&bytes);
    int64_t n = omega_.size();
    archive(n);
    const_cast<Rule*>(this)->Visit(archive);  // saving writes nothing to the rule
    return bytes;
  }

  absl::Status Load(absl::string_view bytes) final {
    Archive archive(bytes);
    int64_t n = -1;
    archive(n);
    if (n == omega_.size()) Visit(archive);
    if (n != omega_.size() || !archive.complete())
      return absl::DataLossError(absl::StrCat("the saved state is not one of ", options_.rule,
                                              " over ", omega_.size(), " parameters"));
    return absl::OkStatus();
  }

 protected:
  // Allocates and sets the state for a start at x, which is feasible.
  virtual void Reset(absl::Span<double> x) = 0;
  virtual void Visit(Archive& archive) = 0;

  size_t n() const { return static_cast<size_t>(omega_.size()); }

  const UpdateOptions options_;
  Omega omega_;
};

// kSums sums over [0, n) at once: body(i, add) calls add(k, term). In eight lanes, so that the loop
// vectorises although sums keep their order.
template <int kSums, class Body>
std::array<double, kSums> SumsOf(size_t n, const Body& body) {
  constexpr size_t kLanes = 8;
  double lane[kSums][kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (size_t l = 0; l < kLanes; ++l)
      body(i + l, [&](int k, double term) { lane[k][l] += term; });
  for (; i < n; ++i) body(i, [&](int k, double term) { lane[k][0] += term; });
  std::array<double, kSums> sum{};
  for (size_t k = 0; k < kSums; ++k)
    for (size_t l = 0; l < kLanes; ++l) sum[k] += lane[k][l];
  return sum;
}
double DotOf(const double* a, const double* b, size_t n);
bool AllFinite(absl::Span<const double> v);

std::unique_ptr<UpdateRule> MakeFista(const UpdateOptions& options);
std::unique_ptr<UpdateRule> MakeQuasiNewton(const UpdateOptions& options);
std::unique_ptr<UpdateRule> MakeSgd(const UpdateOptions& options);
std::unique_ptr<UpdateRule> MakeAdaptive(const UpdateOptions& options);

}  // namespace gyre::internal
