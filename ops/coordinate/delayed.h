// Proximal gradient under bounded delay: stale synchronous parallelism for models cut among
// workers (msPG: Zhou et al. 2016).
//
//   theta_w <- prox_{step Omega}(theta_w - step grad_w f(what worker w sees))
//
// Worker w owns a slice of the units. What it sees holds all of its own changes, and of every other
// worker's all but at most those of the last `staleness` clocks.
//
// With f of an L_f-Lipschitz gradient, and L such that missing changes D puts the gradients of all
// workers together off by at most L |D|, every step < 1 / (L_f + 2 L staleness) converges. Here f
// has a quadratic bound H = X' W X: L_f = |H|, and as |grad_w| is Lipschitz in all of theta with
// |H_w| <= sqrt(|H| |H_ww|), L = sqrt(|H| sum_w |H_ww|). Norms by power iteration. W bounds the
// curvature of every row's loss: it is what losses of squares say; of others the largest that a search
// along the view finds, raised should a view be met where it is larger.
//
// Thread-safe as follows: Work of different workers at once, and beside Turn, where a worker's call c
// (from 0) of Work begins after the return of call c - staleness - 1 of Turn, and call c of Turn after
// call c of every worker's Work. Rest alone.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ops/coordinate/method.h"
#include "ops/coordinate/part.h"
#include "ops/coordinate/solver.h"

namespace gyre {

class DelayedSolver final : public CoordinateMethod {
 public:
  struct Options {
    int workers = 1;
    int staleness = 0;         // s: clocks of other workers that a worker may not have seen yet
    double step_scale = 1;     // of the step that surely converges
    double tolerance = 1e-6;   // of the gap, relative to the objective
  };
  // `offset`: the view at theta = 0, rows x outputs; null: zero. All must live as long as this.
  // `loss` is asked by several threads at once.
  DelayedSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
                const double* offset, int64_t rows, int64_t outputs);

  absl::Status Start() override;
  bool runs_ahead() const override { return true; }
  // One clock of a worker. Nothing before the first Turn, which measures norms.
  void Work(int worker) override;
  // The changes of a clock become part of what all see.
  void Turn() override;
  // Measures the gap.
  void Rest() override;

  bool converged() const override { return converged_; }
  // Aborted where the objective diverged.
  absl::Status status() const override { return status_; }
  int64_t measured() const override { return measured_; }
  double objective() const override { return primal_; }
  double gap() const override { return gap_; }
  CoordinateWork counters() const override;
  std::string certificate() const override;

  double step() const { return step_; }
  double lipschitz() const { return lipschitz_; }  // L_f
  double coupling() const { return coupling_; }    // L
  // The most clocks of other workers that one had not seen.
  int64_t most_delay() const;

 private:
  struct alignas(64) Slice {
    size_t begin = 0, end = 0;              // of unit_
    int64_t clock = 0;                      // calls of Work
    int64_t delay = 0;                      // the most so far
    int64_t moved = 0;
    std::vector<double> view, slope;        // what it sees
    std::vector<std::vector<double>> sent;  // changes of the view, by clock modulo staleness + 1
    std::vector<double> scratch;
  };
  const Part& PartOf(size_t k) const { return (*parts_)[static_cast<size_t>(unit_[k].part())]; }
  size_t Ring(int64_t clock) const {
    return static_cast<size_t>(clock % (options_.staleness + 1));
  }
  void Cut();
  absl::Status BoundCurvatures();
  bool RaiseBounds();
  void ChooseStep();
  double Norm(size_t begin, size_t end) const;
  void AddColumns(size_t k, const double* change, double* view) const;
  void Look(Slice* slice, int64_t clock) const;
  void Prepare();
  void Measure();

  const Options options_;
  std::vector<Part>* const parts_;
  RowLoss* const loss_;
  const int64_t rows_, outputs_;
  CoordinateSolver gauge_;  // measures the gap

  bool converged_ = false;
  absl::Status status_;
  double primal_ = std::numeric_limits<double>::quiet_NaN(), gap_ = 0, start_value_ = 0;
  double step_ = 0, lipschitz_ = 0, coupling_ = 0;
  int64_t measured_ = 0, width_ = 1;
  std::vector<UnitId> unit_;
  std::vector<double> weight_;  // rows x outputs: W
  std::vector<Slice> slice_;
  // Buffer c modulo staleness + 1 holds the view with all changes of the clocks before c; every reader of
  // the one that it replaces is done.
  std::vector<std::vector<double>> view_;
  std::atomic<int64_t> turned_{0};  // calls of Turn: the newest view
  std::atomic<bool> ready_{false};
};

}  // namespace gyre
