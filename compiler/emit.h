// Writes the chosen strategy down as tables and tasks: one clock, in the order of a worker's tape.
// The layout is described in plan.proto.
#pragma once
#include "compiler/candidate.h"
#include "compiler/plan.pb.h"

namespace gyre {

// Fills cluster, partitions, tables, tasks, stop rules, evaluation, recovery and certificates.
void EmitTasks(const Problem& problem, const Option& chosen, Plan* plan);

}  // namespace gyre
