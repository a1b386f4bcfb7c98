// A worker's table and the owner's, frame by frame without a network, then over streams that break.
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "runtime/cluster/assembly.h"
#include "runtime/cluster/disturbance.h"
#include "runtime/cluster/owner.h"
#include "runtime/cluster/owner_link.h"
#include "runtime/cluster/parameter_server.h"
#include "runtime/cluster/quiet.h"
#include "runtime/cluster/remote_table.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT: the vocabulary of this test
using ::testing::HasSubstr;
using Verdict = Ledger::Verdict;

constexpr int64_t kRows = 4, kFeatures = 20;

class NoObserver final : public ClockObserver {
 public:
  void ClockDone(Clock completed) override { done = completed; }
  Clock done = 0;
};

// The gradient program's least squares, its steps taken by the owner: w -= rate * total / rows.
struct OwnerSide {
  OwnerSide(int processes, int lag, int64_t features = kFeatures, int shards = 1,
            bool linear = false)
      : t(Kind::kLeastSquares,
          {.workers = processes, .lag = lag, .fold = linear ? Table::LINEAR : Table::PER_CLOCK},
          kRows, features),
        assembly(*Assembly::Bind(t.job)),
        state(t.program, t.job.extent, Type::kFloat64),
        owner({.processes = processes, .shards = shards, .window = lag, .linear = linear}) {
    context.program = &t.program;
    context.data = t.block.data();
    context.hyper = t.job.hyper.data();
    context.extent = t.job.extent.data();
    context.total.assign(8, nullptr);
    context.param = state.by_symbol();
    folds = *assembly.MakeFolds(context, &state);
    table = assembly.MakeTable(processes, &state, &folds, &observer, &env);
    owner.Attach(table.get(), &folds, &assembly.encodings(), &state);
  }
  // What `clocks` clocks of contributions `value` (in every element, of every process) make of w.
  double Expected(int processes, double clocks, double value) const {
    return -t.job.hyper[kRate] * processes * value * clocks / static_cast<double>(kRows);
  }
  double w(int64_t i) { return state.master(kW)[i]; }

  TestJob<> t;
  Assembly assembly;
  ParamState state;
  PostContext context;
  MachineEnv env;
  NoObserver observer;
  StageFolds folds;
  std::unique_ptr<EmbeddedTable> table;
  Owner owner;
};

struct WorkerSide {
  WorkerSide(OwnerSide* side, int process, int workers = 1, uint32_t incarnation = 0, int lag = 1)
      : table({.process = static_cast<uint32_t>(process),
               .incarnation = incarnation,
               .first_worker = process * workers,
               .workers = workers,
               .shards = side->owner.shards(),
               .window = lag,
               .linear = side->assembly.linear(),
               .encoding = &side->assembly.encodings()},
              &side->state, &env) {}
  // One clock of worker w: adds `value` to every element of the gradient.
  void Contribute(int worker, Clock clock, double value, double scale = 1) {
    double* const* target = table.Write(worker, clock, 0, scale);
    for (int64_t j = 0; j < features; ++j) target[1][j] += value;
    table.Done(worker, clock + 1);
  }
  int64_t features = kFeatures;
  MachineEnv env;
  RemoteTable table;
};

ReceivedFrame Decoded(grpc::ByteBuffer buffer) {
  ReceivedFrame frame;
  EXPECT_TRUE(frame.Decode(&buffer).ok());
  return frame;
}

std::vector<ReceivedFrame> Drain(RemoteTable* table, int shard = 0) {
  std::vector<ReceivedFrame> frames;
  grpc::ByteBuffer buffer;
  while (table->NextFrame(shard, &buffer)) frames.push_back(Decoded(buffer));
  return frames;
}

Verdict Give(OwnerSide* side, const ReceivedFrame& frame, int shard = 0) {
  absl::StatusOr<Verdict> verdict = side->owner.Receive(shard, frame);
  EXPECT_TRUE(verdict.ok()) << verdict.status();
  return verdict.ok() ? *verdict : Verdict::kFenced;
}

