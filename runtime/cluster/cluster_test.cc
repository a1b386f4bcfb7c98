// Runs over gRPC: as threads of this process and as worker processes of this very binary.
#include "runtime/cluster/cluster.h"

#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/cluster/disturbance.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT: the vocabulary of this test
using ::testing::HasSubstr;

constexpr int64_t kRows = 203, kFeatures = 10;

// Workers of a test share its data, whether they are threads or processes that make it again.
template <class T>
DataLoader LoaderOf(const TestJob<T>& t) {
  return [&t](const WorkerShare& share) -> absl::StatusOr<LoadedShare> {
    LoadedShare loaded;
    for (const auto& [begin, end] : share.rows) {
      loaded.worker.push_back({t.block.data(), begin, end});
    }
    return loaded;
  };
}

struct Shape {
  int workers = 1, processes = 1, lanes = 1, shards = 1;
  bool replicas = false;
  Table::Topology topology = Table::P2P;  // of replicas
};

template <class T = double>
struct ClusterJob : TestJob<T> {
  ClusterJob(Kind kind, PlanOptions o, const Shape& shape, int64_t rows = kRows,
             int64_t features = kFeatures)
      : TestJob<T>(kind, With(o, shape), rows, features) {
    this->plan.mutable_cluster()->set_processes(shape.processes);
    this->plan.mutable_cluster()->set_shards(shape.shards);
    for (Table& table : *this->plan.mutable_table()) {
      if (!shape.replicas) break;
      table.set_storage(Table::REPLICA);
      table.set_topology(shape.topology);
    }
    this->job.stall_deadline = absl::Seconds(20);
    options.kind = ClusterOptions::Kind::kInproc;
    options.loader = LoaderOf(*this);
  }
  static PlanOptions With(PlanOptions o, const Shape& shape) {
    o.workers = shape.workers;
    o.lanes = shape.lanes;
    return o;
  }
  absl::StatusOr<RunResult> Run() { return RunCluster(this->job, options); }
  ClusterOptions options;
};

RunResult Must(absl::StatusOr<RunResult> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : RunResult();
}

template <class T>
RunResult Embedded(Kind kind, const PlanOptions& o, int64_t rows = kRows,
                   int64_t features = kFeatures) {
  PlanOptions one = o;
  one.workers = one.lanes = 1;
  TestJob<T> t(kind, one, rows, features);
  return Must(RunEmbedded(t.job));
}

void ExpectNear(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "at " << i;
}

// Steps folded one by one go on around the optimum: each contribution alone does not vanish there.
void ExpectSameObjective(const RunResult& a, const RunResult& b) {
  EXPECT_NEAR(a.objective, b.objective, 3e-2 * b.objective);
}

class Shapes : public ::testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(
    Cluster, Shapes,
    ::testing::Values(Shape{1, 1, 1}, Shape{2, 2, 1}, Shape{4, 4, 1}, Shape{4, 2, 1},
                      Shape{6, 2, 2}, Shape{1, 1, 1, 2}, Shape{2, 2, 1, 2}, Shape{4, 4, 1, 2},
                      Shape{1, 1, 1, 3}, Shape{2, 2, 1, 3}, Shape{4, 4, 1, 3}, Shape{4, 2, 2, 2},
                      Shape{1, 1, 1, 1, true}, Shape{2, 2, 1, 1, true}, Shape{4, 4, 1, 1, true},
                      Shape{6, 3, 2, 1, true}, Shape{1, 1, 1, 1, true, Table::RING},
                      Shape{3, 3, 1, 1, true, Table::RING}, Shape{6, 3, 2, 1, true, Table::RING},
                      Shape{1, 1, 1, 1, true, Table::HALTON},
                      Shape{4, 4, 1, 1, true, Table::HALTON}));

// So many features that every shard has a range of the one parameter.
TEST_P(Shapes, BspEqualsTheSerialRunWhereAParameterIsCut) {
  const PlanOptions o = {.max_clocks = 20};
  ClusterJob<> t(Kind::kLasso, o, GetParam(), kRows, 100);
  t.job.hyper[kRate] = 0.01;
  TestJob<> s(Kind::kLasso, o, kRows, 100);
  s.job.hyper[kRate] = 0.01;
  const RunResult result = Must(t.Run()), serial = Must(RunEmbedded(s.job));
  ExpectNear(result.parameter[kW], serial.parameter[kW], 1e-12);
  EXPECT_NEAR(result.objective, serial.objective, 1e-12);
  EXPECT_EQ(result.staleness.max, 0);
}

