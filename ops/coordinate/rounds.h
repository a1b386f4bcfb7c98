// Minimises f(theta) + Omega(theta), f(theta) = sum_i loss_i(view_i), by coordinate descent in
// rounds: schedule, push, pull (STRADS: Lee et al. 2014; with the uniform schedule it is Shotgun:
// Bradley et al. 2011).
//
//   schedule  a scheduler chooses the units of each worker; see schedule.h
//   push      every worker computes the moves of its units, all from the state at the beginning
//   pull      the moves are added to theta, and along their columns to the view and the slopes
//
// A unit moves to the minimiser of a quadratic model of f in it alone: exact for squares. For
// other losses the weights of the model are renewed at every check.
//
// Checks, as often as they cost little, compute the objective. Under a schedule that filters it
// never rises from one to the next: moves that would are shortened together, and the rounds that
// follow take a smaller share of their moves. Without a filter nothing is held back, and the
// objective may diverge: then status() says so and all stops.
//
// Between rounds, once in a while, all units are scored: the exact view, the duality gap, and what
// each unit would move, which is its priority from then on.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "ops/coordinate/method.h"
#include "ops/coordinate/part.h"
#include "ops/coordinate/schedule.h"
#include "ops/coordinate/solver.h"

namespace gyre {

class RoundsSolver final : public CoordinateMethod {
 public:
  struct Options {
    Schedule schedule = Schedule::kSap;
    double rho = 0.1;          // most coupling within a round
    double eta = 0.1;          // priority that all units have, as a multiple of the mean
    bool squared = false;      // priority |move|^2 in place of |move|
    int workers = 1;
    int64_t per_worker = 0;    // units of a round, of one worker; 0: by what units cost
    double tolerance = 1e-6;   // of the gap, relative to the objective
    uint64_t seed = 1;
  };
  // `offset`: the view at theta = 0, rows x outputs; null: zero. `coupling`: null for that of the
  // columns. All must live as long as this.
  RoundsSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
               const double* offset, int64_t rows, int64_t outputs, UnitCoupling* coupling = nullptr);

  // From the theta at hand. Again whenever theta, the penalties or the losses were changed.
  absl::Status Start() override;

  // One round: Work by every worker, in any order or at once; then Turn by one. DrawNext, by one,
  // may run beside them and draws the round after; if nobody called it, Turn does its work.
  void Work(int worker) override;
  void DrawNext() override;
  void Turn() override;

  bool converged() const override { return converged_; }
  // Aborted where the objective diverged.
  absl::Status status() const override { return status_; }
  int64_t measured() const override { return measured_; }
  double objective() const override { return primal_; }
  double gap() const override { return gap_; }
  CoordinateWork counters() const override { return {updates_, schedule_ns_}; }

  // The objective at hand, at the cost of one pass over the rows.
  double Objective();

  int64_t updates() const { return updates_; }    // units that a worker moved
  int64_t visits() const { return visits_; }      // ... or left as they were
  int64_t rounds() const { return rounds_; }
  int64_t scores() const { return scores_; }      // of all units
  int64_t shortened() const { return shortened_; }  // checks at which the objective had risen
  int64_t schedule_ns() const { return schedule_ns_; }
  int64_t pull_ns() const { return pull_ns_; }
  // Of all workers together, in push.
  int64_t work_ns() const;
  // Entries of the columns that each worker visited.
  const std::vector<int64_t>& busy() const { return busy_; }
  // Of the worker with the most in each round, over that of the mean worker.
  double imbalance() const;
  const Scheduler& scheduler() const { return *scheduler_; }

 private:
  enum class Phase { kScore, kVisit };

  struct Moved {  // since the last check: a unit, and where its numbers before are
    uint32_t item;
    size_t before;
  };
  const Part& PartOf(uint32_t item) const {
    return (*parts_)[static_cast<size_t>(unit_[item].part())];
  }
  void MakeScheduler();
  double Curvature(uint32_t item);
  double Priority(uint32_t item, double norm2) const;
  // to <- where the unit would move, now <- where it is; the squared norm between. z: scratch.
  double Target(uint32_t item, double* z, double* now, double* to);
  void BeginScore();
  void ScoreSlice(int worker);
  void EndScore();
  void BeginRound();
  void Pull();
  void AddColumns(uint32_t item, const double* change);
  bool ScoreIsDue() const;
  // False where the objective diverged.
  bool Check();
  double Shorten();
  double Loss(const double* view);
  void Renew();

  const Options options_;
  std::vector<Part>* const parts_;
  RowLoss* const loss_;
  const int64_t rows_, outputs_;
  CoordinateSolver gauge_;       // measures the gap
  UnitCoupling* const given_coupling_;
  std::unique_ptr<UnitCoupling> coupling_;
  std::unique_ptr<Scheduler> scheduler_;

  Phase phase_ = Phase::kScore;
  bool converged_ = false, drawn_ = false, moved_any_ = false;
  bool uniform_ = false;         // one weight for all rows
  absl::Status status_;
  double primal_ = std::numeric_limits<double>::quiet_NaN(), gap_ = 0;
  double start_value_ = 0;       // the objective at the start ...
  double check_value_ = 0;       // ... and at the last check
  double omega_ = 0;
  double share_ = 1;             // of its move that a unit makes
  double uniform_weight_ = 0;
  double scored_total_ = 0;      // priority, at the last score
  int64_t width_ = 1, entries_ = 0, interval_ = 0;
  int64_t since_check_ = 0, since_score_ = 0;
  int idle_ = 0;
  int64_t updates_ = 0, visits_ = 0, rounds_ = 0, scores_ = 0, measured_ = 0, shortened_ = 0;
  int64_t schedule_ns_ = 0, pull_ns_ = 0, most_busy_ = 0;

  std::vector<UnitId> unit_;     // by item
  std::vector<int64_t> work_;
  std::vector<double> curvature_;
  std::vector<int32_t> curvature_of_;  // the renewal it belongs to
  int32_t renewal_ = 0;
  std::vector<double> priority_;
  std::vector<size_t> slice_;    // items that each worker scores
  std::vector<double> view_, slope_, weight_, check_view_, coupling_weight_, loss_of_;

  std::vector<std::vector<uint32_t>> block_, next_;
  std::vector<size_t> slot_;     // of each worker's first unit
  std::vector<double> change_;   // by slot, width_ numbers each
  std::vector<double> size_;     // by slot: of the whole move, squared
  std::vector<int64_t> busy_, busy_ns_;
  std::vector<std::vector<double>> scratch_;  // by worker
  std::vector<int32_t> mark_;    // by item: the check since which it moved
  int32_t check_ = 0;
  std::vector<Moved> moved_;
  std::vector<double> before_;
};

}  // namespace gyre
