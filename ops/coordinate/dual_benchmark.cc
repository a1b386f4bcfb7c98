// Dual coordinate ascent on a linear classifier: 1/2 ||theta||^2 + C sum_i loss(y_i x_i.theta), the
// problems of liblinear's -s 3 (hinge), -s 1 (squared_hinge) and -s 7 (logistic).
//
//   dual_benchmark [--data=FOLDER] [--file=imdb.train.svm] [--loss=hinge] [--c=1] [--tolerance=1e-3]
//                  [--workers=1] [--shrinking=1] [--seed=1]
//
// Without --data or GYRE_DATA the data are made up. Prints one line for every measurement of the gap.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ops/coordinate/dual.h"

namespace gyre {
namespace {

struct Data {
  std::vector<float> values;
  std::vector<int32_t> index;
  std::vector<int64_t> offset{0};
  std::vector<double> label;  // -1 or 1
  int64_t cols = 0;

  Block block() const {
    Block b;
    b.format = Format::kCsr;
    b.type = Type::kFloat32;
    b.values = values.data(), b.index = index.data(), b.offset = offset.data();
    b.rows = static_cast<int64_t>(label.size()), b.cols = cols;
    return b;
  }
};

// Lines of `label index:value index:value ...`, indices from one.
bool Read(const std::string& path, Data* data) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const char* const stop = std::find(at, end, '\n');
    if (*at == '+') ++at;
    double label = 0;
    at = std::from_chars(at, stop, label).ptr;
    data->label.push_back(label > 0 ? 1 : -1);
    while (at < stop) {
      if (*at == ' ') {
        ++at;
        continue;
      }
      int32_t column = 0;
      float value = 0;
      at = std::from_chars(at, stop, column).ptr;
      if (at == stop || *at != ':') break;
      at = std::from_chars(at + 1, stop, value).ptr;
      data->index.push_back(column - 1);
      data->values.push_back(value);
      data->cols = std::max<int64_t>(data->cols, column);
    }
    data->offset.push_back(static_cast<int64_t>(data->values.size()));
    at = stop + 1;
  }
  return true;
}

// Rows of unit norm whose columns are drawn as words are, and labels of a linear rule with noise.
Data Generate() {
  constexpr int64_t kRows = 20000, kCols = 30000, kWords = 100;
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform;
  std::normal_distribution<double> normal;
  std::vector<double> rule(static_cast<size_t>(kCols));
  for (double& r : rule) r = normal(random);
  Data data;
  data.cols = kCols;
  for (int64_t i = 0; i < kRows; ++i) {
    std::map<int32_t, double> words;
    for (int64_t k = 0; k < kWords; ++k)
      words[static_cast<int32_t>(std::pow(static_cast<double>(kCols), uniform(random))) - 1] += 1;
    double norm = 0, margin = 0.3 * normal(random);
    for (const auto& [word, times] : words) norm += times * times;
    for (const auto& [word, times] : words) {
      const double x = times / std::sqrt(norm);
      data.index.push_back(word), data.values.push_back(static_cast<float>(x));
      margin += x * rule[static_cast<size_t>(word)];
    }
    data.label.push_back(margin > 0 ? 1 : -1);
    data.offset.push_back(static_cast<int64_t>(data.values.size()));
  }
  return data;
}

class MarginLoss : public ScalarLoss {
 public:
  MarginLoss(const std::vector<double>& label, double c) : label_(label), c_(c) {}
  void Losses(int64_t begin, int64_t end, const double* view, double* loss) override {
    for (int64_t i = begin; i < end; ++i) loss[i] = c_ * Of(y(i) * view[i]);
  }
  int kinks() const override { return 1; }
  double Kink(int, int64_t row) override { return y(row); }
  bool quadratic() const override { return true; }

 protected:
  double y(int64_t row) const { return label_[static_cast<size_t>(row)]; }
  virtual double Of(double margin) const = 0;

  const std::vector<double>& label_;
  const double c_;
};

class Hinge final : public MarginLoss {
 public:
  using MarginLoss::MarginLoss;
  Derivatives At(int64_t i, double v) override { return {y(i) * v < 1 ? -c_ * y(i) : 0, 0}; }

 protected:
  double Of(double m) const override { return std::max(0.0, 1 - m); }
};