// The newest range of `shard` as one update to `process`.
void Update(OwnerSide* side, WorkerSide* to, int process, int shard = 0) {
  std::shared_ptr<const Snapshot> snapshot = side->owner.Latest();
  const KeyRange range = ShardRange(snapshot->bytes.size() / 8, shard, side->owner.shards());
  wire::Header header;
  header.set_kind(wire::Header::UPDATE);
  header.set_epoch(1);
  header.set_part(static_cast<uint32_t>(shard));
  header.set_complete(snapshot->complete);
  header.set_own(snapshot->own[static_cast<size_t>(process)]);
  for (const Stage s : snapshot->included) header.add_included(s);
  header.set_offset(range.begin);
  header.set_size(range.size());
  header.set_last(true);
  header.set_limit(100);
  const absl::Status status = to->table.Receive(
      shard, Decoded(EncodeFrame(header, Alias(snapshot, snapshot->bytes.data() + range.begin * 8,
                                               static_cast<size_t>(range.size()) * 8))));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(Exchange, ContributionsAreFoldedWhenAllAreIn) {
  OwnerSide side(2, 1);
  WorkerSide a(&side, 0), b(&side, 1);
  ASSERT_TRUE(side.owner.Admit(0, a.table.Hello(0)).ok());
  ASSERT_TRUE(side.owner.Admit(0, b.table.Hello(0)).ok());
  EXPECT_FALSE(a.table.Ready(0, 0));  // nothing has arrived
  Update(&side, &a, 0);
  EXPECT_TRUE(a.table.Ready(0, 0));
  a.Contribute(0, 0, 2);
  for (const auto& frame : Drain(&a.table)) EXPECT_EQ(Give(&side, frame), Verdict::kApply);
  EXPECT_EQ(side.w(3), 0);
  EXPECT_THAT(side.owner.Laggard(), HasSubstr("process 1 holds back stage 0"));
  b.Contribute(1, 0, 2);
  for (const auto& frame : Drain(&b.table)) EXPECT_EQ(Give(&side, frame), Verdict::kApply);
  EXPECT_DOUBLE_EQ(side.w(3), side.Expected(2, 1, 2));
  EXPECT_FALSE(a.table.Ready(0, 1));
  Update(&side, &a, 0);
  EXPECT_TRUE(a.table.Ready(0, 1));
  const void* param[8] = {};
  const Stamp stamp = a.table.Read(0, 1, 1, param);
  EXPECT_EQ(stamp.complete, 1);
  EXPECT_EQ(stamp.own, 1);
  EXPECT_EQ(static_cast<const double*>(param[kW])[3], side.w(3));
  a.table.Release(0, 1);
}

TEST(Exchange, WorkersOfAProcessLeaveTogetherAndScaled) {
  OwnerSide side(1, 1);
  WorkerSide a(&side, 0, /*workers=*/3);
  ASSERT_TRUE(side.owner.Admit(0, a.table.Hello(0)).ok());
  Update(&side, &a, 0);
  a.Contribute(0, 0, 1, 0.5);
  a.Contribute(2, 0, 1, 2);
  EXPECT_TRUE(Drain(&a.table).empty());
  a.Contribute(1, 0, 1, 1);
  for (const auto& frame : Drain(&a.table)) Give(&side, frame);
  EXPECT_DOUBLE_EQ(side.w(0), side.Expected(1, 1, 3.5));
}

TEST(Exchange, RepeatedFramesCountOnce) {
  OwnerSide side(1, 1);
  WorkerSide a(&side, 0);
  ASSERT_TRUE(side.owner.Admit(0, a.table.Hello(0)).ok());
  a.Contribute(0, 0, 1);
  const std::vector<ReceivedFrame> frames = Drain(&a.table);
  EXPECT_EQ(Give(&side, frames[0]), Verdict::kApply);
  EXPECT_EQ(Give(&side, frames[0]), Verdict::kDuplicate);
  EXPECT_DOUBLE_EQ(side.w(0), side.Expected(1, 1, 1));
}

TEST(Exchange, GapIsSentAgain) {
  OwnerSide side(1, 4);
  WorkerSide a(&side, 0, 1, 0, /*lag=*/4);
  ASSERT_TRUE(side.owner.Admit(0, a.table.Hello(0)).ok());
  Update(&side, &a, 0);
  for (Clock c = 0; c < 3; ++c) a.Contribute(0, c, 1);
  const std::vector<ReceivedFrame> frames = Drain(&a.table);
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(Give(&side, frames[0]), Verdict::kApply);
  EXPECT_EQ(Give(&side, frames[2]), Verdict::kGap);  // the one before was lost
  wire::Header resend;
  resend.set_kind(wire::Header::RESEND);
  resend.set_epoch(1);
  resend.set_sequence(side.owner.Next(0, 0));
  ASSERT_TRUE(a.table.Receive(0, Decoded(EncodeFrame(resend))).ok());
  for (const auto& frame : Drain(&a.table)) EXPECT_EQ(Give(&side, frame), Verdict::kApply);
  EXPECT_DOUBLE_EQ(side.w(0), side.Expected(1, 3, 1));
}

// A large contribution is cut off in the middle: after the reconnect only the rest is sent.
TEST(Exchange, BrokenStreamGoesOnWithinAContribution) {
  OwnerSide side(1, 1, 400000);  // 3.2 MB: four pieces
  WorkerSide a(&side, 0);
  ASSERT_TRUE(side.owner.Admit(0, a.table.Hello(0)).ok());
  Update(&side, &a, 0);
  a.Contribute(0, 0, 1);
  const std::vector<ReceivedFrame> frames = Drain(&a.table);
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(Give(&side, frames[0]), Verdict::kApply);
  EXPECT_EQ(Give(&side, frames[1]), Verdict::kApply);
  const absl::StatusOr<wire::Header> welcome = side.owner.Admit(0, a.table.Hello(0));
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome->sequence(), 2u);
  a.table.Resume(0, *welcome);
  const std::vector<ReceivedFrame> rest = Drain(&a.table);
  ASSERT_EQ(rest.size(), 2u);
  for (const auto& frame : rest) EXPECT_EQ(Give(&side, frame), Verdict::kApply);
  EXPECT_DOUBLE_EQ(side.w(0), side.Expected(1, 1, 1));
}

