// The losses of a statement's rows as functions of its linear predictor (Predictor in dsl/program.h),
// by the program's own kernels.
#pragma once
#include <vector>

#include "ops/coordinate/solver.h"
#include "runtime/data/memory.h"
#include "runtime/post.h"

namespace gyre {

// Arrays are rows x outputs. Not thread-safe: one buffer.
class PredictorLoss final : public RowLoss {
 public:
  // `context` outlives this; its hyper-parameters may change between calls.
  PredictorLoss(const PostContext* context, const Predictor* predictor, int64_t rows,
                int64_t outputs, Type type);

  void Losses(const double* view, double* loss) override;
  void Slopes(const double* view, double* slope) override;
  void Curvatures(const double* view, double* curvature) override;
  bool quadratic() const override { return predictor_.quadratic; }

  // The predictor where all parameters are zero; nothing where that is zero everywhere.
  std::vector<double> Offset();

 private:
  RowArgs ArgsOf(int64_t output) const;
  void Run(RowFn fn, const double* view, double* out);

  const PostContext& context_;
  const Predictor& predictor_;
  const int64_t rows_, outputs_;
  const bool single_;
  std::vector<Block> data_;  // by symbol: those that are read, dense
  std::vector<OwnedBlock> owned_;
  std::vector<double> from_, to_;  // one output
};

}  // namespace gyre
