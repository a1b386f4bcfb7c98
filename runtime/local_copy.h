// LocalCopy: the parameters of one statement in one process of several, which its rows change in
// place.
//
// Between processes nothing can be changed in place, so each has a copy. It begins a clock from the
// parameters that have arrived, with all that it has added itself; its rows move the copy; and what
// has moved since goes to the others as a Delta that adds (Wei et al. 2015, "Managed communication
// and consistency for fast data-parallel iterative analytics"). What the rows of one process alone
// name is sent when the model is looked at.
//
// The logical workers of the process take turns like those of a fold that changes parameters in
// place; calls with different workers may be concurrent. Nothing here blocks.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/graph/clock.h"
#include "runtime/fold.h"
#include "runtime/table.h"

namespace gyre {

class LocalCopy {
 public:
  virtual ~LocalCopy() = default;

  // What a worker of the process sees at a clock.
  struct View {
    Clock clock = 0;
    Stamp stamp;
    const void* const* param = nullptr;  // by symbol, in the element type of the run
  };
  // Whether the copy has begun the clock; a View needs no parameters then.
  virtual bool Taken(Clock clock) const = 0;
  // A worker's turn of a clock, from 0. After the last of all workers each calls Give once.
  virtual Fold::Turn WorkTurn(int worker, const View& view) = 0;
  // This worker's part of what has moved and is to leave, added to `moves`: by position among
  // the statement's parameters (MovedBy), zeroed.
  virtual void Give(int worker, Clock clock, double* const* moves) = 0;
};

// The parameters that a statement moves so, in the order of Give.
std::vector<int> MovedBy(const Statement& statement);

// Of "dsgd". `setup` holds all rows, of which the process takes those of its own keys of the map
// that has the most.
absl::StatusOr<std::unique_ptr<LocalCopy>> MakeKeyedCopy(const FoldSetup& setup,
                                                         const Statement& statement,
                                                         const Rule& rule);

}  // namespace gyre
