// What the transport moves over loopback sockets, beside a bare gRPC stream of the same message
// sizes in the same run, and the round trip of an empty message both ways.
//
//   bazel run //runtime/cluster:transport_benchmark -- --benchmark_repetitions=5
//       --benchmark_enable_random_interleaving=true
//
// Push and Pull go the whole way of a parameter: from an array of doubles on one side to an array
// on the other. Bare is gRPC's generated code with a bytes field, which ends at a protobuf string.
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "runtime/cluster/cluster.grpc.pb.h"
#include "runtime/cluster/stream.h"
#include "runtime/cluster/wire.h"

namespace gyre {
namespace {

// ---- Bare gRPC: generated code, default settings but for the message limit.
// `round` of a request says how many frames of `size` bytes to send back; 0 frames: just count.
class BareService : public wire::ParameterServer::Service {
  grpc::Status Exchange(grpc::ServerContext*,
                        grpc::ServerReaderWriter<wire::Frame, wire::Frame>* stream) override {
    wire::Frame in, out;
    while (stream->Read(&in)) {
      const int64_t replies = in.header().round();
      out.mutable_payload()->resize(static_cast<size_t>(in.header().size()));
      for (int64_t i = 0; i < replies; ++i) stream->Write(out);
    }
    return grpc::Status::OK;
  }
};

struct Endpoint {
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
  std::shared_ptr<grpc::Channel> channel;
  ~Endpoint() {
    if (server) server->Shutdown(std::chrono::system_clock::now());
  }
};

std::unique_ptr<Endpoint> Start(std::unique_ptr<grpc::Service> service, bool tuned) {
  auto end = std::make_unique<Endpoint>();
  end->service = std::move(service);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(end->service.get());
  grpc::ChannelArguments args;
  if (tuned) {
    ServerSettings(&builder);
    args = ChannelSettings();
  } else {
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    args.SetMaxReceiveMessageSize(kMaxMessageBytes);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  }
  end->server = builder.BuildAndStart();
  end->channel = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                           grpc::InsecureChannelCredentials(), args);
  return end;
}

// A clock's worth of bytes: what the figures are per iteration.
constexpr int64_t kBytesPerIteration = 32 << 20;

void BarePush(benchmark::State& state) {
  auto end = Start(std::make_unique<BareService>(), false);
  auto stub = wire::ParameterServer::NewStub(end->channel);
  grpc::ClientContext context;
  auto stream = stub->Exchange(&context);
  const int64_t size = state.range(0), count = std::max<int64_t>(1, kBytesPerIteration / size);
  wire::Frame frame, reply;
  frame.mutable_payload()->assign(static_cast<size_t>(size), 'x');
  for (auto _ : state) {
    for (int64_t i = 0; i < count; ++i) {
      frame.mutable_header()->set_round(i + 1 == count ? 1 : 0);
      stream->Write(frame);
    }
    stream->Read(&reply);
  }
  state.SetBytesProcessed(state.iterations() * count * size);
  stream->WritesDone();
  stream->Finish();
}

void BarePull(benchmark::State& state) {
  auto end = Start(std::make_unique<BareService>(), false);
  auto stub = wire::ParameterServer::NewStub(end->channel);
  grpc::ClientContext context;
  auto stream = stub->Exchange(&context);
  const int64_t size = state.range(0), count = std::max<int64_t>(1, kBytesPerIteration / size);
  wire::Frame frame, reply;
  frame.mutable_header()->set_round(count);
  frame.mutable_header()->set_size(size);
  for (auto _ : state) {
    stream->Write(frame);
    for (int64_t i = 0; i < count; ++i) stream->Read(&reply);
  }
  state.SetBytesProcessed(state.iterations() * count * size);
  stream->WritesDone();
  stream->Finish();
}

void BarePingPong(benchmark::State& state) {
  auto end = Start(std::make_unique<BareService>(), false);
  auto stub = wire::ParameterServer::NewStub(end->channel);
  grpc::ClientContext context;
  auto stream = stub->Exchange(&context);
  wire::Frame frame, reply;
  frame.mutable_header()->set_round(1);
  for (auto _ : state) {
    stream->Write(frame);
    stream->Read(&reply);
  }
  stream->WritesDone();
  stream->Finish();
}

// ---- The transport.
std::shared_ptr<std::vector<double>> Doubles(int64_t bytes) {
  return std::make_shared<std::vector<double>>(static_cast<size_t>(bytes) / 8, 1.0);
}

grpc::Status ServeFrames(FrameStream* stream) {
  grpc::ByteBuffer buffer;
  ReceivedFrame frame;
  std::vector<double> table(kMaxMessageBytes / 8);
  auto source = Doubles(kMaxMessageBytes);
  int64_t due = 0;
  size_t size = 0;
  Sender sender(stream, [&](grpc::ByteBuffer* out) {
    if (due == 0) return false;
    --due;
    wire::Header header;
    header.set_kind(wire::Header::UPDATE);
    *out = EncodeFrame(header, Alias(source, source->data(), size));
    return true;
  });
  while (stream->Read(&buffer)) {
    if (!frame.Decode(&buffer).ok()) break;
    sender.Heard();
    frame.CopyTo(table.data());
    if (frame.header().round() == 0) continue;
    due = frame.header().round();
    size = static_cast<size_t>(frame.header().size());
    sender.Pump();
  }
  return grpc::Status::OK;
}

std::unique_ptr<Endpoint> StartFrames() {
  return Start(std::make_unique<ExchangeService>(
                   [](grpc::ServerContext*, FrameStream* stream) { return ServeFrames(stream); }),
               true);
}

void Push(benchmark::State& state) {
  auto end = StartFrames();
  ExchangeClient stream(end->channel, "token");
  const int64_t size = state.range(0), count = std::max<int64_t>(1, kBytesPerIteration / size);
  auto source = Doubles(size);
  grpc::ByteBuffer reply;
  for (auto _ : state) {
    for (int64_t i = 0; i < count; ++i) {
      wire::Header header;
      header.set_round(i + 1 == count ? 1 : 0);
      stream.Write(EncodeFrame(header, Alias(source, source->data(), static_cast<size_t>(size))));
    }
    stream.Read(&reply);
  }
  state.SetBytesProcessed(state.iterations() * count * size);
}

void Pull(benchmark::State& state) {
  auto end = StartFrames();
  ExchangeClient stream(end->channel, "token");
  const int64_t size = state.range(0), count = std::max<int64_t>(1, kBytesPerIteration / size);
  wire::Header header;
  header.set_round(count);
  header.set_size(size);
  std::vector<double> table(static_cast<size_t>(size) / 8);
  grpc::ByteBuffer reply;
  ReceivedFrame frame;
  for (auto _ : state) {
    stream.Write(EncodeFrame(header));
    for (int64_t i = 0; i < count; ++i) {
      stream.Read(&reply);
      if (!frame.Decode(&reply).ok()) state.SkipWithError("malformed frame");
      frame.CopyTo(table.data());
    }
  }
  state.SetBytesProcessed(state.iterations() * count * size);
}

void PingPong(benchmark::State& state) {
  auto end = StartFrames();
  ExchangeClient stream(end->channel, "token");
  wire::Header header;
  header.set_round(1);
  grpc::ByteBuffer reply;
  ReceivedFrame frame;
  for (auto _ : state) {
    stream.Write(EncodeFrame(header));
    stream.Read(&reply);
    if (!frame.Decode(&reply).ok()) state.SkipWithError("malformed frame");
  }
}

constexpr int64_t kSizes[] = {16 << 10, 128 << 10, 1 << 20};
void Sizes(benchmark::internal::Benchmark* b) {
  for (int64_t size : kSizes) b->Arg(size);
  b->UseRealTime();
}
BENCHMARK(BarePush)->Apply(Sizes);
BENCHMARK(Push)->Apply(Sizes);
BENCHMARK(BarePull)->Apply(Sizes);
BENCHMARK(Pull)->Apply(Sizes);
BENCHMARK(BarePingPong)->UseRealTime();
BENCHMARK(PingPong)->UseRealTime();

}  // namespace
}  // namespace gyre
