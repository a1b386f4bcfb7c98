// What the choice of an update rule needs to know of a Minimize: convexity, smoothness, and the
// shape of its penalties. Read off the graph and the penalties, never off names.
#pragma once
#include "compiler/walk.h"
#include "dsl/program.h"

namespace gyre {

struct Traits {
  bool convex = false;       // as the program's algebra shows it
  bool products = false;     // parameters multiply parameters (a network, a factorisation)
  bool smooth = true;        // f has a derivative everywhere (no |.|, max, relu outside a square)
  bool l1 = false;           // some penalty is an L1 norm,
  bool l2 = false;           // a squared L2 norm,
  bool bounds = false;       // a bound,
  bool grouped = false;      // a group norm or a simplex: its prox looks at several elements at once
  bool linear_fold = false;  // Iterate: every assignment is p = p + (sums over rows)

  bool prox() const { return l1 || bounds || grouped; }  // beyond a smooth penalty
};

Traits TraitsOf(const Program& program, const Leaf& leaf);

}  // namespace gyre
