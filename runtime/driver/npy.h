// Arrays of doubles as NumPy .npy files (format version 1.0, C order, little endian).
//
//   WriteNpy("w.npy", {10, 784}, weights);         // numpy.load("w.npy").shape == (10, 784)
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gyre::driver {

struct NpyArray {
  std::vector<int64_t> shape;  // empty: a scalar
  std::vector<double> values;  // row-major
};

// REQUIRES: values.size() == product of shape.
absl::Status WriteNpy(const std::string& path, const std::vector<int64_t>& shape,
                      const std::vector<double>& values);

// float64 and float32 in C order, any shape. InvalidArgument names the file and what is wrong.
absl::StatusOr<NpyArray> ReadNpy(const std::string& path);

}  // namespace gyre::driver
