// Kernels of Sweep statements.
#pragma once
#include "dsl/kernel.h"
#include "dsl/program.h"

namespace gyre::internal {

template <class P>
void AttachSweeps(Statement&, int) {}

}  // namespace gyre::internal
