// Gibbs sampling of a latent by its derived weights: every datum in turn leaves the tables of
// counts, draws a topic from its conditional, and is counted again.
//
// A clock visits every row once, block by block (keyed_grid.h), in the order that rotation.h gives;
// in a block the rows lie by the key whose factors are hoisted. Tables by keys belong to the block
// at hand. Totals, which no key names, every worker has to itself for a block: it adds what it
// moved when the block is done. With one worker they are those of every moment, and sampling is
// exact; with more they are short of what other workers moved during the block.
//
// Or rows are cut among the workers by one key: then totals, and tables by other keys, are each
// worker's own for a clock, which ends when what all of them moved is added up. Every worker begins
// a clock from the same counts, so that runs repeat whoever was faster. Workers that each made up
// topics of their own in the first clock would add up what has nothing in common: in that one they
// take turns.
//
// In the first clock a datum that has no topic yet draws one from the counts of those that have.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/archive.h"
#include "runtime/fold.h"
#include "runtime/rotation.h"
#include "runtime/sample/state.h"
#include "runtime/sample/worker.h"

namespace gyre {
namespace {

class SampleFold final : public Fold {
 public:
  SampleFold(const FoldSetup& setup, const Statement& statement, const Rule& rule)
      : workers_(setup.workers),
        alone_(setup.program->root.child.empty()),
        seed_(setup.seed),
        env_(setup.env),
        state_(setup, statement.sampler, rule.sampler == "sparse", rule.cut_by) {}

  absl::Status Start(ParamState* state) override {
    if (!bound_)
      if (absl::Status status = state_.Bind(); !status.ok()) return status;
    bound_ = true;
    state_.Clear();
    state_.StoreLatent();
    rotation_ = std::make_unique<Rotation>(state_.grid(), workers_, seed_, env_, state_.cut());
    worker_.clear();
    for (int w = 0; w < workers_; ++w)
      worker_.push_back(std::make_unique<sample::Worker>(state_, *state));
    copies_.assign(state_.counts().size(), {});
    for (size_t i = 0; i < copies_.size(); ++i) {
      for (const auto& worker : worker_)
        if (worker->own(i) != nullptr) copies_[i].push_back(worker->own(i));
    }
    share_ = std::vector<Share>(state_.cut() ? worker_.size() : 0);
    first_ = 0;
    state_.Store(state->layout(), state->master());
    return absl::OkStatus();
  }

  Turn WorkTurn(int worker, double epoch) override {
    return state_.cut() ? CutTurn(worker, epoch) : VisitTurn(worker, epoch);
  }

  // Other statements read counts and topics when the clock is over.
  void Apply(const PostContext& /*context*/, ParamState* state) override {
    state_.StoreLatent();
    if (!alone_) state_.Store(state->layout(), state->master());
  }
  void Model(const ParamState& state, double* model) const override {
    state_.Store(state.layout(), model);
  }

  absl::Status status() const override {
    for (const auto& worker : worker_) {
      if (worker->failed() < 0) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "the weights of row ", worker->failed(),
          " have no positive, finite sum: a hyper-parameter or a parameter that they read makes "
          "them so; they must be positive for some topic"));
    }
    return absl::OkStatus();
  }
  std::string certificate() const override {
    const auto& counts = state_.counts();
    const bool copies = std::any_of(counts.begin(), counts.end(),
                                    [&](const sample::Count& c) { return state_.Copied(c); });
    if (workers_ == 1 || (!state_.has_totals() && !copies))
      return "exact: every row is drawn from its conditional";
    return state_.cut() ? "counts by the key that rows are cut by exact at every draw; others "
                          "without what other workers move during a clock, exact in sum after it"
                        : "counts by key exact at every draw; totals without what other workers "
                          "move during a block, exact in sum after it";
  }

  std::string Save() const override {
    std::string bytes;
    Archive archive(&bytes);
    const_cast<SampleFold*>(this)->Exchange(archive);  // saving only reads
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    Archive archive(bytes);
    Exchange(archive);
    return archive.complete() ? absl::OkStatus()
                              : absl::InvalidArgumentError("state of another update rule");
  }

 private:
  Turn VisitTurn(int worker, double epoch) {
    return rotation_->Next(worker, [&](int stratum, int c) {
      worker_[static_cast<size_t>(worker)]->Visit(state_.grid().begin(stratum, c),
                                                  state_.grid().end(stratum, c),
                                                  rotation_->clocks(worker), epoch);
    });
  }
  // Its rows, and when all have done theirs a part of adding up.
  Turn CutTurn(int worker, double epoch) {
    Share& share = share_[static_cast<size_t>(worker)];
    sample::Worker& own = *worker_[static_cast<size_t>(worker)];
    const bool in_turn = first_ + share.merged == 0;
    if (share.visited.load() == share.merged) {
      if (in_turn && worker > 0 && share_[static_cast<size_t>(worker) - 1].visited.load() == 0)
        return Turn::kWaits;
      own.TakeTables();
      while (VisitTurn(worker, epoch) != Turn::kLast) {
      }
      if (in_turn) own.GiveTables(), own.GiveTotals();
      share.visited.store(share.merged + 1);
      env_->Wake();
    }
    for (const Share& other : share_)
      if (other.visited.load() <= share.merged) return Turn::kWaits;
    if (!in_turn) own.MergeTables(copies_, worker, workers_), own.GiveTotals();
    ++share.merged;
    return Turn::kLast;
  }

  void Exchange(Archive& a) {
    int64_t clocks = rotation_->clocks(0);
    a(clocks);
    state_.Exchange(a);
    if (a.saving()) return;
    rotation_->StartAt(clocks);
    first_ = clocks;
    state_.StoreLatent();
  }

  const int workers_;
  const bool alone_;  // the program's only statement
  const uint64_t seed_;
  Env* const env_;
  sample::State state_;
  bool bound_ = false;
  std::unique_ptr<Rotation> rotation_;
  std::vector<std::unique_ptr<sample::Worker>> worker_;
  // Where rows are cut: by table the workers' own; by worker the clocks whose rows it has visited,
  // and those that it has added up.
  struct alignas(64) Share {
    std::atomic<int64_t> visited{0};
    int64_t merged = 0;
  };
  std::vector<std::vector<const sample::CountTable*>> copies_;
  std::vector<Share> share_;
  int64_t first_ = 0;  // clocks before those
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeSampleFold(const FoldSetup& setup,
                                                     const Statement& statement, const Rule& rule) {
  if (statement.sampler.weight == nullptr)
    return absl::FailedPreconditionError("\"gibbs\" needs a Resample");
  return std::unique_ptr<Fold>(std::make_unique<SampleFold>(setup, statement, rule));
}

}  // namespace gyre