class SquaredHinge final : public MarginLoss {
 public:
  using MarginLoss::MarginLoss;
  Derivatives At(int64_t i, double v) override {
    if (y(i) * v >= 1) return {0, 0};
    return {-2 * c_ * y(i) * (1 - y(i) * v), 2 * c_};
  }

 protected:
  double Of(double m) const override { return m < 1 ? (1 - m) * (1 - m) : 0; }
};

class Logistic final : public MarginLoss {
 public:
  using MarginLoss::MarginLoss;
  Derivatives At(int64_t i, double v) override {
    const double p = 1 / (1 + std::exp(y(i) * v));
    return {-c_ * y(i) * p, c_ * p * (1 - p)};
  }
  int kinks() const override { return 0; }
  bool quadratic() const override { return false; }

 protected:
  double Of(double m) const override {
    return std::max(0.0, -m) + std::log1p(std::exp(-std::abs(m)));
  }
};

int Main(std::map<std::string, std::string> flag) {
  Data data;
  if (flag["data"].empty()) {
    data = Generate();
  } else if (!Read(flag["data"] + "/" + flag["file"], &data)) {
    std::cerr << "cannot read " << flag["data"] << "/" << flag["file"] << "\n";
    return 1;
  }
  const auto rows = static_cast<int64_t>(data.label.size());
  const double c = std::stod(flag["c"]);
  std::printf("%ld rows, %ld columns, %zu entries\n", static_cast<long>(rows),
              static_cast<long>(data.cols), data.values.size());
  Hinge hinge(data.label, c);
  SquaredHinge squared(data.label, c);
  Logistic logistic(data.label, c);
  ScalarLoss* loss = &hinge;
  if (flag["loss"] == "squared_hinge") loss = &squared;
  if (flag["loss"] == "logistic") loss = &logistic;

  std::vector<double> theta(static_cast<size_t>(data.cols));
  std::vector<RowPart> parts(1);
  parts[0].block = data.block();
  parts[0].size = data.cols;
  parts[0].prox.l2.value = 0.5;
  parts[0].theta = theta.data();
  DualSolver::Options options;
  options.tolerance = std::stod(flag["tolerance"]);
  options.workers = std::stoi(flag["workers"]);
  options.shrinking = flag["shrinking"] != "0";
  options.seed = std::stoull(flag["seed"]);
  const auto start = std::chrono::steady_clock::now();
  DualSolver solver(options, &parts, loss, nullptr, rows);
  if (const absl::Status status = solver.Start(); !status.ok()) {
    std::cerr << status.ToString() << "\n";
    return 1;
  }
  int64_t measured = 0;
  while (!solver.converged()) {
    std::vector<std::thread> threads;
    for (int w = 1; w < options.workers; ++w) threads.emplace_back([&, w] { solver.Work(w); });
    solver.Work(0);
    for (std::thread& thread : threads) thread.join();
    solver.Turn();
    if (solver.measured() == measured) continue;
    measured = solver.measured();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    std::printf("%7.4f s  %4ld epochs  %6ld active  primal %.6f  dual %.6f  gap %.2e\n",
                passed.count(), static_cast<long>(solver.iterations()),
                static_cast<long>(solver.active()), solver.objective(), solver.dual(),
                solver.gap());
  }
  return 0;
}

}  // namespace
}  // namespace gyre

int main(int argc, char** argv) {
  const char* const folder = std::getenv("GYRE_DATA");
  std::map<std::string, std::string> flag{
      {"data", folder != nullptr ? folder : ""}, {"file", "imdb.train.svm"}, {"loss", "hinge"},
      {"c", "1"}, {"tolerance", "1e-3"}, {"workers", "1"}, {"shrinking", "1"}, {"seed", "1"}};
  for (int a = 1; a < argc; ++a) {
    const std::string text = argv[a];
    const size_t equals = text.find('=');
    if (text.rfind("--", 0) != 0 || equals == std::string::npos ||
        flag.find(text.substr(2, equals - 2)) == flag.end()) {
      std::cerr << "unknown argument " << text << "\n";
      return 1;
    }
    flag[text.substr(2, equals - 2)] = text.substr(equals + 1);
  }
  return gyre::Main(std::move(flag));
}
