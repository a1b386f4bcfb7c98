// What a clock costs over worker processes: kernels that do nothing, so that all of it is the
// exchange (contribution out, fold, parameters back). Beside it a bare gRPC stream between two
// processes, one small message there and one back: what no clock over gRPC can be below.
//
//   bazel run //runtime/cluster:cluster_benchmark -- --benchmark_repetitions=5
//       --benchmark_enable_random_interleaving=true
//
// Arguments: worker processes (the coordinator with the parameter server is one more), features,
// lag, shards of the parameter server.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "benchmark/benchmark.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "runtime/cluster/cluster.grpc.pb.h"
#include "runtime/cluster/cluster.h"
#include "runtime/cluster/process.h"
#include "runtime/testing.h"

namespace gyre {
namespace {

using namespace testing_programs;  // NOLINT

constexpr int64_t kRows = 64;

DataLoader LoaderOf(const TestJob<>& t) {
  return [&t](const WorkerShare& share) -> absl::StatusOr<LoadedShare> {
    LoadedShare loaded;
    for (const auto& [begin, end] : share.rows) {
      loaded.worker.push_back({t.block.data(), begin, end});
    }
    return loaded;
  };
}

void EmptyClock(benchmark::State& state) {
  const int workers = static_cast<int>(state.range(0));
  const int64_t clocks = state.range(1) > 100000 ? 50 : 5000;
  TestJob<> t(Kind::kEmpty,
              {.workers = workers, .lag = static_cast<int>(state.range(2)), .max_clocks = clocks},
              kRows, state.range(1));
  t.plan.mutable_cluster()->set_processes(workers);
  t.plan.mutable_cluster()->set_shards(static_cast<int>(state.range(3)));
  t.plan.mutable_stop()->set_boundary(state.range(2) > 1 ? 100 : 1);
  t.plan.mutable_stop()->set_decision_lag(state.range(2) > 1 ? 1 : 0);
  ClusterOptions options;
  options.worker_command = {"/proc/self/exe", "worker", std::to_string(state.range(1))};
  for (auto _ : state) {
    absl::StatusOr<RunResult> result = RunCluster(t.job, options);
    if (!result.ok()) {
      state.SkipWithError(std::string(result.status().message()).c_str());
      return;
    }
    state.SetIterationTime(result->train_seconds / static_cast<double>(clocks));
  }
  state.SetBytesProcessed(state.iterations() * workers * state.range(1) * 16);
}
BENCHMARK(EmptyClock)
    ->ArgNames({"workers", "features", "lag", "shards"})
    ->Args({1, 10, 1, 1})
    ->Args({2, 10, 1, 1})
    ->Args({2, 10, 1, 2})
    ->Args({2, 4096, 1, 1})
    ->Args({2, 10, 4, 1})
    ->Args({1, 1000000, 1, 1})
    ->Args({1, 1000000, 1, 2})
    ->UseManualTime()
    ->Iterations(1)
    ->Unit(benchmark::kMicrosecond);

// ---- Bare gRPC, generated code and default settings: the client is another process.

constexpr int kRounds = 5000, kWarm = 200;

class Echo : public wire::ParameterServer::Service {
 public:
  double us_per_round() const { return us_per_round_.load(); }

 private:
  grpc::Status Exchange(grpc::ServerContext*,
                        grpc::ServerReaderWriter<wire::Frame, wire::Frame>* stream) override {
    using Time = std::chrono::steady_clock;
    wire::Frame frame;
    Time::time_point start;
    for (int round = 0; stream->Read(&frame) && stream->Write(frame); ++round) {
      if (round == kWarm) start = Time::now();
      if (round == kWarm + kRounds) {
        us_per_round_ =
            std::chrono::duration<double, std::micro>(Time::now() - start).count() / kRounds;
      }
    }
    return grpc::Status::OK;
  }
  std::atomic<double> us_per_round_{0};
};

void BarePingPong(benchmark::State& state) {
  Echo echo;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&echo);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  for (auto _ : state) {
    absl::StatusOr<ChildProcess> child =
        ChildProcess::Start({"/proc/self/exe", "ping", absl::StrCat("127.0.0.1:", port)}, {});
    if (!child.ok() || child->Wait(absl::Now() + absl::Seconds(60)) != 0) {
      state.SkipWithError("the other process failed");
      return;
    }
    state.SetIterationTime(echo.us_per_round() * 1e-6);
  }
}
BENCHMARK(BarePingPong)->UseManualTime()->Iterations(1)->Unit(benchmark::kMicrosecond);

int Ping(const std::string& address) {
  auto stub = wire::ParameterServer::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  auto stream = stub->Exchange(&context);
  wire::Frame frame, reply;
  frame.mutable_payload()->assign(256, 'x');  // about a contribution of ten features
  for (int round = 0; round <= kWarm + kRounds; ++round) {
    if (!stream->Write(frame) || !stream->Read(&reply)) return 1;
  }
  stream->WritesDone();
  return stream->Finish().ok() ? 0 : 1;
}

int Worker(int argc, char** argv) {
  WorkerOptions options;
  for (int i = 3; i < argc; ++i) {
    absl::string_view arg = argv[i];
    if (absl::ConsumePrefix(&arg, "--coordinator=")) options.coordinator = std::string(arg);
  }
  TestJob<> t(Kind::kEmpty, {}, kRows, std::atoll(argv[2]));
  return ServeWorker(t.program, options, LoaderOf(t)).ok() ? 0 : 1;
}

}  // namespace
}  // namespace gyre

int main(int argc, char** argv) {
  if (argc > 2 && absl::string_view(argv[1]) == "worker") return gyre::Worker(argc, argv);
  if (argc > 2 && absl::string_view(argv[1]) == "ping") return gyre::Ping(argv[2]);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
