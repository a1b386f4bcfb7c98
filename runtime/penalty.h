// Omega of a statement as the proximal operator of one parameter.
//
// Weights are posts of hyper-parameters and of data without rows: they are evaluated once, and an
// array of weights lives in `storage`.
#pragma once
#include <vector>

#include "absl/status/statusor.h"
#include "dsl/program.h"
#include "ops/prox.h"
#include "ops/aligned.h"
#include "runtime/post.h"

namespace gyre {

absl::StatusOr<Prox> ProxOf(const PostContext& context, const std::vector<int64_t>& extent,
                            const std::vector<Penalty>& penalties, int param,
                            std::vector<AlignedArray<double>>* storage);

}  // namespace gyre
