// Gradients of least squares and of multiclass models: blocked contractions against loops written
// by hand and against Eigen. Run with --benchmark_enable_random_interleaving.
//
// "hand" is the fused loop over rows that a careful C++ programmer writes (sums in lanes that the
// compiler vectorises, gradient in T); "eigen" is r = X w - y; g = X' r.
#include <algorithm>
#include <cstdlib>
#include <new>
#include <random>
#include <vector>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12 intrinsics inlined by Eigen
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "Eigen/Core"
#include "benchmark/benchmark.h"
#include "ops/contract.h"

namespace gyre {
namespace {

template <class T>
struct Aligned {
  explicit Aligned(int64_t n)
      : data(static_cast<T*>(std::aligned_alloc(64, (static_cast<size_t>(n) * sizeof(T) + 63) / 64 * 64))) {}
  ~Aligned() { std::free(data); }
  Aligned(const Aligned&) = delete;
  T* data;
};

template <class T>
struct Problem {
  Problem(int64_t rows, int64_t cols)
      : x(rows * cols), y(rows), w(cols), u(std::max<int64_t>(rows, 256)), g(cols), acc(cols) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t i = 0; i < rows * cols; ++i) x.data[i] = static_cast<T>(uniform(random));
    for (int64_t i = 0; i < rows; ++i) y.data[i] = static_cast<T>(uniform(random));
    for (int64_t i = 0; i < cols; ++i) w.data[i] = static_cast<T>(uniform(random));
    block.type = kTypeOf<T>;
    block.values = x.data;
    block.rows = rows;
    block.cols = block.stride = cols;
  }
  Aligned<T> x, y, w, u, g;
  Aligned<double> acc;
  Block block;
};

template <class T>
void Blocked(const Block& a, const T* y, const T* w, T* u, double* acc) {
  std::fill_n(acc, a.cols, 0.0);
  const int64_t step = RowsPerBlock(a, 16);
  for (int64_t r = 0; r < a.rows; r += step) {
    const int64_t n = std::min(step, a.rows - r);
    RowsTimesVector(a, r, n, w, u);
    for (int64_t i = 0; i < n; ++i) u[i] -= y[r + i];
    AddTransposedTimesVector(a, r, n, u, acc);
  }
}

template <class T>
void ByHand(const Block& a, const T* y, const T* w, T* g) {
  std::fill_n(g, a.cols, T{0});
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* row = a.data<T>() + r * a.stride;
    T lane[32] = {};
    int64_t j = 0;
    for (; j + 32 <= a.cols; j += 32)
      for (int l = 0; l < 32; ++l) lane[l] += row[j + l] * w[j + l];
    T e = -y[r];
    for (; j < a.cols; ++j) e += row[j] * w[j];
    for (const T v : lane) e += v;
    for (j = 0; j < a.cols; ++j) g[j] += e * row[j];
  }
}

template <class T>
void GradientBlocked(benchmark::State& state) {
  Problem<T> p(state.range(0), state.range(1));
  for (auto _ : state) {
    Blocked(p.block, p.y.data, p.w.data, p.u.data, p.acc.data);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * p.block.rows * p.block.cols *
                          static_cast<int64_t>(sizeof(T)));
}

template <class T>
void GradientHand(benchmark::State& state) {
  Problem<T> p(state.range(0), state.range(1));
  for (auto _ : state) {
    ByHand(p.block, p.y.data, p.w.data, p.g.data);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * p.block.rows * p.block.cols *
                          static_cast<int64_t>(sizeof(T)));
}

template <class T>
void GradientEigen(benchmark::State& state) {
  Problem<T> p(state.range(0), state.range(1));
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  const Eigen::Map<const Matrix, Eigen::Aligned64> x(p.x.data, p.block.rows, p.block.cols);
  const Eigen::Map<const Vector, Eigen::Aligned64> y(p.y.data, p.block.rows), w(p.w.data, p.block.cols);
  Vector r(p.block.rows), g(p.block.cols);
  for (auto _ : state) {
    r.noalias() = x * w;
    r -= y;
    g.noalias() = x.transpose() * r;
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * p.block.rows * p.block.cols *
                          static_cast<int64_t>(sizeof(T)));
}

