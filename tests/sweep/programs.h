// Sweeps over items that a table or the edges of a graph couple.
#pragma once
#include "dsl/program.h"

namespace gyre {

// minimise 0.5 x'Qx - c'x; `diag` is Q's diagonal.
Program Quadratic();
// minimise sum_v (x_v - c_v)^2 + 2 sum_e w_e (x_from - x_to)^2.
Program Smooth();
// minimise half of that + 0.1 sum_v |x_v|.
Program Sparse();

}  // namespace gyre