TEST(Exchange, RestartedWorkerFencesItsPredecessor) {
  OwnerSide side(1, 1, 400000);
  WorkerSide old(&side, 0);
  ASSERT_TRUE(side.owner.Admit(0, old.table.Hello(0)).ok());
  Update(&side, &old, 0);
  old.Contribute(0, 0, 1);
  const std::vector<ReceivedFrame> half = Drain(&old.table);
  EXPECT_EQ(Give(&side, half[0]), Verdict::kApply);
  WorkerSide next(&side, 0, 1, /*incarnation=*/1);
  const absl::StatusOr<wire::Header> welcome = side.owner.Admit(0, next.table.Hello(0));
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome->own(), 0);  // the half clock vanished
  EXPECT_EQ(Give(&side, half[1]), Verdict::kFenced);
  EXPECT_FALSE(side.owner.Admit(0, old.table.Hello(0)).ok());
  Update(&side, &next, 0);
  next.Contribute(0, 0, 2);
  for (const auto& frame : Drain(&next.table)) EXPECT_EQ(Give(&side, frame), Verdict::kApply);
  EXPECT_DOUBLE_EQ(side.w(0), side.Expected(1, 1, 2));
}

TEST(Exchange, FramesThatCannotBeAreRefused) {
  OwnerSide side(2, 1);
  WorkerSide a(&side, 0);
  ASSERT_TRUE(side.owner.Admit(0, a.table.Hello(0)).ok());
  wire::Header foreign = a.table.Hello(0);
  foreign.set_epoch(9);
  EXPECT_FALSE(side.owner.Admit(0, foreign).ok());
  foreign = a.table.Hello(0);
  foreign.set_process(7);
  EXPECT_FALSE(side.owner.Admit(0, foreign).ok());

  a.Contribute(0, 0, 1);
  const wire::Header good = Drain(&a.table)[0].header();
  auto data = std::make_shared<std::vector<double>>(static_cast<size_t>(good.size()) / 8, 1.0);
  const auto refused = [&](const std::function<void(wire::Header*)>& change) {
    wire::Header header = good;
    change(&header);
    const auto frame = Decoded(EncodeFrame(header, Alias(data, data->data(), data->size() * 8)));
    OwnerSide fresh(2, 1);
    EXPECT_TRUE(fresh.owner.Admit(0, a.table.Hello(0)).ok());
    return !fresh.owner.Receive(0, frame).ok();
  };
  EXPECT_TRUE(refused([](wire::Header* h) { h->set_stage(1); }));  // beyond the bound
  EXPECT_TRUE(refused([](wire::Header* h) { h->set_stage(-1); }));
  EXPECT_TRUE(refused([](wire::Header* h) { h->set_offset(8); }));
  EXPECT_TRUE(refused([](wire::Header* h) { h->set_size(1 << 30); }));
  EXPECT_TRUE(refused([](wire::Header* h) { h->set_size(-1); }));
  EXPECT_TRUE(refused([](wire::Header* h) { h->set_stage_done(false); }));
  EXPECT_FALSE(refused([](wire::Header*) {}));
}

