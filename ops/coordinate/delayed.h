// Proximal gradient under bounded delay: stale synchronous parallelism for models cut among
// workers (msPG: Zhou et al. 2016).
//
//   theta_w <- prox_{step Omega}(theta_w - step grad_w f(what worker w sees))
//
// Worker w owns a slice of the units. What it sees holds all of its own changes, and of every other
// worker's all but at most the last `staleness` clocks.
//
// With f of an L_f-Lipschitz gradient, and L such that missing changes D puts the gradients of all
// workers together off by at most L |D|, every step < 1 / (L_f + 2 L staleness) converges. Here f
// has a quadratic bound H = X' W X: L_f = |H|, and as |grad_w| is Lipschitz in all of theta with
// |H_w| <= sqrt(|H| |H_ww|), L = sqrt(|H| sum_w |H_ww|). Norms by power iteration.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "ops/coordinate/method.h"
#include "ops/coordinate/part.h"
#include "ops/coordinate/schedule.h"
#include "ops/coordinate/solver.h"

namespace gyre {

class DelayedSolver final : public CoordinateMethod {
 public:
  struct Options {
    int workers = 1;
    int staleness = 0;         // s: clocks of other workers that a worker may not have seen yet
    double curvature = 0;      // bounds that of every row's loss; 0: what losses of squares say
    double step_scale = 1;     // of the step that surely converges
    double tolerance = 1e-6;   // of the gap, relative to the objective
    uint64_t seed = 1;         // of the delays
    int measure_every = 20;    // clocks
  };
  // `offset`: the view at theta = 0, rows x outputs; null: zero. All must live as long as this.
  DelayedSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
                const double* offset, int64_t rows, int64_t outputs);

  // From the theta at hand. Again whenever theta, the penalties or the losses were changed.
  absl::Status Start() override;
  // One clock: Work by every worker, in any order or at once; then Turn by one, which lets changes
  // arrive: of each worker's at each other all but the last k clocks, k drawn of 0 ... staleness.
  void Work(int worker) override;
  void Turn() override;

  bool converged() const override { return converged_; }
  // Aborted where the objective diverged.
  absl::Status status() const override { return status_; }
  int64_t measured() const override { return measured_; }
  double objective() const override { return primal_; }
  double gap() const override { return gap_; }
  CoordinateWork counters() const override;

  double step() const { return step_; }
  double lipschitz() const { return lipschitz_; }  // L_f
  double coupling() const { return coupling_; }    // L
  int64_t clocks() const { return clock_; }
  int most_delay() const { return most_delay_; }   // clocks that a worker had not seen

 private:
  enum class Phase { kMeasure, kStep };

  struct Slice {
    size_t begin = 0, end = 0;              // of unit_
    std::vector<double> view, slope;        // what it sees
    std::vector<std::vector<double>> sent;  // changes of the view, by clock modulo staleness + 1
    std::vector<int64_t> seen;              // of each worker, the last clock that has arrived
    std::vector<double> scratch;
    int64_t moved = 0;
  };
  const Part& PartOf(size_t k) const { return (*parts_)[static_cast<size_t>(unit_[k].part())]; }
  void Cut();
  double Norm(size_t begin, size_t end);
  void AddColumns(size_t k, const double* change, double* view) const;
  void BeginMeasure();
  void EndMeasure();
  void Arrive();

  const Options options_;
  std::vector<Part>* const parts_;
  RowLoss* const loss_;
  const int64_t rows_, outputs_;
  CoordinateSolver gauge_;  // measures the gap
  CounterRandom random_;

  Phase phase_ = Phase::kMeasure;
  bool converged_ = false;
  absl::Status status_;
  double primal_ = std::numeric_limits<double>::quiet_NaN(), gap_ = 0, start_value_ = 0;
  double step_ = 0, lipschitz_ = 0, coupling_ = 0;
  int64_t clock_ = 0, measured_ = 0, width_ = 1;
  int most_delay_ = 0;
  std::vector<UnitId> unit_;
  std::vector<double> weight_;  // rows x outputs: W
  std::vector<Slice> slice_;
};

}  // namespace gyre
