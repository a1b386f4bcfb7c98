// The limited-memory inverse Hessian of L-BFGS (Nocedal 1980; Nocedal & Wright, algorithm 7.4), from
// an initial matrix that is a diagonal kept up to date by every pair (Gilbert & Lemarechal 1989): what
// pairs already dropped said about the scale of single elements is not lost.
#pragma once
#include <cstddef>
#include <vector>

#include "ops/update/archive.h"

namespace gyre::internal {

class Pairs {
 public:
  // Room for `most` pairs of n elements.
  void Reset(size_t n, int most);
  void Clear() { count_ = 0; }
  bool empty() const { return count_ == 0; }

  // The next pair is built in place in these, then kept by Push, or left.
  double* next_s() { return At(s_, slot(count_)); }
  double* next_y() { return At(y_, slot(count_)); }
  // Keeps the pair if its curvature s'y is positive enough; drops the oldest when full.
  bool Push();

  // d <- -H d, the two loops, each fused with the dot product that the next step needs.
  void Direction(double* d) const;

  void Visit(Archive& archive) {
    archive(s_), archive(y_), archive(rho_), archive(alpha_);
    archive(count_), archive(first_), archive(diagonal_);
  }

 private:
  void UpdateDiagonal(const double* s, const double* y, double sy, double yy);
  size_t slot(size_t i) const { return (first_ + i) % room_; }
  double* At(std::vector<double>& v, size_t i) const { return v.data() + i * n_; }
  const double* At(const std::vector<double>& v, size_t i) const { return v.data() + i * n_; }

  size_t n_ = 0, room_ = 1, count_ = 0, first_ = 0;
  std::vector<double> diagonal_;             // the initial matrix
  std::vector<double> s_, y_, rho_;          // one slot more than pairs, for the one being built
  mutable std::vector<double> alpha_;
};

}  // namespace gyre::internal
