// The sum of what processes have moved in copies of their own.
#include <algorithm>
#include <memory>
#include <vector>

#include "runtime/fold.h"
#include "runtime/local_copy.h"
#include "runtime/penalty.h"

namespace gyre {
namespace {

class MovesFold final : public Fold {
 public:
  MovesFold(const FoldSetup& setup, const Statement& statement)
      : setup_(setup),
        statement_(statement),
        layout_(ParamLayout(*setup.program, MovedBy(statement), setup.extent)) {}

  absl::Status Start(ParamState* /*state*/) override {
    moved_.clear(), weights_.clear();
    for (const int param : MovedBy(statement_)) {
      absl::StatusOr<Prox> prox =
          ProxOf(setup_.context, setup_.extent, statement_.penalty, param, &weights_);
      if (!prox.ok()) return prox.status();
      moved_.push_back({param, *prox});
    }
    return absl::OkStatus();
  }

  void Apply(const PostContext& context, ParamState* state) override {
    for (const Moved& m : moved_) {
      double* const to = state->master(m.param);
      const Field& field = *layout_.Find(m.param);
      const double* const by = context.gathered + field.offset;
      for (int64_t i = 0; i < field.size; ++i) to[i] += by[i];
      // Moves that add up may leave the bounds that each of them kept.
      if (!m.prox.bounded()) continue;
      for (int64_t i = 0; i < field.size; ++i)
        to[i] = std::clamp(to[i], m.prox.lower.at(i), m.prox.upper.at(i));
    }
  }

 private:
  struct Moved {
    int param = -1;
    Prox prox;
  };
  const FoldSetup setup_;
  const Statement& statement_;
  const Layout layout_;
  std::vector<Moved> moved_;
  std::vector<AlignedArray<double>> weights_;
};

}  // namespace

std::unique_ptr<Fold> MakeMovesFold(const FoldSetup& setup, const Statement& statement) {
  return std::make_unique<MovesFold>(setup, statement);
}

}  // namespace gyre
