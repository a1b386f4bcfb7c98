// Time of one Step by number of parameters, on a quadratic whose gradient costs next to nothing.
#include <cmath>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "ops/update/update.h"

namespace gyre {
namespace {

void Step(benchmark::State& state, const std::string& name, double l1) {
  const auto n = static_cast<size_t>(state.range(0));
  UpdateOptions options;
  options.rule = name;
  options.tolerance = 0;
  auto rule = MakeUpdateRule(options).value();
  std::vector<double> x(n, 1.0), gradient(n), bend(n);
  for (size_t i = 0; i < n; ++i) bend[i] = std::pow(1e4, -static_cast<double>(i) / static_cast<double>(n));
  Prox prox;
  prox.l1.value = l1;
  const std::vector<Segment> segments = {{0, state.range(0), prox}};
  if (!rule->Start(absl::MakeSpan(x), segments).ok()) return state.SkipWithError("refused");
  for (auto _ : state) {
    state.PauseTiming();
    double f = 0;
    for (size_t i = 0; i < n; ++i) {
      gradient[i] = bend[i] * (x[i] - 2);
      f += 0.5 * gradient[i] * (x[i] - 2);
    }
    state.ResumeTiming();
    benchmark::DoNotOptimize(rule->Step(f, gradient, absl::MakeSpan(x)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(Step, fista, "fista", 0.1)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(Step, lbfgs, "lbfgs", 0.0)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(Step, owlqn, "owlqn", 0.1)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(Step, sgd, "sgd", 0.1)->Arg(10000)->Arg(1000000);
BENCHMARK_CAPTURE(Step, adam, "adam", 0.1)->Arg(10000)->Arg(1000000);

}  // namespace
}  // namespace gyre
