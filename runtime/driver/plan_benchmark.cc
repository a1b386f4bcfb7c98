// What planning a small problem costs: the cached profile of the machine read, a plan made.
//
//   ./bazelw run //runtime/driver:plan_benchmark
#include "benchmark/benchmark.h"
#include "runtime/driver/probe.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

BoundInfo Small() {
  BoundInfo bound;
  bound.extent = {442, 10};
  bound.type = Type::kFloat64;
  bound.tensor = {{"X", Format::kDense, Type::kFloat64, 442, 10, 4420, 1, 1},
                  {"y", Format::kDense, Type::kFloat64, 442, 1, 442, 1, 1}};
  return bound;
}

void Planning(benchmark::State& state) {
  const Program ridge = testing::Ridge();
  const BoundInfo bound = Small();
  ThisMachine(/*measure=*/true);  // cached from here on
  for (auto _ : state) {
    absl::StatusOr<Plan> plan = MakePlan(ridge, bound, ThisMachine(true), {});
    if (!plan.ok()) return state.SkipWithError(std::string(plan.status().message()).c_str());
    benchmark::DoNotOptimize(*plan);
  }
}
BENCHMARK(Planning)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gyre::driver
