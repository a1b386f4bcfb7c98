// The command line end to end, over a program made by hand: train, explain, plan, predict.
#include "absl/strings/str_split.h"
#include "dsl/random.h"
#include "runtime/driver/main_testing.h"

namespace gyre::driver {
namespace {

using ::testing::Not;

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

// What was held out is what --test_data would be: the same model, the same measure.
TEST_F(MainTest, RowsHeldOutAreLeftOutOfTheTraining) {
  const std::vector<std::string> flags = {"--data=train.csv", "--holdout=0.3", "--tolerance=1e-12",
                                          "--seed=4"};
  Outcome outcome = Run(flags);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("(held-out data)"));
  EXPECT_THAT(outcome.out, HasSubstr(" of 200 rows held out, by seed 4"));
  const Json report = ReportOf("gyre-out/ridge/report.json");
  EXPECT_EQ(report["metric"]["data"], "test");
  const int held = report["data"]["test_rows"];
  EXPECT_NEAR(held, 60, 25);
  EXPECT_EQ(report["data"]["rows"], kRows - held);

  std::ofstream in(Path("in.csv")), out(Path("out.csv"));
  const rng::Stream stream(4, rng::Hash("holdout"), 0);
  in << "age,income,height,y\n", out << "age,income,height,y\n";
  for (int r = 0; r < kRows; ++r) {
    (stream.Uniform(static_cast<uint64_t>(r)) < 0.3 ? out : in) << absl::StrFormat(
        "%.17g,%.17g,%g,%.17g\n", X(r, 0), X(r, 1), X(r, 2), y_[static_cast<size_t>(r)]);
  }
  in.close(), out.close();
  outcome = Run({"--data=in.csv", "--test_data=out.csv", "--tolerance=1e-12", "--seed=4",
                 "--model_out=m", "--report=r.json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(ReportOf("r.json")["metric"]["value"], report["metric"]["value"]);
  EXPECT_EQ(Parameter("m", "w"), Parameter("gyre-out/ridge/model", "w"));

  // Sparse rows, other workers, other processes: the same rows.
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"--data=train.svm"}, {"--workers=3"}, {"--cluster=inproc", "--workers=2"}}) {
    std::vector<std::string> words = flags;
    words.insert(words.end(), more.begin(), more.end());
    if (more[0] == "--data=train.svm") words.erase(words.begin());
    words.push_back("--report=other.json");
    outcome = Run(words);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const Json other = ReportOf("other.json");
    EXPECT_EQ(other["data"]["test_rows"], held) << more[0];
    EXPECT_NEAR(other["metric"]["value"], report["metric"]["value"], 1e-4) << more[0];
  }
  ExpectRefused({"--data=train.csv", "--holdout=1e-9"}, "of 200 rows none would be held out");
}

TEST_F(MainTest, APlanOfWhatIsTrainedOnSaysBySeedWhatIsHeldOut) {
  Outcome outcome =
      Run({"plan", "--data=train.csv", "--holdout=0.3", "--seed=9", "--out=held.plan"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  outcome = Run({"--data=train.csv", "--holdout=0.3", "--plan=held.plan"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("rows held out, by seed 9"));
  ExpectRefused({"--data=train.csv", "--plan=held.plan"}, "made for data of another shape");
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
  ExpectRefused({"--data=small.csv", "--plan=ridge.plan"}, "made for data of another shape");
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

// Each process leaves the same rows out.
TEST_F(MainTest, RowsAreHeldOutOverWorkerProcesses) {
  const char* program = std::getenv("RIDGE_PROGRAM");
  if (program == nullptr) GTEST_SKIP() << "set RIDGE_PROGRAM to the binary of ridge_program.cc";
  ASSERT_EQ(Run({"--data=train.csv", "--holdout=0.3", "--tolerance=1e-12"}).code, 0);
  const std::string command =
      absl::StrCat(program,
                   " --data=train.csv --holdout=0.3 --cluster=local --workers=2 --tolerance=1e-12 "
                   "--model_out=m --report=r.json > ",
                   Path("out"), " 2>&1");
  ASSERT_EQ(std::system(command.c_str()), 0) << ReadWholeFile(Path("out")).value_or("");
  const Json one = ReportOf("gyre-out/ridge/report.json"), two = ReportOf("r.json");
  EXPECT_EQ(two["data"]["test_rows"], one["data"]["test_rows"]);
  EXPECT_NEAR(two["metric"]["value"], one["metric"]["value"], 1e-5);
  const std::vector<double> w = Parameter("gyre-out/ridge/model", "w"), v = Parameter("m", "w");
  for (size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(v[i], w[i], 1e-3 * std::abs(w[i]) + 1e-5);
}

TEST_F(MainTest, WorkersAndClustersThatCannotStart) {
  ExpectRefused({"worker"}, "--coordinator=HOST:PORT");
  ExpectRefused({"--data=train.csv", "--cluster=nosuch"},
                "neither embedded, local or inproc nor a file");
  ExpectRefused({"--data=train.csv", "--cluster=train.csv"}, "is no description of a cluster");
}

}  // namespace
}  // namespace gyre::driver
