// RunCluster: the coordinator, and the parameter server beside it.
//
// Nothing here is on the path of a clock: parcels, folds and updates run on the threads of their
// streams, and stop rules are decided by the Monitor on the thread that completes a boundary. This
// thread starts processes, watches them, and ends the run.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "compiler/plan.pb.h"
#include "runtime/cluster/assembly.h"
#include "runtime/cluster/cluster.h"
#include "runtime/cluster/crew.h"
#include "runtime/cluster/owner.h"
#include "runtime/cluster/quiet.h"
#include "runtime/cluster/replica.h"
#include "runtime/cluster/servers.h"
#include "runtime/evaluator.h"
#include "runtime/local_rows.h"
#include "runtime/start.h"

namespace gyre {
namespace {

constexpr absl::Duration kLastMoment = absl::Milliseconds(300);  // for workers of a failed run
constexpr uint32_t kEpoch = 1;  // of a run; a re-planned run has the next
// How often the coordinator looks whether a process has ended or the run has stalled.
constexpr absl::Duration kLook = absl::Milliseconds(50);

class ClusterRun {
 public:
  ClusterRun(const Job& job, const ClusterOptions& options) : user_job_(job), options_(options) {}
  ~ClusterRun() { Shutdown(); }

  absl::StatusOr<RunResult> Run();

 private:
  absl::Status Bind();
  absl::Status Listen();
  absl::Status AwaitLoaded();
  absl::Status Assemble();
  absl::Status AwaitEnd();
  absl::Status AwaitReports();
  RunResult Collect();
  void Shutdown();

  void Partial(int process, int64_t round, std::vector<double> share);
  void Moved();
  void Fail(absl::Status status);
  absl::Status Check();
  std::string Waiting();
  bool PeersListen() const;
  void SendPeers();
  absl::Status CheckReplicas();
  wire::JobDescription Describe(int process) const;
  int FirstWorker(int process) const {
    return static_cast<int>(static_cast<int64_t>(user_job_.worker.size()) * process / processes_);
  }

  const Job& user_job_;
  const ClusterOptions& options_;
  Job job_;  // one worker and one share of the held-out rows for each process
  int processes_ = 1;
  MachineEnv env_;
  std::unique_ptr<Assembly> assembly_;
  std::unique_ptr<Owner> owner_;
  std::unique_ptr<Pacer> pacer_;  // null: as much as the links take
  Servers servers_;
  std::unique_ptr<Crew> crew_;

