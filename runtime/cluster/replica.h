// Replica: a worker process's own copy of the parameters, an owner of all keys.
//
// It receives the contributions of all processes, this one included, each in an ordered stream, and
// folds a clock when it has all of that clock, processes in order: copies with equal stamps are
// equal to the bit. Nobody sends parameters. Peers are reached over streams of their own
// (peer-to-peer); the coordinator holds one more copy, which decides when to stop and is the model
// in the end.
//
// Where sums are merged on the way (mesh.h), streams go to neighbours alone, and what is folded is
// the one sum, which process 0 also sends the coordinator.
//
// Thread-safe but for Listen and Start, which come first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/server.h"
#include "runtime/cluster/assembly.h"
#include "runtime/cluster/mesh.h"
#include "runtime/cluster/owner.h"
#include "runtime/cluster/owner_link.h"
#include "runtime/cluster/parameter_server.h"
#include "runtime/cluster/remote_table.h"
#include "runtime/cluster/security.h"

namespace gyre {

class Replica {
 public:
  struct Options {
    int process = 0, processes = 1;
    uint32_t epoch = 1;
    Type type = Type::kFloat64;
    std::string token;
    SecurityOptions security;
    bool loopback = true;  // peers are on this machine: listen nowhere else
    absl::Duration deadline = absl::Seconds(30);
    Env* env = nullptr;
    Pacer* pacer = nullptr;  // of what the process sends
    std::function<void(absl::Status)> failed;  // by a thread of a stream
  };
  Replica(const Options& options, const Assembly* assembly);
  ~Replica();

  // Streams of peers are accepted from here on, and told to come again until Start.
  absl::Status Listen();
  int port() const { return port_; }

  // The first parameters, and streams to all peers (`address` by process; its own is not used).
  // `table` is told of new states, and its contributions come here.
  absl::Status Start(
      const Job& job, const PostContext& context, const double* start_totals, RemoteTable* table,
      const std::vector<std::string>& address,
      const std::function<std::shared_ptr<grpc::Channel>(const std::string&)>& connect);

  // Of the parameters as they are.
  uint64_t Checksum();
  // Contributions received from peers.
  int64_t bytes_received() const { return server_->bytes_received(); }

 private:
  class NoObserver final : public ClockObserver {
    void ClockDone(Clock /*completed*/) override {}
  };
  void Loop();
  void Moved();
  void StartMesh();

  const Options options_;
  const Assembly* const assembly_;
  NoObserver observer_;
  Owner owner_;
  std::unique_ptr<Mesh> mesh_;  // null: everybody is sent to
  std::unique_ptr<ParameterServer> server_;
  std::unique_ptr<grpc::Server> grpc_;
  int port_ = 0;
  PostContext context_;
  std::unique_ptr<ParamState> state_;
  StageFolds folds_;
  std::unique_ptr<EmbeddedTable> folding_;
  RemoteTable* table_ = nullptr;
  Mutex looping_;
  std::vector<std::unique_ptr<OwnerLink>> link_;
};

// Of what is equal to the bit. FNV-1a over the parameters, element by element.
uint64_t ChecksumOf(const ParamState& state);

}  // namespace gyre
