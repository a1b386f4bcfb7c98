// Losses of rows by hand, for the tests of coordinate methods.
#pragma once
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "ops/coordinate/solver.h"

namespace gyre {

// weight / 2 (view - y)^2; y rows x outputs, a weight for each row (none: ones, and one output).
class Squares final : public RowLoss {
 public:
  explicit Squares(std::vector<double> y, std::vector<double> weight = {})
      : y_(std::move(y)), weight_(std::move(weight)) {
    if (weight_.empty()) weight_.assign(y_.size(), 1.0);
  }
  void Losses(const double* view, double* loss) override {
    std::fill_n(loss, weight_.size(), 0.0);
    for (size_t i = 0; i < y_.size(); ++i)
      loss[i / outputs()] += Weight(i) / 2 * (view[i] - y_[i]) * (view[i] - y_[i]);
  }
  void Slopes(const double* view, double* slope) override {
    for (size_t i = 0; i < y_.size(); ++i) slope[i] = Weight(i) * (view[i] - y_[i]);
  }
  void Curvatures(const double*, double* curvature) override {
    for (size_t i = 0; i < y_.size(); ++i) curvature[i] = Weight(i);
  }
  bool quadratic() const override { return true; }
  void SetWeight(size_t row, double weight) { weight_[row] = weight; }

 private:
  size_t outputs() const { return y_.size() / weight_.size(); }
  double Weight(size_t i) const { return weight_[i / outputs()]; }

  const std::vector<double> y_;
  std::vector<double> weight_;
};

// weight log(1 + exp(-y view)), y -1 or 1.
class Logistic final : public RowLoss {
 public:
  explicit Logistic(std::vector<double> y, double weight = 1) : y_(std::move(y)), weight_(weight) {}
  void Losses(const double* view, double* loss) override {
    for (size_t i = 0; i < y_.size(); ++i) {
      const double m = y_[i] * view[i];
      loss[i] = weight_ * (std::max(0.0, -m) + std::log1p(std::exp(-std::abs(m))));
    }
  }
  void Slopes(const double* view, double* slope) override {
    for (size_t i = 0; i < y_.size(); ++i)
      slope[i] = -weight_ * y_[i] / (1 + std::exp(y_[i] * view[i]));
  }
  void Curvatures(const double* view, double* curvature) override {
    for (size_t i = 0; i < y_.size(); ++i) {
      const double p = 1 / (1 + std::exp(y_[i] * view[i]));
      curvature[i] = weight_ * p * (1 - p);
    }
  }
  bool quadratic() const override { return false; }

 private:
  const std::vector<double> y_;
  const double weight_;
};

}  // namespace gyre