TEST_P(Shapes, BspEqualsTheSerialRun) {
  for (const Kind kind : {Kind::kLeastSquares, Kind::kLasso}) {
    ClusterJob<> t(kind, {}, GetParam());
    const RunResult result = Must(t.Run());
    const RunResult serial = Embedded<double>(kind, {});
    ExpectNear(result.parameter[kW], serial.parameter[kW], 1e-12);
    EXPECT_EQ(result.clocks, 50);
    EXPECT_EQ(result.stop_reason, StopReason::kClocks);
    EXPECT_EQ(result.rows, 50 * kRows);
    EXPECT_EQ(result.staleness.max, 0);
    EXPECT_NEAR(result.objective, serial.objective, 1e-12);
    ASSERT_EQ(result.measure.size(), 1u);
    EXPECT_NEAR(result.measure[0], serial.measure[0], 1e-12);
    EXPECT_EQ(result.counters[0].fired, static_cast<uint64_t>(50 * GetParam().workers));
    EXPECT_GT(result.bytes_received, 0);
  }
}

TEST_P(Shapes, SinglePrecision) {
  ClusterJob<float> t(Kind::kLasso, {}, GetParam());
  ExpectNear(Must(t.Run()).parameter[kW], Embedded<float>(Kind::kLasso, {}).parameter[kW], 1e-5);
}

TEST_P(Shapes, CompleteFoldStopsByTolerance) {
  const PlanOptions o = {
      .fold = Table::COMPLETE, .max_clocks = 2000, .rule = "fista", .by_product = true};
  ClusterJob<> t(Kind::kMinimize, o, GetParam());
  t.plan.mutable_stop()->set_tolerance(1e-14);
  const RunResult result = Must(t.Run());
  TestJob<> s(Kind::kMinimize, o, kRows, kFeatures);
  s.plan.mutable_stop()->set_tolerance(1e-14);
  const RunResult serial = Must(RunEmbedded(s.job));
  EXPECT_LT(result.clocks, 2000);
  EXPECT_NEAR(result.objective, serial.objective, 1e-10);
  ExpectNear(result.parameter[kW], serial.parameter[kW], 1e-5);
}

std::vector<double> Optimum() {
  return Embedded<double>(Kind::kLasso, {.max_clocks = 4000}).parameter[kW];
}

TEST(Ssp, ReachesTheOptimumWithinTheBound) {
  struct Case {
    int lag, shards;
    bool replicas;
    Table::Topology topology = Table::P2P;
  };
  for (const auto& [lag, shards, replicas, topology] :
       {Case{2, 1, false}, Case{4, 1, false}, Case{3, 2, false}, Case{2, 1, true}, Case{4, 1, true},
        Case{3, 1, true, Table::RING}, Case{3, 1, true, Table::HALTON}}) {
    ClusterJob<> t(Kind::kLasso,
                   {.lag = lag, .max_clocks = 4000, .boundary = 50, .decision_lag = 1},
                   Shape{4, 4, 1, shards, replicas, topology});
    const RunResult result = Must(t.Run());
    ExpectNear(result.parameter[kW], Optimum(), 1e-9);
    EXPECT_LE(result.staleness.max, lag - 1);
    EXPECT_EQ(result.clocks, 4000);
  }
}

TEST(Ssp, LinearContributionsAreFoldedOneByOne) {
  for (const auto& [shards, replicas] :
       {std::pair{1, false}, std::pair{3, false}, std::pair{1, true}}) {
    ClusterJob<> t(
        Kind::kLeastSquares,
        {.lag = 3, .fold = Table::LINEAR, .max_clocks = 2000, .boundary = 100, .decision_lag = 1},
        Shape{4, 4, 1, shards, replicas});
    const RunResult result = Must(t.Run());
    ExpectSameObjective(result, Embedded<double>(Kind::kLeastSquares, {.max_clocks = 2000}));
    EXPECT_LE(result.staleness.max, 2);
    EXPECT_GT(result.staleness.histogram[0], 0);
  }
}