TEST(Exchange, WorkerRefusesUpdatesThatDoNotFit) {
  OwnerSide side(1, 1);
  WorkerSide a(&side, 0);
  wire::Header header;
  header.set_kind(wire::Header::UPDATE);
  header.set_epoch(1);
  header.set_size(4);
  header.set_last(true);
  auto data = std::make_shared<std::vector<double>>(4, 1.0);
  EXPECT_FALSE(
      a.table.Receive(0, Decoded(EncodeFrame(header, Alias(data, data->data(), 32)))).ok());
  header.set_epoch(2);
  EXPECT_FALSE(a.table.Receive(0, Decoded(EncodeFrame(header))).ok());
}

// ---- Several shards.

TEST(Shards, RangesAreDisjointAndCoverTheKeys) {
  for (const int64_t size : {1, 15, 16, 17, 48, 100, 4096}) {
    for (int shards = 1; shards <= 5; ++shards) {
      int64_t at = 0;
      for (int s = 0; s < shards; ++s) {
        const KeyRange range = ShardRange(size, s, shards);
        EXPECT_EQ(range.begin, at);
        EXPECT_TRUE(range.end == size || range.end % kShardLine == 0);
        at = range.end;
      }
      EXPECT_EQ(at, size);
    }
  }
}

void AdmitAll(OwnerSide* side, WorkerSide* worker) {
  for (int s = 0; s < side->owner.shards(); ++s) {
    ASSERT_TRUE(side->owner.Admit(s, worker->table.Hello(s)).ok());
  }
}

TEST(Shards, AStageIsFoldedWhenEveryShardHasIt) {
  OwnerSide side(1, 1, 100, /*shards=*/3);
  WorkerSide a(&side, 0);
  a.features = 100;
  AdmitAll(&side, &a);
  for (const int s : {0, 1}) Update(&side, &a, 0, s);
  EXPECT_FALSE(a.table.Ready(0, 0));  // the last third has not arrived
  EXPECT_EQ(a.table.limit(), 0);
  Update(&side, &a, 0, 2);
  EXPECT_TRUE(a.table.Ready(0, 0));
  EXPECT_EQ(a.table.limit(), 100);
  a.Contribute(0, 0, 2);
  for (const int s : {2, 0, 1}) {
    EXPECT_EQ(side.w(3), 0);
    for (const auto& frame : Drain(&a.table, s)) EXPECT_EQ(Give(&side, frame, s), Verdict::kApply);
  }
  for (int64_t j = 0; j < 100; ++j) EXPECT_DOUBLE_EQ(side.w(j), side.Expected(1, 1, 2));
  for (const int s : {1, 2}) Update(&side, &a, 0, s);
  EXPECT_FALSE(a.table.Ready(0, 1));
  Update(&side, &a, 0, 0);
  ASSERT_TRUE(a.table.Ready(0, 1));
  const void* param[8] = {};
  const Stamp stamp = a.table.Read(0, 1, 1, param);
  EXPECT_EQ(stamp.complete, 1);
  EXPECT_EQ(stamp.own, 1);
  for (int64_t j = 0; j < 100; ++j) {
    EXPECT_EQ(static_cast<const double*>(param[kW])[j], side.w(j)) << j;
  }
  a.table.Release(0, 1);
}

