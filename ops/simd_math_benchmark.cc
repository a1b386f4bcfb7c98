// Elementary functions in plain loops against <cmath>: a loop that vectorised takes well under a
// nanosecond per element in float. Build with both compilers.
#include <cmath>
#include <cstdint>
#include <vector>

#include "benchmark/benchmark.h"
#include "ops/simd_math.h"

namespace gyre::simd {
namespace {

template <class T, class F>
void Loop(benchmark::State& state, const F& f, double low, double high) {
  constexpr int64_t kSize = 4096;
  std::vector<T> x(kSize), out(kSize);
  for (int64_t i = 0; i < kSize; ++i)
    x[static_cast<size_t>(i)] =
        static_cast<T>(low + (high - low) * static_cast<double>(i) / static_cast<double>(kSize));
  for (auto _ : state) {
    const T* from = x.data();
    T* to = out.data();
    for (int64_t i = 0; i < kSize; ++i) to[i] = f(from[i]);
    benchmark::DoNotOptimize(to);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kSize);
}

#define GYRE_BENCHMARK(name, low, high, ours, theirs)                                        \
  template <class T>                                                                         \
  void name(benchmark::State& state) {                                                       \
    Loop<T>(state, [](T x) { return ours; }, low, high);                                     \
  }                                                                                          \
  template <class T>                                                                         \
  void name##Std(benchmark::State& state) {                                                  \
    Loop<T>(state, [](T x) { return theirs; }, low, high);                                   \
  }                                                                                          \
  BENCHMARK_TEMPLATE(name, float);                                                           \
  BENCHMARK_TEMPLATE(name##Std, float);                                                      \
  BENCHMARK_TEMPLATE(name, double);                                                          \
  BENCHMARK_TEMPLATE(name##Std, double)

GYRE_BENCHMARK(BenchExp, -20, 20, Exp(x), std::exp(x));
GYRE_BENCHMARK(BenchExpm1, -5, 5, Expm1(x), std::expm1(x));
GYRE_BENCHMARK(BenchLog, 0.01, 100, Log(x), std::log(x));
GYRE_BENCHMARK(BenchLog1p, -0.5, 5, Log1p(x), std::log1p(x));
GYRE_BENCHMARK(BenchSigmoid, -20, 20, Sigmoid(x), 1 / (1 + std::exp(-x)));
GYRE_BENCHMARK(BenchSoftplus, -20, 20, Softplus(x),
               (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))));
GYRE_BENCHMARK(BenchTanh, -5, 5, Tanh(x), std::tanh(x));
GYRE_BENCHMARK(BenchPow, 0.01, 10, Pow(x, T(1.7)), std::pow(x, T(1.7)));
GYRE_BENCHMARK(BenchSqrt, 0, 10, Sqrt(x), std::sqrt(x));

}  // namespace
}  // namespace gyre::simd
