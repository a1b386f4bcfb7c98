#include "runtime/driver/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "runtime/driver/testing.h"

namespace gyre::driver {
namespace {

using ::testing::HasSubstr;

class OptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<Options> Parse(const std::vector<std::string>& args) {
    return ParseOptions(
        program_, {"--data=examples/small.csv", "--test_data=examples/test.csv", "--step=0.5"},
        args);
  }
  std::string Error(const std::vector<std::string>& args) {
    absl::StatusOr<Options> options = Parse(args);
    EXPECT_FALSE(options.ok());
    if (options.ok()) return "";
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(options.status().message());
    EXPECT_EQ(message.find('\n'), std::string::npos) << "one line";
    return message;
  }

  const Program program_ = testing::Ridge();
};

TEST_F(OptionsTest, RunsOnTheProgramsOwnDataByDefault) {
  absl::StatusOr<Options> options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->command, Command::kRun);
  ASSERT_EQ(options->data.size(), 1u);
  EXPECT_EQ(options->data[0].path, "examples/small.csv");
  EXPECT_TRUE(options->built_in_data);
  EXPECT_EQ(options->step, 0.5);
}

TEST_F(OptionsTest, DataGivenReplacesTheProgramsOwnAndItsTestData) {
  absl::StatusOr<Options> options = Parse({"--data=X=a=b.npy", "--data=y=y.npy"});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->data.size(), 2u);
  EXPECT_EQ(options->data[0].symbol, "X");
  EXPECT_EQ(options->data[0].path, "a=b.npy");
  EXPECT_TRUE(options->test_data.empty());
  EXPECT_FALSE(options->built_in_data);
}

