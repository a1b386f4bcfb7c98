// A sparse Lasso with very many features: time, and memory beside what the plan says.
//
//   wide_lasso [--features=50000000] [--samples=100000] [--per_feature=5] [--lambda_ratio=0.5]
//
// Every feature has `per_feature` entries, standard normal, in random rows; 200 of them, and noise,
// make the response. The matrix is made by columns, in float.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "dsl/program.h"
#include "dsl/random.h"
#include "runtime/data/memory.h"
#include "runtime/job.h"

namespace gyre {

Program WideLasso();  // wide_lasso_program.cc

namespace {

double Flag(int argc, char** argv, const std::string& name, double otherwise) {
  const std::string prefix = "--" + name + "=";
  for (int i = 1; i < argc; ++i)
    if (std::strncmp(argv[i], prefix.c_str(), prefix.size()) == 0)
      return std::atof(argv[i] + prefix.size());
  return otherwise;
}

// kB of a line of /proc/self/status.
double StatusLine(const char* name) {
  FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  double kb = 0;
  while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr)
    if (std::strncmp(line, name, std::strlen(name)) == 0) kb = std::atof(line + std::strlen(name));
  if (file != nullptr) std::fclose(file);
  return kb;
}

struct Matrix {
  std::shared_ptr<float> value;
  std::shared_ptr<int32_t> index;
  std::shared_ptr<int64_t> offset;
  Block block;
};

Matrix Make(int64_t rows, int64_t cols, int64_t per_feature) {
  const rng::Stream stream(1, rng::Hash("X"), 0);
  Matrix m;
  m.value = AllocateArray<float>(cols * per_feature);
  m.index = AllocateArray<int32_t>(cols * per_feature);
  m.offset = AllocateArray<int64_t>(cols + 1);
  int64_t at = 0;
  std::vector<int32_t> row(static_cast<size_t>(per_feature));
  for (int64_t j = 0; j < cols; ++j) {
    m.offset.get()[j] = at;
    for (int64_t k = 0; k < per_feature; ++k)
      row[static_cast<size_t>(k)] = static_cast<int32_t>(
          stream.Uniform(static_cast<uint64_t>(2 * (j * per_feature + k))) * static_cast<double>(rows));
    std::sort(row.begin(), row.end());
    for (int64_t k = 0; k < per_feature; ++k) {
      if (k > 0 && row[static_cast<size_t>(k)] == row[static_cast<size_t>(k - 1)]) continue;
      m.index.get()[at] = row[static_cast<size_t>(k)];
      m.value.get()[at++] = static_cast<float>(
          stream.Normal(static_cast<uint64_t>(2 * (j * per_feature + k) + 1)));
    }
  }
  m.offset.get()[cols] = at;
  m.block = {Format::kCsc, Type::kFloat32, m.value.get(), m.index.get(), m.offset.get(), rows, cols, 0};
  return m;
}

int Run(int argc, char** argv) {
  const auto cols = static_cast<int64_t>(Flag(argc, argv, "features", 5e7));
  const auto rows = static_cast<int64_t>(Flag(argc, argv, "samples", 1e5));
  const auto per_feature = static_cast<int64_t>(Flag(argc, argv, "per_feature", 5));
  const Matrix X = Make(rows, cols, per_feature);
  const rng::Stream noise(1, rng::Hash("noise"), 0);
  std::vector<double> response(static_cast<size_t>(rows));
  for (int64_t i = 0; i < rows; ++i)
    response[static_cast<size_t>(i)] = 0.1 * noise.Normal(static_cast<uint64_t>(i));
  for (int64_t k = 0; k < 200; ++k) {
    const int64_t j = cols / 200 * k;
    for (int64_t e = X.block.offset[j]; e < X.block.offset[j + 1]; ++e)
      response[static_cast<size_t>(X.block.index[e])] += 3 * static_cast<double>(X.value.get()[e]);
  }
  // The least lambda at which everything is zero.
  double most = 0;
  for (int64_t j = 0; j < cols; ++j) {
    double dot = 0;
    for (int64_t e = X.block.offset[j]; e < X.block.offset[j + 1]; ++e)
      dot += static_cast<double>(X.value.get()[e]) * response[static_cast<size_t>(X.block.index[e])];
    most = std::max(most, std::abs(dot) / static_cast<double>(rows));
  }
  const OwnedBlock y = MakeColumn(Type::kFloat32, response);

  const Program program = WideLasso();
  std::vector<Block> block(static_cast<size_t>(program.graph.symbol.size));
  BoundInfo bound;
  bound.type = Type::kFloat32;
  for (const ir::Axis& axis : program.graph.axis) bound.extent.push_back(axis.data ? rows : cols);
  for (int s = 0; s < program.graph.symbol.size; ++s) {
    const std::string name(program.graph.symbol[s].name);
    TensorInfo info;
    info.symbol = name;
    info.type = Type::kFloat32;
    info.rows = rows;
    if (name == "X") {
      block[static_cast<size_t>(s)] = X.block;
      info.format = Format::kCsc;
      info.cols = cols;
      info.nnz = X.block.offset[cols];
    } else if (name == "y") {
      block[static_cast<size_t>(s)] = y.block;
      info.cols = 1;
      info.nnz = rows;
    } else {
      continue;
    }
    bound.tensor.push_back(info);
  }
  Request request;
  request.name = "wide_lasso";
  request.workers = static_cast<int>(Flag(argc, argv, "workers", 0));
  absl::StatusOr<Plan> plan = MakePlan(program, bound, DefaultProfile(), request);
  if (!plan.ok()) return std::fprintf(stderr, "%s\n", plan.status().ToString().c_str()), 1;
  Job job;
  job.program = &program;
  job.plan = &*plan;
  job.hyper.assign(static_cast<size_t>(program.graph.symbol.size),
                   Flag(argc, argv, "lambda_ratio", 0.5) * most);
  job.extent = bound.extent;
  job.type = Type::kFloat32;
  for (int w = 0; w < plan->cluster().workers(); ++w) {
    WorkerData mine;
    mine.data = block.data();
    // A matrix by columns is taken whole, by one worker's share of the measures.
    if (w == 0) mine.row_end = rows;
    job.worker.push_back(mine);
  }
  const double before = StatusLine("VmRSS:");
  absl::StatusOr<RunResult> result = RunEmbedded(job);
  if (!result.ok()) return std::fprintf(stderr, "%s\n", result.status().ToString().c_str()), 1;
  int64_t nonzeros = 0;
  for (const auto& values : result->parameter)
    for (const double v : values) nonzeros += v != 0 ? 1 : 0;
  const double peak = StatusLine("VmHWM:") * 1024;
  const double said = static_cast<double>(plan->per_clock().memory());
  std::printf("%lld features, %lld samples, %lld non-zeros; update %s, %d workers\n",
              static_cast<long long>(cols), static_cast<long long>(rows),
              static_cast<long long>(X.block.offset[cols]), plan->task(2).update().rule().c_str(),
              plan->cluster().workers());
  std::printf("stopped    %s after %lld clocks, %.2f s; objective %.9g, gap %.3g, %lld not zero\n",
              Name(result->stop_reason), static_cast<long long>(result->clocks),
              result->train_seconds, result->objective, result->gap, static_cast<long long>(nonzeros));
  std::printf("memory     data %.2f GB, peak %.2f GB; the plan says %.2f GB (%.2f x)\n", before / 1e6,
              peak / 1e9, said / 1e9, said / peak);
  return 0;
}

}  // namespace
}  // namespace gyre

int main(int argc, char** argv) { return gyre::Run(argc, argv); }
