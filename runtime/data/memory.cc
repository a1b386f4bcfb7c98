#include "runtime/data/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace gyre {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

template <class T>
void Fill(const std::vector<double>& from, void* to) {
  T* out = static_cast<T*>(to);
  for (const double v : from) *out++ = static_cast<T>(v);
}

}  // namespace

std::shared_ptr<void> AllocateAligned(int64_t bytes) {
  const size_t wanted = bytes > 0 ? static_cast<size_t>(bytes) : 1;
  const bool huge = wanted >= 2 * kHugePage;
  const size_t align = huge ? kHugePage : 64;
  const size_t size = (wanted + align - 1) / align * align;
  void* p = std::aligned_alloc(align, size);
  if (p == nullptr) throw std::bad_alloc();
  if (huge) madvise(p, size, MADV_HUGEPAGE);  // advice only: a refusal costs speed, not results
  return {p, std::free};
}

OwnedBlock MakeDense(Type type, int64_t rows, int64_t cols) {
  OwnedBlock out;
  const int64_t stride = PaddedStride(cols, type);
  const int64_t bytes = rows * stride * SizeOf(type);
  auto memory = AllocateAligned(bytes);
  std::memset(memory.get(), 0, static_cast<size_t>(bytes));
  out.block = {.format = Format::kDense,
               .type = type,
               .values = memory.get(),
               .rows = rows,
               .cols = cols,
               .stride = stride};
  out.memory.push_back(std::move(memory));
  return out;
}

OwnedBlock MakeColumn(Type type, const std::vector<double>& values) {
  OwnedBlock out = MakeDense(type, static_cast<int64_t>(values.size()), 1);
  void* to = const_cast<void*>(out.block.values);
  switch (type) {
    case Type::kFloat32:
      Fill<float>(values, to);
      break;
    case Type::kFloat64:
      Fill<double>(values, to);
      break;
    case Type::kInt32:
      Fill<int32_t>(values, to);
      break;
  }
  return out;
}

}  // namespace gyre