  PostContext context_;
  std::vector<double> built_;
  std::unique_ptr<ParamState> state_;
  StageFolds folds_;
  std::unique_ptr<ParamState> evaluation_state_;  // layout and element type of what workers read
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Monitor> monitor_;
  std::unique_ptr<EmbeddedTable> table_;
  bool failed_ = true;                // until the run has succeeded
  std::atomic<bool> started_{false};  // what is above is complete
  std::atomic<int64_t> pauses_{0}, progress_{0};

  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<double>> share_ ABSL_GUARDED_BY(mutex_);  // of the build sum
  int shares_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::Status ClusterRun::Bind() {
  const Plan& plan = *user_job_.plan;
  const int workers = static_cast<int>(user_job_.worker.size());
  if (workers < 1 || plan.cluster().workers() != workers) {
    return absl::InvalidArgumentError(absl::StrCat("the plan is for ", plan.cluster().workers(),
                                                   " workers and the data for ", workers));
  }
  processes_ =
      plan.cluster().processes() > 0 ? std::min(plan.cluster().processes(), workers) : workers;
  if (absl::Status status = CheckLocals(user_job_); !status.ok()) return status;
  job_ = user_job_;
  job_.worker.clear();
  job_.test.clear();
  for (int p = 0; p < processes_; ++p) {
    const size_t first = static_cast<size_t>(FirstWorker(p));
    const size_t last = static_cast<size_t>(FirstWorker(p + 1)) - 1;
    job_.worker.push_back(user_job_.worker[first]);
    job_.worker.back().row_end = user_job_.worker[last].row_end;
  }
  // Held-out rows are measured here, split as they came; empty shares for processes without one.
  if (!user_job_.test.empty()) {
    job_.test.assign(static_cast<size_t>(processes_), user_job_.test[0]);
    const int64_t end = user_job_.test.back().row_end;
    job_.test[0].row_end = end;
    for (size_t p = 1; p < job_.test.size(); ++p)
      job_.test[p].row_begin = job_.test[p].row_end = end;
  }
  absl::StatusOr<Assembly> assembly = Assembly::Bind(job_);
  if (!assembly.ok()) return assembly.status();
  assembly_ = std::make_unique<Assembly>(*std::move(assembly));
  if (!assembly_->Ends() && job_.stop_requested == nullptr) {
    return absl::InvalidArgumentError(
        "the plan has no rule to stop; set max_clocks, max_seconds, tolerance or target");
  }
  const bool given = std::any_of(job_.start.begin(), job_.start.end(),
                                 [](const auto& values) { return !values.empty(); });
  if (assembly_->replicas() && (NeedsRowsToStart(*job_.program) || given)) {
    return absl::UnimplementedError(
        "the program starts from sums that read other sums, which replicas cannot make alone: plan "
        "with --storage=central");
  }
  for (const StagePlan& s : assembly_->stages()) {
    const int axis = s.pass != nullptr ? s.pass->row_axis
                     : s.moves         ? s.statement->predictor.row_axis
                                       : -1;
    if (axis < 0) continue;
    int64_t rows = 0;
    for (const WorkerData& w : job_.worker) rows += w.row_end - w.row_begin;
    if (rows != job_.extent[static_cast<size_t>(axis)]) {
      return absl::UnimplementedError(
          "the program sums over several data axes: run it with "
          "--cluster=embedded");
    }
  }
  return absl::OkStatus();
}

wire::JobDescription ClusterRun::Describe(int process) const {
  wire::JobDescription d;
  *d.mutable_plan() = *user_job_.plan;
  d.mutable_hyper()->Assign(job_.hyper.begin(), job_.hyper.end());
  d.mutable_extent()->Assign(job_.extent.begin(), job_.extent.end());
  d.set_seed(job_.seed);
  for (const std::string& s : options_.setting) d.add_setting(s);
  d.set_bundle(options_.bundle);
  d.set_processes(processes_);
  d.set_process(static_cast<uint32_t>(process));
  d.set_first_worker(FirstWorker(process));
  for (int w = FirstWorker(process); w < FirstWorker(process + 1); ++w) {
    wire::RowRange* rows = d.add_rows();
    rows->set_begin(user_job_.worker[static_cast<size_t>(w)].row_begin);
    rows->set_end(user_job_.worker[static_cast<size_t>(w)].row_end);
  }
  d.set_single(job_.type == Type::kFloat32);
  for (const std::string& address : servers_.addresses()) d.add_owner(address);
  d.set_measured_elsewhere(!job_.test.empty());
  d.set_deadline_seconds(absl::ToDoubleSeconds(job_.stall_deadline));
  return d;
}

absl::Status ClusterRun::Listen() {
  pacer_ = PacerOf(*user_job_.plan);
  Owner::Options owner;
  owner.processes = processes_;
  owner.shards = std::max(1, user_job_.plan->cluster().shards());
  owner.window = assembly_->OwnerWindow();
  owner.linear = assembly_->linear();
  owner.epoch = kEpoch;
  owner.type = job_.type;
  owner.merged = assembly_->merged();
  owner_ = std::make_unique<Owner>(owner);
  ParameterServer::Handlers handlers;
  handlers.limit = [this] { return started_.load() ? monitor_->limit() : 0; };
  handlers.partial = [this](int process, int64_t round, std::vector<double> share) {
    Partial(process, round, std::move(share));
  };
  handlers.failed = [this](int process, absl::Status status) {
    Fail(absl::Status(status.code(),
                      absl::StrCat("worker process ", process, ": ", status.message())));
  };
  handlers.moved = [this] { Moved(); };
  handlers.traffic = [this] { progress_.fetch_add(1, std::memory_order_relaxed); };
  Servers::Options servers;
  servers.listen = options_.listen;
  servers.security = options_.security;
  servers.processes = processes_;
  servers.shards = owner.shards;
  servers.replicas = assembly_->replicas();
  servers.epoch = kEpoch;
  servers.program = job_.program->fingerprint;
  servers.pacer = pacer_.get();
  const absl::Status status = servers_.Listen(
      servers, owner_.get(), [this](int process) { return Describe(process); }, handlers);
  if (!status.ok()) return status;
  crew_ = std::make_unique<Crew>(options_, processes_, servers_.control());
  if (options_.on_listening) options_.on_listening(servers_.address());
  return absl::OkStatus();
}

void ClusterRun::Fail(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = std::move(status);
  }
  servers_.control()->Nudge();
}

// The first failure: of a process, by name, or of what came over its streams.
absl::Status ClusterRun::Check() {
  if (absl::Status status = crew_->Check(); !status.ok()) return status;
  MutexLock lock(&mutex_);
  return failure_;
}

std::string ClusterRun::Waiting() {
  return absl::StrCat(started_.load() ? absl::StrCat(owner_->Laggard(), "; ") : "",
                      crew_->Waiting());
}

void ClusterRun::Partial(int process, int64_t round, std::vector<double> share) {
  progress_.fetch_add(1, std::memory_order_relaxed);
  if (round == 0) {
    MutexLock lock(&mutex_);
    share_[static_cast<size_t>(process)] = std::move(share);
    ++shares_;
    servers_.control()->Nudge();
    return;
  }
  if (!started_.load() || round != monitor_->pause() ||
      static_cast<int64_t>(share.size()) != evaluator_->sum_size()) {
    return Fail(absl::InternalError(
        absl::StrCat("worker process ", process, " answered a pause that was not asked for")));
  }
  owner_->Locked([&] {
    evaluator_->Load(process, share.data());
    monitor_->TakePart(process);
  });
}

// After every fold and every answer: a pause may have begun, or the run may be over.
void ClusterRun::Moved() {
  if (!started_.load()) return;
  servers_.Pump();
  progress_.fetch_add(1, std::memory_order_relaxed);
  const int64_t pause = monitor_->pause();
  int64_t before = pauses_.load();
  if (pause > before && pauses_.compare_exchange_strong(before, pause)) {
    const int64_t size = assembly_->replicas() ? 0 : state_->layout().size;
    auto model = std::make_shared<std::vector<double>>(static_cast<size_t>(size));
    Stage stage = 0;
    owner_->Locked([&] {
      std::copy_n(evaluator_->model(), model->size(), model->begin());
      stage = table_->Folded() * static_cast<Stage>(folds_.size());
    });
    servers_.shard(0)->SendModel(pause, stage, std::move(model));
  }
  if (monitor_->finished()) servers_.control()->Nudge();
}

// Of replicas: every worker has said where it listens.
bool ClusterRun::PeersListen() const {
  for (int p = 0; assembly_->replicas() && p < processes_; ++p)
    if (servers_.control()->process(p).address.empty()) return false;
  return true;
}

void ClusterRun::SendPeers() {
  if (!assembly_->replicas()) return;
  wire::Peers peers;
  for (int p = 0; p < processes_; ++p) peers.add_address(servers_.control()->process(p).address);
  servers_.control()->SendPeers(peers);
}

// Copies of equal stamps are equal to the bit; those that fold in any order are equal to rounding.
absl::Status ClusterRun::CheckReplicas() {
  if (!assembly_->replicas() || assembly_->linear()) return absl::OkStatus();
  const uint64_t mine = ChecksumOf(*state_);
  for (int p = 0; p < processes_; ++p) {
    if (servers_.control()->process(p).report.checksum() != mine) {
      return absl::InternalError(absl::StrCat("the replica of worker process ", p,
                                              " differs from the coordinator's after clock ",
                                              table_->Folded()));
    }
  }
  return absl::OkStatus();
}

absl::Status ClusterRun::AwaitLoaded() {
  const absl::Time deadline = absl::Now() + options_.start_deadline;
  for (;;) {
    if (absl::Status status = Check(); !status.ok()) return status;
    {
      MutexLock lock(&mutex_);
      if (shares_ == processes_ && PeersListen()) return absl::OkStatus();
    }
    if (job_.stop_requested != nullptr && job_.stop_requested->load()) {
      return absl::CancelledError("stopped before training began");
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("not all workers have started within ",
                                                      absl::FormatDuration(options_.start_deadline),
                                                      ": ", Waiting()));
    }
    servers_.control()->AwaitChange(std::min(deadline, absl::Now() + kLook));
  }
}

absl::Status ClusterRun::Assemble() {
  {
    MutexLock lock(&mutex_);
    built_ = share_[0];
    for (size_t p = 1; p < share_.size(); ++p) {
      if (share_[p].size() != built_.size()) {
        return absl::InternalError("workers disagree on the size of the sums of data alone");
      }
      for (size_t i = 0; i < built_.size(); ++i) built_[i] += share_[p][i];
    }
  }
  context_.program = job_.program;
  context_.data = job_.worker[0].data;
  context_.hyper = job_.hyper.data();
  context_.extent = job_.extent.data();
  context_.seed = job_.seed;
  UseBuilt(job_, built_.data(), &context_);
  state_ = std::make_unique<ParamState>(*job_.program, job_.extent, Type::kFloat64);
  context_.param = state_->by_symbol();
  absl::Status status =
      StartParameters(job_, context_, state_.get(), StartTotals(job_, built_.data()));
  if (!status.ok()) {
    return status;
  }
  absl::StatusOr<StageFolds> folds = assembly_->MakeFolds(context_, state_.get());
  if (!folds.ok()) return folds.status();
  folds_ = *std::move(folds);
  evaluation_state_ = std::make_unique<ParamState>(*job_.program, job_.extent, job_.type);
  evaluator_ = std::make_unique<Evaluator>(job_, context_, *evaluation_state_,
                                           Evaluator::TrainingRows::kElsewhere);
  monitor_ = std::make_unique<Monitor>(assembly_->MonitorOptions(processes_), job_, &folds_,
                                       state_.get(), evaluator_.get(), &env_);
  table_ = assembly_->MakeTable(processes_, state_.get(), &folds_, monitor_.get(), &env_);
  monitor_->SetTable(table_.get());
  monitor_->Start();
  owner_->Attach(table_.get(), &folds_, &assembly_->encodings(), state_.get());
  started_.store(true);
  SendPeers();
  servers_.shard(0)->SendSum(std::make_shared<const std::vector<double>>(built_));
  servers_.Pump();
  return absl::OkStatus();
}

absl::Status ClusterRun::AwaitEnd() {
  int64_t progress = progress_.load();
  absl::Time moved = absl::Now();
  while (!monitor_->finished()) {
    if (absl::Status status = Check(); !status.ok()) return status;
    const absl::Time now = absl::Now();
    if (const int64_t p = progress_.load(); p != progress) {
      progress = p;
      moved = now;
    }
    if (now - moved > job_.stall_deadline && !crew_->Computing(job_.stall_deadline)) {
      return absl::DeadlineExceededError(absl::StrCat(
          "nothing moved for ", absl::ToInt64Milliseconds(now - moved), " ms: ", Waiting()));
    }
    servers_.control()->AwaitChange(now + kLook);
  }
  return absl::OkStatus();
}

absl::Status ClusterRun::AwaitReports() {
  const absl::Time deadline = absl::Now() + options_.stop_deadline;
  for (;;) {
    if (absl::Status status = Check(); !status.ok()) return status;
    if (crew_->AllFinished()) return absl::OkStatus();
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("not all workers reported at the end: ", Waiting()));
    }
    servers_.control()->AwaitChange(std::min(deadline, absl::Now() + kLook));
  }
}

