// Minimises a quadratic model of an objective over some of its units, by coordinate descent.
//
//   M(theta) = sum_i slope_i dv_i + 1/2 weight_i dv_i^2 + Omega(theta),  dv = X (theta - theta_0)
//
// Visits are exact in one unit; three ways speed them up, chosen by cost and structure:
//   residual    the slopes slope + weight dv are kept per row; a visit costs its column, twice
//   covariance  the slopes are kept per unit through the Gram matrix X' W X of the set, computed
//               once (Friedman et al. 2010); a visit without change costs nothing
//   and then an extrapolation of the last visits (Anderson acceleration: Bertrand and Massias 2021),
//   or, with the Gram matrix, a step of Newton's method over all that moves freely: without groups the
//   exact minimum for the signs at hand
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "ops/coordinate/gram.h"
#include "ops/coordinate/part.h"

namespace gyre {

// A unit of one of the parts, in eight bytes: there may be many millions.
class UnitId {
 public:
  UnitId() = default;
  UnitId(int part, int64_t unit)
      : value_(static_cast<uint64_t>(part) << 56 | static_cast<uint64_t>(unit)) {}
  int part() const { return static_cast<int>(value_ >> 56); }
  int64_t unit() const { return static_cast<int64_t>(value_ << 8 >> 8); }
  friend bool operator==(const UnitId&, const UnitId&) = default;
  friend auto operator<=>(const UnitId&, const UnitId&) = default;

 private:
  uint64_t value_ = 0;
};

struct QuadraticModel {
  int64_t rows = 0, outputs = 1;
  const double* weight = nullptr;  // rows x outputs; null: `uniform` for all
  double uniform = 0;
  double* slope = nullptr;         // rows x outputs, at the start
  bool fresh = true;               // the weights are not those of the last call
  double epochs = 12;              // visits of all units that a Gram matrix may cost
};

struct WorkingSetWork {            // what was done, for traces and benchmarks
  int64_t epochs = 0, visits = 0, updates = 0, factorisations = 0, extrapolations = 0;
};

class WorkingSet {
 public:
  WorkingSet(std::vector<Part>* parts, int64_t rows, int64_t outputs);

  struct Options {
    double target = 0;             // of the duality gap of the model within the set ...
    double reduction = 0;          // ... or as a share of what it is at the start, if that is more
    int64_t max_epochs = 1000;
    bool may_extrapolate = true, may_covariance = true;
    const double* gradient = nullptr;  // of units of one number, at the start; null: to be computed
  };
  // Moves theta of `units` (sorted): after Begin, rounds() times Work(0), Work(1), ... by every worker at
  // once, then End, until which `model` lives. What model.slope holds then is of no use.
  void Begin(const std::vector<UnitId>& units, const Options& options, QuadraticModel* model,
             int workers);
  int rounds() const { return covariance_ ? gram_.rounds() : 0; }
  void Work(int round, int worker) { gram_.Work(round, worker); }
  void End();

  // Adds X (theta - theta before Begin) to `view`.
  void AddChange(double* view) const;
  // The change of each unit's elements: theta before the last Begin, item by item.
  const std::vector<UnitId>& units() const { return units_; }
  bool changed() const { return changed_; }
  // Puts theta at before + t (after - before).
  void SetStep(double t);
  // Omega(theta) - Omega(before), over the set.
  double PenaltyChange() const;
  // The gap of the last model at the start, where a reduction was asked for.
  double first_gap() const { return first_gap_; }

  const WorkingSetWork& work() const { return work_; }

 private:
  struct Segment {  // items of one part
    int part;
    size_t begin, end;
  };
  void Load();
  void Curvatures(const QuadraticModel& model);

  // One visit of every item in `items` (null: all); returns the sum of a/2 change^2.
  double Epoch(QuadraticModel* model, const std::vector<uint32_t>* items);
  double ScalarEpoch(QuadraticModel* model, const std::vector<uint32_t>* items);
  double BlockEpoch(QuadraticModel* model, const std::vector<uint32_t>* items);
  void SolveByResidual(double target);
  void Move(size_t item, const double* change, QuadraticModel* model);
  double MeasureGap(const QuadraticModel& model) const;
  void Support(std::vector<uint32_t>* items) const;
  bool Extrapolate(QuadraticModel* model, const std::vector<std::vector<double>>& history);
  double ModelValue(const QuadraticModel& model) const;
  double BregmanWeight(const QuadraticModel& model) const;
  double Gap(double bregman, std::vector<double>* g) const;

  // working_set_covariance.cc
  std::vector<Gram::Column> GramColumns() const;
  bool CovariancePays(const std::vector<Gram::Column>& columns) const;
  void Covariances();
  void SolveByCovariance(double target);
  bool VisitByCovariance(size_t item);
  void MoveTo(size_t number, double to);
  double CovarianceGap(double bregman) const;
  void Newton();
  std::vector<size_t> FreeNumbers() const;
  double Norm(size_t item) const;
  void AddPenalties(const std::vector<size_t>& free, Eigen::VectorXd* g, Eigen::MatrixXd* h) const;
  const Part& PartOf(size_t item) const { return (*parts_)[static_cast<size_t>(units_[item].part())]; }
  double& SlopeOf(size_t number) { return slope_of_[static_cast<size_t>(slot_[number])]; }

  std::vector<Part>* const parts_;
  const int64_t rows_, outputs_;
  Gram gram_;
  Options options_;
  QuadraticModel* model_ = nullptr;
  bool scalar_ = true, changed_ = false, covariance_ = false;
  std::vector<UnitId> units_;
  std::vector<Segment> segment_;
  std::vector<size_t> first_;          // of each item's numbers in x_; one more at the end
  std::vector<double> x_, before_;     // theta of the set
  std::vector<double> curvature_;      // by item
  std::vector<ElementPenalty> penalty_;  // by number
  std::vector<double> buffer_;
  double scale_ = 1;                   // of the Gram matrix, where it has no weights
  std::vector<int64_t> slot_;          // by number: of the Gram matrix ...
  std::vector<double> slope_of_;       // ... and by slot: the derivative of the rows' part
  double first_gap_ = 0;
  WorkingSetWork work_;
};

}  // namespace gyre