TEST(Async, ReachesTheOptimum) {
  for (const Shape shape : {Shape{1, 1, 1}, Shape{4, 4, 1}, Shape{4, 2, 1}, Shape{2, 2, 1, 2},
                            Shape{4, 4, 1, 3}, Shape{4, 4, 1, 1, true}}) {
    ClusterJob<> t(
        Kind::kLeastSquares,
        {.lag = -1, .fold = Table::LINEAR, .max_clocks = 2000, .boundary = 10, .decision_lag = 1},
        shape);
    t.job.hyper[kRate] = 0.05;  // there is no bound on how many steps are under way
    const RunResult result = Must(t.Run());
    ExpectSameObjective(result, Embedded<double>(Kind::kLeastSquares, {.max_clocks = 2000}));
    EXPECT_EQ(result.clocks, 2000);
  }
}

constexpr int64_t kManyFeatures = 400000;  // 3.2 MB each way

TEST(Bulk, ArraysOfManyPiecesArriveWhole) {
  const PlanOptions o = {.max_clocks = 3};
  TestJob<> s(Kind::kLasso, o, 8, kManyFeatures);
  s.job.hyper[kRate] = 1e-6;
  const RunResult serial = Must(RunEmbedded(s.job));
  for (const Shape shape :
       {Shape{2, 2, 1}, Shape{2, 2, 1, 2}, Shape{3, 3, 1, 1, true},
        Shape{3, 3, 1, 1, true, Table::RING}, Shape{4, 4, 1, 1, true, Table::HALTON}}) {
    ClusterJob<> t(Kind::kLasso, o, shape, 8, kManyFeatures);
    t.job.hyper[kRate] = 1e-6;
    ExpectNear(Must(t.Run()).parameter[kW], serial.parameter[kW], 1e-12);
  }
}

TEST(Held, OutRowsAreMeasured) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{3, 3, 1});
  t.job.test = {{t.block.data(), 0, 50}};
  t.job.test_extent = {50, kFeatures};
  const RunResult result = Must(t.Run());
  TestJob<> s(Kind::kLasso, {}, kRows, kFeatures);
  s.job.test = {{s.block.data(), 0, 50}};
  s.job.test_extent = {50, kFeatures};
  ASSERT_EQ(result.measure.size(), 1u);
  EXPECT_NEAR(result.measure[0], Must(RunEmbedded(s.job)).measure[0], 1e-12);
  EXPECT_TRUE(result.measured_on_test);
}

TEST(Stop, OnRequestKeepsTheModel) {
  ClusterJob<> t(Kind::kLasso, {.max_clocks = 0}, Shape{2, 2, 1});
  std::atomic<bool> stop{false};
  t.job.stop_requested = &stop;
  std::thread later([&] {
    absl::SleepFor(absl::Milliseconds(300));
    stop = true;
  });
  const RunResult result = Must(t.Run());
  later.join();
  EXPECT_EQ(result.stop_reason, StopReason::kRequested);
  EXPECT_GT(result.clocks, 0);
  EXPECT_EQ(result.parameter[kW].size(), static_cast<size_t>(kFeatures));
}

// ---- Over links that are late and break. That copies of the parameters are equal in the end is
// what a run itself checks.

class Disturbed : public ::testing::TestWithParam<Shape> {
 protected:
  // The run without a disturbance; of one worker after another the sums are other ones.
  static RunResult Calm(const PlanOptions& o, int64_t rows = kRows, int64_t features = kFeatures,
                        double rate = 0.2) {
    ClusterJob<> t(Kind::kLasso, o, GetParam(), rows, features);
    t.job.hyper[kRate] = rate;
    return Must(t.Run());
  }
};
INSTANTIATE_TEST_SUITE_P(Cluster, Disturbed,
                         ::testing::Values(Shape{4, 4, 1, 1}, Shape{4, 4, 1, 2},
                                           Shape{4, 4, 1, 1, true},
                                           Shape{4, 4, 1, 1, true, Table::RING},
                                           Shape{4, 4, 1, 1, true, Table::HALTON}));

void ExpectSameBits(const RunResult& a, const RunResult& b) {
  ASSERT_GT(a.parameter.size(), static_cast<size_t>(kW));  // the run has not failed
  ASSERT_GT(b.parameter.size(), static_cast<size_t>(kW));
  EXPECT_EQ(a.parameter[kW], b.parameter[kW]);
  EXPECT_EQ(a.objective, b.objective);
  EXPECT_EQ(a.clocks, b.clocks);
  EXPECT_EQ(a.rows, b.rows);
}

