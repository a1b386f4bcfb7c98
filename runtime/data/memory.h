// Aligned arrays and the blocks that own theirs.
//
// A Block (ops/view.h) never owns memory; OwnedBlock is a Block with its arrays, cheap to copy
// (copies share). Arrays may be written through `mutable_values` until the block is handed to
// workers.
//
// Arrays may be larger than the memory: those that a budget has no room for are *spilled*, mapped
// from a temporary file without a name in $TMPDIR, else in /var/tmp. Whoever is done with a stretch
// of rows for a while calls ReleasePages: they leave the process, the system writes them out
// and drops them when it wants the room, and reads them again when they are looked at.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "ops/view.h"

namespace gyre {

// What arrays may take of the memory, in bytes, from now on; without a call there is no limit.
void SetMemoryBudget(int64_t bytes);
// Bytes that are spilled at the moment; the most that ever were at once.
int64_t SpilledBytes();
int64_t PeakSpilledBytes();

// Where there is no room for a temporary file, its message is what(): one line.
class CannotSpill : public std::bad_alloc {
 public:
  explicit CannotSpill(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

// `bytes` on a 64-byte boundary, not initialised; large arrays ask for huge pages, which saves page
// faults while loading and TLB misses while training. Throws CannotSpill. Thread-safe.
std::shared_ptr<void> AllocateAligned(int64_t bytes);
// The same, zero.
std::shared_ptr<void> AllocateZeros(int64_t bytes);

// The pages from `begin` up to that of `end`, if they are of a spilled array, are not needed for a
// while. Their bytes stay what they are. Thread-safe.
void ReleasePages(const void* begin, const void* end);

template <class T>
std::shared_ptr<T> AllocateArray(int64_t count) {
  return std::static_pointer_cast<T>(AllocateAligned(count * static_cast<int64_t>(sizeof(T))));
}

// A number or a few for each row of the data, zero at first. Moves, does not copy.
template <class T>
class RowArray {
 public:
  RowArray() = default;
  explicit RowArray(int64_t rows)
      : size_(rows),
        memory_(AllocateZeros(rows * static_cast<int64_t>(sizeof(T)))),
        data_(static_cast<T*>(memory_.get())) {}
  RowArray(RowArray&& other) noexcept { swap(other); }
  RowArray& operator=(RowArray&& other) noexcept {
    RowArray taken(std::move(other));
    swap(taken);
    return *this;
  }
  void swap(RowArray& other) noexcept {
    std::swap(size_, other.size_), memory_.swap(other.memory_), std::swap(data_, other.data_);
  }

  int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  // Rows that are not needed for a while, if there are any.
  void Release(int64_t begin, int64_t end) const {
    if (!empty()) ReleasePages(data_ + begin, data_ + end);
  }

 private:
  int64_t size_ = 0;
  std::shared_ptr<void> memory_;
  T* data_ = nullptr;
};

// Calls visit(b, e) for stretches of the rows [begin, end). After each of them it is worth while to
// release what was read or written: in order, or here and there.
inline constexpr int64_t kInOrder = int64_t{1} << 18, kHereAndThere = int64_t{1} << 22;
template <class Visit>
void InStretches(int64_t begin, int64_t end, int64_t stretch, const Visit& visit) {
  for (; begin < end; begin += stretch) visit(begin, std::min(end, begin + stretch));
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
