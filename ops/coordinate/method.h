// What coordinate methods have in common, as the runtime drives them: rounds of Work by every worker,
// in any order or at once, then Turn by one.
#pragma once
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace gyre {

struct CoordinateWork {        // what was done so far
  int64_t updates = 0;         // coordinates that were moved
  int64_t schedule_ns = 0;     // spent choosing them
};

class CoordinateMethod {
 public:
  virtual ~CoordinateMethod() = default;

  // From the parameters at hand. Again whenever they, the penalties or the losses were changed.
  virtual absl::Status Start() = 0;
  virtual void Work(int worker) = 0;
  // By one, beside Work: chooses what the round after works on. If nobody calls it, Turn does it.
  virtual void DrawNext() {}
  virtual void Turn() = 0;

  // Whether workers may be asked to Work again before Turn, some rounds ahead of it. Start is cheap then:
  // the first Turn does what takes time.
  virtual bool runs_ahead() const { return false; }
  // By one, after Turn, while no worker is ahead; now and then.
  virtual void Rest() {}

  virtual bool converged() const = 0;
  virtual absl::Status status() const { return absl::OkStatus(); }
  // At the last of `measured()` measurements: f + Omega, and a bound of how far above the minimum it is.
  virtual int64_t measured() const = 0;
  virtual double objective() const = 0;
  virtual double gap() const = 0;
  virtual CoordinateWork counters() const = 0;
  // What it promises, in numbers of these data; empty where there is nothing to say.
  virtual std::string certificate() const { return ""; }
};

}  // namespace gyre
