// ServeWorker: a worker process. It registers, loads its rows, and runs the same tape of cursors on
// lanes as an embedded run, against a RemoteTable.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "compiler/plan.pb.h"
#include "grpcpp/create_channel.h"
#include "runtime/cluster/alarm.h"
#include "runtime/cluster/assembly.h"
#include "runtime/cluster/cluster.h"
#include "runtime/cluster/cluster.pb.h"
#include "runtime/cluster/control_stream.h"
#include "runtime/cluster/helped_env.h"
#include "runtime/cluster/owner_link.h"
#include "runtime/cluster/pace.h"
#include "runtime/cluster/quiet.h"
#include "runtime/cluster/remote_gate.h"
#include "runtime/cluster/remote_table.h"
#include "runtime/cluster/replica.h"
#include "runtime/evaluator.h"
#include "runtime/lane.h"
#include "runtime/local_rows.h"

namespace gyre {
namespace {

class WorkerRun {
 public:
  WorkerRun(const Program& program, const WorkerOptions& options, const DataLoader& loader)
      : program_(program), options_(options), loader_(loader) {}

  absl::Status Run();

 private:
  absl::Status Connect();
  absl::Status Register();
  absl::Status Load();
  absl::Status Execute();
  absl::Status Prepare();
  absl::Status AwaitSum();
  void RunLanes();
  bool StepCursors();
  void Watch();
  void SendFinished();
  absl::Status ListenForPeers();
  absl::Status JoinPeers();
  absl::Status AwaitReplica();
  void Follow(const wire::Order& order);
  std::vector<std::unique_ptr<OwnerLink>> MakeLinks();
  std::shared_ptr<grpc::Channel> Channel(const std::string& address) const {
    return grpc::CreateCustomChannel(address, credentials_, ChannelSettings());
  }
  int workers() const { return description_.rows_size(); }

  const Program& program_;
  const WorkerOptions& options_;
  const DataLoader& loader_;
  std::string token_;
  int process_ = 0;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
  std::unique_ptr<ControlStream> control_;
  wire::JobDescription description_;
  uint32_t epoch_ = 0;
  absl::Time deadline_;  // to be given the job

