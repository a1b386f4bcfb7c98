// One stage of a clock at run time: the layout of its totals, their sum, and g.
//
// Used by one folder at a time, in stage order.
#pragma once
#include <memory>

#include "runtime/cycles.h"
#include "runtime/fold.h"
#include "runtime/layout.h"
#include "runtime/stages.h"

namespace gyre {

struct alignas(64) StageFold {
  StageFold(const StagePlan& stage_plan, const PostContext& shared, Layout totals,
            std::unique_ptr<Fold> g, double epochs)
      : plan(&stage_plan),
        layout(std::move(totals)),
        sum(layout.size),
        fold(std::move(g)),
        context(shared),
        epochs_per_clock(epochs) {
    Use(sum.data());
  }

  bool gathers() const { return plan->pass != nullptr || plan->gather >= 0; }
  // The totals that g is to see.
  void Use(const double* flat) {
    context.gathered = flat;
    if (plan->moves) return;
    for (const Field& s : layout.field) context.total[static_cast<size_t>(s.id)] = flat + s.offset;
  }
  void Apply(Clock clock, ParamState* state) {
    if (clock % plan->every != 0) return;
    const int64_t start = watch.Start();
    context.epoch = static_cast<double>(clock) * epochs_per_clock;
    fold->Apply(context, state);
    watch.Stop(start);
  }

  const StagePlan* plan;
  Layout layout;
  AlignedArray<double> sum;
  std::unique_ptr<Fold> fold;
  PostContext context;
  const double epochs_per_clock;
  Stopwatch watch;
};

using StageFolds = std::vector<std::unique_ptr<StageFold>>;

}  // namespace gyre