void Shapes(benchmark::internal::Benchmark* b) {
  for (const auto& [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{
           {200000, 64}, {20000, 512}, {2000, 4096}, {71, 4088}, {2000, 512}})
    b->Args({rows, cols});
  b->Unit(benchmark::kMicrosecond);
}
BENCHMARK_TEMPLATE(GradientBlocked, float)->Apply(Shapes);
BENCHMARK_TEMPLATE(GradientHand, float)->Apply(Shapes);
BENCHMARK_TEMPLATE(GradientEigen, float)->Apply(Shapes);
BENCHMARK_TEMPLATE(GradientBlocked, double)->Apply(Shapes);
BENCHMARK_TEMPLATE(GradientHand, double)->Apply(Shapes);
BENCHMARK_TEMPLATE(GradientEigen, double)->Apply(Shapes);

// rows by cols with a share of entries, uniformly placed.
template <class T>
struct SparseProblem {
  SparseProblem(int64_t rows, int64_t cols, double density) : offset{0} {
    std::mt19937 random(2);
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::poisson_distribution<int> count(density * static_cast<double>(cols));
    std::uniform_int_distribution<int32_t> column(0, static_cast<int32_t>(cols) - 1);
    std::vector<int32_t> row;
    for (int64_t r = 0; r < rows; ++r) {
      row.clear();
      for (int k = count(random); k > 0; --k) row.push_back(column(random));
      std::sort(row.begin(), row.end());
      row.erase(std::unique(row.begin(), row.end()), row.end());
      for (const int32_t c : row) index.push_back(c), value.push_back(static_cast<T>(uniform(random)));
      offset.push_back(static_cast<int64_t>(index.size()));
    }
    y.assign(static_cast<size_t>(rows), T{1}), w.assign(static_cast<size_t>(cols), T{0.5});
    u.resize(256), g.resize(w.size()), acc.resize(w.size());
    block.format = Format::kCsr;
    block.type = kTypeOf<T>;
    block.values = value.data(), block.index = index.data(), block.offset = offset.data();
    block.rows = rows, block.cols = cols;
  }
  std::vector<int64_t> offset;
  std::vector<int32_t> index;
  std::vector<T> value, y, w, u, g;
  std::vector<double> acc;
  Block block;
};

template <class T>
void SparseBlocked(benchmark::State& state) {
  SparseProblem<T> p(100000, 50000, 0.001);
  for (auto _ : state) {
    Blocked(p.block, p.y.data(), p.w.data(), p.u.data(), p.acc.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * p.offset.back());
}

template <class T>
void SparseHand(benchmark::State& state) {
  SparseProblem<T> p(100000, 50000, 0.001);
  for (auto _ : state) {
    std::fill(p.acc.begin(), p.acc.end(), 0.0);
    double* g = p.acc.data();
    for (int64_t r = 0; r < p.block.rows; ++r) {
      double e = 0;
      for (int64_t k = p.block.offset[r]; k < p.block.offset[r + 1]; ++k)
        e += static_cast<double>(p.value.data()[k]) * static_cast<double>(p.w.data()[p.index.data()[k]]);
      e -= static_cast<double>(p.y.data()[r]);
      for (int64_t k = p.block.offset[r]; k < p.block.offset[r + 1]; ++k)
        g[p.index.data()[k]] += e * static_cast<double>(p.value.data()[k]);
    }
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * p.offset.back());
}
BENCHMARK_TEMPLATE(SparseBlocked, float)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(SparseHand, float)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(SparseBlocked, double)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(SparseHand, double)->Unit(benchmark::kMicrosecond);

// One mini-batch of a multiclass gradient: scores, a pass over them, gradient. {rows, cols, classes}
template <class T>
struct BatchProblem : Problem<T> {
  BatchProblem(int64_t rows, int64_t cols, int64_t m)
      : Problem<T>(rows, cols), b(m * cols), score(rows * m), scratch(std::max(m * cols, ScratchOuter(m, cols))), sum(m * cols) {
    std::fill_n(b.data, m * cols, T{0.25});
    std::fill_n(sum.data, m * cols, 0.0);
  }
  Aligned<T> b, score, scratch;
  Aligned<double> sum;
};

template <class T>
void BatchBlocked(benchmark::State& state) {
  const int64_t m = state.range(2);
  BatchProblem<T> p(state.range(0), state.range(1), m);
  for (auto _ : state) {
    RowsTimesMatrix(p.block, 0, p.block.rows, p.b.data, m, false, p.score.data);
    for (int64_t i = 0; i < p.block.rows * m; ++i) p.score.data[i] *= T{0.5};
    AddOuter(p.block, 0, p.block.rows, p.score.data, m, false, p.sum.data, p.scratch.data);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 4 * p.block.rows * p.block.cols * m);
}

template <class T>
void BatchEigen(benchmark::State& state) {
  const int64_t m = state.range(2), rows = state.range(0), cols = state.range(1);
  BatchProblem<T> p(rows, cols, m);
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix, Eigen::Aligned64> x(p.x.data, rows, cols), b(p.b.data, m, cols);
  Eigen::Map<Matrix, Eigen::Aligned64> score(p.score.data, rows, m), g(p.scratch.data, m, cols);
  for (auto _ : state) {
    score.noalias() = x * b.transpose();
    score *= T{0.5};
    g.noalias() = score.transpose() * x;
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 4 * rows * cols * m);
}

void Batches(benchmark::internal::Benchmark* b) {
  for (const int64_t rows : {100, 256})
    for (const int64_t m : {2, 10, 16, 32, 100, 256}) b->Args({rows, 784, m});
  b->Unit(benchmark::kMicrosecond);
}
BENCHMARK_TEMPLATE(BatchBlocked, float)->Apply(Batches);
BENCHMARK_TEMPLATE(BatchEigen, float)->Apply(Batches);
BENCHMARK_TEMPLATE(BatchBlocked, double)->Apply(Batches);
BENCHMARK_TEMPLATE(BatchEigen, double)->Apply(Batches);

}  // namespace
}  // namespace gyre