  LoadedShare loaded_;
  Job job_;  // of this process: its own rows, the run's extents
  std::unique_ptr<LocalRows> locals_;
  HelpedEnv env_;
  std::unique_ptr<Assembly> assembly_;
  std::unique_ptr<ParamState> state_;
  std::unique_ptr<Pacer> pacer_;  // null: as much as the links take
  std::unique_ptr<RateMeter> meter_;
  std::unique_ptr<RemoteTable> table_;
  std::unique_ptr<PacedTable> paced_;  // null: clocks take as long as they take
  std::unique_ptr<RemoteGate> gate_;
  std::unique_ptr<Replica> replica_;  // null: parameters are central
  Mutex peers_mutex_;
  std::vector<std::string> peers_
      ABSL_GUARDED_BY(peers_mutex_);  // addresses by process, once they are known
  std::atomic<bool> peers_known_{false};
  std::atomic<Clock> last_clock_{0};  // where all end
  PostContext context_;
  std::unique_ptr<Evaluator> evaluator_;
  Assembly::Copies copies_;
  std::vector<std::unique_ptr<Cursor>> cursor_;
  std::atomic<int> running_{0};
  std::atomic<bool> lanes_started_{false}, told_to_end_{false};
  double ns_per_cycle_ = 1;
};

absl::Status WorkerRun::Connect() {
  absl::StatusOr<HostPort> address = ParseAddress(options_.coordinator);
  if (!address.ok()) return address.status();
  token_ = options_.security.token;
  if (const char* token = std::getenv(kTokenVariable); token_.empty() && token != nullptr) {
    token_ = token;
  }
  process_ = options_.process;
  if (const char* id = std::getenv(kProcessVariable); process_ < 0 && id != nullptr) {
    if (!absl::SimpleAtoi(id, &process_) || process_ < 0) {
      return absl::InvalidArgumentError(absl::StrCat("$", kProcessVariable, " is \"", id,
                                                     "\"; it says which worker this is: 0, ",
                                                     "1, ..., or is not set"));
    }
  }
  SecurityOptions security = options_.security;
  security.token = token_;
  if (absl::Status s = CheckSecurity(address->host, security); !s.ok()) return s;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = ClientSecurity(security);
  if (!credentials.ok()) return credentials.status();
  credentials_ = *credentials;
  grpc::ChannelArguments settings = ChannelSettings();
  settings.SetMaxReceiveMessageSize(-1);  // the job comes whole: from whom this process trusts
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(options_.coordinator, credentials_, settings);
  const absl::Time deadline = absl::Now() + options_.connect_deadline;
  if (!channel->WaitForConnected(absl::ToChronoTime(deadline))) {
    return absl::UnavailableError(absl::StrCat("no coordinator answers at ", options_.coordinator,
                                               " within ",
                                               absl::FormatDuration(options_.connect_deadline)));
  }
  control_ = std::make_unique<ControlStream>(channel, token_, process_, options_.incarnation);
  deadline_ = deadline;
  return absl::OkStatus();
}

absl::Status WorkerRun::Register() {
  wire::Report report;
  report.mutable_register_()->set_program(program_.fingerprint);
  report.mutable_register_()->set_pid(getpid());
  wire::Order order;
  Alarm alarm(deadline_, [this] { control_->Cancel(); });
  const bool answered = control_->Send(&report) && control_->Read(&order) && order.has_job();
  const bool late = alarm.Stop();
  if (!answered) {
    const absl::Status status = control_->Finish();
    const std::string what = late          ? absl::StrCat("it gave no job within ",
                                                          absl::FormatDuration(options_.connect_deadline))
                             : status.ok() ? "it ended the stream"
                                           : std::string(status.message());
    return absl::Status(late || status.ok() ? absl::StatusCode::kUnavailable : status.code(),
                        absl::StrCat("coordinator ", options_.coordinator, ": ", what));
  }
  epoch_ = order.epoch();
  description_ = order.job();
  process_ = static_cast<int>(description_.process());
  control_->SetProcess(process_);
  return absl::OkStatus();
}

absl::Status WorkerRun::Load() {
  job_.program = &program_;
  job_.plan = &description_.plan();
  job_.hyper.assign(description_.hyper().begin(), description_.hyper().end());
  job_.extent.assign(description_.extent().begin(), description_.extent().end());
  job_.type = description_.single() ? Type::kFloat32 : Type::kFloat64;
  job_.seed = description_.seed();
  WorkerShare share;
  share.plan = &description_.plan();
  share.process = process_;
  share.processes = description_.processes();
  share.first_worker = description_.first_worker();
  for (const wire::RowRange& r : description_.rows()) share.rows.push_back({r.begin(), r.end()});
  share.setting.assign(description_.setting().begin(), description_.setting().end());
  share.bundle = description_.bundle();
  share.type = job_.type;
  absl::StatusOr<LoadedShare> loaded = loader_(share);
  if (!loaded.ok()) return loaded.status();
  loaded_ = *std::move(loaded);
  if (description_.owner_size() == 0) {
    return absl::InternalError("the coordinator named no parameter server");
  }
  if (static_cast<int>(loaded_.worker.size()) != workers()) {
    return absl::InternalError("the loader gave rows of another number of workers");
  }
  for (int w = 0; w < workers(); ++w) {
    const WorkerData& rows = loaded_.worker[static_cast<size_t>(w)];
    const wire::RowRange& asked = description_.rows(w);
    if (rows.row_end - rows.row_begin != asked.end() - asked.begin()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the data has ", rows.row_end - rows.row_begin, " rows where the coordinator's has ",
          asked.end() - asked.begin(), " (rows ", asked.begin(), " to ", asked.end(), ")"));
    }
  }
  job_.worker = loaded_.worker;
  locals_ = std::make_unique<LocalRows>(job_);
  job_.worker = locals_->job().worker;
  if (description_.measured_elsewhere()) {  // held-out rows exist, and none of them here
    job_.test.push_back({job_.worker[0].data, 0, 0});
    job_.test_extent = job_.extent;
  }
  return absl::OkStatus();
}