TEST(Shards, EveryShardHasALedgerOfItsOwn) {
  OwnerSide side(1, 2, 100, /*shards=*/2);
  WorkerSide a(&side, 0, 1, 0, /*lag=*/2);
  a.features = 100;
  AdmitAll(&side, &a);
  for (const int s : {0, 1}) Update(&side, &a, 0, s);
  a.Contribute(0, 0, 1);
  a.Contribute(0, 1, 1);
  const std::vector<ReceivedFrame> low = Drain(&a.table, 0), high = Drain(&a.table, 1);
  ASSERT_EQ(low.size(), 2u);
  EXPECT_FALSE(side.owner.Receive(1, low[0]).ok());  // the range of another shard
  for (const auto& frame : low) EXPECT_EQ(Give(&side, frame, 0), Verdict::kApply);  // two clocks on
  EXPECT_EQ(Give(&side, low[1], 0), Verdict::kDuplicate);
  EXPECT_EQ(Give(&side, high[1], 1), Verdict::kGap);
  EXPECT_EQ(side.owner.Next(0, 0), 2u);
  EXPECT_EQ(side.owner.Next(1, 0), 0u);
  EXPECT_EQ(side.owner.Done(0), 0);
  for (const auto& frame : high) EXPECT_EQ(Give(&side, frame, 1), Verdict::kApply);
  EXPECT_EQ(side.owner.Done(0), 2);
  for (const int64_t j : {0, 99}) EXPECT_DOUBLE_EQ(side.w(j), side.Expected(1, 2, 1));
}

TEST(Shards, LinearContributionsWaitForTheOneBefore) {
  OwnerSide side(1, 2, 100, /*shards=*/2, /*linear=*/true);
  WorkerSide a(&side, 0, 1, 0, /*lag=*/2);
  a.features = 100;
  AdmitAll(&side, &a);
  for (const int s : {0, 1}) Update(&side, &a, 0, s);
  a.Contribute(0, 0, 1);
  a.Contribute(0, 1, 1);
  for (const int s : {0, 1}) {
    const std::vector<ReceivedFrame> frames = Drain(&a.table, s);
    ASSERT_EQ(frames.size(), 1u);  // the second clock stays until both shards have the first
    EXPECT_EQ(Give(&side, frames[0], s), Verdict::kApply);
  }
  Update(&side, &a, 0, 0);
  EXPECT_TRUE(Drain(&a.table, 0).empty());
  Update(&side, &a, 0, 1);
  for (const int s : {0, 1}) {
    for (const auto& frame : Drain(&a.table, s)) EXPECT_EQ(Give(&side, frame, s), Verdict::kApply);
  }
  for (const int64_t j : {0, 99}) EXPECT_DOUBLE_EQ(side.w(j), side.Expected(1, 2, 1));
}

TEST(Shards, AHelloOfAnotherShardIsRefused) {
  OwnerSide side(1, 1, kFeatures, /*shards=*/2);
  WorkerSide a(&side, 0);
  EXPECT_FALSE(side.owner.Admit(0, a.table.Hello(1)).ok());
  EXPECT_TRUE(side.owner.Admit(1, a.table.Hello(1)).ok());
}

// ---- Over sockets, with streams that break again and again.

// One shard's gRPC server.
struct ShardServer {
  ShardServer(int shard, int processes, Owner* owner, const ParameterServer::Handlers& handlers)
      : server({.shard = shard, .processes = processes, .token = "token"}, owner, owner, handlers) {
    grpc::ServerBuilder builder;
    ServerSettings(&builder);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(server.service());
    grpc = builder.BuildAndStart();
  }
  ~ShardServer() {
    server.Close();
    grpc->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  }
  ParameterServer server;
  int port = 0;
  std::unique_ptr<grpc::Server> grpc;
};

OwnerLink::Options LinkOptions(const char* token, const char* owner, int shard,
                               absl::Duration deadline) {
  OwnerLink::Options options;
  options.token = token;
  options.owner = owner;
  options.shard = shard;
  options.deadline = deadline;
  return options;
}

class Links : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Shards, Links, ::testing::Values(1, 2));

