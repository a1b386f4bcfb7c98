// Servers: what the coordinator's process listens with. The control service and the first shard of
// the parameter server share an address, so that one port is enough to reach a run; every further
// shard is a gRPC server of its own, with its own connections and threads.
//
// Thread-safe after Listen.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/server.h"
#include "runtime/cluster/control_service.h"
#include "runtime/cluster/owner.h"
#include "runtime/cluster/parameter_server.h"
#include "runtime/cluster/security.h"
#include "runtime/mutex.h"

namespace gyre {

class Servers {
 public:
  struct Options {
    std::string listen;  // HOST:PORT of the coordinator; shard k: PORT + k, or 0 for any free port
    SecurityOptions security;
    int processes = 1, shards = 1;
    bool replicas = false;  // the workers have the parameters themselves
    uint32_t epoch = 1;
    uint64_t program = 0;  // fingerprint
    Pacer* pacer = nullptr;  // of what the parameter server sends
  };
  Servers() = default;
  ~Servers() { Close(); }

  // InvalidArgument: the user's mistake (address, security, port in use), in one line.
  // `owner` is made by the caller; `job` describes the work of a process.
  absl::Status Listen(const Options& options, Owner* owner,
                      std::function<wire::JobDescription(int process)> job,
                      const ParameterServer::Handlers& handlers);

  const std::string& address() const { return address_[0]; }              // the coordinator's
  const std::vector<std::string>& addresses() const { return address_; }  // by shard
  const std::string& token() const { return token_; }
  ControlService* control() const { return control_.get(); }
  ParameterServer* shard(int shard) const { return shard_[static_cast<size_t>(shard)].get(); }
  // Something to send may have changed on every shard.
  void Pump();
  int64_t bytes_sent() const;
  int64_t bytes_received() const;
  // Ends all streams.
  void Close();

 private:
  absl::Status Start(const std::string& listen,
                     std::shared_ptr<grpc::ServerCredentials> credentials,
                     const std::vector<grpc::Service*>& services);

  std::string token_;
  Mutex listening_;  // held while a server starts whose address is not known yet
  std::vector<std::string> address_;
  std::unique_ptr<ControlService> control_;
  std::vector<std::unique_ptr<ParameterServer>> shard_;
  std::vector<std::unique_ptr<grpc::Server>> grpc_;
};

}  // namespace gyre
