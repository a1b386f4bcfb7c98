// Runs that are stopped, by a signal or by their end, and go on from a checkpoint.
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "runtime/driver/main_testing.h"

namespace gyre::driver {
namespace {

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
  EXPECT_THAT(outcome.out, HasSubstr("resumed    from clock 11"));
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
    if (std::freopen(out.c_str(), "w", stdout) != nullptr &&
        std::freopen(err.c_str(), "w", stderr) != nullptr)
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
