// Factors of a row's weights that a pass over rows computes.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ops/aligned.h"
#include "runtime/kernel_call.h"
#include "runtime/sample/state.h"

namespace gyre::sample {

inline constexpr int64_t kChunk = 64;  // rows of one call

// By row and topic, some rows at a time. The pass gives logs.
class RowFactors {
 public:
  explicit RowFactors(const State& state)
      : s_(state),
        pass_(state.sampler().row_pass < 0
                  ? nullptr
                  : &state.setup().program->pass[static_cast<size_t>(state.sampler().row_pass)]),
        log_(any() ? kChunk * state.topics() * SizeOf(state.setup().type) : 0),
        factor_(any() ? kChunk * state.topics() : 0) {
    if (any())
      scratch_ = AlignedArray<char>(pass_->scratch(
          s_.setup().context.data, s_.setup().context.extent, SizeOf(s_.setup().type)));
  }
  bool any() const { return pass_ != nullptr; }
  // The parameters to compute with, by symbol, as passes read them; others than before.
  void Use(const void* const* param) { param_ = param, end_ = begin_; }
  // Of the row at `r` in the order of the grid, which rows up to `end` follow.
  const float* At(int64_t r, int64_t end) {
    if (r < begin_ || r >= end_) Compute(r, end);
    return factor_.data() + (r - begin_) * s_.topics();
  }

 private:
  void Compute(int64_t r, int64_t end) {
    begin_ = r, end_ = std::min(r + kChunk, end);
    const RowArray<int64_t>& order = s_.grid().order();
    for (int64_t from = r; from < end_;) {  // rows that follow each other in the data
      const int64_t first = order[from];
      int64_t to = from + 1;
      while (to < end_ && order[to] == first + to - from) ++to;
      Run(first, to - from, (from - r) * s_.topics());
      from = to;
    }
  }
  void Run(int64_t row, int64_t rows, int64_t at) {
    WorkerData data;
    data.data = s_.setup().context.data;
    data.row_begin = row, data.row_end = row + rows;
    KernelArgs args = ArgsOf(s_.setup().context, data);
    args.param = param_;
    args.scratch = scratch_.data();
    args.out = log_.data();
    KernelOf(*pass_, s_.setup().type)(args);
    if (s_.setup().type == Type::kFloat32) {
      Exponentiate(reinterpret_cast<const float*>(log_.data()), rows, at);
    } else {
      Exponentiate(reinterpret_cast<const double*>(log_.data()), rows, at);
    }
  }
  // Over the largest of each row: a constant factor moves no draw.
  template <class T>
  void Exponentiate(const T* log, int64_t rows, int64_t at) {
    for (int64_t r = 0; r < rows; ++r, log += s_.topics(), at += s_.topics()) {
      const T most = *std::max_element(log, log + s_.topics());
      for (int64_t k = 0; k < s_.topics(); ++k)
        factor_[at + k] = static_cast<float>(std::exp(log[k] - most));
    }
  }

  const State& s_;
  const Pass* const pass_;
  AlignedArray<char> log_, scratch_;
  AlignedArray<float> factor_;
  const void* const* param_ = nullptr;
  int64_t begin_ = 0, end_ = 0;
};

}  // namespace gyre::sample
