// SharedTable: several workers of one process. With lag 1 the state is updated in place; with lag >
// 1 it is a ring of `lag` published versions, and accumulators are a ring of as many per worker.
//
// Why `lag` buffers are enough: version k (every Delta of clocks < k) lies in buffer k mod lag, and
// replaces version k - lag. It is made once all workers have completed clock k - 1, so every reader
// is at clock k or later and asks for version k - lag + 1 or later. The wait of the writer for its
// readers is implied by the frontier; likewise for accumulators.
//
// The fold is done by whoever finds the frontier complete. Large sums are cut into slices that
// lanes take one by one (a reduce-scatter through shared memory); the last one to finish applies g
// and publishes. Every sum runs over workers in order, so results do not depend on lanes.
//
// Thread-safe as StateTable says.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "runtime/contribution.h"
#include "runtime/embedded_table.h"
#include "runtime/env.h"
#include "runtime/frontier.h"
#include "runtime/state.h"

namespace gyre {

class SharedTable : public EmbeddedTable {
 public:
  struct Options {
    int workers = 1;
    int lanes = 1;
    int lag = 1;            // > 1: one stage a clock only
    bool publishes = true;  // some stage reads parameters through the table
    int slots = 0;  // clocks of contributions that there is room for, at least `lag`; 0: `lag`
    // Worker w is run by lane w mod lanes.
  };
  SharedTable(const Options& options, ParamState* state, StageFolds* stages,
              ClockObserver* observer, Env* env);

  bool Ready(int /*worker*/, Stage need) override {
    return applied_.load(std::memory_order_seq_cst) >= need;
  }
  Stamp Read(int worker, Clock clock, Stage need, const void** param) override;
  Contribution* Open(int worker, Clock clock, int slice) override;
  double* const* Write(int worker, Clock clock, int slice, double scale) override;
  OuterTerms* const* Terms(int worker, Clock clock, int slice) override;
  void Done(int worker, Stage stage) override;
  bool FoldReady(Stage* stage, int* part) override;
  void Fold(Stage stage, int part) override;
  int Blocker(Stage need) const override { return frontier_.Blocker(need); }

  // Whether lanes share the work of one fold.
  bool sliced() const { return most_parts_ > 1; }

  void StartAt(Clock clock) override;
  Clock Folded() const override {
    return applied_.load(std::memory_order_acquire) / stages_per_clock();
  }
  Clock Slowest() const override;
  Clock Fastest() const override;
  Staleness ObservedStaleness() const override;

 private:
  struct alignas(64) Worker {
    std::vector<Contribution> ring;  // [clock mod slots x stages + stage of the clock]
    StalenessCounter staleness;
    int64_t reads = 0;
    const void* seen = nullptr;  // the copy that its pointers are set to
  };

  Stage stages_per_clock() const { return static_cast<Stage>(stages_->size()); }
  int slots() const { return options_.slots > 0 ? options_.slots : options_.lag; }
  size_t Slot(Clock clock, Stage position) const {
    return static_cast<size_t>((slots() == 1 ? 0 : clock % slots()) * stages_per_clock() +
                               position);
  }
  const void* Version(Clock complete) const;
  void SumPart(StageFold* fold, size_t slot, int part, int parts);
  void Commit(Stage stage, StageFold* fold);
  int Parts(const StageFold& fold) const;

  const Options options_;
  ParamState* const state_;
  StageFolds* const stages_;
  ClockObserver* const observer_;
  Env* const env_;
  std::vector<std::unique_ptr<Worker>> worker_;
  std::vector<std::vector<const Contribution*>> gathered_;  // by slot: of all workers, in order
  std::vector<AlignedArray<char>> version_;                 // empty: kernels read the masters
  std::vector<int> parts_;                                  // by stage of the clock
  int most_parts_ = 1;
  GroupedFrontier frontier_;
  alignas(64) std::atomic<Stage> applied_{0};
  alignas(64) std::atomic<int64_t> ticket_{0};  // stage x most_parts_ + parts taken
  alignas(64) std::atomic<int> parts_left_{0};
};

}  // namespace gyre
