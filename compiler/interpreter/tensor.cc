#include "compiler/interpreter/tensor.h"

#include <cstddef>
#include <utility>

namespace gyre {
namespace {

double At(const Block& block, int64_t i) {
  switch (block.type) {
    case Type::kFloat32:
      return static_cast<double>(block.data<float>()[i]);
    case Type::kFloat64:
      return block.data<double>()[i];
    case Type::kInt32:
      return static_cast<double>(block.data<int32_t>()[i]);
  }
  return 0;
}

}  // namespace

Tensor Tensor::Zero(std::vector<int64_t> shape) {
  size_t size = 1;
  for (const int64_t extent : shape) size *= static_cast<size_t>(extent);
  return {std::move(shape), std::vector<double>(size)};
}

Tensor Densify(const Block& block, bool vector) {
  Tensor dense = Tensor::Zero({block.rows, block.cols});
  const auto put = [&](int64_t r, int64_t c, int64_t from) {
    dense.value[static_cast<size_t>(r * block.cols + c)] = At(block, from);
  };
  switch (block.format) {
    case Format::kDense:
      for (int64_t r = 0; r < block.rows; ++r) {
        for (int64_t c = 0; c < block.cols; ++c) put(r, c, r * block.stride + c);
      }
      break;
    case Format::kCsr:
      for (int64_t r = 0; r < block.rows; ++r) {
        for (int64_t e = block.offset[r]; e < block.offset[r + 1]; ++e) put(r, block.index[e], e);
      }
      break;
    case Format::kCsc:
      for (int64_t c = 0; c < block.cols; ++c) {
        for (int64_t e = block.offset[c]; e < block.offset[c + 1]; ++e) put(block.index[e], c, e);
      }
      break;
  }
  if (vector) dense.shape = {block.rows};
  return dense;
}

}  // namespace gyre
