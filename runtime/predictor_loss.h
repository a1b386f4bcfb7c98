// The losses of a statement's rows as functions of its linear predictor (Predictor in dsl/program.h),
// by the program's own kernels.
#pragma once
#include <vector>

#include "ops/coordinate/scalar_loss.h"
#include "ops/coordinate/solver.h"
#include "runtime/data/memory.h"
#include "runtime/post.h"

namespace gyre {

// Arrays are rows x outputs. Thread-safe.
class PredictorLoss final : public RowLoss {
 public:
  // `context` outlives this; its hyper-parameters may change between calls.
  PredictorLoss(const PostContext* context, const Predictor* predictor, int64_t rows,
                int64_t outputs, Type type);

  void Losses(const double* view, double* loss) override;
  void Slopes(const double* view, double* slope) override;
  void Curvatures(const double* view, double* curvature) override;
  bool quadratic() const override { return predictor_.quadratic; }

  // One row, one output: for the dual. Calls for different rows may come from different threads.
  double At(RowFn fn, int64_t row, double view) const;
  void LossesOf(int64_t begin, int64_t end, const double* view, double* loss) const;
  const Predictor& predictor() const { return predictor_; }

  // The predictor where all parameters are zero; nothing where that is zero everywhere.
  std::vector<double> Offset();

 private:
  RowArgs ArgsOf(int64_t output) const;
  template <class Put>
  void Each(RowFn fn, const double* view, Put put) const;
  void Run(RowFn fn, const double* view, double* out) const;

  const PostContext& context_;
  const Predictor& predictor_;
  const int64_t rows_, outputs_;
  const bool single_;
  std::vector<Block> data_;  // by symbol: those that are read, dense
  std::vector<OwnedBlock> owned_;
};

// The same losses row by row. Thread-safe.
class PredictorScalarLoss final : public ScalarLoss {
 public:
  explicit PredictorScalarLoss(const PredictorLoss* loss) : loss_(*loss) {}

  Derivatives At(int64_t row, double v) override {
    const Predictor& predictor = loss_.predictor();
    return {loss_.At(predictor.slope, row, v), loss_.At(predictor.curvature, row, v)};
  }
  void Losses(int64_t begin, int64_t end, const double* view, double* loss) override {
    loss_.LossesOf(begin, end, view, loss);
  }
  int kinks() const override { return static_cast<int>(loss_.predictor().kink.size()); }
  // The root of an argument that is affine in the view.
  double Kink(int k, int64_t row) override;
  bool quadratic() const override { return loss_.predictor().quadratic_pieces; }

 private:
  const PredictorLoss& loss_;
};

}  // namespace gyre
