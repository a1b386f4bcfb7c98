// The command line end to end, over a program made by hand: train, explain, plan, predict, and
// everything a user can get wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
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
  EXPECT_THAT(Run({"explain", "--data=train.csv", "--format=html"}).out, HasSubstr("<svg"));
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

TEST_F(MainTest, NumbersThatCannotBeMeant) {
  ExpectRefused({"--data=train.csv", "--lambda=-1"}, "the penalty on w has the weight -1");
  ExpectRefused({"--data=train.csv", "--lambda=-1"}, "check --lambda");
  ExpectRefused({"--data=train.csv", "--lambda=nan"}, "--lambda=nan");
  ExpectRefused({"--data=train.csv", "--lambda=inf"}, "--lambda=inf");
  ExpectRefused({"--data=train.csv", "--lambda=1e999"}, "--lambda=1e999");
  ExpectRefused({"--data=train.csv", "--lambda="}, "--lambda=");
  ExpectRefused({"--data=train.csv", "--workers=0"}, "--workers=0");
  ExpectRefused({"--data=train.csv", "--workers=2.5"}, "--workers=2.5");
  ExpectRefused({"--data=train.csv", "--workers=99999999999"}, "--workers=99999999999");
  ExpectRefused({"--data=train.csv", "--lanes=0"}, "--lanes=0");
  ExpectRefused({"--data=train.csv", "--max_clocks=0"}, "--max_clocks=0");
  ExpectRefused({"--data=train.csv", "--max_seconds=0"}, "--max_seconds=0");
  ExpectRefused({"--data=train.csv", "--tolerance=-1"}, "--tolerance=-1");
  ExpectRefused({"--data=train.csv", "--target=nan"}, "--target=nan");
  ExpectRefused({"--data=train.csv", "--batch=0"}, "--batch=0");
  ExpectRefused({"--data=train.csv", "--momentum=1"}, "--momentum=1");
  ExpectRefused({"--data=train.csv", "--step=0"}, "--step=0");
  ExpectRefused({"--data=train.csv", "--deadline=0"}, "--deadline=0");
  ExpectRefused({"--data=train.csv", "--seed=-1"}, "--seed=-1");
  ExpectRefused({"--data=train.csv", "--update=newton"}, "--update=newton: wants one of auto, ");
  ExpectRefused({"--data=train.csv", "--bridge=ssp"}, "for example ssp:3");
  ExpectRefused({"--data=train.csv", "--listen=127.0.0.1:0"}, "--listen is about runs of several");
}

// What cannot be written is found out before the training, not after it: these would train for
// ever.
TEST_F(MainTest, OutputsAreTriedBeforeTraining) {
  const std::vector<std::string> endless = {"--data=train.csv",   "--update=sgd",
                                            "--step=1e-9",        "--max_seconds=1000",
                                            "--tolerance=1e-300", "--max_clocks=1000000000000"};
  const auto refused = [&](const std::string& flag, const std::string& words) {
    std::vector<std::string> args = endless;
    args.push_back(flag);
    ExpectRefused(args, words);
  };
  refused("--model_out=/proc/none/model", "/proc/none");
  refused("--model_out=train.csv", "train.csv");
  refused("--model_out=train.csv/model", "train.csv");
  refused("--model_out=" + folder_, "is there and is no model");
  refused("--report=/proc/none/report.json", "/proc/none");
  refused("--report=" + folder_, "it is a folder");
  refused("--checkpoint_dir=/proc/none", "/proc/none");
}

TEST_F(MainTest, FoldersInThePlaceOfFiles) {
  ExpectRefused({"--data=" + folder_}, "is a directory");
  ExpectRefused({"--data=train.csv", "--plan=" + folder_}, "it is a folder");
  ExpectRefused({"--data=train.csv", "--machine=" + folder_}, "it is a folder");
  ExpectRefused({"--data=train.csv", "--cluster=" + folder_}, "it is a folder");
  ExpectRefused({"explain", "--data=train.csv", "--out=" + folder_}, "folder");
  ExpectRefused({"predict", "--data=train.csv", "--model=train.csv"}, "holds no model");
}

// ---- Checkpoints.