TEST_P(Links, BrokenStreamsLoseAndRepeatNothing) {
  QuietGrpc();
  Disturbance network({.cut = 0.02});
  constexpr int kProcesses = 2;
  constexpr Clock kClocks = 400;
  const int shards = GetParam();
  OwnerSide side(kProcesses, 1, kFeatures, shards);
  std::vector<std::unique_ptr<ShardServer>> server;
  ParameterServer::Handlers handlers;
  handlers.limit = [] { return kClocks; };
  handlers.partial = [](int, int64_t, std::vector<double>) {};
  std::atomic<int> failures{0};
  handlers.failed = [&](int, absl::Status status) {
    ++failures;
    ADD_FAILURE() << status;
  };
  handlers.moved = [&] {
    for (const auto& each : server) each->server.Pump();
  };
  for (int s = 0; s < shards; ++s) {
    server.push_back(std::make_unique<ShardServer>(s, kProcesses, &side.owner, handlers));
    ASSERT_NE(server.back()->grpc, nullptr);
  }

  std::vector<std::unique_ptr<WorkerSide>> worker;
  std::vector<std::unique_ptr<OwnerLink>> link;
  for (int p = 0; p < kProcesses; ++p) {
    worker.push_back(std::make_unique<WorkerSide>(&side, p));
    for (int s = 0; s < shards; ++s) {
      const auto connect = [port = server[static_cast<size_t>(s)]->port] {
        return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                         grpc::InsecureChannelCredentials(), ChannelSettings());
      };
      link.push_back(std::make_unique<OwnerLink>(
          LinkOptions("token", "test", s, absl::Seconds(20)), connect, &worker.back()->table,
          [](absl::Status status) { ADD_FAILURE() << status; }));
    }
  }
  std::vector<std::thread> threads;
  for (int p = 0; p < kProcesses; ++p) {
    threads.emplace_back([&, p] {
      WorkerSide& w = *worker[static_cast<size_t>(p)];
      for (Clock c = 0; c < kClocks; ++c) {
        while (!w.table.Ready(p, c)) {
          const uint32_t seen = w.env.Observe();
          if (w.table.Ready(p, c)) {
            w.env.Cancel();
            break;
          }
          ASSERT_TRUE(w.env.Sleep(seen, w.env.Nanos() + 20'000'000'000)) << "clock " << c;
        }
        const void* param[8] = {};
        EXPECT_EQ(w.table.Read(p, c, c, param).complete, c);
        w.table.Release(p, c);
        w.Contribute(p, c, 1);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (side.owner.Latest()->complete < kClocks && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  int connections = 0;
  for (const auto& each : link) connections += each->connections();
  EXPECT_GT(connections, 2 * kProcesses * shards);
  EXPECT_GT(network.cuts(), 10);
  EXPECT_NEAR(side.w(0), side.Expected(kProcesses, kClocks, 1), 1e-9);
  EXPECT_EQ(side.observer.done, kClocks);
  link.clear();
}

std::shared_ptr<grpc::Channel> ChannelTo(int port, grpc::ChannelArguments settings) {
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                   grpc::InsecureChannelCredentials(), settings);
}

// Waits up to a deadline that only a fault reaches.
bool Await(const std::function<bool()>& condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

// A process that stops reading is sent what the stream has room for, not every state there is; the
// others go on, and it gets the newest state when it reads again.
TEST(Link, AReaderThatStopsIsNotQueuedFor) {
  QuietGrpc();
  constexpr int64_t kMany = 400000;  // 3.2 MB of parameters
  constexpr Clock kClocks = 60;
  OwnerSide side(2, kAsync, kMany, 1, /*linear=*/true);
  ParameterServer::Handlers handlers;
  handlers.limit = [] { return kClocks; };
  handlers.failed = [](int, absl::Status status) { ADD_FAILURE() << status; };
  handlers.moved = [] {};
  ShardServer server(0, 2, &side.owner, handlers);
  WorkerSide goes(&side, 0, 1, 0, /*lag=*/4), stops(&side, 1);
  goes.features = kMany;
  ExchangeClient stream(ChannelTo(server.port, ChannelSettings()), "token");
  grpc::ByteBuffer buffer;
  ASSERT_TRUE(stream.Write(EncodeFrame(stops.table.Hello(0))));
  ASSERT_TRUE(stream.Read(&buffer));  // WELCOME, and nothing more

  const auto failed = [](absl::Status status) { ADD_FAILURE() << status; };
  OwnerLink link(
      LinkOptions("token", "test", 0, absl::Seconds(20)),
      [&] { return ChannelTo(server.port, ChannelSettings()); }, &goes.table, failed);
  for (Clock c = 0; c < kClocks; ++c) {
    ASSERT_TRUE(Await([&] { return goes.table.Ready(0, 0); })) << "clock " << c;
    goes.Contribute(0, c, 1);
    ASSERT_TRUE(Await([&] { return side.owner.Done(0) > c; })) << "clock " << c;
  }

  int states = 0;
  for (Stage newest = 0; newest < kClocks;) {
    ASSERT_TRUE(stream.Read(&buffer));
    const ReceivedFrame frame = Decoded(std::move(buffer));
    buffer = grpc::ByteBuffer();
    if (!frame.header().last()) continue;
    newest = frame.header().included(0);
    ++states;
  }
  EXPECT_LT(states, 12);
}

// A foreign peer that sends more than a message may have is cut off; nothing of it counts.
TEST(Link, AMessageBeyondTheLimitEndsItsStream) {
  QuietGrpc();
  OwnerSide side(1, 1);
  std::atomic<int> failures{0};
  ParameterServer::Handlers handlers;
  handlers.limit = [] { return Clock{1}; };
  handlers.failed = [&](int, const absl::Status&) { ++failures; };
  handlers.moved = [] {};
  ShardServer server(0, 1, &side.owner, handlers);
  WorkerSide w(&side, 0);
  {
    grpc::ChannelArguments settings = ChannelSettings();
    settings.SetMaxSendMessageSize(-1);
    ExchangeClient stream(ChannelTo(server.port, settings), "token");
    grpc::ByteBuffer buffer;
    ASSERT_TRUE(stream.Write(EncodeFrame(w.table.Hello(0))));
    ASSERT_TRUE(stream.Read(&buffer));
    wire::Header header;
    header.set_kind(wire::Header::PARCEL);
    header.set_epoch(1);
    auto data = std::make_shared<std::vector<char>>(kMaxMessageBytes + 1);
    header.set_size(static_cast<int64_t>(data->size()));
    header.set_stage_done(true);
    stream.Write(EncodeFrame(header, Alias(data, data->data(), data->size())));
    EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(side.owner.Next(0, 0), 0u);
  EXPECT_EQ(failures, 0);
  OwnerLink link(
      LinkOptions("token", "test", 0, absl::Seconds(20)),
      [&] { return ChannelTo(server.port, ChannelSettings()); }, &w.table,
      [](absl::Status status) { ADD_FAILURE() << status; });
  w.Contribute(0, 0, 1);
  EXPECT_TRUE(Await([&] { return side.owner.Done(0) == 1; }));
  EXPECT_DOUBLE_EQ(side.w(3), side.Expected(1, 1, 1));
}

TEST(Link, TokenIsDemanded) {
  QuietGrpc();
  OwnerSide side(1, 1);
  ParameterServer::Handlers handlers;
  handlers.limit = [] { return Clock{1}; };
  ParameterServer server({.processes = 1, .token = "token"}, &side.owner, &side.owner, handlers);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(server.service());
  std::unique_ptr<grpc::Server> grpc = builder.BuildAndStart();
  WorkerSide w(&side, 0);
  Mutex mutex;
  CondVar changed;
  absl::Status failure;
  OwnerLink link(
      LinkOptions("wrong", "test", 0, absl::Seconds(20)),
      [port] {
        return grpc::CreateChannel(absl::StrCat("127.0.0.1:", port),
                                   grpc::InsecureChannelCredentials());
      },
      &w.table,
      [&](absl::Status status) {
        MutexLock lock(&mutex);
        failure = status;
        changed.SignalAll();
      });
  MutexLock lock(&mutex);
  while (failure.ok()) ASSERT_FALSE(changed.WaitWithTimeout(&mutex, absl::Seconds(20)));
  EXPECT_EQ(failure.code(), absl::StatusCode::kUnauthenticated);
}

TEST(Link, UnreachableOwnerFailsWithinTheDeadline) {
  QuietGrpc();
  OwnerSide side(1, 1);
  WorkerSide w(&side, 0);
  Mutex mutex;
  CondVar changed;
  absl::Status failure;
  OwnerLink link(
      LinkOptions("token", "127.0.0.1:1", 0, absl::Milliseconds(300)),
      [] { return grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()); },
      &w.table,
      [&](absl::Status status) {
        MutexLock lock(&mutex);
        failure = status;
        changed.SignalAll();
      });
  MutexLock lock(&mutex);
  while (failure.ok()) ASSERT_FALSE(changed.WaitWithTimeout(&mutex, absl::Seconds(20)));
  EXPECT_THAT(std::string(failure.message()), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace gyre
