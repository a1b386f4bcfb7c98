// Regularisation paths and cross-validation, as users of glmnet know them (Friedman, Hastie and
// Tibshirani 2010): phases of one run, each from where the one before ended.
//
//   lambda_max  the least value of the path's hyper-parameter at which every penalised parameter is
//               zero: where the proximal step from minus the gradient stays at zero, the parameters
//               without such a penalty at their optimum. Derived, for any Minimize with an L1 or group
//               penalty that the hyper-parameter scales
//   the path    from there downwards, evenly in the logarithm
//   folds       rows shared out by --seed; each fold's loss is measured on the rows it was not fitted to
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/driver/prepare.h"

namespace gyre::driver {

// What --path asks for; no path where it asks for none. `prepared` holds data and hyper-parameters,
// no plan yet.
absl::StatusOr<Path> MakePath(const Invocation& invocation, const Prepared& prepared);

// The phases of a plan that runs down the path, and the path that a plan's phases are.
std::vector<Phase> PhasesOf(const Program& program, const Path& path);
Path PathOf(const Program& program, const Plan& plan);

// Fits the path once for every fold. The columns' scale is that of all rows.
absl::StatusOr<CrossValidation> CrossValidate(const Invocation& invocation,
                                              const Prepared& prepared, const Path& path);

// The step whose model is kept: by cross-validation, else the last.
size_t ChosenStep(const Options& options, const CrossValidation& cross, size_t steps);

// The path as a table, about twenty lines.
std::string PathText(const Program& program, const Path& path, const RunResult& result,
                     const CrossValidation& cross);

// Penalised parameters of a phase that are not zero.
int64_t NonZeros(const Program& program, const PhaseResult& phase);

}  // namespace gyre::driver
