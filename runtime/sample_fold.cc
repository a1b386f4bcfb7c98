// Gibbs sampling of a latent by its derived weights: every datum in turn leaves the tables of
// counts, draws a topic from its conditional, and is counted again.
//
// A clock visits every row once, block by block (keyed_grid.h), in the order that rotation.h gives;
// in a block the rows lie by the key whose factors are hoisted. Tables by keys belong to the block
// at hand. Totals, which no key names, every worker has to itself for a block: it adds what it
// moved when the block is done. With one worker they are those of every moment, and sampling is
// exact; with more they are short of what other workers moved during the block.
//
// In the first clock a datum that has no topic yet draws one from the counts of those that have.
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
        state_(setup, statement.sampler, rule.sampler == "sparse") {}

  absl::Status Start(ParamState* state) override {
    if (!bound_)
      if (absl::Status status = state_.Bind(); !status.ok()) return status;
    bound_ = true;
    state_.Clear();
    state_.StoreLatent();
    rotation_ = std::make_unique<Rotation>(state_.grid(), workers_, seed_, env_);
    worker_.clear();
    for (int w = 0; w < workers_; ++w)
      worker_.push_back(std::make_unique<sample::Worker>(state_, *state));
    state_.Store(state->layout(), state->master());
    return absl::OkStatus();
  }

  Turn WorkTurn(int worker, double epoch) override {
    return rotation_->Next(worker, [&](int stratum, int c) {
      worker_[static_cast<size_t>(worker)]->Visit(state_.grid().begin(stratum, c),
                                                  state_.grid().end(stratum, c),
                                                  rotation_->clocks(worker), epoch);
    });
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
    return workers_ == 1 || !state_.has_totals()
               ? "exact: every row is drawn from its conditional"
               : "counts by key exact at every draw; totals without what other workers move during "
                 "a block, exact in sum after it";
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
  void Exchange(Archive& a) {
    int64_t clocks = rotation_->clocks(0);
    a(clocks);
    state_.Exchange(a);
    if (a.saving()) return;
    rotation_->StartAt(clocks);
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
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeSampleFold(const FoldSetup& setup,
                                                     const Statement& statement, const Rule& rule) {
  if (statement.sampler.weight == nullptr)
    return absl::FailedPreconditionError("\"gibbs\" needs a Resample");
  return std::unique_ptr<Fold>(std::make_unique<SampleFold>(setup, statement, rule));
}

}  // namespace gyre
