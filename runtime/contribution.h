// What one worker adds up in one stage: a flat vector of totals, and how it is summed over workers.
//
// The sum runs over workers in order for every element, whatever the number of lanes or slices, so
// that results are the same to the bit.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

#include "ops/aligned.h"
#include "runtime/layout.h"

namespace gyre {

struct Contribution {
  explicit Contribution(const Layout& layout) : sum(layout.size) {
    for (const Field& s : layout.field) target.push_back(sum.data() + s.offset);
  }
  void Clear() { std::memset(sum.data(), 0, static_cast<size_t>(sum.size()) * sizeof(double)); }

  AlignedArray<double> sum;
  std::vector<double*> target;  // by position in Pass::total
  double scale = 1;             // of a mini-batch; set by the worker before it posts
};

// to[begin, end) = sum over workers of scale * contribution, in worker order.
void SumContributions(const Contribution* const* from, int workers, int64_t begin, int64_t end,
                      double* to);

}  // namespace gyre
