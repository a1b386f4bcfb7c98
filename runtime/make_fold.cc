#include "absl/strings/str_cat.h"
#include "runtime/fold.h"

namespace gyre {

absl::StatusOr<std::unique_ptr<Fold>> MakeFold(const FoldSetup& setup, const Statement& statement,
                                               const Rule& rule) {
  switch (statement.kind) {
    case StatementKind::kMinimize:
      if (rule.name == "als") return MakeAlternateFold(setup, statement);
      if (rule.by_key()) return MakeKeyedFold(setup, statement, rule);
      if (rule.by_coordinate()) return MakeCoordinateFold(setup, statement, rule);
      return MakeMinimizeFold(setup, statement, rule);
    case StatementKind::kIterate:
      return MakeAssignFold(setup, statement);
    case StatementKind::kResample:
      return MakeSampleFold(setup, statement, rule);
    case StatementKind::kSweep:
      return MakeSweepFold(setup, statement);
    default:
      break;
  }
  return absl::UnimplementedError(absl::StrCat(
      "statements of kind ", static_cast<int>(statement.kind), " cannot be executed yet"));
}

}  // namespace gyre
