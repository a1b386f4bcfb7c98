// What one worker adds up in one stage: a flat vector of totals, or the terms of those that are
// outer products, and how it is summed over workers.
//
// The sum runs over workers in order for every element, whatever the number of lanes or slices, so
// that results are the same to the bit.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "ops/aligned.h"
#include "ops/outer_terms.h"
#include "runtime/layout.h"

namespace gyre {

struct Contribution {
  explicit Contribution(const Layout& layout) : sum(layout.summed) {
    for (const Field& f : layout.field) {
      target.push_back(f.terms() ? nullptr : sum.data() + f.offset);
      kept.push_back(f.terms() ? std::make_unique<OuterTerms>(f.outer) : nullptr);
      terms.push_back(kept.back().get());
      has_terms |= f.terms();
    }
  }
  void Clear() {
    std::memset(sum.data(), 0, static_cast<size_t>(sum.size()) * sizeof(double));
    for (const auto& t : kept)
      if (t != nullptr) t->Clear();
  }
  // For kernels: by position; null where the total is summed. Null: all are.
  OuterTerms* const* Terms() const { return has_terms ? terms.data() : nullptr; }

  AlignedArray<double> sum;     // Layout::summed
  std::vector<double*> target;  // by position in Pass::total; null where terms are kept
  std::vector<std::unique_ptr<OuterTerms>> kept;
  std::vector<OuterTerms*> terms;
  bool has_terms = false;
  double scale = 1;  // of a mini-batch; set by the worker before it posts
};

// to[begin, end) = sum over workers of scale * contribution, in worker order.
void SumContributions(const Contribution* const* from, int workers, int64_t begin, int64_t end,
                      double* to);
// The fields of `to` that are kept as terms: the sum over workers of theirs, in worker order. The
// terms are already scaled.
void SumTerms(const Layout& layout, const Contribution* const* from, int workers, double* to);

}  // namespace gyre