absl::Status WorkerRun::Prepare() {
  absl::StatusOr<Assembly> assembly = Assembly::Bind(job_);
  if (!assembly.ok()) return assembly.status();
  assembly_ = std::make_unique<Assembly>(*std::move(assembly));
  state_ = std::make_unique<ParamState>(program_, job_.extent, job_.type);
  RemoteTable::Options options;
  options.process = static_cast<uint32_t>(process_);
  options.incarnation = options_.incarnation;
  options.epoch = epoch_;
  options.first_worker = description_.first_worker();
  options.workers = workers();
  options.shards = description_.owner_size();
  options.window = assembly_->WorkerWindow();
  options.replicas = assembly_->replicas() ? description_.processes() : 0;
  options.merged = assembly_->merged();
  options.linear = assembly_->linear();
  options.encoding = &assembly_->encodings();
  pacer_ = PacerOf(*job_.plan);
  meter_ = std::make_unique<RateMeter>(&env_, assembly_->Destinations(description_.processes()));
  options.meter = meter_.get();
  table_ = std::make_unique<RemoteTable>(options, state_.get(), &env_);
  if (const char* text = std::getenv(kPaceVariable); text != nullptr) {
    absl::StatusOr<Pace> pace = Pace::Parse(text);
    if (!pace.ok()) return pace.status();
    paced_ =
        std::make_unique<PacedTable>(*pace, table_.get(), options.first_worker, options.workers);
  }
  gate_ = std::make_unique<RemoteGate>(table_.get(), &env_, options.first_worker, workers());
  return assembly_->replicas() ? ListenForPeers() : absl::OkStatus();
}

absl::Status WorkerRun::ListenForPeers() {
  absl::StatusOr<HostPort> coordinator = ParseAddress(options_.coordinator);
  if (!coordinator.ok()) return coordinator.status();
  Replica::Options options;
  options.process = process_;
  options.processes = description_.processes();
  options.epoch = epoch_;
  options.type = job_.type;
  options.token = token_;
  options.security = options_.security;
  options.security.token = token_;
  options.loopback = IsLoopback(coordinator->host);
  options.deadline = absl::Seconds(description_.deadline_seconds());
  options.env = &env_;
  options.pacer = pacer_.get();
  options.failed = [this](absl::Status failure) { gate_->Fail(std::move(failure)); };
  replica_ = std::make_unique<Replica>(options, assembly_.get());
  if (absl::Status status = replica_->Listen(); !status.ok()) return status;
  wire::Report report;
  report.mutable_listening()->set_port(replica_->port());
  control_->Send(&report);
  return absl::OkStatus();
}

// The first parameters of this process's replica, and its streams.
absl::Status WorkerRun::JoinPeers() {
  std::vector<std::string> address;
  {
    MutexLock lock(&peers_mutex_);
    address = peers_;
  }
  if (static_cast<int>(address.size()) != description_.processes())
    return absl::InternalError("the coordinator named another number of workers than there are");
  return replica_->Start(job_, context_, StartTotals(job_, table_->sum().data()), table_.get(),
                         address, [this](const std::string& to) { return Channel(to); });
}

// The sum over all workers of what the data alone says; it also tells that everybody has loaded.
absl::Status WorkerRun::AwaitSum() {
  table_->SendPartial(0, StartShare(job_, job_.worker));
  const auto ready = [this] {
    return table_->SumArrived() && (replica_ == nullptr || peers_known_.load());
  };
  while (!ready() && !gate_->finished()) {
    const uint32_t seen = env_.Observe();
    if (ready() || gate_->finished()) {
      env_.Cancel();
      break;
    }
    env_.Sleep(seen,
               env_.Nanos() + 100'000'000);  // the coordinator keeps the deadline of the start
  }
  if (!ready()) return gate_->status();
  context_.program = &program_;
  context_.data = job_.worker[0].data;
  context_.hyper = job_.hyper.data();
  context_.extent = job_.extent.data();
  context_.seed = job_.seed;
  context_.param = state_->by_symbol();
  UseBuilt(job_, table_->sum().data(), &context_);
  evaluator_ = std::make_unique<Evaluator>(job_, context_, *state_);
  gate_->SetEvaluator(evaluator_.get(), assembly_->EpochsPerClock(assembly_->stages().front()));
  absl::StatusOr<Assembly::Copies> copies =
      assembly_->MakeCopies(context_, process_, description_.processes(), meter_.get(), &env_);
  if (!copies.ok()) return copies.status();
  copies_ = *std::move(copies);
  if (replica_ != nullptr) {
    if (absl::Status status = JoinPeers(); !status.ok()) return status;
  }
  for (int w = 0; w < workers(); ++w) {
    const WorkerData& rows = job_.worker[static_cast<size_t>(w)];
    const int worker = description_.first_worker() + w;
    std::vector<GatherOp> ops = assembly_->MakeGathers(context_, worker, w, rows, copies_);
    std::vector<std::string> names;
    for (const GatherOp& op : ops) names.push_back(job_.plan->task(op.task).id());
    StateTable* const table =
        paced_ != nullptr ? static_cast<StateTable*>(paced_.get()) : table_.get();
    cursor_.push_back(std::make_unique<Cursor>(worker, std::move(ops), std::move(names),
                                               program_.graph.symbol.size,
                                               assembly_->ScratchBytes(rows), table, gate_.get()));
  }
  return absl::OkStatus();
}

