// What a clock costs over worker processes: kernels that do nothing, so that all of it is the
// exchange (contribution out, fold, parameters back). Compare with PingPong of transport_benchmark.
//
//   bazel run //runtime/cluster:cluster_benchmark -- --benchmark_repetitions=5
//
// Arguments: worker processes (the coordinator with the parameter server is one more), features.
#include <cstdlib>
#include <string>

#include "absl/strings/strip.h"
#include "benchmark/benchmark.h"
#include "runtime/cluster/cluster.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT

constexpr int64_t kRows = 64;

DataLoader LoaderOf(const TestJob<>& t) {
  return [&t](const WorkerShare& share) -> absl::StatusOr<LoadedShare> {
    LoadedShare loaded;
    for (const auto& [begin, end] : share.rows) {
      loaded.worker.push_back({t.block.data(), begin, end});
    }
    return loaded;
  };
}

void EmptyClock(benchmark::State& state) {
  const int workers = static_cast<int>(state.range(0));
  const int64_t clocks = state.range(1) > 100000 ? 50 : 5000;
  TestJob<> t(Kind::kEmpty,
              {.workers = workers, .lag = static_cast<int>(state.range(2)), .max_clocks = clocks},
              kRows, state.range(1));
  t.plan.mutable_cluster()->set_processes(workers);
  t.plan.mutable_stop()->set_boundary(state.range(2) > 1 ? 100 : 1);
  t.plan.mutable_stop()->set_decision_lag(state.range(2) > 1 ? 1 : 0);
  ClusterOptions options;
  options.worker_command = {"/proc/self/exe", "worker", std::to_string(state.range(1))};
  for (auto _ : state) {
    absl::StatusOr<RunResult> result = RunCluster(t.job, options);
    if (!result.ok()) {
      state.SkipWithError(std::string(result.status().message()).c_str());
      return;
    }
    state.SetIterationTime(result->train_seconds / static_cast<double>(clocks));
  }
  state.SetBytesProcessed(state.iterations() * workers * state.range(1) * 16);
}
BENCHMARK(EmptyClock)
    ->ArgNames({"workers", "features", "lag"})
    ->Args({1, 10, 1})
    ->Args({2, 10, 1})
    ->Args({2, 4096, 1})
    ->Args({2, 10, 4})
    ->Args({1, 1000000, 1})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMicrosecond);

int Worker(int argc, char** argv) {
  WorkerOptions options;
  for (int i = 3; i < argc; ++i) {
    absl::string_view arg = argv[i];
    if (absl::ConsumePrefix(&arg, "--coordinator=")) options.coordinator = std::string(arg);
  }
  TestJob<> t(Kind::kEmpty, {}, kRows, std::atoll(argv[2]));
  return ServeWorker(t.program, options, LoaderOf(t)).ok() ? 0 : 1;
}

}  // namespace
}  // namespace gyre

int main(int argc, char** argv) {
  if (argc > 2 && absl::string_view(argv[1]) == "worker") return gyre::Worker(argc, argv);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
