// What a legal plan may ask and this executor cannot do.
//
// A plan is executed as it is written or not at all: whatever a plan can say and no code here heeds
// is refused by name, never passed over. Legality itself is compiler/graph/verify.h.
#pragma once
#include "absl/status/status.h"
#include "compiler/plan.pb.h"

namespace gyre {

// For any cluster.
absl::Status CheckExecutable(const Plan& plan);

// For one process, whose workers share memory.
absl::Status CheckEmbedded(const Plan& plan);

}  // namespace gyre