TEST_F(MainTest, ResumeGoesOnToTheBit) {
  ASSERT_EQ(Run({"--data=train.csv", "--max_clocks=30", "--tolerance=0", "--model_out=whole"}).code,
            0);
  Outcome outcome = Run({"--data=train.csv", "--max_clocks=11", "--tolerance=0",
                         "--checkpoint_dir=c", "--model_out=half"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(Path("c/checkpoint")));
  EXPECT_TRUE(Exists(Path("c/plan.textproto")));
  outcome = Run({"--data=train.csv", "--max_clocks=30", "--tolerance=0", "--checkpoint_dir=c",
                 "--resume", "--model_out=whole2"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(Parameter("whole", "w"), Parameter("whole2", "w"));
  EXPECT_EQ(Parameter("whole", "b"), Parameter("whole2", "b"));
  EXPECT_NE(Parameter("whole", "w"), Parameter("half", "w"));
  const Json report = ReportOf("gyre-out/ridge/report.json");
  EXPECT_EQ(report["resumed"]["clocks"], 11);
}

TEST_F(MainTest, CheckpointsThatDoNotFit) {
  const std::vector<std::string> first = {"--data=train.csv", "--max_clocks=5",
                                          "--checkpoint_dir=c"};
  ExpectRefused({"--data=train.csv", "--resume"}, "--checkpoint_dir=DIR");
  ExpectRefused({"--data=train.csv", "--checkpoint_every=3"}, "--checkpoint_dir=DIR");
  ExpectRefused({"--data=train.csv", "--checkpoint_dir=c", "--resume"}, "holds no checkpoint");
  ExpectRefused({"--data=train.csv", "--checkpoint_dir=c", "--cluster=inproc"}, "in one process");
  ASSERT_EQ(Run(first).code, 0);
  ExpectRefused(first, "go on from it by --resume");
  const auto resume = [&](const std::vector<std::string>& more, const std::string& words) {
    std::vector<std::string> args = {"--max_clocks=9", "--checkpoint_dir=c", "--resume"};
    args.insert(args.end(), more.begin(), more.end());
    ExpectRefused(args, words);
  };
  resume({"--data=train.csv", "--lambda=0.2"}, "lambda=0.1, this run has 0.2");
  resume({"--data=train.csv", "--update=sgd"}, "another plan");
  resume({"--data=train.csv", "--standardize=none"}, "other data");
  std::ofstream(Path("small.csv")) << "a,b,c,y\n1,2,0,3\n2,3,1,4\n3,5,0,1\n";
  resume({"--data=small.csv"}, "other data");
  const absl::StatusOr<std::string> whole = ReadWholeFile(Path("c/checkpoint"));
  ASSERT_TRUE(whole.ok());
  ASSERT_TRUE(WriteFile(Path("c/checkpoint"), whole->substr(0, whole->size() - 9)).ok());
  resume({"--data=train.csv"}, "cut short");
  std::string edited = *whole;
  edited[edited.size() / 2] ^= 1;
  ASSERT_TRUE(WriteFile(Path("c/checkpoint"), edited).ok());
  resume({"--data=train.csv"}, "was changed since it was written");
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

// A process that would train for ever, and a signal, as a user's terminal or a cluster manager
// sends it.
struct Signalled {
  const char* name;
  int signal;
  const char* cluster;
};
class SignalTest : public MainTest, public ::testing::WithParamInterface<Signalled> {
 protected:
  pid_t Start(const char* program) {
    const std::string out = Path("out"), err = Path("err");
    const std::string cluster = absl::StrCat("--cluster=", GetParam().cluster);
    const char* argv[] = {program,
                          "--data=train.csv",
                          "--update=sgd",
                          "--step=1e-9",
                          "--max_seconds=60",
                          "--tolerance=1e-300",
                          "--workers=2",
                          "--max_clocks=1000000000000",
                          "--model_out=m",
                          "--report=r.json",
                          cluster.c_str(),
                          nullptr};
    const pid_t child = fork();
    if (child != 0) return child;
    std::freopen(out.c_str(), "w", stdout);
    std::freopen(err.c_str(), "w", stderr);
    execv(program, const_cast<char**>(argv));
    _exit(127);
  }
  // Until the run says that it is under way.
  void AwaitTraining() {
    for (int i = 0; i < 300; ++i) {
      if (ReadWholeFile(Path("out")).value_or("").find("clock ") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
};

TEST_P(SignalTest, KeepsTheModelReached) {
  const char* program = std::getenv("RIDGE_PROGRAM");
  if (program == nullptr) GTEST_SKIP() << "set RIDGE_PROGRAM to the binary of ridge_program.cc";
  const pid_t child = Start(fs::absolute(program).c_str());
  AwaitTraining();
  ASSERT_EQ(kill(child, GetParam().signal), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  const std::string out = ReadWholeFile(Path("out")).value_or("");
  ASSERT_TRUE(WIFEXITED(status)) << WTERMSIG(status) << out;
  EXPECT_EQ(WEXITSTATUS(status), 0) << out << ReadWholeFile(Path("err")).value_or("");
  EXPECT_EQ(ReportOf("r.json")["stop_reason"], "interrupted");
  EXPECT_GT(ReportOf("r.json")["clocks"], 0);
  EXPECT_EQ(Parameter("m", "w").size(), kCols);
  EXPECT_THAT(out, HasSubstr("interrupted after"));
  // Not a terminal: lines, and nothing that moves a cursor.
  EXPECT_EQ(out.find_first_of("\r\x1b"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Signals, SignalTest,
                         ::testing::Values(Signalled{"CtrlC", SIGINT, "embedded"},
                                           Signalled{"Terminate", SIGTERM, "embedded"},
                                           Signalled{"CtrlCOfProcesses", SIGINT, "local"},
                                           Signalled{"TerminateOfProcesses", SIGTERM, "local"}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace gyre::driver
