#include "runtime/contribution.h"

#include <algorithm>

namespace gyre {
namespace {

constexpr int64_t kBlock = 512;  // doubles: the block of the sum stays in the first cache

}  // namespace

void SumContributions(const Contribution* const* from, int workers, int64_t begin, int64_t end, double* to) {
  for (int64_t block = begin; block < end; block += kBlock) {
    const int64_t n = std::min(kBlock, end - block);
    double* __restrict out = to + block;
    for (int w = 0; w < workers; ++w) {
      const double* __restrict in = from[w]->sum.data() + block;
      const double scale = from[w]->scale;
      if (w == 0)
        for (int64_t i = 0; i < n; ++i) out[i] = scale * in[i];
      else
        for (int64_t i = 0; i < n; ++i) out[i] += scale * in[i];
    }
  }
}

}  // namespace gyre
