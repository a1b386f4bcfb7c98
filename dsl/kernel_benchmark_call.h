// A program's kernel with everything it reads, called as the runtime calls it; for
// kernel_benchmark.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "Eigen/Core"
#include "dsl/program.h"

namespace gyre::kernel_benchmark {

// On 64-byte boundaries, as the runtime has its arrays.
template <class T>
using Aligned = std::vector<T, Eigen::aligned_allocator<T>>;

// The programs, each over axes Sample, Feature, Class, with data X(Sample, Feature) and y(Sample)
// or label(Sample), and parameters w(Feature) or W(Class, Feature).
const Program& LeastSquares();  // 0.5 sum sq(y - X w)
const Program& Logistic();      // sum log1p(exp(-y X w))
const Program& Huber();
const Program& Poisson();
const Program& Hinge();
const Program& Multiclass();  // sum xent(c, X W', label)
const Program& KMeans();      // one round of Lloyd's: sums and counts of the rows nearest to each W

// The first statement of a program on bound data. Extents first, then data and parameters, then
// Prepare(). Views outlive the call. Aborts on a name the program lacks.
class Call {
 public:
  Call(const Program& program, Type type);

  bool Has(std::string_view symbol) const { return Find(symbol) >= 0; }
  void Extent(std::string_view axis, int64_t extent);
  void Bind(std::string_view symbol, const Block& block);
  void Dense(std::string_view symbol, const void* values, int64_t rows, int64_t cols);
  void Keys(std::string_view symbol, const int32_t* keys, int64_t rows);
  void Param(std::string_view symbol, const void* values);
  void Prepare();

  // Zeroes the totals and adds rows [begin, end) to them.
  void Run(int64_t begin, int64_t end);

  double Value();                              // of the objective, from the totals
  std::vector<double> Gradient(int position);  // by Statement::param
  const double* total(int position) const { return target_[static_cast<size_t>(position)]; }

 private:
  int Find(std::string_view name) const;
  int Symbol(std::string_view name) const;
  std::vector<double> Evaluate(const Post& post);

  const Program& program_;
  const Pass& pass_;
  const Type type_;
  std::vector<int64_t> extent_;
  std::vector<Block> block_;
  std::vector<const void*> param_;
  std::vector<double> hyper_;
  std::vector<const double*> total_view_;
  std::vector<Aligned<double>> total_;  // by position in the pass
  std::vector<double*> target_;
  Aligned<char> scratch_;
  KernelArgs args_;
};

}  // namespace gyre::kernel_benchmark
