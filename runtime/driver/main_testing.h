// A folder with data, and the program of testing.h run on it as a user would.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/driver/files.h"
#include "runtime/driver/npy.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

inline constexpr int kRows = 200, kCols = 3;

struct Outcome {
  int code = -1;
  std::string out, err;
};

class MainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = absl::StrCat(::testing::TempDir(), "/main_test-", getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    setenv("BUILD_WORKING_DIRECTORY", folder_.c_str(), 1);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    unsetenv("GYRE_DATA");
    MakeData();
  }
  void TearDown() override { fs::remove_all(folder_); }

  // y = 5 + 3 x0 - 2 x1 / 100 + noise: columns of very different sizes, one of them far from zero.
  void MakeData() {
    uint64_t state = 42;
    const auto uniform = [&] {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<double>(state >> 40) / 16777216.0 - 0.5;
    };
    std::ofstream csv(Path("train.csv")), svm(Path("train.svm"));
    csv << "age,income,height,y\n";
    for (int r = 0; r < kRows; ++r) {
      const double x0 = uniform(), x1 = 1000 + 200 * uniform(), x2 = uniform() < 0 ? 0 : 1;
      const double y = 5 + 3 * x0 - 0.02 * x1 + uniform();
      x_.push_back({x0, x1, x2});
      y_.push_back(y);
      csv << absl::StrFormat("%.17g,%.17g,%g,%.17g\n", x0, x1, x2, y);
      svm << absl::StrFormat("%.17g 1:%.17g 2:%.17g", y, x0, x1);
      svm << (x2 != 0 ? " 3:1\n" : "\n");
    }
  }

  Outcome Run(const std::vector<std::string>& args) {
    std::vector<std::string> words = {"bin/ridge"};
    words.insert(words.end(), args.begin(), args.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.code = internal::Main(static_cast<int>(argv.size()), argv.data(), testing::Ridge());
    outcome.out = ::testing::internal::GetCapturedStdout();
    outcome.err = ::testing::internal::GetCapturedStderr();
    return outcome;
  }
  void ExpectRefused(const std::vector<std::string>& args, const std::string& words) {
    const Outcome outcome = Run(args);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    EXPECT_THAT(outcome.err, ::testing::StartsWith("ridge: "));
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::vector<double> Parameter(const std::string& model, const std::string& name) {
    absl::StatusOr<NpyArray> array = ReadNpy(Path(model + "/" + name + ".npy"));
    EXPECT_TRUE(array.ok()) << array.status();
    return array.ok() ? array->values : std::vector<double>();
  }
  Json ReportOf(const std::string& path) {
    absl::StatusOr<std::string> text = ReadWholeFile(Path(path));
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? Json::parse(*text) : Json();
  }

  // The minimum of mean (y - Z w - b)^2 + lambda |w|^2 for standardised Z, as coefficients of X;
  // the normal equations of the centred problem by Gaussian elimination.
  void Solve(double lambda, bool standardize, std::vector<double>* w, double* b) {
    double mean[kCols] = {}, scale[kCols], mean_y = 0;
    for (int r = 0; r < kRows; ++r) {
      for (int c = 0; c < kCols; ++c) mean[c] += X(r, c) / kRows;
      mean_y += y_[static_cast<size_t>(r)] / kRows;
    }
    for (int c = 0; c < kCols; ++c) {
      double square = 0;
      for (int r = 0; r < kRows; ++r) square += (X(r, c) - mean[c]) * (X(r, c) - mean[c]) / kRows;
      scale[c] = standardize ? 1 / std::sqrt(square) : 1;
    }
    double a[kCols][kCols + 1] = {};
    for (int r = 0; r < kRows; ++r) {
      for (int i = 0; i < kCols; ++i) {
        const double zi = (X(r, i) - mean[i]) * scale[i] / kRows;
        for (int j = 0; j < kCols; ++j) a[i][j] += zi * (X(r, j) - mean[j]) * scale[j];
        a[i][kCols] += zi * (y_[static_cast<size_t>(r)] - mean_y);
      }
    }
    for (int i = 0; i < kCols; ++i) a[i][i] += lambda;
    for (int i = 0; i < kCols; ++i) {
      for (int k = 0; k < kCols; ++k) {
        if (k == i) continue;
        const double factor = a[k][i] / a[i][i];
        for (int j = i; j <= kCols; ++j) a[k][j] -= factor * a[i][j];
      }
    }
    *b = mean_y;
    for (int i = 0; i < kCols; ++i) {
      w->push_back(a[i][kCols] / a[i][i] * scale[i]);
      *b -= w->back() * mean[i];
    }
  }
  double X(int r, int c) const { return x_[static_cast<size_t>(r)][static_cast<size_t>(c)]; }

  void ExpectOptimum(const std::string& model, bool standardize, double tolerance = 1e-6) {
    std::vector<double> w;
    double b = 0;
    Solve(0.1, standardize, &w, &b);
    const std::vector<double> found = Parameter(model, "w");
    ASSERT_EQ(found.size(), w.size());
    for (size_t i = 0; i < w.size(); ++i)
      EXPECT_NEAR(found[i], w[i], tolerance + 1e-3 * std::abs(w[i])) << i;
    EXPECT_NEAR(Parameter(model, "b")[0], b, 2e-3 * std::abs(b));
  }

  std::string folder_;
  std::vector<std::vector<double>> x_;
  std::vector<double> y_;
};

}  // namespace gyre::driver
