#include "runtime/cluster/replica.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_builder.h"
#include "runtime/cluster/check.h"
#include "runtime/start.h"

namespace gyre {
namespace {

int DestinationOf(int process) { return 1 + process; }

Owner::Options OwnerOptions(const Replica::Options& options, const Assembly& assembly) {
  Owner::Options owner;
  owner.processes = options.processes;
  owner.window = assembly.OwnerWindow();
  owner.linear = assembly.linear();
  owner.epoch = options.epoch;
  owner.type = options.type;
  owner.merged = assembly.merged();
  return owner;
}

std::unique_ptr<Mesh> MakeMesh(const Replica::Options& options, const Assembly& assembly) {
  if (!assembly.merged()) return nullptr;
  Mesh::Options mesh;
  mesh.topology =
      assembly.topology() == Table::HALTON ? Mesh::Topology::kHalton : Mesh::Topology::kRing;
  mesh.process = options.process;
  mesh.processes = options.processes;
  mesh.epoch = options.epoch;
  mesh.window = assembly.window();
  return std::make_unique<Mesh>(mesh, &assembly.encodings());
}

}  // namespace

uint64_t ChecksumOf(const ParamState& state) {
  uint64_t hash = 14695981039346656037u;
  for (int64_t i = 0; i < state.layout().size; ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, state.master() + i, sizeof(bits));
    hash = (hash ^ bits) * 1099511628211u;
  }
  return hash;
}

Replica::Replica(const Options& options, const Assembly* assembly)
    : options_(options),
      assembly_(assembly),
      owner_(OwnerOptions(options, *assembly)),
      mesh_(MakeMesh(options, *assembly)) {}

Replica::~Replica() {
  if (table_ != nullptr) table_->SetPump(DestinationOf(options_.process), nullptr);
  link_.clear();
  if (server_ != nullptr) server_->Close();
  if (grpc_ == nullptr) return;
  grpc_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  grpc_->Wait();
}

absl::Status Replica::Listen() {
  const std::string host = options_.loopback ? "127.0.0.1" : "0.0.0.0";
  if (absl::Status s = CheckSecurity(host, options_.security); !s.ok()) return s;
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials =
      ServerSecurity(options_.security);
  if (!credentials.ok()) return credentials.status();
  ParameterServer::Options server;
  server.processes = options_.processes;
  server.token = options_.token;
  server.role = ParameterServer::Role::kPeer;
  ParameterServer::Handlers handlers;
  handlers.limit = [] { return Clock{0}; };
  handlers.failed = [this](int process, absl::Status status) {
    options_.failed(absl::Status(
        status.code(), absl::StrCat("from worker process ", process, ": ", status.message())));
  };
  handlers.moved = [this] { Moved(); };
  handlers.traffic = [this] { options_.env->Wake(); };
  server_ = std::make_unique<ParameterServer>(
      server, mesh_ == nullptr ? static_cast<ParcelReceiver*>(&owner_) : mesh_.get(), nullptr,
      std::move(handlers));
  grpc::ServerBuilder builder;
  ServerSettings(&builder);
  builder.AddListeningPort(absl::StrCat(host, ":0"), *credentials, &port_);
  builder.RegisterService(server_->service());
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port_ == 0)
    return absl::UnavailableError(absl::StrCat("cannot listen on ", host, " for other workers"));
  return absl::OkStatus();
}

absl::Status Replica::Start(
    const Job& job, const PostContext& context, const double* start_totals, RemoteTable* table,
    const std::vector<std::string>& address,
    const std::function<std::shared_ptr<grpc::Channel>(const std::string&)>& connect) {
  table_ = table;
  context_ = context;
  state_ = std::make_unique<ParamState>(*job.program, job.extent, Type::kFloat64);
  context_.param = state_->by_symbol();
  absl::Status status = StartParameters(job, context_, state_.get(), start_totals);
  if (!status.ok()) return status;
  absl::StatusOr<StageFolds> folds = assembly_->MakeFolds(context_, state_.get());
  if (!folds.ok()) return folds.status();
  folds_ = *std::move(folds);
  folding_ =
      assembly_->MakeTable(options_.processes, state_.get(), &folds_, &observer_, options_.env);
  table_->SetLendModel([this](const std::function<void(const double*)>& use) {
    // As the monitor takes it: some rules' model is not the point that they evaluate next.
    std::vector<double> model(static_cast<size_t>(state_->layout().size));
    owner_.Locked([&] {
      std::copy_n(state_->master(), model.size(), model.begin());
      for (const auto& stage : folds_) stage->fold->Model(*state_, model.data());
    });
    use(model.data());
  });
  owner_.Attach(folding_.get(), &folds_, &assembly_->encodings(), state_.get());
  Moved();
  std::vector<int> peers;
  if (mesh_ != nullptr) {
    StartMesh();
    peers = mesh_->neighbours();
  } else {
    table_->SetPump(DestinationOf(options_.process), [this] { Loop(); });
    for (int p = 0; p < options_.processes; ++p)
      if (p != options_.process) peers.push_back(p);
  }
  for (const int p : peers) {
    OwnerLink::Options link;
    link.token = options_.token;
    link.owner = address[static_cast<size_t>(p)];
    link.shard = DestinationOf(p);
    link.pacer = options_.pacer;
    link.what = absl::StrCat("worker process ", p, " at");
    link.deadline = options_.deadline;
    link_.push_back(std::make_unique<OwnerLink>(
        link, [connect, to = link.owner] { return connect(to); }, table_, options_.failed));
  }
  return absl::OkStatus();
}

void Replica::StartMesh() {
  const auto send = [this](int process, Stage number, std::shared_ptr<const void> owner,
                           const std::vector<WireSegment>& segments) {
    table_->Queue(DestinationOf(process), number, std::move(owner), segments);
  };
  const auto sum = [this](Stage stage, std::shared_ptr<const AlignedArray<double>> numbers) {
    if (absl::Status status = owner_.Give(stage, *numbers); !status.ok())
      return options_.failed(status);
    if (options_.process == 0) {
      const char* const data = reinterpret_cast<const char*>(numbers->data());
      const WireSegment segment{data, numbers->size() * static_cast<int64_t>(sizeof(double))};
      table_->Queue(0, stage, std::move(numbers), {segment});
    }
    Moved();
  };
  mesh_->Start(send, sum);
  table_->SetContribute(
      [this](Stage stage, const double* numbers) { mesh_->Contribute(stage, numbers); });
}

// This process's own contributions, as all others get them.
void Replica::Loop() {
  const int destination = DestinationOf(options_.process);
  bool any = false;
  {
    MutexLock lock(&looping_);
    grpc::ByteBuffer buffer;
    ReceivedFrame frame;
    while (table_->NextFrame(destination, &buffer)) {
      any = true;
      absl::Status status = frame.Decode(&buffer);
      if (status.ok()) status = owner_.Receive(0, frame).status();
      if (!status.ok()) return options_.failed(status);
    }
  }
  if (!any) return;
  Moved();
  table_->Delivered(destination, owner_.Done(options_.process));
}

void Replica::Moved() { table_->Publish(owner_.Latest()); }

uint64_t Replica::Checksum() {
  uint64_t sum = 0;
  owner_.Locked([&] { sum = ChecksumOf(*state_); });
  return sum;
}

}  // namespace gyre