TEST_P(Disturbed, BspGivesTheSameBits) {
  const PlanOptions o = {.max_clocks = 60, .boundary = 10};
  const RunResult calm = Calm(o);
  Disturbance network(
      {.latency = absl::Microseconds(500), .jitter = absl::Milliseconds(1), .cut = 0.02});
  ClusterJob<> t(Kind::kLasso, o, GetParam());
  ExpectSameBits(Must(t.Run()), calm);
  EXPECT_GT(network.cuts(), 5);
}

TEST_P(Disturbed, SspReachesTheOptimumWithinTheBound) {
  Disturbance network(
      {.latency = absl::Microseconds(200), .jitter = absl::Milliseconds(2), .cut = 0.01});
  ClusterJob<> t(Kind::kLasso, {.lag = 4, .max_clocks = 400, .boundary = 50, .decision_lag = 1},
                 GetParam());
  const RunResult result = Must(t.Run());
  ASSERT_GT(result.parameter.size(), static_cast<size_t>(kW));
  ExpectNear(result.parameter[kW], Optimum(), 1e-9);
  EXPECT_LE(result.staleness.max, 3);
  EXPECT_EQ(result.clocks, 400);
  EXPECT_GT(network.cuts(), 5);
}

TEST_P(Disturbed, PiecesOfLargeContributionsGoOn) {
  const PlanOptions o = {.max_clocks = 6};
  const RunResult calm = Calm(o, 8, kManyFeatures, 1e-6);
  Disturbance network({.latency = absl::Milliseconds(1), .cut = 0.1});
  ClusterJob<> t(Kind::kLasso, o, GetParam(), 8, kManyFeatures);
  t.job.hyper[kRate] = 1e-6;
  ExpectSameBits(Must(t.Run()), calm);
  EXPECT_GT(network.cuts(), 5);
}

// Calls `then` once, in the middle of the run.
void InTheMiddle(Job* job, std::function<void()> then) {
  job->progress = [then = std::move(then),
                   done = std::make_shared<std::atomic<bool>>(false)](const Progress& p) {
    if (p.point.clock >= 20 && !done->exchange(true)) then();
  };
}

TEST_P(Disturbed, AnOutageDelaysTheRunAndNoMore) {
  const PlanOptions o = {.max_clocks = 200, .boundary = 5};
  const RunResult calm = Calm(o);
  Disturbance network({.latency = absl::Milliseconds(1)});  // the run is not over before its middle
  ClusterJob<> t(Kind::kLasso, o, GetParam());
  absl::Time start = absl::InfiniteFuture();
  InTheMiddle(&t.job, [&] {
    start = absl::Now();
    network.Outage(absl::Milliseconds(400));
  });
  ExpectSameBits(Must(t.Run()), calm);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(400));
}

TEST_P(Disturbed, AnOutageWithoutAnEndIsNamedWithinTheDeadline) {
  Disturbance network({});
  ClusterJob<> t(Kind::kLasso, {.max_clocks = 1000000000}, GetParam());
  t.job.stall_deadline = absl::Seconds(1);
  absl::Time start;
  InTheMiddle(&t.job, [&] {
    start = absl::Now();
    network.Outage(absl::Hours(1));
  });
  const absl::Status status = t.Run().status();
  EXPECT_LT(absl::Now() - start, absl::Seconds(15));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker process"));
}

// ---- What goes wrong is said in one line, in time.

TEST(Errors, PlanWithoutAnEndIsRefused) {
  ClusterJob<> t(Kind::kLasso, {.max_clocks = 0}, Shape{1, 1, 1});
  EXPECT_THAT(std::string(t.Run().status().message()), HasSubstr("no rule to stop"));
}

TEST(Errors, ProgramThatSweepsIsRefused) {
  ClusterJob<> t(Kind::kSweep, {}, Shape{2, 2, 1});
  EXPECT_THAT(std::string(t.Run().status().message()), HasSubstr("--cluster=embedded"));
}

TEST(Errors, LoaderThatFailsEndsTheRun) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{2, 2, 1});
  const DataLoader good = t.options.loader;
  t.options.loader = [&](const WorkerShare& share) -> absl::StatusOr<LoadedShare> {
    if (share.process == 1) return absl::InvalidArgumentError("rows.txt:7: not a number");
    return good(share);
  };
  const absl::Status status = t.Run().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker process 1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("rows.txt:7: not a number"));
}

