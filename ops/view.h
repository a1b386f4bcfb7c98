// Views of bound data: the only numeric types that all layers share.
//
// A view never owns memory. Every array starts on a 64-byte boundary, and a dense row starts on one
// too whenever `stride` is a multiple of 64 bytes (loaders pad rows of 16 elements or more).
#pragma once
#include <cstddef>
#include <cstdint>

namespace gyre {

enum class Type : uint8_t { kFloat32, kFloat64, kInt32 };
enum class Format : uint8_t { kDense, kCsr, kCsc };

template <class T> inline constexpr Type kTypeOf = Type::kFloat64;
template <> inline constexpr Type kTypeOf<float> = Type::kFloat32;
template <> inline constexpr Type kTypeOf<int32_t> = Type::kInt32;

constexpr int64_t SizeOf(Type type) { return type == Type::kFloat64 ? 8 : 4; }

// One matrix: `rows` data rows by `cols` entries each (a vector over the data axis has cols = 1).
//   kDense  values[r * stride + c]; index and offset are null
//   kCsr    row r holds entries [offset[r], offset[r + 1]) of index (columns, ascending) and values
//   kCsc    column c holds entries [offset[c], offset[c + 1]) of index (rows, ascending) and values
// A sparse matrix's absent entry is zero. Offsets are absolute, so a range of CSR rows is a view too.
struct Block {
  Format format = Format::kDense;
  Type type = Type::kFloat64;
  const void* values = nullptr;
  const int32_t* index = nullptr;
  const int64_t* offset = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // elements between dense rows

  template <class T> const T* data() const { return static_cast<const T*>(values); }
};

}  // namespace gyre
