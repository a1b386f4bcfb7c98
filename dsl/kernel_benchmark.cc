// Derived kernels against the same computation written by hand, as ratios.
//
// For every case the program's GATHER pass is called as the runtime calls it, and beside it what a
// careful C++ programmer writes: a fused loop over rows ("loops"), Eigen over all rows ("eigen")
// and Eigen over blocks of rows that stay in the cache ("blocks"). The runs of a case are
// interleaved at random; its ratio is the median of the derived kernel over the best median of the
// others, by processor time. All results are compared before anything is timed.
//
//   kernel_benchmark [--benchmark_filter=dense] [--benchmark_repetitions=9] ...
#include <cstdio>
#include <map>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "dsl/kernel_benchmark_case.h"

namespace gyre::kernel_benchmark {
namespace {

// Prints and keeps the medians over repetitions.
class Keeper : public benchmark::ConsoleReporter {
 public:
  Keeper() : ConsoleReporter(OO_Tabular) {}
  bool ReportContext(const Context& context) override {
    return std::exchange(told_, true) ? true : ConsoleReporter::ReportContext(context);
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Aggregate || run.aggregate_name != "median") continue;
      seconds[run.run_name.function_name] = run.GetAdjustedCPUTime() * 1e-6;
      ConsoleReporter::ReportRuns({run});
    }
  }
  std::map<std::string, double> seconds;  // medians

 private:
  bool told_ = false;
};

// Runs the variants of a case interleaved; returns its line of the table.
std::string RunCase(const Entry& entry, Keeper& keeper) {
  const Case c = entry.make();
  for (const Variant& v : c.variant) v.run();
  const double difference = c.difference();
  for (const Variant& v : c.variant) {
    benchmark::RegisterBenchmark((entry.name + "/" + v.name).c_str(), [&v](
                                                                          benchmark::State& state) {
      for (auto _ : state) {
        v.run();
        benchmark::ClobberMemory();
      }
    })->Unit(benchmark::kMicrosecond);
  }
  benchmark::RunSpecifiedBenchmarks(&keeper, "all");
  benchmark::ClearRegisteredBenchmarks();
  const double mine = keeper.seconds[entry.name + "/derived"];
  double best = 0;
  const char* by = "";
  for (size_t i = 1; i < c.variant.size(); ++i) {
    const double t = keeper.seconds[entry.name + "/" + c.variant[i].name];
    if (best == 0 || t < best) best = t, by = c.variant[i].name;
  }
  char line[256];
  std::snprintf(line, sizeof line, "%-40s %10.1f %10.1f %-9s %6.3f %6.2f %7.1f %7.1f %9.1e",
                entry.name.c_str(), mine * 1e6, best * 1e6, by, mine / best, entry.target,
                c.bytes / mine * 1e-9, c.flops / mine * 1e-9, difference);
  return line;
}

int RunAll() {
  std::vector<Entry> entries;
  AddLinear(entries);
  AddClasses(entries);
  Keeper keeper;
  std::vector<std::string> table;
  const std::regex wanted(benchmark::GetBenchmarkFilter());
  for (const Entry& entry : entries) {
    if (std::regex_search(entry.name, wanted)) table.push_back(RunCase(entry, keeper));
  }
  std::printf("\n%-40s %10s %10s %-9s %6s %6s %7s %7s %9s\n", "case", "derived us", "best us", "by",
              "ratio", "<=", "GB/s", "Gflop/s", "rel.diff");
  for (const std::string& line : table) std::printf("%s\n", line.c_str());
  return 0;
}

}  // namespace
}  // namespace gyre::kernel_benchmark

int main(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  std::string flags[] = {"--benchmark_repetitions=9", "--benchmark_enable_random_interleaving=true",
                         "--benchmark_min_time=0.05", "--benchmark_report_aggregates_only=true"};
  for (std::string& flag : flags)
    args.insert(args.begin() + 1, flag.data());  // the user's come later and win
  int count = static_cast<int>(args.size());
  args.push_back(nullptr);
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 2;
  return gyre::kernel_benchmark::RunAll();
}