TEST(Errors, WrongNumberOfRowsIsNoticed) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{2, 2, 1});
  const DataLoader good = t.options.loader;
  t.options.loader = [&](const WorkerShare& share) {
    absl::StatusOr<LoadedShare> loaded = good(share);
    loaded->worker[0].row_end -= share.process;
    return loaded;
  };
  EXPECT_THAT(std::string(t.Run().status().message()), HasSubstr("rows where the coordinator's"));
}

TEST(Errors, PortInUse) {
  ClusterJob<> first(Kind::kLasso, {.max_clocks = 0}, Shape{1, 1, 1});
  std::atomic<bool> stop{false};
  first.job.stop_requested = &stop;
  std::string address;
  std::atomic<bool> listening{false};
  first.options.on_listening = [&](const std::string& a) {
    address = a;
    listening = true;
  };
  std::thread running([&] { (void)first.Run().ok(); });
  while (!listening) absl::SleepFor(absl::Milliseconds(1));
  ClusterJob<> second(Kind::kLasso, {}, Shape{1, 1, 1});
  second.options.listen = address;
  const absl::Status status = second.Run().status();
  stop = true;
  running.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(address));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Address already in use"));
}

TEST(Errors, BeyondLoopbackNeedsTlsOrInsecure) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{1, 1, 1});
  t.options.listen = "0.0.0.0:0";
  const absl::Status status = t.Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--insecure"));
}

TEST(Errors, WorkerWithAnotherTokenIsRefused) {
  ClusterJob<> t(Kind::kLasso, {.max_clocks = 0}, Shape{1, 1, 1});
  std::atomic<bool> stop{false};
  t.job.stop_requested = &stop;
  std::string address;
  std::atomic<bool> listening{false};
  t.options.on_listening = [&](const std::string& a) {
    address = a;
    listening = true;
  };
  std::thread running([&] { Must(t.Run()); });
  while (!listening) absl::SleepFor(absl::Milliseconds(1));
  WorkerOptions worker;
  worker.coordinator = address;
  worker.security.token = "guessed";
  worker.process = 0;
  const absl::Status status = ServeWorker(t.program, worker, t.options.loader);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(status.message()), HasSubstr("token"));
  absl::SleepFor(absl::Milliseconds(300));  // the run goes on
  stop = true;
  running.join();
}

TEST(Errors, MissingWorkersAreNamed) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{2, 2, 1});
  t.options.kind = ClusterOptions::Kind::kWait;
  t.options.start_deadline = absl::Milliseconds(300);
  const absl::Status status = t.Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker process 1 has not registered"));
}

TEST(Errors, NoCoordinator) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{1, 1, 1});
  WorkerOptions worker;
  worker.coordinator = "127.0.0.1:1";
  worker.process = 0;
  worker.connect_deadline = absl::Milliseconds(300);
  const absl::Status status = ServeWorker(t.program, worker, t.options.loader);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no coordinator answers at 127.0.0.1:1"));
}

TEST(Errors, WorkersThatDoNotSayWhoTheyAreAreGivenPlaces) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{2, 2, 1});
  t.options.kind = ClusterOptions::Kind::kWait;
  t.options.security.token = "secret";
  t.options.start_deadline = absl::Seconds(2);
  std::atomic<bool> listening{false};
  std::string address;
  t.options.on_listening = [&](const std::string& a) {
    address = a;
    listening = true;
  };
  std::thread running([&] { EXPECT_FALSE(t.Run().ok()); });
  while (!listening) absl::SleepFor(absl::Milliseconds(1));
  // One too many is told so.
  std::vector<std::thread> workers;
  std::vector<absl::Status> status(3);
  for (size_t w = 0; w < status.size(); ++w) {
    workers.emplace_back([&, w] {
      WorkerOptions worker;
      worker.coordinator = address;
      worker.security.token = "secret";
      status[w] = ServeWorker(t.program, worker, [](const WorkerShare&) {
        absl::SleepFor(absl::Milliseconds(500));
        return absl::StatusOr<LoadedShare>(absl::InvalidArgumentError("no rows"));
      });
    });
  }
  for (std::thread& w : workers) w.join();
  running.join();
  int refused = 0;
  for (const absl::Status& s : status) {
    refused += absl::StrContains(s.message(), "all 2 workers of this run are there") ? 1 : 0;
  }
  EXPECT_EQ(refused, 1);
}

