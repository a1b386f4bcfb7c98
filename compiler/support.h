// What the executor of this build can run. The planner weighs every strategy that is legal; one that
// nobody can execute yet is rejected with the reason given here, and only here. When the runtime
// learns a strategy, its line goes.
#pragma once
#include <string>

#include "compiler/plan.pb.h"

namespace gyre {

enum class Partitioning : uint8_t { kData, kModel, kHybrid };

struct Problem;   // candidate.h
struct Strategy;

// "" when the executor can run it.
std::string NotInThisBuild(const Problem& problem, const Strategy& strategy);

}  // namespace gyre
