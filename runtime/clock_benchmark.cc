// What a clock costs: empty, and least squares through the runtime beside a plain loop.
//
//   bazel run -c opt //runtime:clock_benchmark
//
// Times are per clock; run interleaved (--benchmark_enable_random_interleaving) and take medians.
#include <memory>

#include "benchmark/benchmark.h"
#include "runtime/job.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT

// The run's own figure, so that threads and set-up are left out.
void PerClock(benchmark::State& state, const Job& job) {
  for (auto _ : state) {
    absl::StatusOr<RunResult> result = RunEmbedded(job);
    if (!result.ok()) return state.SkipWithError(std::string(result.status().message()).c_str());
    state.SetIterationTime(result->train_seconds);
    benchmark::DoNotOptimize(result->parameter);
  }
}

void Empty(benchmark::State& state) {
  const int64_t clocks = 100000;
  const int lag = static_cast<int>(state.range(2));
  TestJob<> t(Kind::kEmpty,
              {.workers = static_cast<int>(state.range(0)),
               .lanes = static_cast<int>(state.range(1)),
               .lag = lag,
               .max_clocks = clocks,
               .boundary = 100,
               .decision_lag = lag > 1},
              100, 1);
  PerClock(state, t.job);
  state.counters["clock"] =
      benchmark::Counter(static_cast<double>(clocks) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(Empty)
    ->UseManualTime()
    ->ArgNames({"workers", "lanes", "lag"})
    ->Args({1, 1, 1})
    ->Args({2, 2, 1})
    ->Args({16, 2, 1})
    ->Args({2, 2, 4})
    ->Args({16, 2, 4})
    ->Args({16, 1, 1});

constexpr int64_t kWork = 100'000'000;  // multiply-adds a measurement

int64_t ClocksFor(int64_t rows, int64_t features) {
  return std::max<int64_t>(20, kWork / (rows * features));
}

void LeastSquaresRuntime(benchmark::State& state) {
  const int64_t rows = state.range(0), features = state.range(1),
                clocks = ClocksFor(rows, features);
  const int workers = static_cast<int>(state.range(2));
  TestJob<float> t(Kind::kLeastSquares,
                   {.workers = workers, .lanes = workers, .max_clocks = clocks}, rows, features);
  t.job.hyper[kRate] = 1e-4;
  t.program.objective = {};
  t.program.measure.clear();
  PerClock(state, t.job);
  state.counters["clock"] =
      benchmark::Counter(static_cast<double>(clocks) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void LeastSquaresLoop(benchmark::State& state) {
  const int64_t rows = state.range(0), features = state.range(1),
                clocks = ClocksFor(rows, features);
  TestJob<float> t(Kind::kLeastSquares, {}, rows, features);
  t.job.hyper[kRate] = 1e-4;
  AlignedArray<double> w(features), next(features), total(features + 16);
  AlignedArray<float> copy(features);
  std::vector<const void*> param(5, copy.data());
  std::vector<const double*> totals(4), master(5, w.data());
  double* target[2] = {total.data(), total.data() + 16};
  totals[kGradient] = target[1];
  for (auto _ : state)
    for (int64_t c = 0; c < clocks; ++c) {
      std::fill(total.data(), total.data() + total.size(), 0.0);
      KernelArgs args;
      args.data = t.block.data();
      args.param = param.data();
      args.row_end = rows;
      args.target = target;
      t.program.pass[0].f32(args);
      PostArgs post;
      post.total = totals.data();
      post.param = master.data();
      post.hyper = t.job.hyper.data();
      post.extent = t.job.extent.data();
      post.out = next.data();
      GradientStep(post);
      for (int64_t j = 0; j < features; ++j) w[j] = next[j], copy[j] = static_cast<float>(next[j]);
      benchmark::DoNotOptimize(copy.data());
    }
  state.counters["clock"] =
      benchmark::Counter(static_cast<double>(clocks) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(LeastSquaresRuntime)
    ->UseManualTime()
    ->ArgNames({"rows", "features", "workers"})
    ->Args({2000, 512, 1})
    ->Args({71, 4088, 1})
    ->Args({256, 128, 1})
    ->Args({2000, 512, 2})
    ->Args({71, 4088, 2});
BENCHMARK(LeastSquaresLoop)
    ->ArgNames({"rows", "features"})
    ->Args({2000, 512})
    ->Args({71, 4088})
    ->Args({256, 128});

}  // namespace
}  // namespace gyre
