// One stage of a clock at run time: the layout of its totals, their sum, and g.
//
// Used by one folder at a time, in stage order; the counters alone may be read and added to by
// several.
#pragma once
#include <atomic>
#include <memory>

#include "runtime/cycles.h"
#include "runtime/fold.h"
#include "runtime/layout.h"
#include "runtime/stages.h"

namespace gyre {

struct StageFold {
  StageFold(const StagePlan& stage_plan, const PostContext& shared, Layout totals, std::unique_ptr<Fold> g, double epochs)
      : plan(&stage_plan), layout(std::move(totals)), sum(layout.size), fold(std::move(g)), context(shared),
        epochs_per_clock(epochs) {
    Use(sum.data());
  }

  bool gathers() const { return plan->pass != nullptr; }
  // The totals that g is to see.
  void Use(const double* flat) {
    for (const Field& s : layout.field) context.total[static_cast<size_t>(s.id)] = flat + s.offset;
  }
  void Apply(Clock clock, ParamState* state) {
    const int64_t start = Cycles();
    context.epoch = static_cast<double>(clock) * epochs_per_clock;
    fold->Apply(context, state);
    Count(start);
  }
  void Count(int64_t start) {
    fired.fetch_add(1, std::memory_order_relaxed);
    busy.fetch_add(Cycles() - start, std::memory_order_relaxed);
  }

  const StagePlan* plan;
  Layout layout;
  AlignedArray<double> sum;
  std::unique_ptr<Fold> fold;
  PostContext context;
  const double epochs_per_clock;
  std::atomic<uint64_t> fired{0};
  std::atomic<int64_t> busy{0};
};

using StageFolds = std::vector<std::unique_ptr<StageFold>>;

}  // namespace gyre
