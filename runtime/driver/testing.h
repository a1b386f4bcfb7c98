// A program made by hand, for tests that must not depend on the DSL: ridge regression
//   minimize mean_n (y - X w - b)^2 + lambda sum_d w^2,   measure mse, prediction y.
#pragma once
#include "dsl/program.h"

namespace gyre::internal {
int Main(int argc, char** argv, const Program& program);  // the driver's entry, as dsl/ declares it
}  // namespace gyre::internal

namespace gyre::driver::testing {

inline constexpr int kSample = 0, kFeature = 1;                    // axes
inline constexpr int kX = 0, kY = 1, kW = 2, kB = 3, kLambda = 4;  // symbols

struct RidgeOptions {
  bool intercept = true;
  bool penalise_intercept = false;  // lambda b^2 as well
  bool square_of_x = false;         // a prediction that is not linear in X
  bool prediction_node = true;      // the prediction says which node it is
};
Program Ridge(const RidgeOptions& options = {});

}  // namespace gyre::driver::testing