RunResult ClusterRun::Collect() {
  RunResult result;
  monitor_->Report(&result);
  std::vector<TaskCounters> counters(static_cast<size_t>(user_job_.plan->task_size()));
  for (size_t t = 0; t < counters.size(); ++t) {
    counters[t].task = user_job_.plan->task(static_cast<int>(t)).id();
  }
  StalenessCounter staleness;
  for (int p = 0; p < processes_; ++p) {
    const ControlService::Process state = servers_.control()->process(p);
    for (int s = 0; s < state.report.staleness_size(); ++s) {
      staleness.Record(s, static_cast<int64_t>(state.report.staleness(s)));
    }
    result.rows += state.report.rows();
    for (const wire::TaskTrace& trace : state.report.task()) {
      for (TaskCounters& c : counters) {
        if (c.task != trace.id()) continue;
        c.fired += static_cast<uint64_t>(trace.fired());
        c.busy_ns += trace.busy_ns();
        c.waited_ns += trace.waited_ns();
      }
    }
  }
  for (const auto& fold : folds_) {
    counters[static_cast<size_t>(fold->plan->fold)].fired += fold->watch.fired();
  }
  for (TaskCounters& c : counters) {
    if (c.fired > 0) result.counters.push_back(std::move(c));
  }
  result.staleness = staleness.Summary();
  result.bytes_sent = servers_.bytes_sent();
  result.bytes_received = servers_.bytes_received();
  // All that crossed the network: of replicas, what workers sent each other.
  for (int p = 0; p < processes_; ++p)
    result.bytes_sent +=
        static_cast<int64_t>(servers_.control()->process(p).report.sent_to_peers());
  return result;
}

