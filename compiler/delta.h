// What one row contributes to each total, in its most structured form: the payloads a plan may
// choose from.
#pragma once
#include <cstdint>
#include <vector>

#include "compiler/plan.pb.h"
#include "compiler/walk.h"
#include "dsl/program.h"

namespace gyre {

// "delta/W" for the gradient of a parameter, "total/3" for any other sum.
std::string TotalTableId(const ir::Graph& graph, int total);

// One entry for each total of the leaves' passes, in the order of leaves and totals.
std::vector<Delta> DeltasOf(const Program& program, const std::vector<int64_t>& extent, Type type);

// The structure of a total within a pass.
Structure StructureOf(const Pass& pass, int total);

}  // namespace gyre
