// How the tasks and tables of a plan name what they run: the contract of whoever writes plans and
// whoever executes them.
//
//   kind      kernel                   statement
//   BUILD     Pass::id of build        -                  before the first clock, once
//   GATHER    Pass::id                 leaf k             Delta of the statement's pass
//   FOLD      the update: "fista",     leaf k             g; "assign" for an Iterate
//             "lbfgs", "sgd", ...
//   SWEEP     "sweep"                  leaf k             Delta and g at once
//   EVALUATE  Pass::id                 -                  objective and measures, at boundaries
//
// Leaf statements are the Minimize, Iterate and Sweep statements of Program::root in the order in
// which one clock runs them; leaf k owns the k-th FOLD or SWEEP task of the plan. A leaf whose
// assignments use no sum over rows has a FOLD and no GATHER. The tables of a plan are named after
// what they hold: a parameter's table is its symbol's name.
#pragma once
#include "absl/strings/string_view.h"

namespace gyre::plan_names {

inline constexpr char kAssign[] = "assign";
inline constexpr char kSweep[] = "sweep";

}  // namespace gyre::plan_names
