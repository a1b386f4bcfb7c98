// The command line end to end, over a program made by hand: train, explain, plan, predict, and
// everything a user can get wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/driver/files.h"
#include "runtime/driver/npy.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

constexpr int kRows = 200, kCols = 3;

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

TEST_F(MainTest, RunReachesTheOptimumInTheUnitsOfTheData) {
  const Outcome outcome = Run({"--data=train.csv", "--tolerance=1e-12"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, HasSubstr("columns of X centred and scaled"));
  EXPECT_THAT(outcome.out, HasSubstr("mse"));
  EXPECT_THAT(outcome.out, HasSubstr("age"));
  EXPECT_THAT(outcome.out, HasSubstr(Path("gyre-out/ridge/model")));
  ExpectOptimum("gyre-out/ridge/model", true);

  const Json report = ReportOf("gyre-out/ridge/report.json");
  EXPECT_EQ(report["program"], "ridge");
  EXPECT_EQ(report["data"]["rows"], kRows);
  EXPECT_EQ(report["data"]["cols"], kCols);
  EXPECT_GT(report["clocks"], 0);
  EXPECT_GE(report["trace"].size(), 1u);
  EXPECT_EQ(report["metric"]["name"], "mse");
}

TEST_F(MainTest, TheSameDataInAnotherFormatGivesTheSameModel) {
  const Outcome outcome =
      Run({"--data=train.svm", "--tolerance=1e-12", "--model_out=m", "--report="});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  ExpectOptimum("m", true);
  EXPECT_FALSE(Exists(Path("gyre-out")));
}

// Sparse columns are scaled and not centred; with an intercept the optimum is the same.
TEST_F(MainTest, SparseDataGivesTheCoefficientsOfDense) {
  std::ofstream csv(Path("wide.csv")), svm(Path("wide.svm"));
  csv << "a,b,c,d,e,f,g,h,y\n";
  for (int r = 0; r < kRows; ++r) {
    const int column = r % 8;
    const double value = 1 + 10 * X(r, 0),
                 y = y_[static_cast<size_t>(r)] + (column == 3 ? value : 0);
    svm << absl::StrCat(y, " ", column + 1, ":", value, "\n");
    for (int c = 0; c < 8; ++c) csv << (c == column ? absl::StrCat(value) : "0") << ",";
    csv << y << "\n";
  }
  csv.close();
  svm.close();
  const Outcome sparse = Run({"--data=wide.svm", "--tolerance=1e-13", "--model_out=s"});
  ASSERT_EQ(sparse.code, 0) << sparse.err;
  EXPECT_THAT(sparse.out, HasSubstr("columns of X scaled to"));
  const Outcome dense = Run({"--data=wide.csv", "--tolerance=1e-13", "--model_out=d"});
  ASSERT_EQ(dense.code, 0) << dense.err;
  EXPECT_THAT(dense.out, HasSubstr("columns of X centred and scaled to"));
  const std::vector<double> ws = Parameter("s", "w"), wd = Parameter("d", "w");
  ASSERT_EQ(ws.size(), 8u);
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(ws[i], wd[i], 1e-3 * (0.01 + std::abs(wd[i]))) << i;
  EXPECT_NEAR(Parameter("s", "b")[0], Parameter("d", "b")[0], 1e-3);
}

TEST_F(MainTest, StandardizeNoneLeavesTheDataAlone) {
  const Outcome outcome = Run(
      {"--data=train.csv", "--standardize=none", "--model_out=m", "--report=", "--max_clocks=3"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, Not(HasSubstr("centred")));
}

TEST_F(MainTest, WorkersAndPrecisionAgree) {
  for (const char* workers : {"--workers=1", "--workers=2", "--workers=4"}) {
    const Outcome outcome =
        Run({"--data=train.csv", workers, "--dtype=float32", "--tolerance=1e-10", "--model_out=m"});
    ASSERT_EQ(outcome.code, 0) << workers << outcome.err;
    ExpectOptimum("m", true, 3e-4);
  }
}

TEST_F(MainTest, HeldOutDataGivesTheMetric) {
  const Outcome outcome = Run({"--data=train.csv", "--test_data=train.csv"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("(held-out data)"));
  EXPECT_EQ(ReportOf("gyre-out/ridge/report.json")["metric"]["data"], "test");
}

TEST_F(MainTest, APlanFileIsExecutedAsWritten) {
  Outcome outcome = Run({"plan", "--data=train.csv", "--out=ridge.plan"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  outcome = Run({"run", "--data=train.csv", "--plan=ridge.plan", "--model_out=m"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  outcome = Run({"explain", "--plan=ridge.plan"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("ridge"));

  absl::StatusOr<std::string> plan = ReadWholeFile(Path("ridge.plan"));
  ASSERT_TRUE(plan.ok());
  ASSERT_TRUE(WriteFile(Path("cut.plan"), plan->substr(0, plan->size() / 2)).ok());
  ExpectRefused({"--data=train.csv", "--plan=cut.plan"}, "cut.plan:");
  std::ofstream(Path("small.csv")) << "a,y\n1,2\n2,3\n3,5\n";
  ExpectRefused({"--data=small.csv", "--plan=ridge.plan"}, "plan");
  ExpectRefused({"--data=train.csv", "--plan=none.plan"}, "none.plan");
}

TEST_F(MainTest, ExplainInEveryFormat) {
  EXPECT_THAT(Run({"explain", "--data=train.csv"}).out, HasSubstr("w"));
  const Outcome json = Run({"explain", "--data=train.csv", "--format=json"});
  EXPECT_TRUE(Json::accept(json.out)) << json.out;
  EXPECT_THAT(Run({"explain", "--data=train.csv", "--format=dot"}).out, HasSubstr("digraph"));
  EXPECT_THAT(Run({"explain", "--data=train.csv", "--format=html"}).out, HasSubstr("<pre>"));
  EXPECT_EQ(Run({"explain", "--data=train.csv", "--analyze", "--max_clocks=5"}).code, 0);
}

TEST_F(MainTest, PredictAppliesTheModelToOtherData) {
  ASSERT_EQ(Run({"--data=train.csv", "--tolerance=1e-12"}).code, 0);
  Outcome outcome =
      Run({"predict", "--model=gyre-out/ridge/model", "--data=train.csv", "--out=p.csv"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("mse"));
  absl::StatusOr<std::string> csv = ReadWholeFile(Path("p.csv"));
  ASSERT_TRUE(csv.ok());
  const std::vector<std::string> lines = absl::StrSplit(*csv, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), kRows + 1u);
  EXPECT_EQ(lines[0], "y");
  const std::vector<double> w = Parameter("gyre-out/ridge/model", "w");
  const double b = Parameter("gyre-out/ridge/model", "b")[0];
  for (int r = 0; r < kRows; r += 17) {
    double want = b;
    for (int c = 0; c < kCols; ++c) want += w[static_cast<size_t>(c)] * X(r, c);
    EXPECT_NEAR(std::stod(lines[static_cast<size_t>(r) + 1]), want, 1e-5 * std::abs(want));
  }
}

TEST_F(MainTest, PredictRefusesWhatDoesNotFit) {
  ExpectRefused({"predict", "--model=nowhere", "--data=train.csv"}, "holds no model");
  ASSERT_EQ(Run({"--data=train.csv", "--max_clocks=2"}).code, 0);
  ExpectRefused({"predict", "--data=none.csv"}, "none.csv");
  ExpectRefused({"predict"}, "--data=FILE");
}

TEST_F(MainTest, WhatAUserCanGetWrong) {
  ExpectRefused({"--data=none.csv"}, "none.csv");
  ExpectRefused({}, "--data=FILE");
  ExpectRefused({"--lamda=1", "--data=train.csv"}, "did you mean --lambda?");
  ExpectRefused({"simulate", "--cluster=c.textproto"}, "simulate");
  ExpectRefused({"--data=train.csv", "--machine=none.textproto"}, "none.textproto");
  ExpectRefused({"--data=train.csv", "--max_clocks=1", "--model_out=train.csv"}, "train.csv");
  ExpectRefused({"--data=train.svm", "--standardize=full", "--data=X=none.npy"}, "none.npy");
  std::ofstream(Path("bad.csv")) << "a,b,y\n1,2,3\n4,oops,6\n";
  ExpectRefused({"--data=bad.csv"}, "bad.csv:3");
  std::ofstream(Path("machine.textproto")) << "cores: 2\nlanes: banana\n";
  ExpectRefused({"--data=train.csv", "--machine=machine.textproto"}, "machine.textproto:2");
}

TEST_F(MainTest, HelpIsForPeople) {
  const Outcome outcome = Run({"--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("usage: ridge"));
}

TEST_F(MainTest, DataIsFoundInItsFolder) {
  fs::create_directories(Path("elsewhere"));
  fs::rename(Path("train.csv"), Path("elsewhere/train.csv"));
  setenv("GYRE_DATA", Path("elsewhere").c_str(), 1);
  EXPECT_EQ(Run({"--data=train.csv", "--max_clocks=1"}).code, 0);
}

// The same optimum over gRPC in one process, at every number of workers.
TEST_F(MainTest, OverGrpcInOneProcess) {
  for (const char* workers : {"--workers=1", "--workers=2", "--workers=4"}) {
    const Outcome outcome = Run(
        {"--data=train.csv", "--cluster=inproc", workers, "--tolerance=1e-12", "--model_out=m"});
    ASSERT_EQ(outcome.code, 0) << workers << outcome.err;
    ExpectOptimum("m", true);
  }
}

TEST_F(MainTest, OverWorkerProcesses) {
  const char* program = std::getenv("RIDGE_PROGRAM");
  if (program == nullptr) GTEST_SKIP() << "set RIDGE_PROGRAM to the binary of ridge_program.cc";
  for (const char* workers : {"1", "2", "4"}) {
    const std::string command =
        absl::StrCat(program, " --data=train.csv --cluster=local --workers=", workers,
                     " --tolerance=1e-12 --model_out=m --report=r.json > ", Path("out"), " 2>&1");
    ASSERT_EQ(std::system(command.c_str()), 0) << ReadWholeFile(Path("out")).value_or("");
    ExpectOptimum("m", true);
    const Json report = ReportOf("r.json");
    EXPECT_EQ(report["workers"], std::stoi(workers));
    EXPECT_GT(report["bytes"]["sent"], 0);
  }
}

TEST_F(MainTest, WorkersAndClustersThatCannotStart) {
  ExpectRefused({"worker"}, "--coordinator=HOST:PORT");
  ExpectRefused({"--data=train.csv", "--cluster=nosuch"},
                "neither embedded, local or inproc nor a file");
  ExpectRefused({"--data=train.csv", "--cluster=train.csv"}, "is no description of a cluster");
}

TEST_F(MainTest, CtrlCKeepsTheModelReached) {
  std::thread user([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    kill(getpid(), SIGINT);
  });
  const Outcome outcome =
      Run({"--data=train.csv", "--update=sgd", "--step=1e-9", "--max_clocks=1000000000",
           "--max_seconds=60", "--tolerance=1e-300"});
  user.join();
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(ReportOf("gyre-out/ridge/report.json")["stop_reason"], "interrupted");
  EXPECT_EQ(Parameter("gyre-out/ridge/model", "w").size(), kCols);
}

}  // namespace
}  // namespace gyre::driver
