// Updates that rounds of coordinate descent need, by schedule and number of workers.
//
//   rounds_benchmark [--design=ar] [--rows=2000] [--cols=20000] [--block=50] [--correlation=0.9]
//                    [--support=200] [--lambda=0.1] [--workers=1,8,16,32] [--accuracy=1e-4]
//                    [--schedules=uniform,dependency,priority,sap] [--rho=0.1] [--eta=0.1]
//                    [--seed=1] [--epochs=200] [--per_worker=1]
//
// minimises 1 / (2 rows) ||y - X theta||^2 + lambda lambda_max ||theta||_1, of one of two designs:
//   ar        blocks of `block` features, each a stationary AR(1) process in the feature:
//             x_1 = e_1, x_j = r x_{j-1} + sqrt(1 - r^2) e_j with standard normal e, so that
//             features k apart correlate by r^k; dense, float
//   powerlaw  column j has rows / (8 (1 + j)^0.7) + 4 entries in random rows, normal, scaled so
//             that its mean square is about 1; CSC
// y = X beta + e, with `support` coefficients of beta standard normal, evenly spread over the
// features, the others zero, and normal e of a tenth of the deviation of X beta.
//
// `updates` are visits of units until the objective is within `accuracy` (f(0) - minimum) of the
// minimum, which a run of the working set solver finds; `moved` are those that changed a unit,
// `scores` passes over all units for priorities and the gap. `schedule` is the scheduler's share of
// the time of the run, and `rounds` its share without the scores; nothing overlaps here. `idle`:
// the most entries that a worker visits in a round over those of the mean worker; `busy`: the same
// of the whole run.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <numbers>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ops/coordinate/rounds.h"
#include "ops/coordinate/solver.h"

namespace gyre {
namespace {

class Squares final : public RowLoss {
 public:
  explicit Squares(const std::vector<double>& y)
      : y_(y), scale_(1 / static_cast<double>(y.size())) {}
  void Losses(const double* view, double* loss) override {
    for (size_t i = 0; i < y_.size(); ++i)
      loss[i] = scale_ / 2 * (view[i] - y_[i]) * (view[i] - y_[i]);
  }
  void Slopes(const double* view, double* slope) override {
    for (size_t i = 0; i < y_.size(); ++i) slope[i] = scale_ * (view[i] - y_[i]);
  }
  void Curvatures(const double*, double* curvature) override {
    std::fill_n(curvature, y_.size(), scale_);
  }
  bool quadratic() const override { return true; }

 private:
  const std::vector<double>& y_;
  const double scale_;
};

class Normal {
 public:
  explicit Normal(uint64_t seed) : random_(seed) {}
  double operator()() {  // Box and Muller 1958
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double r = std::sqrt(-2 * std::log(1 - random_.Uniform()));
    const double angle = 2 * std::numbers::pi * random_.Uniform();
    spare_ = r * std::sin(angle);
    has_spare_ = true;
    return r * std::cos(angle);
  }
  double Uniform() { return random_.Uniform(); }

