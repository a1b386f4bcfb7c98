#include "runtime/cluster/servers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_builder.h"
#include "runtime/cluster/stream.h"

namespace gyre {

absl::Status Servers::Start(const std::string& listen,
                            std::shared_ptr<grpc::ServerCredentials> credentials,
                            const std::vector<grpc::Service*>& services) {
  absl::StatusOr<HostPort> address = ParseAddress(listen);
  if (!address.ok()) return address.status();
  if (absl::Status s = CheckPortIsFree(*address); !s.ok()) return s;
  grpc::ServerBuilder builder;
  ServerSettings(&builder);
  int port = 0;
  builder.AddListeningPort(listen, std::move(credentials), &port);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", listen, ": give another address"));
  }
  grpc_.push_back(std::move(server));
  address_.push_back(absl::StrCat(listen.substr(0, listen.rfind(':')), ":", port));
  return absl::OkStatus();
}

absl::Status Servers::Listen(const Options& options, Owner* owner,
                             std::function<wire::JobDescription(int process)> job,
                             const ParameterServer::Handlers& handlers) {
  absl::StatusOr<HostPort> listen = ParseAddress(options.listen);
  if (!listen.ok()) return listen.status();
  if (absl::Status s = CheckSecurity(listen->host, options.security); !s.ok()) return s;
  token_ = options.security.token.empty() ? RandomToken() : options.security.token;
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials =
      ServerSecurity(options.security);
  if (!credentials.ok()) return credentials.status();
  control_ =
      std::make_unique<ControlService>(options.processes, options.epoch, token_, options.program,
                                       [this, job = std::move(job)](int process) {
                                         { MutexLock wait(&listening_); }
                                         return job(process);
                                       });
  for (int s = 0; s < options.shards; ++s) {
    ParameterServer::Options server;
    server.shard = s;
    server.processes = options.processes;
    server.token = token_;
    server.pacer = options.pacer;
    if (options.replicas) server.role = ParameterServer::Role::kCoordinator;
    shard_.push_back(std::make_unique<ParameterServer>(
        server, owner, options.replicas ? nullptr : owner, handlers));
  }
  const std::string host = options.listen.substr(0, options.listen.rfind(':'));
  // Shard 0, and with it the control service, comes last: whoever registers is told all addresses.
  std::vector<std::string> further;
  for (int s = 1; s < options.shards; ++s) {
    const int port = listen->port == 0 ? 0 : listen->port + s;
    const absl::Status status =
        Start(absl::StrCat(host, ":", port), *credentials, {shard(s)->service()});
    if (!status.ok()) return status;
  }
  MutexLock lock(&listening_);
  further.swap(address_);
  const absl::Status status =
      Start(options.listen, *credentials, {control_.get(), shard(0)->service()});
  address_.insert(address_.end(), further.begin(), further.end());
  return status;
}

void Servers::Pump() {
  for (const auto& shard : shard_) shard->Pump();
}

int64_t Servers::bytes_sent() const {
  int64_t bytes = 0;
  for (const auto& shard : shard_) bytes += shard->bytes_sent();
  return bytes;
}

int64_t Servers::bytes_received() const {
  int64_t bytes = 0;
  for (const auto& shard : shard_) bytes += shard->bytes_received();
  return bytes;
}

void Servers::Close() {
  for (const auto& shard : shard_) shard->Close();
  for (const auto& server : grpc_) {
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  }
  for (const auto& server : grpc_) server->Wait();
  grpc_.clear();
}

}  // namespace gyre
