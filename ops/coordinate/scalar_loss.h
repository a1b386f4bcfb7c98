// The loss of a row as a function of one number, its view, as dual coordinate methods ask for it.
#pragma once
#include <cstdint>

namespace gyre {

// loss_i(v), convex in v. A kink is a v at which its slope or its curvature jumps; between kinks it is
// smooth. Calls for different rows may come from different threads at once.
class ScalarLoss {
 public:
  struct Derivatives {
    double slope = 0;      // at a kink: any subgradient
    double curvature = 0;  // at a kink: of either side
  };

  virtual ~ScalarLoss() = default;
  virtual Derivatives At(int64_t row, double v) = 0;
  // loss[i] = loss_i(view[i]) for the rows i in [begin, end) of arrays over all rows.
  virtual void Losses(int64_t begin, int64_t end, const double* view, double* loss) = 0;
  // The most kinks that a row has, and where: in any order, infinite if the row has no k-th one.
  virtual int kinks() const = 0;
  virtual double Kink(int k, int64_t row) = 0;
  // Between kinks the loss is a polynomial of at most degree two.
  virtual bool quadratic() const = 0;
};

}  // namespace gyre
