// What the tests of data files share: files in the test's own folder, compression, blocks as
// vectors.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ops/view.h"

namespace gyre::testing {

// Writes `content` under a fresh folder of this test and returns the path.
std::string WriteFile(const std::string& name, const std::string& content);

std::string Gzip(const std::string& content);
std::string Xz(const std::string& content);

// Every cell of a dense, CSR or CSC block as a double, row by row.
std::vector<std::vector<double>> Cells(const Block& block);

// The bytes of a .npy file, version 1.0, whose data starts at a multiple of 64 bytes.
std::string NpyFile(const std::string& descr, bool fortran, const std::string& shape,
                    const std::string& data);
// The bytes of an IDX file of cell type `code`.
std::string IdxFile(int code, const std::vector<int>& shape, const std::string& data);

// Values as raw little-endian bytes.
template <class T>
std::string Raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace gyre::testing
