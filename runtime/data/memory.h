// Aligned arrays and the blocks that own theirs.
//
// A Block (ops/view.h) never owns memory; OwnedBlock is a Block with its arrays, cheap to copy
// (copies share). Arrays may be written through `mutable_values` until the block is handed to
// workers.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "ops/view.h"

namespace gyre {

// `count` elements on a 64-byte boundary, not initialised; large arrays ask for huge pages, which
// saves page faults while loading and TLB misses while training.
std::shared_ptr<void> AllocateAligned(int64_t bytes);

template <class T>
std::shared_ptr<T> AllocateArray(int64_t count) {
  return std::static_pointer_cast<T>(AllocateAligned(count * static_cast<int64_t>(sizeof(T))));
}

// Elements between dense rows: rows of 16 elements or more start on 64-byte boundaries.
constexpr int64_t PaddedStride(int64_t cols, Type type) {
  const int64_t line = 64 / SizeOf(type);
  return cols < 16 ? cols : (cols + line - 1) / line * line;
}

struct OwnedBlock {
  Block block;
  std::vector<std::shared_ptr<void>> memory = {};  // everything `block` points into

  template <class T>
  T* mutable_values() {
    return static_cast<T*>(const_cast<void*>(block.values));
  }
};

// A dense block of zeros (padding included).
OwnedBlock MakeDense(Type type, int64_t rows, int64_t cols);

// A dense column (cols = 1) of `type` holding `values`.
OwnedBlock MakeColumn(Type type, const std::vector<double>& values);

}  // namespace gyre
