// Data that is a weight by its place in a program: wherever it stands it scales a whole term of a
// sum over its own axis, as in mean(n, weight * loss) or sum(d, factor * abs(w)). Nothing else
// would miss it, so it is all ones when no file holds it.
#pragma once
#include "dsl/program.h"

namespace gyre::driver {

// Thread-safe: no state.
bool IsWeight(const Program& program, int symbol);

}  // namespace gyre::driver
