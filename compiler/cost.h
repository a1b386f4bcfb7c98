// What a clock costs: a roofline over the machine's profile for passes, traffic for folds, hand-overs
// between lanes, bytes and round trips between processes.
//
//   pass   max(flops / rate, bytes / bandwidth) + gathers / gather rate, per lane
//   fold   accumulators of the other lanes at the rate of lines another core has written, then g
//   clock  max(cycle time / lag, the busiest lane)           (the lag graph's first bound)
//
// Times are milliseconds, sizes bytes, everything double. Pure functions.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/walk.h"
#include "dsl/program.h"

namespace gyre {

// What a pass does, all rows of a clock together.
struct Work {
  double flops = 0;            // multiply-adds count twice
  double matrix_flops = 0;     // of those, in products with a matrix operand: they run near the peak
  double bytes = 0;            // streamed once
  double gathers = 0;          // accesses at places named by data
  double gather_span = 0;      // bytes they range over

  Work& operator+=(const Work& o);
  Work Scaled(double f) const;
};

// `rows` of the row axis per clock.
Work WorkOf(const Program& program, const Pass& pass, const BoundInfo& bound, double rows);

// Time of `work` shared evenly by `lanes`; `resident` is what all clocks stream from again and again
// (it may stay in cache). `skew` >= 1: the busiest lane's share over the mean.
double PassMs(const Work& work, const Profile& profile, Type type, int lanes, double resident,
              double skew);

// Numbers of the parameters a leaf changes and of the totals it sums.
struct StateSize {
  double params = 0, totals = 0;
};
StateSize StateOf(const Program& program, const Leaf& leaf, const BoundInfo& bound);

// Streams over the parameters that one step of a rule makes (state and temporaries).
double StreamsOf(const std::string& rule, int memory);

// Folding the accumulators of `workers` on `lanes`, then g.
double FoldMs(const StateSize& state, const std::string& rule, int memory, const Profile& profile,
              int workers, int lanes);

// Hand-overs of one clock in one process with `stages` statements.
double SyncMs(const Profile& profile, int workers, int lanes, int stages);

// A number of bytes at a bandwidth in GB/s.
inline double TransferMs(double bytes, double gbs) { return gbs > 0 ? bytes / gbs * 1e-6 : 0; }

// Bandwidth of streaming from where `resident` bytes fit, GB/s over `lanes`.
double StreamGbs(const Profile& profile, double resident, int lanes);

}  // namespace gyre