absl::StatusOr<RunResult> ClusterRun::Run() {
  QuietGrpc();
  if (absl::Status status = Bind(); !status.ok()) return status;
  {
    MutexLock lock(&mutex_);
    share_.resize(static_cast<size_t>(processes_));
  }
  if (absl::Status status = Listen(); !status.ok()) return status;
  absl::Status status = crew_->Start(
      *job_.program, servers_.address(), servers_.token(),
      [this](int process, absl::Status failure) {
        Fail(absl::Status(failure.code(),
                          absl::StrCat("worker process ", process, ": ", failure.message())));
      });
  if (status.ok()) status = AwaitLoaded();
  if (status.ok()) status = Assemble();
  if (status.ok()) status = AwaitEnd();
  if (status.ok()) owner_->Locked([&] { status = monitor_->status(); });  // of the folds
  wire::End end;
  end.set_failed(!status.ok());
  end.set_reason(std::string(status.message()));
  if (monitor_ != nullptr) end.set_clock(table_ != nullptr ? table_->Folded() : 0);
  servers_.control()->End(end);
  if (status.ok()) status = AwaitReports();
  if (status.ok()) status = CheckReplicas();
  failed_ = !status.ok();
  if (failed_) return status;
  return Collect();
}

// Every thread and process ends here, whatever happened before.
void ClusterRun::Shutdown() {
  const absl::Time deadline = absl::Now() + (failed_ ? kLastMoment : options_.stop_deadline);
  if (crew_ != nullptr) crew_->StopProcesses(deadline);
  servers_.Close();
  if (crew_ != nullptr) crew_->JoinThreads();
}

}  // namespace

absl::StatusOr<RunResult> RunCluster(const Job& job, const ClusterOptions& options) {
  return ClusterRun(job, options).Run();
}

}  // namespace gyre
