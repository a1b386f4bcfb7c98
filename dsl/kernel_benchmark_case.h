// What kernel_benchmark's files share: a case is a derived kernel and its rivals on one problem.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 intrinsics inlined by Eigen
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "Eigen/Core"
#include "dsl/kernel_benchmark_call.h"

namespace gyre::kernel_benchmark {

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Vector = Eigen::Array<T, Eigen::Dynamic, 1>;

struct Variant {
  const char* name;
  std::function<void()> run;
};
struct Case {
  double bytes = 0, flops = 0;
  std::vector<Variant> variant;        // the first is the derived kernel
  std::function<double()> difference;  // largest relative difference between the results
};

struct Entry {
  std::string name;
  double target = 0;  // the most the ratio should be
  std::function<Case()> make;
};

// The cases of kernel_benchmark_linear.cc and kernel_benchmark_classes.cc.
void AddLinear(std::vector<Entry>& entries);
void AddClasses(std::vector<Entry>& entries);

// The largest difference over n elements, relative to the largest element.
template <class V, class W>
double Difference(const V& got, const W& want, int64_t n) {
  const auto at = [](const auto& values, int64_t i) {  // vectors disagree on the sign of positions
    if constexpr (requires { values.data(); }) {
      return static_cast<double>(values.data()[i]);
    } else {
      return static_cast<double>(values[i]);
    }
  };
  double scale = 1e-30, most = 0;
  for (int64_t i = 0; i < n; ++i) scale = std::max(scale, std::fabs(at(want, i)));
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::fabs(at(got, i) - at(want, i)));
  return most / scale;
}

}  // namespace gyre::kernel_benchmark
