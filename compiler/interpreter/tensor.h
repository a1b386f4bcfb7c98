// Dense tensors: what the interpreter computes with.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/view.h"

namespace gyre {

// A dense tensor, row-major. Maps and latents hold their keys as whole numbers.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> value;

  static Tensor Zero(std::vector<int64_t> shape);
};

// A block as a dense rows x cols matrix, or a vector of `rows` when `vector` (then cols must be 1).
Tensor Densify(const Block& block, bool vector = false);

}  // namespace gyre
