// The memory behind a harness: what bindings own, and the views of it that kernels see.
#pragma once
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/interpreter/interpreter.h"
#include "ops/view.h"
#include "tests/oracle/harness.h"

namespace gyre {

// Values of one element type at a 64-byte boundary.
class Aligned {
 public:
  Aligned(Type type, const std::vector<double>& values) : type_(type) {
    const auto bytes = (values.size() + 1) * static_cast<size_t>(SizeOf(type));
    data_.reset(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    for (size_t i = 0; i < values.size(); ++i) Set(i, values[i]);
  }
  const void* data() const { return data_.get(); }

 private:
  void Set(size_t i, double value) {
    switch (type_) {
      case Type::kFloat32:
        static_cast<float*>(data_.get())[i] = static_cast<float>(value);
        break;
      case Type::kFloat64:
        static_cast<double*>(data_.get())[i] = value;
        break;
      case Type::kInt32:
        static_cast<int32_t*>(data_.get())[i] = static_cast<int32_t>(value);
        break;
    }
  }
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  Type type_;
  std::unique_ptr<void, Free> data_;
};

inline std::string Text(std::string_view s) { return std::string(s); }

// What bindings own; views of it go to kernels.
struct Harness::Storage {
  std::vector<int64_t> extent;
  std::vector<Block> block;       // by symbol, in the run's type
  std::vector<Block> post_block;  // by symbol, double: what posts see
  std::vector<std::unique_ptr<Aligned>> values;
  std::vector<std::unique_ptr<std::vector<int32_t>>> index;
  std::vector<std::unique_ptr<std::vector<int64_t>>> offset;
  std::vector<const void*> param;           // by symbol, in the run's type
  std::vector<std::vector<double>> master;  // by symbol
  std::vector<const double*> master_view;
  std::map<int, std::vector<double>> left;  // locals, by symbol, as the last pass left them
  std::vector<double> hyper;
  std::vector<std::vector<double>> total;  // by total; empty: not known
  std::vector<const double*> total_view;
  Bindings bindings;

  const void* Keep(Type type, const std::vector<double>& v) {
    values.push_back(std::make_unique<Aligned>(type, v));
    return values.back()->data();
  }
  void SetTotal(int id, std::vector<double> value) {
    total[static_cast<size_t>(id)] = std::move(value);
    total_view[static_cast<size_t>(id)] = total[static_cast<size_t>(id)].data();
  }
  Block Columns(const Tensor& tensor, Format format, Type type) {
    const int64_t rows = tensor.shape[0], cols = tensor.shape[1];
    if (format != Format::kDense) {
      return Store(tensor.value, rows, cols, Format::kCsc, type, cols);
    }
    std::vector<double> transposed;
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = 0; r < rows; ++r) {
        transposed.push_back(tensor.value[static_cast<size_t>(r * cols + c)]);
      }
    }
    return Store(transposed, cols, rows, Format::kDense, type, (rows + 15) / 16 * 16);
  }
  // Stores a dense rows x cols matrix in `format`; sparse forms leave zeros out.
  Block Store(const std::vector<double>& dense, int64_t rows, int64_t cols, Format format,
              Type type, int64_t stride) {
    Block b{format, type, nullptr, nullptr, nullptr, rows, cols, 0};
    if (format == Format::kDense) {
      std::vector<double> padded(static_cast<size_t>(rows * stride), -77);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          padded[static_cast<size_t>(r * stride + c)] = dense[static_cast<size_t>(r * cols + c)];
        }
      }
      b.stride = stride;
      b.values = Keep(type, padded);
      return b;
    }
    const bool by_row = format == Format::kCsr;
    index.push_back(std::make_unique<std::vector<int32_t>>());
    offset.push_back(std::make_unique<std::vector<int64_t>>(1, 0));
    std::vector<double> entries;
    for (int64_t i = 0; i < (by_row ? rows : cols); ++i) {
      for (int64_t j = 0; j < (by_row ? cols : rows); ++j) {
        const double v = dense[static_cast<size_t>(by_row ? i * cols + j : j * cols + i)];
        if (v == 0) continue;
        index.back()->push_back(static_cast<int32_t>(j));
        entries.push_back(v);
      }
      offset.back()->push_back(static_cast<int64_t>(entries.size()));
    }
    b.index = index.back()->data();
    b.offset = offset.back()->data();
    b.values = Keep(type, entries);
    return b;
  }
};

}  // namespace gyre