// All that can run now; false when the run is over.
bool WorkerRun::StepCursors() {
  bool moved = true, finished = false;
  while (moved && !finished) {
    moved = false;
    for (const auto& cursor : cursor_) {
      Cursor::State state;
      while ((state = cursor->Step()) == Cursor::kRan) moved = true;
      finished |= state == Cursor::kFinished;
    }
  }
  return !finished;
}

void WorkerRun::RunLanes() {
  const int lanes = std::clamp(job_.plan->cluster().lanes(), 1, workers());
  Lane::Options options;
  // Looking longer pays where a core is free for it: not while other processes share the machine.
  options.spin = false;
  // The coordinator, which sees everybody, gives up first and says why.
  options.stall_ns = static_cast<int64_t>(description_.deadline_seconds() * 2e9);
  running_.store(lanes);
  lanes_started_.store(true);
  std::vector<Lane> lane;
  for (int l = 0; l < lanes; ++l) {
    std::vector<Cursor*> mine;
    for (int w = l; w < workers(); w += lanes)
      mine.push_back(cursor_[static_cast<size_t>(w)].get());
    lane.emplace_back(options, std::move(mine), gate_.get(), &env_, &running_);
  }
  const int64_t ns = env_.Nanos(), cycles = Cycles();
  std::vector<std::thread> threads;
  for (int l = 1; l < lanes; ++l) {
    threads.emplace_back([&lane, l] { lane[static_cast<size_t>(l)].Run(); });
  }
  if (lanes == 1) env_.SetWork([this] { return StepCursors(); });
  lane[0].Run();
  env_.SetWork(nullptr);
  for (std::thread& t : threads) t.join();
  const int64_t passed = Cycles() - cycles;
  if (passed > 0) {
    ns_per_cycle_ = static_cast<double>(env_.Nanos() - ns) / static_cast<double>(passed);
  }
}

// Tells the coordinator that this process lives, and whether it computes or waits.
void WorkerRun::Watch() {
  const absl::Duration interval = std::clamp(absl::Seconds(description_.deadline_seconds()) / 10,
                                             absl::Milliseconds(20), absl::Seconds(1));
  while (!gate_->finished()) {
    wire::Report report;
    wire::Heartbeat* beat = report.mutable_heartbeat();
    const Stage stages = static_cast<Stage>(assembly_->stages().size());
    beat->set_clock(table_->recorded() / stages);
    if (lanes_started_.load() && running_.load() == 0) {
      beat->set_waiting(absl::StrCat("has parameters of clock ",
                                     std::max<Stage>(0, table_->complete()) / stages,
                                     ", may start clocks below ", table_->limit()));
    }
    if (!control_->Send(&report)) return;
    const int64_t until = env_.Nanos() + absl::ToInt64Nanoseconds(interval);
    while (!gate_->finished() && env_.Nanos() < until) absl::SleepFor(absl::Milliseconds(20));
  }
}

void WorkerRun::SendFinished() {
  wire::Report report;
  wire::Finished* finished = report.mutable_finished();
  finished->set_clock(cursor_[0]->clock());
  finished->set_sent(static_cast<uint64_t>(table_->bytes_sent()));
  finished->set_received(static_cast<uint64_t>(table_->bytes_received()));
  if (replica_ != nullptr) {
    finished->set_received(finished->received() +
                           static_cast<uint64_t>(replica_->bytes_received()));
    finished->set_sent_to_peers(static_cast<uint64_t>(table_->bytes_sent_to_peers()));
    if (!assembly_->linear()) finished->set_checksum(replica_->Checksum());
  }
  const Staleness staleness = table_->ObservedStaleness().Summary();
  for (const int64_t n : staleness.histogram) finished->add_staleness(static_cast<uint64_t>(n));
  const auto ns = [this](int64_t cycles) {
    return static_cast<int64_t>(static_cast<double>(cycles) * ns_per_cycle_);
  };
  int64_t rows = 0;
  for (const auto& cursor : cursor_) {
    for (const GatherOp& op : cursor->ops()) {
      wire::TaskTrace* task = finished->add_task();
      task->set_id(job_.plan->task(op.task).id());
      task->set_fired(static_cast<int64_t>(op.watch.fired()));
      task->set_busy_ns(ns(op.watch.busy()));
      task->set_waited_ns(ns(op.waited));
      rows += op.rows;
    }
  }
  finished->set_rows(rows);
  control_->Send(&report);
}

