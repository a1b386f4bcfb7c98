// Whether a value is convex as a function of one other value, by the rules of disciplined convex
// programming (Grant, Boyd and Ye 2006), read off the graph.
#pragma once
#include "dsl/ir.h"

namespace gyre {

// Sound but not complete: true only where the rules show it. Data and hyper-parameters that multiply
// are taken as weights, that is, as not negative: what they really are is known when they are bound.
bool IsConvexIn(const ir::Graph& graph, int node, int variable);

}  // namespace gyre
