// Pictures of a regularisation path, as SVG: what a reader of glmnet's plots expects.
#pragma once
#include <string>
#include <vector>

#include "runtime/driver/model.h"
#include "runtime/driver/path.h"

namespace gyre::driver {

// Coefficients against the logarithm of the path's hyper-parameter, strong penalty to the right; above,
// how many are not zero. Lines of those largest at the end carry their names. `model.path` is given.
std::string PathSvg(const Program& program, const Path& path, const Model& model,
                    const RunResult& result, const CrossValidation& cross);

// The loss on rows left out: mean, standard error, and the two steps that users choose from.
std::string CrossValidationSvg(const Program& program, const Path& path, const RunResult& result,
                               const CrossValidation& cross);

}  // namespace gyre::driver
