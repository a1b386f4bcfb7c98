// The reasons of a plan in words: the four answers for each parameter, what was rejected, and under
// which figures the decision would be another.
#pragma once
#include <vector>

#include "compiler/candidate.h"
#include "compiler/plan.pb.h"

namespace gyre {

// REQUIRES: tasks were emitted.
void ExplainAnswers(const Problem& problem, const std::vector<Option>& options, size_t chosen,
                    Plan* plan);

}  // namespace gyre