// ---- Worker processes: this binary, started as `cluster_test worker KIND ...`.

void UseProcesses(ClusterJob<>* t, Kind kind, const std::vector<std::string>& more = {}) {
  t->options.kind = ClusterOptions::Kind::kLocal;
  t->options.worker_command = {"/proc/self/exe", "worker", absl::StrCat(static_cast<int>(kind))};
  t->options.worker_environment = more;
}

// Children of this process that are still there.
std::set<int> Children() {
  std::set<int> children;
  DIR* proc = opendir("/proc");
  while (const dirent* entry = readdir(proc)) {
    std::ifstream stat(absl::StrCat("/proc/", entry->d_name, "/stat"));
    std::string pid, name, state;
    int parent = 0;
    if (stat >> pid >> name >> state >> parent && parent == getpid()) {
      children.insert(std::stoi(pid));
    }
  }
  closedir(proc);
  return children;
}

TEST(Processes, BspEqualsTheSerialRun) {
  for (const Shape shape : {Shape{1, 1, 1}, Shape{2, 2, 1}, Shape{4, 4, 1}, Shape{4, 2, 2},
                            Shape{2, 2, 1, 2}, Shape{4, 4, 1, 3}}) {
    ClusterJob<> t(Kind::kLasso, {}, shape);
    UseProcesses(&t, Kind::kLasso);
    const RunResult result = Must(t.Run());
    ExpectNear(result.parameter[kW], Embedded<double>(Kind::kLasso, {}).parameter[kW], 1e-12);
    EXPECT_EQ(result.rows, 50 * kRows);
    EXPECT_TRUE(Children().empty());
  }
}

TEST(Processes, KilledWorkerFailsTheRunByName) {
  ClusterJob<> t(Kind::kLasso, {.max_clocks = 1000000000}, Shape{2, 2, 1});
  UseProcesses(&t, Kind::kLasso);
  std::atomic<bool> killed{false};
  t.job.progress = [&](const Progress& p) {
    if (p.point.clock < 20 || killed.exchange(true)) return;
    kill(*Children().rbegin(), SIGKILL);
  };
  const absl::Time start = absl::Now();
  const absl::Status status = t.Run().status();
  EXPECT_LT(absl::Now() - start, absl::Seconds(15));
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker process"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("killed by signal 9"));
  EXPECT_TRUE(Children().empty());
}

TEST(Processes, StoppedWorkerIsNamedWithinTheDeadline) {
  ClusterJob<> t(Kind::kLasso, {.max_clocks = 1000000000}, Shape{2, 2, 1});
  UseProcesses(&t, Kind::kLasso);
  t.job.stall_deadline = absl::Seconds(1);
  std::atomic<bool> stopped{false};
  t.job.progress = [&](const Progress& p) {
    if (p.point.clock < 20 || stopped.exchange(true)) return;
    kill(*Children().rbegin(), SIGSTOP);
  };
  const absl::Time start = absl::Now();
  const absl::Status status = t.Run().status();
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("holds back stage"));
  EXPECT_TRUE(Children().empty());
}

TEST(Processes, WorkerThatCannotStartIsReported) {
  ClusterJob<> t(Kind::kLasso, {}, Shape{2, 2, 1});
  UseProcesses(&t, Kind::kLasso, {"GYRE_TEST_EXIT=7"});
  const absl::Status status = t.Run().status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("exit status 7"));
  EXPECT_TRUE(Children().empty());
}

}  // namespace

int TestWorker(int argc, char** argv) {
  if (getenv("GYRE_TEST_EXIT") != nullptr) return atoi(getenv("GYRE_TEST_EXIT"));
  const Kind kind = static_cast<Kind>(atoi(argv[2]));
  WorkerOptions options;
  for (int i = 3; i < argc; ++i) {
    absl::string_view arg = argv[i];
    if (absl::ConsumePrefix(&arg, "--coordinator=")) options.coordinator = std::string(arg);
  }
  TestJob<> t(kind, {}, kRows, kFeatures);
  const absl::Status status = ServeWorker(t.program, options, LoaderOf(t));
  return status.ok() ? 0 : 1;
}

}  // namespace gyre

int main(int argc, char** argv) {
  if (argc > 2 && absl::string_view(argv[1]) == "worker") return gyre::TestWorker(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
