// Whether a value is convex as a function of one other value, by the rules of disciplined convex
// programming (Grant, Boyd and Ye 2006), or bounded, read off the graph.
#pragma once
#include "dsl/ir.h"

namespace gyre {

// Sound but not complete: true only where the rules show it. Data and hyper-parameters that multiply
// are taken as weights, that is, as not negative: what they really are is known when they are bound.
bool IsConvexIn(const ir::Graph& graph, int node, int variable);

// Whether |node| stays below some number whatever the variable is. Sound but not complete, given finite
// data: of a curvature, that a step exists that is never too long.
bool IsBoundedIn(const ir::Graph& graph, int node, int variable);

}  // namespace gyre
