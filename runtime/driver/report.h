// The report of a run: what tools and benchmarks read. Its keys are a contract; more may be added.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "dsl/program.h"
#include "runtime/driver/steps.h"
#include "runtime/driver/topics.h"
#include "runtime/job.h"

namespace gyre::driver {

struct Report {
  std::string program;  // for people
  const Program* source = nullptr;
  const Plan* plan = nullptr;
  const BoundInfo* bound = nullptr;
  int64_t test_rows = 0;  // held-out rows, 0: none
  const RunResult* result = nullptr;
  std::vector<double> hyper;  // by symbol
  std::string path_hyper;     // of a path: its hyper-parameter, values and counts by step
  std::vector<double> path_value;
  std::vector<int64_t> path_nonzeros;
  const CrossValidation* cross = nullptr;
  uint64_t seed = 0;
  double load_seconds = 0, plan_seconds = 0;
  bool interrupted = false;
  const std::vector<TopicTable>* topics = nullptr;
  std::string standardized;  // what was done to the columns, for people
  std::string model;         // folder, empty: none
};

// Largest resident size of this process so far.
int64_t PeakMemoryBytes();

// "tolerance", "interrupted", ...: `requested` only happens through Ctrl-C here.
std::string StopReasonName(const Report& report);

std::string ToJson(const Report& report);

}  // namespace gyre::driver
