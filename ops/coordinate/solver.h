// Minimises f(theta) + Omega(theta), f(theta) = sum_i loss_i(view_i), by coordinate descent over
// working sets, to a duality gap.
//
// Rounds alternate between
//   score   the derivative of f by every unit that may still move, in slices of the workers; then the
//           gap, and the units that are to move next: those that are not zero and those furthest from
//           staying zero (Massias, Gramfort and Salmon 2018), not many more than would move, for what
//           their Gram matrix costs. A unit that the gap proves to be zero is never looked at again
//           (Fercoq et al. 2015)
//   solve   a quadratic model of f, exact for squares, minimised over those; for other losses with a
//           line search, and the model renewed until the set is solved (Yuan, Ho and Lin 2012). Its
//           Gram matrix is made by all workers, what follows by one
//
// The gap. For the slopes u_i = loss_i'(view_i) and any s for which s u is feasible
//   gap(s) = sum_i D(view_i, v_i) + sum_units [Omega + Omega*(-s g) + s g.theta],   loss_i'(v_i) = s u_i,
// with D the Bregman divergence of the loss: no conjugate has to be known. The slopes are feasible for
// what nothing penalises only where it is at rest: a few such units (intercepts) are brought there
// before every score; where they are many, what moving each alone would gain stands for their terms.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "ops/coordinate/method.h"
#include "ops/coordinate/part.h"
#include "ops/coordinate/working_set.h"

namespace gyre {

// The losses of rows as functions of the view: derived from the program. Arrays are rows x outputs
// but `loss`, one number a row.
class RowLoss {
 public:
  virtual ~RowLoss() = default;
  virtual void Losses(const double* view, double* loss) = 0;
  virtual void Slopes(const double* view, double* slope) = 0;
  virtual void Curvatures(const double* view, double* curvature) = 0;
  virtual bool quadratic() const = 0;  // curvatures do not depend on the view
};

class CoordinateSolver final : public CoordinateMethod {
 public:
  struct Options {
    double tolerance = 1e-6;  // of the gap, relative to the objective
    int workers = 1;
    bool screening = true, extrapolation = true, covariance = true;
    bool measure_only = false;  // rounds score, and nothing moves
  };
  // `offset`: the view at theta = 0, rows x outputs; null: zero. All must live as long as this.
  CoordinateSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
                   const double* offset, int64_t rows, int64_t outputs);

  // From the theta at hand. Again whenever theta, the penalties or the losses were changed, which is
  // cheap: what depends on the columns alone is kept.
  absl::Status Start() override;

  // One round: Work by every worker, in any order or at once; then Turn by one.
  void Work(int worker) override;
  void Turn() override;
  // Whether the round that comes next begins with a score: theta and the objective are whole.
  bool between_iterations() const { return phase_ == Phase::kScore; }

  bool converged() const override { return converged_; }
  // At the last score: f + Omega, the best dual value so far, and what lies between.
  double objective() const override { return primal_; }
  double gap() const override { return gap_; }
  int64_t measured() const override { return iterations_; }
  int64_t iterations() const { return iterations_; }
  CoordinateWork counters() const override { return {set_.work().updates, schedule_ns_}; }
  int64_t units() const { return static_cast<int64_t>(candidate_.size()); }  // not proven zero
  int64_t active() const { return active_; }
  const WorkingSetWork& work() const { return set_.work(); }

  // X theta + offset, rows x outputs.
  const std::vector<double>& view() const { return view_; }

 private:
  enum class Phase { kScore, kSolve };  // slices of the score; shares of what a model needs

  const Part& PartOf(UnitId id) const { return (*parts_)[static_cast<size_t>(id.part())]; }
  double* GradientOf(size_t k) { return gradient_.data() + static_cast<int64_t>(k) * width_; }

  // f(part, begin, end) for the candidates [from, to), part by part; they stand in that order.
  template <class F>
  void ForRuns(F f, size_t from, size_t to) const {
    while (from < to) {
      const int part = candidate_[from].part();
      const auto next = std::lower_bound(candidate_.begin() + static_cast<std::ptrdiff_t>(from),
                                         candidate_.begin() + static_cast<std::ptrdiff_t>(to),
                                         UnitId(part + 1, 0));
      const auto end = static_cast<size_t>(next - candidate_.begin());
      f((*parts_)[static_cast<size_t>(part)], from, end);
      from = end;
    }
  }
  template <class F>
  void ForRuns(F f) const {
    ForRuns(f, 0, candidate_.size());
  }

  void Norms();
  void Slice();
  void ComputeView();
  void ComputeSlopes();
  double Loss(const double* view);
  double Curvature(size_t candidate) const;
  void EndScore();
  bool Divergence(double scale, double* sum);
  void Screen(double scale, double gap);
  void Choose();
  void BeginModels();
  void BeginModel();
  bool EndModel();
  void EndModels();
  void FindFree();
  void Settle();
  bool SettleStep();
  bool RenewWeights();
  enum class Search { kNothing, kRounding, kDescent };
  Search LineSearch();

  const Options options_;
  std::vector<Part>* const parts_;
  RowLoss* const loss_;
  const double* const offset_;
  const int64_t rows_, outputs_;

  Phase phase_ = Phase::kScore;
  bool converged_ = false;
  bool uniform_ = false;       // one curvature for all rows
  int64_t iterations_ = 0, active_ = 0, width_ = 1;
  int idle_ = 0, changes_ = 0;
  int64_t schedule_ns_ = 0;
  double primal_ = std::numeric_limits<double>::quiet_NaN(), best_dual_ = 0, gap_ = 0;
  double value_ = 0;           // the losses at the view, while models are minimised
  WorkingSet::Options set_options_;
  QuadraticModel model_;
  int models_ = 0, round_ = 0;  // of the set at hand; of the model at hand
  bool changed_ = false;
  int64_t violating_ = 0;      // units at zero that would leave it
  double most_curvature_ = 0;
  double least_curvature_ = 0;  // of losses that are no squares: below zero where one is not convex
  std::vector<UnitId> candidate_, chosen_;
  std::vector<double> chosen_gradient_;  // where all are single numbers
  std::vector<UnitId> free_;      // single columns without any penalty, if they are few
  std::vector<double> gradient_;  // by candidate, width_ numbers each: derivatives of f
  std::vector<double> norm_;      // by candidate: of its columns ...
  std::vector<double> all_norm_;  // ... and of all units, once Start is called again
  int64_t starts_ = 0;
  bool fresh_ = false;            // the weights of squares are not those of the last Start
  std::vector<size_t> slice_;     // candidates of each worker
  std::vector<double> weight_;    // of the models, where losses are no squares
  std::vector<double> view_, slope_, curvature_, moved_, trial_, loss_of_;
  WorkingSet set_;
};

}  // namespace gyre
