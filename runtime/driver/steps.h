// What a regularisation path and its cross-validation are, as values; path.h makes them.
#pragma once
#include <cstddef>
#include <vector>

namespace gyre::driver {

struct Path {
  int hyper = -1;             // symbol that the path runs over
  std::vector<double> value;  // by step, descending
  bool given() const { return hyper >= 0; }
};
// The loss on rows left out, by step of a path: its mean over folds, and the standard error of that.
struct CrossValidation {
  int folds = 0;
  std::vector<double> mean, error;
  size_t least = 0;     // the step with the least mean ...
  size_t simplest = 0;  // ... and the first whose mean is within one standard error of it
  bool given() const { return folds > 0; }
};

}  // namespace gyre::driver
