// What a user can get wrong on the command line: one line, exit code 2, before any training.
#include "runtime/driver/main_testing.h"

namespace gyre::driver {
namespace {

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
  refused("--model_out=/proc/none", "cannot write /proc/none: ");
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

}  // namespace
}  // namespace gyre::driver
