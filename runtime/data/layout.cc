#include "runtime/data/layout.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

namespace gyre {
namespace {

template <class T>
struct Sparse {
  std::shared_ptr<T> values;
  std::shared_ptr<int32_t> index;
  std::shared_ptr<int64_t> offset;

  Sparse(int64_t major, int64_t nnz)
      : values(AllocateArray<T>(nnz)),
        index(AllocateArray<int32_t>(nnz)),
        offset(AllocateArray<int64_t>(major + 1)) {}
  OwnedBlock Finish(Format format, int64_t rows, int64_t cols) && {
    OwnedBlock out;
    out.block = {.format = format,
                 .type = kTypeOf<T>,
                 .values = values.get(),
                 .index = index.get(),
                 .offset = offset.get(),
                 .rows = rows,
                 .cols = cols};
    out.memory = {values, index, offset};
    return out;
  }
};

int64_t Major(const Block& b) { return b.format == Format::kCsr ? b.rows : b.cols; }
int64_t Minor(const Block& b) { return b.format == Format::kCsr ? b.cols : b.rows; }

// Regroups a compressed matrix by its minor index (a counting sort, so indices come out ascending).
// The result is the matrix itself in the other format, or its transpose in the same.
template <class T>
Sparse<T> Regroup(const Block& b) {
  const int64_t major = Major(b), minor = Minor(b);
  const int64_t first = b.offset[0], nnz = b.offset[major] - first;
  Sparse<T> out(minor, nnz);
  int64_t* const offset = out.offset.get();
  std::fill(offset, offset + minor + 1, 0);
  for (int64_t i = first; i < first + nnz; ++i) ++offset[b.index[i] + 1];
  for (int64_t m = 0; m < minor; ++m) offset[m + 1] += offset[m];
  std::vector<int64_t> next(offset, offset + minor);
  T* const values = out.values.get();
  int32_t* const index = out.index.get();
  for (int64_t j = 0; j < major; ++j) {
    for (int64_t i = b.offset[j]; i < b.offset[j + 1]; ++i) {
      const int64_t at = next[static_cast<size_t>(b.index[i])]++;
      values[at] = b.data<T>()[i];
      index[at] = static_cast<int32_t>(j);
    }
  }
  return out;
}

template <class T>
OwnedBlock DenseToCsr(const Block& b) {
  int64_t nnz = 0;
  for (int64_t r = 0; r < b.rows; ++r) {
    const T* row = b.data<T>() + r * b.stride;
    nnz += b.cols - std::count(row, row + b.cols, T{0});
  }
  Sparse<T> out(b.rows, nnz);
  int64_t at = 0;
  for (int64_t r = 0; r < b.rows; ++r) {
    out.offset.get()[r] = at;
    const T* row = b.data<T>() + r * b.stride;
    for (int64_t c = 0; c < b.cols; ++c) {
      if (row[c] == T{0}) continue;
      out.values.get()[at] = row[c];
      out.index.get()[at++] = static_cast<int32_t>(c);
    }
  }
  out.offset.get()[b.rows] = at;
  return std::move(out).Finish(Format::kCsr, b.rows, b.cols);
}

template <class T>
OwnedBlock SparseToDense(const Block& b) {
  OwnedBlock out = MakeDense(b.type, b.rows, b.cols);
  T* const values = out.mutable_values<T>();
  const int64_t row_step = b.format == Format::kCsr ? out.block.stride : 1;
  const int64_t col_step = b.format == Format::kCsr ? 1 : out.block.stride;
  for (int64_t j = 0; j < Major(b); ++j) {
    for (int64_t i = b.offset[j]; i < b.offset[j + 1]; ++i) {
      values[j * row_step + b.index[i] * col_step] = b.data<T>()[i];
    }
  }
  return out;
}

template <class T>
OwnedBlock CopyDense(const Block& b) {
  OwnedBlock out = MakeDense(b.type, b.rows, b.cols);
  for (int64_t r = 0; r < b.rows; ++r) {
    std::copy_n(b.data<T>() + r * b.stride, b.cols, out.mutable_values<T>() + r * out.block.stride);
  }
  return out;
}

// In tiles that fit the first-level cache, so that neither side is walked by columns of pages.
template <class T>
OwnedBlock TransposeDense(const Block& b) {
  constexpr int64_t kTile = 32;
  OwnedBlock out = MakeDense(b.type, b.cols, b.rows);
  T* const to = out.mutable_values<T>();
  for (int64_t r0 = 0; r0 < b.rows; r0 += kTile) {
    for (int64_t c0 = 0; c0 < b.cols; c0 += kTile) {
      for (int64_t c = c0; c < std::min(c0 + kTile, b.cols); ++c) {
        for (int64_t r = r0; r < std::min(r0 + kTile, b.rows); ++r) {
          to[c * out.block.stride + r] = b.data<T>()[r * b.stride + c];
        }
      }
    }
  }
  return out;
}

template <class T>
OwnedBlock CopySparse(const Block& b) {
  const int64_t major = Major(b), first = b.offset[0], nnz = b.offset[major] - first;
  Sparse<T> out(major, nnz);
  std::copy_n(b.data<T>() + first, nnz, out.values.get());
  std::copy_n(b.index + first, nnz, out.index.get());
  for (int64_t j = 0; j <= major; ++j) out.offset.get()[j] = b.offset[j] - first;
  return std::move(out).Finish(b.format, b.rows, b.cols);
}

template <class T>
OwnedBlock Slice(const Block& b, int64_t begin, int64_t end) {
  std::vector<std::pair<int64_t, int64_t>> parts;
  int64_t nnz = 0;
  for (int64_t c = 0; c < b.cols; ++c) {
    const int32_t* const low = b.index + b.offset[c];
    const int32_t* const high = b.index + b.offset[c + 1];
    const int64_t from = std::lower_bound(low, high, begin) - b.index;
    const int64_t to = std::lower_bound(low, high, end) - b.index;
    parts.emplace_back(from, to);
    nnz += to - from;
  }
  Sparse<T> out(b.cols, nnz);
  int64_t at = 0;
  for (size_t c = 0; c < parts.size(); ++c) {
    out.offset.get()[c] = at;
    for (int64_t i = parts[c].first; i < parts[c].second; ++i, ++at) {
      out.values.get()[at] = b.data<T>()[i];
      out.index.get()[at] = static_cast<int32_t>(b.index[i] - begin);
    }
  }
  out.offset.get()[b.cols] = at;
  return std::move(out).Finish(Format::kCsc, end - begin, b.cols);
}

template <class From, class To>
void Convert(const From* from, int64_t count, To* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

// Calls f with a value of the block's element type.
template <class F>
auto ByType(Type type, F f) {
  switch (type) {
    case Type::kFloat32:
      return f(float{});
    case Type::kInt32:
      return f(int32_t{});
    case Type::kFloat64:
      break;
  }
  return f(double{});
}

template <class T>
OwnedBlock Cast(const Block& b, Type type) {
  OwnedBlock out;
  if (b.format == Format::kDense) {
    out = MakeDense(type, b.rows, b.cols);
    for (int64_t r = 0; r < b.rows; ++r) {
      ByType(type, [&]<class To>(To) {
        Convert(b.data<T>() + r * b.stride, b.cols,
                out.mutable_values<To>() + r * out.block.stride);
      });
    }
    return out;
  }
  out = CopySparse<T>(b);
  const int64_t nnz = out.block.offset[Major(b)];
  auto values = AllocateAligned(nnz * SizeOf(type));
  ByType(type,
         [&]<class To>(To) { Convert(out.block.data<T>(), nnz, static_cast<To*>(values.get())); });
  out.block.values = values.get();
  out.block.type = type;
  out.memory[0] = std::move(values);
  return out;
}

}  // namespace

Block Rows(const Block& block, int64_t begin, int64_t end) {
  assert(block.format != Format::kCsc && 0 <= begin && begin <= end && end <= block.rows);
  Block out = block;
  out.rows = end - begin;
  if (block.format == Format::kCsr) {
    out.offset += begin;
  } else {
    out.values = static_cast<const char*>(block.values) + begin * block.stride * SizeOf(block.type);
  }
  return out;
}

OwnedBlock ToCsc(const Block& block) {
  if (block.format == Format::kDense) {
    const OwnedBlock csr = ToCsr(block);
    return ToCsc(csr.block);
  }
  return ByType(block.type, [&]<class T>(T) {
    if (block.format == Format::kCsc) return CopySparse<T>(block);
    return Regroup<T>(block).Finish(Format::kCsc, block.rows, block.cols);
  });
}

OwnedBlock ToCsr(const Block& block) {
  return ByType(block.type, [&]<class T>(T) {
    if (block.format == Format::kDense) return DenseToCsr<T>(block);
    if (block.format == Format::kCsr) return CopySparse<T>(block);
    return Regroup<T>(block).Finish(Format::kCsr, block.rows, block.cols);
  });
}

OwnedBlock ToDense(const Block& block) {
  return ByType(block.type, [&]<class T>(T) {
    return block.format == Format::kDense ? CopyDense<T>(block) : SparseToDense<T>(block);
  });
}

OwnedBlock Transpose(const Block& block) {
  return ByType(block.type, [&]<class T>(T) {
    if (block.format == Format::kDense) return TransposeDense<T>(block);
    return Regroup<T>(block).Finish(block.format, block.cols, block.rows);
  });
}

OwnedBlock SliceCscRows(const Block& block, int64_t begin, int64_t end) {
  assert(block.format == Format::kCsc && 0 <= begin && begin <= end && end <= block.rows);
  return ByType(block.type, [&]<class T>(T) { return Slice<T>(block, begin, end); });
}

OwnedBlock ToType(const Block& block, Type type) {
  return ByType(block.type, [&]<class T>(T) { return Cast<T>(block, type); });
}

OwnedBlock Concatenate(const std::vector<Block>& blocks, int64_t cols) {
  return ByType(blocks[0].type, [&]<class T>(T) {
    int64_t rows = 0, nnz = 0;
    const bool dense = blocks[0].format == Format::kDense;
    for (const Block& b : blocks) {
      rows += b.rows;
      if (!dense) nnz += b.offset[b.rows] - b.offset[0];
    }
    if (dense) {
      OwnedBlock out = MakeDense(blocks[0].type, rows, cols);
      T* to = out.mutable_values<T>();
      for (const Block& b : blocks) {
        for (int64_t r = 0; r < b.rows; ++r, to += out.block.stride) {
          std::copy_n(b.data<T>() + r * b.stride, b.cols, to);
        }
      }
      return out;
    }
    Sparse<T> out(rows, nnz);
    int64_t row = 0, at = 0;
    out.offset.get()[0] = 0;
    for (const Block& b : blocks) {
      const int64_t first = b.offset[0], count = b.offset[b.rows] - first;
      std::copy_n(b.data<T>() + first, count, out.values.get() + at);
      std::copy_n(b.index + first, count, out.index.get() + at);
      for (int64_t r = 1; r <= b.rows; ++r) out.offset.get()[++row] = at + b.offset[r] - first;
      at += count;
    }
    return std::move(out).Finish(Format::kCsr, rows, cols);
  });
}

}  // namespace gyre