 private:
  CounterRandom random_;
  double spare_ = 0;
  bool has_spare_ = false;
};

struct Data {
  std::vector<float> values;
  std::vector<int32_t> index;
  std::vector<int64_t> offset;
  std::vector<double> y;
  Columns columns;
};

void MakeAr(int64_t rows, int64_t cols, int64_t block, double r, uint64_t seed, Data* data) {
  data->values.resize(static_cast<size_t>(rows * cols));
  const double fresh = std::sqrt(1 - r * r);
  const auto fill = [&](int64_t from, int64_t to) {  // blocks
    for (int64_t b = from; b < to; ++b) {
      Normal normal((seed << 32) + static_cast<uint64_t>(b));
      for (int64_t j = b * block; j < std::min(cols, (b + 1) * block); ++j) {
        float* const x = data->values.data() + j * rows;
        for (int64_t i = 0; i < rows; ++i) {
          const double e = normal();
          x[i] = static_cast<float>(j == b * block ? e : r * static_cast<double>(x[i - rows]) +
                                                             fresh * e);
        }
      }
    }
  };
  const int64_t blocks = (cols + block - 1) / block;
  std::thread other([&] { fill(0, blocks / 2); });
  fill(blocks / 2, blocks);
  other.join();
  Block& b = data->columns.block;
  b.format = Format::kDense;
  b.rows = cols, b.cols = rows, b.stride = rows;
}

void MakePowerLaw(int64_t rows, int64_t cols, uint64_t seed, Data* data) {
  Normal normal(seed);
  std::vector<int32_t> chosen;
  data->offset.push_back(0);
  for (int64_t j = 0; j < cols; ++j) {
    const double share = std::pow(1 + static_cast<double>(j), -0.7) / 8;
    const auto count = static_cast<int64_t>(share * static_cast<double>(rows)) + 4;
    const double scale = std::sqrt(static_cast<double>(rows) / static_cast<double>(count));
    chosen.clear();
    for (int64_t k = 0; k < count; ++k)
      chosen.push_back(static_cast<int32_t>(normal.Uniform() * static_cast<double>(rows)));
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    for (const int32_t i : chosen) {
      data->index.push_back(i);
      data->values.push_back(static_cast<float>(scale * normal()));
    }
    data->offset.push_back(static_cast<int64_t>(data->values.size()));
  }
  Block& b = data->columns.block;
  b.format = Format::kCsc;
  b.rows = rows, b.cols = cols;
  b.index = data->index.data(), b.offset = data->offset.data();
}

struct Run {
  int64_t updates = 0, moved = 0, scores = 0, shortened = 0;
  bool reached = false, diverged = false;
  double schedule = 0, rounds = 0, idle = 1, busy = 1, seconds = 0, objective = 0, rejected = 0;
};

Run Measure(const RoundsSolver::Options& options, std::vector<Part>* parts, RowLoss* loss,
            int64_t rows, double target, int64_t most_visits) {
  std::fill_n((*parts)[0].theta, (*parts)[0].columns.size, 0.0);
  const auto start = std::chrono::steady_clock::now();
  RoundsSolver solver(options, parts, loss, nullptr, rows, 1);
  Run run;
  if (const absl::Status status = solver.Start(); !status.ok()) {
    std::cerr << status.ToString() << "\n";
    std::exit(1);
  }
  int64_t looked = 0;
  while (!solver.converged() && solver.status().ok() && solver.visits() < most_visits) {
    for (int w = 0; w < options.workers; ++w) solver.Work(w);
    solver.Turn();
    if (solver.visits() < looked + 32) continue;
    looked = solver.visits();
    run.objective = solver.Objective();
    run.reached = run.objective <= target;
    if (run.reached) break;
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.diverged = !solver.status().ok();
  run.updates = solver.visits(), run.moved = solver.updates(), run.scores = solver.scores();
  run.shortened = solver.shortened();
  run.rejected = static_cast<double>(solver.scheduler().rejected());
  const auto schedule = static_cast<double>(solver.schedule_ns());
  run.schedule = schedule / (1e9 * run.seconds);
  run.rounds = schedule / (schedule + static_cast<double>(solver.work_ns() + solver.pull_ns()));
  run.idle = solver.imbalance();
  int64_t most = 0, sum = 0;
  for (const int64_t busy : solver.busy()) most = std::max(most, busy), sum += busy;
  if (sum > 0) run.busy = static_cast<double>(most * options.workers) / static_cast<double>(sum);
  return run;
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

int Main(std::map<std::string, std::string> flag) {
  const int64_t rows = std::stoll(flag["rows"]), cols = std::stoll(flag["cols"]);
  const int64_t support = std::stoll(flag["support"]);
  const uint64_t seed = std::stoull(flag["seed"]);
  Data data;
  if (flag["design"] == "powerlaw") {
    MakePowerLaw(rows, cols, seed, &data);
  } else {
    MakeAr(rows, cols, std::stoll(flag["block"]), std::stod(flag["correlation"]), seed, &data);
  }
  data.columns.block.type = Type::kFloat32;
  data.columns.block.values = data.values.data();
  data.columns.rows = rows, data.columns.size = cols;

  Normal normal(seed + 1);
  data.y.assign(static_cast<size_t>(rows), 0.0);
  double variance = 0, most = 0;
  WithColumns(data.columns, [&](const auto& x) {
    for (int64_t k = 0; k < support; ++k) x.Add(k * cols / support, normal(), data.y.data());
    for (const double y : data.y) variance += y * y / static_cast<double>(rows);
    for (double& y : data.y) y += 0.1 * std::sqrt(variance) * normal();
    for (int64_t j = 0; j < cols; ++j) most = std::max(most, std::abs(x.Dot(j, data.y.data())));
  });
  Squares loss(data.y);
  std::vector<double> theta(static_cast<size_t>(cols));
  std::vector<Part> parts(1);
  parts[0].columns = data.columns;
  parts[0].theta = theta.data();
  parts[0].prox.l1.value = std::stod(flag["lambda"]) * most / static_cast<double>(rows);

  CoordinateSolver::Options exact;
  exact.tolerance = 1e-9;
  CoordinateSolver reference(exact, &parts, &loss, nullptr, rows, 1);
  if (const absl::Status status = reference.Start(); !status.ok()) {
    std::cerr << status.ToString() << "\n";
    return 1;
  }
  while (!reference.converged()) {
    reference.Work(0);
    reference.Turn();
  }
  double zero = 0;
  for (const double y : data.y) zero += y * y / (2 * static_cast<double>(rows));
  const double minimum = reference.objective();
  const double target = minimum + std::stod(flag["accuracy"]) * (zero - minimum);
  std::printf("%ld x %ld, %zu entries; f(0) = %.6g, minimum %.6g, %ld of the minimiser not zero\n",
              static_cast<long>(rows), static_cast<long>(cols), data.values.size(), zero, minimum,
              static_cast<long>(cols - std::count(theta.begin(), theta.end(), 0.0)));

  std::printf("%-11s %7s %9s %9s %7s %9s %9s %7s %6s %6s %8s %8s %s\n", "schedule", "workers",
              "updates", "moved", "scores", "refused", "schedule", "rounds", "idle", "busy",
              "shorter", "seconds", "end");
  const std::map<std::string, Schedule> schedules = {{"uniform", Schedule::kUniform},
                                                     {"dependency", Schedule::kDependency},
                                                     {"priority", Schedule::kPriority},
                                                     {"sap", Schedule::kSap}};
  for (const std::string& name : Split(flag["schedules"])) {
    for (const std::string& workers : Split(flag["workers"])) {
      RoundsSolver::Options options;
      options.schedule = schedules.at(name);
      options.rho = std::stod(flag["rho"]), options.eta = std::stod(flag["eta"]);
      options.squared = flag["squared"] == "1";
      options.workers = std::stoi(workers);
      options.per_worker = std::stoll(flag["per_worker"]);
      options.seed = seed;
      options.tolerance = 1e-9;
      const Run run = Measure(options, &parts, &loss, rows, target,
                              std::stoll(flag["epochs"]) * cols);
      std::printf("%-11s %7s %9ld %9ld %7ld %9.0f %8.2f%% %6.1f%% %6.3f %6.3f %8ld %8.2f %s\n",
                  name.c_str(), workers.c_str(), static_cast<long>(run.updates),
                  static_cast<long>(run.moved), static_cast<long>(run.scores), run.rejected,
                  100 * run.schedule, 100 * run.rounds, run.idle, run.busy,
                  static_cast<long>(run.shortened), run.seconds,
                  run.diverged  ? "diverged"
                  : run.reached ? "reached"
                                : "not reached");
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace gyre

int main(int argc, char** argv) {
  std::map<std::string, std::string> flag = {
      {"design", "ar"},       {"rows", "2000"},   {"cols", "20000"},     {"block", "50"},
      {"correlation", "0.9"}, {"support", "200"}, {"lambda", "0.1"},     {"workers", "1,8,16,32"},
      {"accuracy", "1e-4"},   {"rho", "0.1"},     {"eta", "0.1"},        {"seed", "1"},
      {"epochs", "200"},      {"squared", "0"},   {"per_worker", "1"},
      {"schedules", "uniform,dependency,priority,sap"}};
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equals = arg.find('=');
    if (arg.rfind("--", 0) != 0 || equals == std::string::npos ||
        !flag.contains(arg.substr(2, equals - 2))) {
      std::cerr << "unknown argument: " << arg << "\n";
      return 2;
    }
    flag[arg.substr(2, equals - 2)] = arg.substr(equals + 1);
  }
  return gyre::Main(std::move(flag));
}