// A stream to every shard.
std::vector<std::unique_ptr<OwnerLink>> WorkerRun::MakeLinks() {
  std::vector<std::unique_ptr<OwnerLink>> links;
  for (int s = 0; s < description_.owner_size(); ++s) {
    OwnerLink::Options options;
    options.token = token_;
    options.owner = description_.owner(s);
    options.shard = s;
    options.pacer = pacer_.get();
    options.deadline = absl::Seconds(description_.deadline_seconds());
    // One thread may help the lane; with several streams there are several that receive.
    if (description_.owner_size() == 1 && replica_ == nullptr) {
      options.around_receive = [this](const std::function<void()>& receive) {
        env_.Receive(receive);
      };
    }
    links.push_back(std::make_unique<OwnerLink>(
        options, [this, s] { return Channel(description_.owner(s)); }, table_.get(),
        [this](absl::Status failure) { gate_->Fail(std::move(failure)); }));
  }
  return links;
}

void WorkerRun::Follow(const wire::Order& order) {
  if (order.has_peers()) {
    {
      MutexLock lock(&peers_mutex_);
      peers_.assign(order.peers().address().begin(), order.peers().address().end());
    }
    peers_known_.store(true);
    env_.Wake();
  }
  if (!order.has_end()) return;
  told_to_end_.store(true);
  last_clock_.store(order.end().clock());
  if (order.end().failed()) gate_->Fail(absl::CancelledError(order.end().reason()));
  gate_->Finish();
}

// All owners have what this process contributed, and its replica is where all end.
absl::Status WorkerRun::AwaitReplica() {
  const Stage last = last_clock_.load() * static_cast<Stage>(assembly_->stages().size());
  const int64_t deadline =
      env_.Nanos() + static_cast<int64_t>(description_.deadline_seconds() * 1e9);
  while (!table_->AllDelivered() || table_->complete() < last) {
    if (env_.Nanos() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "the replica of process ", process_, " has come to stage ", table_->complete(), " of ",
          last, table_->AllDelivered() ? "" : ", and not all that it has sent has arrived"));
    }
    if (!gate_->status().ok()) return absl::OkStatus();
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

absl::Status WorkerRun::Execute() {
  // Orders come until the end; a stream that ends without one means that the coordinator is gone.
  std::thread orders([this] {
    wire::Order order;
    while (control_->Read(&order)) Follow(order);
    if (!told_to_end_.load()) {
      gate_->Fail(
          absl::UnavailableError(absl::StrCat("coordinator ", options_.coordinator, " is gone")));
    }
  });
  absl::Status status;
  {
    const std::vector<std::unique_ptr<OwnerLink>> links = MakeLinks();
    std::thread watch([this] { Watch(); });
    status = AwaitSum();
    if (status.ok() && !gate_->finished()) RunLanes();
    if (status.ok() && gate_->status().ok() && replica_ != nullptr) status = AwaitReplica();
    if (!status.ok()) gate_->Fail(status);
    watch.join();
  }
  status = gate_->status();
  if (status.ok()) {
    SendFinished();
  } else if (!told_to_end_.load()) {
    wire::Report report;
    report.mutable_failure()->set_code(static_cast<int32_t>(status.code()));
    report.mutable_failure()->set_message(std::string(status.message()));
    control_->Send(&report);
  }
  control_->HalfClose();
  orders.join();
  replica_.reset();
  return status;
}

absl::Status WorkerRun::Run() {
  if (absl::Status status = Connect(); !status.ok()) return status;
  if (absl::Status status = Register(); !status.ok()) return status;
  absl::Status status = Load();
  if (status.ok()) status = Prepare();
  if (!status.ok()) {
    wire::Report report;
    report.mutable_failure()->set_code(static_cast<int32_t>(status.code()));
    report.mutable_failure()->set_message(std::string(status.message()));
    control_->Send(&report);
    control_->Finish().IgnoreError();
    return status;
  }
  status = Execute();
  control_->Finish().IgnoreError();
  return status;
}

}  // namespace

absl::Status ServeWorker(const Program& program, const WorkerOptions& options,
                         const DataLoader& loader) {
  QuietGrpc();
  return WorkerRun(program, options, loader).Run();
}

}  // namespace gyre
