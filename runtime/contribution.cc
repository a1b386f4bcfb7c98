#include "runtime/contribution.h"

#include <algorithm>

namespace gyre {
namespace {

constexpr int64_t kBlock = 512;  // doubles: the block of the sum stays in the first cache

constexpr int64_t kLineDoubles = 8;
constexpr int64_t kAhead = 4 * kLineDoubles;  // of each worker: the rest is prefetched as a stream

}  // namespace

void SumContributions(const Contribution* const* from, int workers, int64_t begin, int64_t end,
                      double* to) {
  // What other cores have just written comes over one line at a time unless it is asked for at
  // once.
  for (int w = 0; w < workers; ++w)
    for (int64_t i = begin; i < std::min(end, begin + kAhead); i += kLineDoubles)
      __builtin_prefetch(from[w]->sum.data() + i);
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

void SumTerms(const Layout& layout, const Contribution* const* from, int workers, double* to) {
  for (size_t i = 0; i < layout.field.size(); ++i) {
    const Field& field = layout.field[i];
    if (!field.terms()) continue;
    std::fill_n(to + field.offset, field.size, 0.0);
    for (int w = 0; w < workers; ++w) from[w]->terms[i]->AddTo(to + field.offset);
  }
}

}  // namespace gyre
