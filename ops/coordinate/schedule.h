// Which units a round of several workers visits: STRADS (Lee et al. 2014, Kim et al. 2016).
//
//   uniform     drawn at random: Shotgun (Bradley et al. 2011)
//   dependency  drawn at random; of two that are coupled by more than rho, one waits
//   priority    drawn in proportion to priority + eta x its mean, priority = what a unit last moved
//   sap         priority, dependency, and blocks of even work, of as many units as that takes
//
// A round is drawn while the one before it runs: its units are out, and are not drawn again until
// their priorities have come back. So no unit is twice in a round, however high its priority.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ops/coordinate/part.h"
#include "ops/coordinate/working_set.h"

namespace gyre {

enum class Schedule : uint8_t { kUniform, kDependency, kPriority, kSap };

constexpr bool Filtered(Schedule s) { return s == Schedule::kDependency || s == Schedule::kSap; }
constexpr bool Prioritised(Schedule s) { return s == Schedule::kPriority || s == Schedule::kSap; }
constexpr bool Balanced(Schedule s) { return s == Schedule::kSap; }

// How much the move of one unit changes where another wants to be: symmetric, 0 to 1.
class UnitCoupling {
 public:
  virtual ~UnitCoupling() = default;
  // Not for several threads at once.
  virtual double Of(UnitId a, UnitId b) = 0;
  // Whether `a` is coupled to any of `in` by more than rho.
  virtual bool Any(UnitId a, const std::vector<UnitId>& in, double rho) {
    for (const UnitId b : in)
      if (Of(a, b) > rho) return true;
    return false;
  }
};

// For linear predictors |x_a' W x_b| / (|x_a| |x_b|), norms in the metric W too; between units of
// several columns the most of any two. Computed when asked for, remembered up to a bound; where all
// columns are sparse, one walk along a column finds its couplings to all others of a round.
class ColumnCoupling final : public UnitCoupling {
 public:
  // `weight`: by row, null for all ones. All must live as long as this.
  ColumnCoupling(const std::vector<Part>* parts, const double* weight, int64_t rows);
  double Of(UnitId a, UnitId b) override;
  bool Any(UnitId a, const std::vector<UnitId>& in, double rho) override;

  int64_t computed() const { return computed_; }  // pairs; the others were remembered
  size_t remembered() const { return known_.size(); }

 private:
  double Compute(UnitId a, UnitId b);
  double Norm(UnitId a, int64_t column);
  void Spread(UnitId a);
  void Index(const std::vector<UnitId>& in);

  const std::vector<Part>* const parts_;
  const double* const weight_;
  const int64_t rows_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, double> known_;  // by units
  std::vector<std::vector<double>> norm_;  // by part and column; negative: not yet computed
  UnitId spread_;                          // whose columns W x are in dense_
  bool any_spread_ = false;
  std::vector<double> dense_;              // columns x rows

  // For sparse columns, the entries of the units `indexed_`, linked along their rows.
  struct Entry {
    uint32_t unit;  // in indexed_
    int32_t next;   // -1: the row's last
    double value;   // of W x
  };
  bool sparse_ = true;  // all units are one sparse column
  std::vector<UnitId> indexed_;
  std::vector<int32_t> first_;  // by row
  std::vector<Entry> entry_;
  std::vector<double> dot_;     // by indexed unit
  int64_t computed_ = 0;
};

// Non-negative numbers, drawn in proportion: a tree of sums. Every sum is of the two below it, so
// that small numbers are not lost to what large ones left behind.
class SumTree {
 public:
  void Assign(const std::vector<double>& value);
  void Set(size_t k, double value);
  double at(size_t k) const { return sum_[leaves_ + k]; }
  double total() const { return sum_.size() > 1 ? sum_[1] : 0; }
  // The k whose share of the total `u` in [0, 1) falls into. REQUIRES: total() > 0.
  size_t Draw(double u) const;

 private:
  size_t leaves_ = 0, size_ = 0;
  std::vector<double> sum_;  // 1 is the root, 2 k and 2 k + 1 are below k
};

// Repeatable whatever the machine: number k depends on the seed and k alone.
class CounterRandom {
 public:
  explicit CounterRandom(uint64_t seed) : seed_(seed) {}
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t Next();

  uint64_t seed_, count_ = 0;
};

class Scheduler {
 public:
  struct Options {
    Schedule schedule = Schedule::kSap;
    double rho = 0.1;         // most coupling within a round
    double eta = 0.1;         // priority that all have, as a multiple of the mean
    int workers = 1;
    int64_t per_worker = 1;   // units of a round, of one worker; `sap` may draw more to even out
    uint64_t seed = 1;
  };
  // `work[k]`: what a visit of units[k] costs. `coupling` may be null if no filter is asked for.
  Scheduler(const Options& options, std::vector<UnitId> units, std::vector<int64_t> work,
            UnitCoupling* coupling);

  // All units are in again, with these priorities.
  void Reset(const std::vector<double>& priority);
  // blocks[w]: positions in `units` that worker w is to visit. Empty blocks where all are out.
  void Draw(std::vector<std::vector<uint32_t>>* blocks);
  // A unit that was drawn is in again.
  void Return(uint32_t k, double priority);

  double total() const { return tree_.total(); }  // priority of the units that are in
  int64_t rejected() const { return rejected_; }  // drawn, and put back by the filter

 private:
  bool DrawOne(uint32_t* k);

  const Options options_;
  const std::vector<UnitId> units_;
  const std::vector<int64_t> work_;
  UnitCoupling* const coupling_;
  CounterRandom random_;
  SumTree tree_;
  std::vector<bool> out_;
  size_t in_ = 0;  // units that are not out
  int64_t rejected_ = 0;
  std::vector<uint32_t> drawn_;
  std::vector<UnitId> drawn_units_;
  std::vector<int64_t> total_;  // work that each worker was given so far
};

}  // namespace gyre
