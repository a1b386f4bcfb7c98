// What the choice of an update rule needs to know of a Minimize: convexity, smoothness, and the
// shape of its penalties. Read off the graph and the penalties, never off names.
#pragma once
#include "compiler/walk.h"
#include "dsl/program.h"

namespace gyre {

struct Traits {
  bool convex = false;       // as the program's algebra shows it
  bool keyed = false;        // rows name the parameters by keys, one predictor for all (Predictor::term)
  bool blocks_solve = false; // ... and is, with the losses squares, quadratic in what each map names
  bool all_keys = false;     // ... and f has a sum over all keys beside them (Predictor::all_keys)
  bool multilinear = false;  // three or more of its factors multiply
  bool products = false;     // parameters multiply parameters (a network, a factorisation)
  bool smooth = true;        // f has a derivative everywhere (no |.|, max, relu outside a square)
  bool l1 = false;           // some penalty is an L1 norm,
  bool l2 = false;           // a squared L2 norm,
  bool bounds = false;       // a bound,
  bool grouped = false;      // a group norm or a simplex: its prox looks at several elements at once
  bool simplex = false;      // of those, a simplex
  // A linear predictor through which all rows see the parameters (Predictor in dsl/program.h) ...
  bool predictor = false;
  bool convex_loss = false;  // ... of which the losses are convex functions, by its algebra,
  bool bounded = false;      // curved by no more than some number, by its algebra,
  bool one_output = false;   // of one number a row,
  bool kinks_known = false;  // with slopes that jump at known places only
  bool all_l2 = false;       // every parameter has a squared L2 penalty: a dual exists
  bool sparse = false;       // some penalty makes parameters zero: L1 or a group norm
  bool linear_fold = false;  // Iterate: every assignment is p = p + (sums over rows)

  bool prox() const { return l1 || bounds || grouped; }  // beyond a smooth penalty
};

Traits TraitsOf(const Program& program, const Leaf& leaf);

}  // namespace gyre