TEST_F(OptionsTest, APathMayHoldAnEqualsSign) {
  absl::StatusOr<Options> options = Parse({"--data=run/seed=1.svm"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->data[0].symbol, "");
  EXPECT_EQ(options->data[0].path, "run/seed=1.svm");
}

TEST_F(OptionsTest, PredictDoesNotFallBackOnTrainingData) {
  absl::StatusOr<Options> options = Parse({"predict", "--model=m"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->built_in_data);
  EXPECT_EQ(options->model, "m");
}

TEST_F(OptionsTest, EveryPinAndStopRule) {
  absl::StatusOr<Options> options = Parse({"run",
                                           "--workers=4",
                                           "--lanes",
                                           "2",
                                           "--cluster=local",
                                           "--partition=data",
                                           "--bridge=ssp:3",
                                           "--storage=central",
                                           "--topology=star",
                                           "--payload=factors",
                                           "--update=sgd",
                                           "--batch=64",
                                           "--step=0.1",
                                           "--momentum=0.9",
                                           "--step_schedule=sqrt",
                                           "--decay=2",
                                           "--max_clocks=7",
                                           "--max_seconds=1.5",
                                           "--tolerance=1e-9",
                                           "--target=-3",
                                           "--seed=11",
                                           "--dtype=float32",
                                           "--standardize=full",
                                           "--deadline=5",
                                           "--insecure",
                                           "--model_out=",
                                           "--report=r.json"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->workers, 4);
  EXPECT_EQ(options->lanes, 2);
  EXPECT_EQ(options->bridge, "ssp:3");
  EXPECT_EQ(options->payload, "factors");
  EXPECT_EQ(options->batch, 64);
  EXPECT_EQ(options->decay, 2.0);
  EXPECT_EQ(options->max_clocks, 7);
  EXPECT_EQ(options->target, -3.0);
  EXPECT_EQ(options->seed, 11u);
  EXPECT_EQ(options->precision, Precision::kFloat32);
  EXPECT_EQ(options->standardize, Standardize::kFull);
  EXPECT_TRUE(options->insecure);
  EXPECT_EQ(options->model_out, "");
  EXPECT_EQ(options->report, "r.json");
}

TEST_F(OptionsTest, HyperParametersGoByTheirNames) {
  absl::StatusOr<Options> options = Parse({"--lambda=0.25"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->hyper.at(testing::kLambda), 0.25);
  options = Parse({"--hyper.lambda", "-2"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->hyper.at(testing::kLambda), -2);
}

TEST_F(OptionsTest, FormatMeansDataOrRendering) {
  absl::StatusOr<Options> options = Parse({"explain", "--format=json", "--format=libsvm"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->render, "json");
  EXPECT_EQ(options->data_format, "libsvm");
  EXPECT_THAT(Error({"run", "--format=json"}), HasSubstr("--format=json: wants one of libsvm"));
  for (const char* format : {"docword", "ldac", "text", "ratings"}) {
    options = Parse({absl::StrCat("--format=", format)});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->data_format, format);
  }
  options = Parse({"explain", "--format=text"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->render, "text");
  EXPECT_EQ(options->data_format, "");
}

TEST_F(OptionsTest, HowKeyedRowsAreRead) {
  Program program = testing::Ridge();
  program.graph.symbol[testing::kY].kind = ir::Kind::kMap;
  const std::vector<std::string> defaults = {"--data=a.txt", "--min_count=2", "--names=y=a"};
  absl::StatusOr<Options> options = ParseOptions(
      program, defaults, {"--names=y=b=c.txt", "--stop_words=none", "--min_count=7"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->names, ::testing::ElementsAre(::testing::Pair("y", "b=c.txt")));
  EXPECT_EQ(options->stop_words, "none");
  EXPECT_EQ(options->min_count, 7);
  // They describe the data that they were built with.
  options = ParseOptions(program, defaults, {"--data=b.csv"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->min_count.has_value());
  EXPECT_TRUE(options->names.empty());
  EXPECT_THAT(Error({"--names=y=a"}), HasSubstr("--names=y=a: the program has no map \"y\""));
  EXPECT_THAT(Error({"--names=y"}),
              HasSubstr("wants MAP=FILE, for example --names=word=vocab.txt"));
  EXPECT_THAT(Error({"--names=y="}), HasSubstr("wants MAP=FILE"));
  EXPECT_THAT(Error({"--min_count=0"}), HasSubstr("wants a whole number of at least 1"));
  EXPECT_THAT(Error({"--stop_words="}), HasSubstr("wants a value"));
  EXPECT_THAT(Error({"predict", "--min_count=2"}), HasSubstr("--min_count does not go with"));
}

TEST_F(OptionsTest, AnUnknownFlagNamesTheNearest) {
  EXPECT_THAT(Error({"--lamda=0.1"}), HasSubstr("unknown flag --lamda; did you mean --lambda?"));
  EXPECT_THAT(Error({"--worker=4"}), HasSubstr("did you mean --workers?"));
  EXPECT_THAT(Error({"--max-clocks=4"}), HasSubstr("did you mean --max_clocks?"));
  EXPECT_THAT(Error({"--zzzzzzzzzzzz=4"}), ::testing::Not(HasSubstr("did you mean")));
}

TEST_F(OptionsTest, AnUnknownCommandNamesTheNearest) {
  EXPECT_THAT(Error({"explian"}), HasSubstr("unknown command \"explian\"; did you mean explain?"));
}

TEST_F(OptionsTest, WrongValuesSayWhatIsWanted) {
  EXPECT_THAT(Error({"--workers=0"}), HasSubstr("--workers=0: wants auto or a whole number"));
  EXPECT_THAT(Error({"--workers"}), HasSubstr("--workers wants a value: --workers=auto|N"));
  EXPECT_THAT(Error({"--bridge=ssp"}), HasSubstr("for example ssp:3"));
  EXPECT_THAT(Error({"--bridge=ssp:-1"}), HasSubstr("ssp:S"));
  EXPECT_THAT(Error({"--partition=rows"}), HasSubstr("wants one of auto, data, model, hybrid"));
  EXPECT_THAT(Error({"--lambda=much"}), HasSubstr("--lambda=much: wants a number"));
  EXPECT_THAT(Error({"--lambda=nan"}), HasSubstr("wants a number"));
  EXPECT_THAT(Error({"--max_clocks=1e5x"}), HasSubstr("wants a whole number"));
  EXPECT_THAT(Error({"--tolerance=-1"}), HasSubstr("at least 0"));
  EXPECT_THAT(Error({"--insecure=maybe"}), HasSubstr("wants true or false"));
  EXPECT_THAT(Error({"--data=X="}), HasSubstr("wants NAME=FILE"));
  EXPECT_THAT(Error({"run", "train.csv"}), HasSubstr("flags look like --name=value"));
}

TEST_F(OptionsTest, NamesAreCheckedAgainstTheProgram) {
  EXPECT_THAT(Error({"--data=Z=a.npy"}), HasSubstr("no data named \"Z\"; it reads X, y"));
  EXPECT_THAT(Error({"--data=w=a.npy"}), HasSubstr("no data named \"w\""));
  EXPECT_THAT(Error({"--extent=Topic=4"}), HasSubstr("no axis \"Topic\"; it has Sample, Feature"));
  EXPECT_THAT(Error({"--extent=Feature"}), HasSubstr("wants AXIS=N"));
}

TEST_F(OptionsTest, FlagsBelongToCommands) {
  EXPECT_THAT(Error({"run", "--model=m"}),
              HasSubstr("--model does not go with run; it belongs to predict"));
  EXPECT_THAT(Error({"worker", "--target=3"}), HasSubstr("--target does not go with worker"));
}

TEST_F(OptionsTest, APlanFileIsExecutedAsWritten) {
  EXPECT_THAT(Error({"--plan=p", "--bridge=bsp"}), HasSubstr("--bridge does not go with --plan"));
  EXPECT_THAT(Error({"--max_clocks=3", "--plan=p"}),
              HasSubstr("--max_clocks does not go with --plan"));
  EXPECT_TRUE(Parse({"--plan=p", "--model_out=m", "--lambda=2"}).ok());
}

TEST_F(OptionsTest, HeldOutDataComesFromOnePlace) {
  absl::StatusOr<Options> options = Parse({"--holdout=0.25"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->holdout, 0.25);
  EXPECT_TRUE(options->test_data.empty()) << "the default ones give way";
  options = ParseOptions(program_, {"--data=a.csv", "--holdout=0.5"}, {"--test_data=b.csv"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_FALSE(options->holdout.has_value());
  EXPECT_THAT(Error({"--holdout=0.1", "--test_data=b.csv"}), HasSubstr("leave one of the two out"));
  EXPECT_THAT(Error({"--holdout=0.1", "--path=5", "--folds=3"}),
              HasSubstr("does not go with --folds"));
  EXPECT_THAT(Error({"--holdout"}), HasSubstr("--holdout wants a value: --holdout=F"));
  for (const char* share : {"0", "1", "-0.5", "10%", "nan", ""})
    EXPECT_THAT(Error({absl::StrCat("--holdout=", share)}),
                HasSubstr("wants a number between 0 and 1"));
  EXPECT_THAT(Error({"predict", "--holdout=0.1"}), HasSubstr("--holdout does not go with predict"));
}

TEST_F(OptionsTest, HelpNeedsNothingElse) {
  for (const std::string word : {"help", "--help", "-h"}) {
    absl::StatusOr<Options> options = Parse({word});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->command, Command::kHelp);
  }
  const std::string text = HelpText(program_, "ridge", {"--data=d.csv"});
  for (const char* part : {"X(Sample,Feature)", "w(Feature)", "--lambda=NUMBER  (default 0.1)",
                           "--bridge=auto|bsp|ssp:S|async", "--names=MAP=FILE",
                           "--min_count=N", "--stop_words=FILE|none", "docword|ldac|text|ratings",
                           "predict", "mse", "--data=d.csv",
                           "gyre-out/ridge/model"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace gyre::driver
