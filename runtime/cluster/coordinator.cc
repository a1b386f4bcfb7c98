// RunCluster: the coordinator, and the parameter server beside it.
//
// Nothing here is on the path of a clock: parcels, folds and updates run on the threads of their
// streams, and stop rules are decided by the Monitor on the thread that completes a boundary. This
// thread starts processes, watches them, and ends the run.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "compiler/plan.pb.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "runtime/cluster/assembly.h"
#include "runtime/cluster/cluster.h"
#include "runtime/cluster/control_service.h"
#include "runtime/cluster/owner.h"
#include "runtime/cluster/parameter_server.h"
#include "runtime/cluster/process.h"
#include "runtime/cluster/quiet.h"
#include "runtime/evaluator.h"
#include "runtime/start.h"

namespace gyre {
namespace {

// What workers of a failed run get to end by themselves, and again after SIGTERM.
constexpr absl::Duration kLastMoment = absl::Milliseconds(300);
constexpr uint32_t kEpoch = 1;  // of a run; a re-planned run has the next

class ClusterRun {
 public:
  ClusterRun(const Job& job, const ClusterOptions& options) : user_job_(job), options_(options) {}
  ~ClusterRun() { Shutdown(); }

  absl::StatusOr<RunResult> Run();

 private:
  absl::Status Bind();
  absl::Status Listen();
  absl::Status StartWorkers();
  absl::Status AwaitLoaded();
  absl::Status Assemble();
  absl::Status AwaitEnd();
  absl::Status AwaitReports();
  RunResult Collect();
  void Shutdown();

  void Partial(int process, int64_t round, std::vector<double> share);
  void Moved();
  void Fail(absl::Status status);
  absl::Status Failure() const;
  absl::Status CheckProcesses();
  std::string Waiting();
  std::string NameOf(int process) const;
  std::string HowItEnded(int process);
  wire::JobDescription Describe(int process) const;
  int FirstWorker(int process) const {
    return static_cast<int>(static_cast<int64_t>(user_job_.worker.size()) * process / processes_);
  }

  const Job& user_job_;
  const ClusterOptions& options_;
  Job job_;  // one worker and one share of the held-out rows for each process
  int processes_ = 1;
  std::string address_, token_;
  MachineEnv env_;
  std::unique_ptr<Assembly> assembly_;
  std::unique_ptr<ControlService> control_;
  std::unique_ptr<Owner> owner_;
  std::unique_ptr<ParameterServer> server_;
  std::unique_ptr<grpc::Server> grpc_;
  std::vector<ChildProcess> child_;  // kLocal, by process
  std::vector<std::thread> thread_;  // kInproc

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

  mutable Mutex mutex_;
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
  for (const StagePlan& s : assembly_->stages()) {
    if (s.pass == nullptr) continue;
    int64_t rows = 0;
    for (const WorkerData& w : job_.worker) rows += w.row_end - w.row_begin;
    if (rows != job_.extent[static_cast<size_t>(s.pass->row_axis)]) {
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
  d.set_processes(processes_);
  d.set_first_worker(FirstWorker(process));
  for (int w = FirstWorker(process); w < FirstWorker(process + 1); ++w) {
    wire::RowRange* rows = d.add_rows();
    rows->set_begin(user_job_.worker[static_cast<size_t>(w)].row_begin);
    rows->set_end(user_job_.worker[static_cast<size_t>(w)].row_end);
  }
  d.set_single(job_.type == Type::kFloat32);
  d.set_owner(address_);
  d.set_measured_elsewhere(!job_.test.empty());
  d.set_deadline_seconds(absl::ToDoubleSeconds(job_.stall_deadline));
  return d;
}

absl::Status ClusterRun::Listen() {
  absl::StatusOr<HostPort> listen = ParseAddress(options_.listen);
  if (!listen.ok()) return listen.status();
  SecurityOptions security = options_.security;
  if (absl::Status s = CheckSecurity(listen->host, security); !s.ok()) return s;
  token_ = security.token.empty() ? RandomToken() : security.token;
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = ServerSecurity(security);
  if (!credentials.ok()) return credentials.status();
  if (absl::Status s = CheckPortIsFree(*listen); !s.ok()) return s;

  Owner::Options owner;
  owner.processes = processes_;
  owner.window = assembly_->lag() == kAsync ? 0 : assembly_->window();
  owner.linear = assembly_->linear();
  owner.epoch = kEpoch;
  owner.type = job_.type;
  owner_ = std::make_unique<Owner>(owner);
  control_ = std::make_unique<ControlService>(processes_, kEpoch, token_, job_.program->fingerprint,
                                              [this](int process) { return Describe(process); });
  ParameterServer::Handlers handlers;
  handlers.limit = [this] { return started_.load() ? monitor_->limit() : 0; };
  handlers.partial = [this](int process, int64_t round, std::vector<double> share) {
    Partial(process, round, std::move(share));
  };
  handlers.failed = [this](int process, absl::Status status) {
    Fail(absl::Status(status.code(), absl::StrCat(NameOf(process), ": ", status.message())));
  };
  handlers.moved = [this] { Moved(); };
  server_ = std::make_unique<ParameterServer>(processes_, token_, owner_.get(), handlers);

  grpc::ServerBuilder builder;
  ServerSettings(&builder);
  int port = 0;
  builder.AddListeningPort(options_.listen, *credentials, &port);
  builder.RegisterService(control_.get());
  builder.RegisterService(server_->service());
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", options_.listen, ": give another address"));
  }
  const size_t colon = options_.listen.rfind(':');
  address_ = absl::StrCat(options_.listen.substr(0, colon), ":", port);
  if (options_.on_listening) options_.on_listening(address_);
  return absl::OkStatus();
}

absl::Status ClusterRun::StartWorkers() {
  for (int p = 0; p < processes_; ++p) {
    if (options_.kind == ClusterOptions::Kind::kLocal) {
      std::vector<std::string> argv = options_.worker_command;
      argv.push_back(absl::StrCat("--coordinator=", address_));
      std::vector<std::string> environment = options_.worker_environment;
      environment.push_back(absl::StrCat(kTokenVariable, "=", token_));
      environment.push_back(absl::StrCat(kProcessVariable, "=", p));
      environment.push_back(absl::StrCat(kStartedVariable, "=1"));
      absl::StatusOr<ChildProcess> child = ChildProcess::Start(argv, environment);
      if (!child.ok()) return child.status();
      child_.push_back(*std::move(child));
    } else if (options_.kind == ClusterOptions::Kind::kInproc) {
      thread_.emplace_back([this, p] {
        WorkerOptions worker;
        worker.coordinator = address_;
        worker.security = options_.security;
        worker.security.token = token_;
        worker.process = p;
        const absl::Status status = ServeWorker(*job_.program, worker, options_.loader);
        if (!status.ok() && status.code() != absl::StatusCode::kCancelled) {
          Fail(absl::Status(status.code(), absl::StrCat(NameOf(p), ": ", status.message())));
        }
      });
    }
  }
  return absl::OkStatus();
}

std::string ClusterRun::NameOf(int process) const {
  const int64_t pid = control_->process(process).pid;
  return pid > 0 && options_.kind != ClusterOptions::Kind::kInproc
             ? absl::StrCat("worker process ", process, " (pid ", pid, ")")
             : absl::StrCat("worker process ", process);
}

// The wait status of a local child that is gone; empty for others.
std::string ClusterRun::HowItEnded(int process) {
  if (static_cast<size_t>(process) >= child_.size()) return "";
  const absl::optional<int> status =
      child_[static_cast<size_t>(process)].Wait(absl::Now() + absl::Seconds(1));
  return status.has_value() ? absl::StrCat(": ", DescribeWaitStatus(*status)) : "";
}

void ClusterRun::Fail(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = std::move(status);
  }
  control_->Nudge();
}

absl::Status ClusterRun::Failure() const {
  MutexLock lock(&mutex_);
  return failure_;
}

// What ended before its time, by name.
absl::Status ClusterRun::CheckProcesses() {
  for (int p = 0; p < processes_; ++p) {
    const ControlService::Process state = control_->process(p);
    if (!state.failure.ok()) {
      return absl::Status(state.failure.code(),
                          absl::StrCat(NameOf(p), ": ", state.failure.message()));
    }
    if (state.finished) continue;
    const bool ended =
        static_cast<size_t>(p) < child_.size() && child_[static_cast<size_t>(p)].Poll().has_value();
    if (state.lost || ended) {
      return absl::UnavailableError(
          absl::StrCat(NameOf(p), " ended before the run was over", HowItEnded(p)));
    }
  }
  return Failure();
}

std::string ClusterRun::Waiting() {
  std::vector<std::string> words;
  if (started_.load()) words.push_back(owner_->Laggard());
  for (int p = 0; p < processes_; ++p) {
    const ControlService::Process state = control_->process(p);
    if (!state.registered) {
      words.push_back(absl::StrCat(NameOf(p), " has not registered"));
      continue;
    }
    const absl::Duration silent = absl::Now() - state.heard;
    words.push_back(
        absl::StrCat(NameOf(p), " was last heard ", absl::ToInt64Milliseconds(silent), " ms ago",
                     !state.started ? ", loading" : absl::StrCat(" at clock ", state.clock),
                     state.waiting.empty() ? "" : absl::StrCat(": ", state.waiting)));
  }
  return absl::StrJoin(words, "; ");
}

void ClusterRun::Partial(int process, int64_t round, std::vector<double> share) {
  progress_.fetch_add(1, std::memory_order_relaxed);
  if (round == 0) {
    MutexLock lock(&mutex_);
    share_[static_cast<size_t>(process)] = std::move(share);
    ++shares_;
    control_->Nudge();
    return;
  }
  if (!started_.load() || round != monitor_->pause() ||
      static_cast<int64_t>(share.size()) != evaluator_->sum_size()) {
    return Fail(absl::InternalError(
        absl::StrCat(NameOf(process), " answered a pause that was not asked for")));
  }
  owner_->Locked([&] {
    evaluator_->Load(process, share.data());
    monitor_->TakePart(process);
  });
}

// After every fold and every answer: a pause may have begun, or the run may be over.
void ClusterRun::Moved() {
  if (!started_.load()) return;
  progress_.fetch_add(1, std::memory_order_relaxed);
  const int64_t pause = monitor_->pause();
  int64_t before = pauses_.load();
  if (pause > before && pauses_.compare_exchange_strong(before, pause)) {
    auto model = std::make_shared<std::vector<double>>(static_cast<size_t>(state_->layout().size));
    Stage stage = 0;
    owner_->Locked([&] {
      std::copy_n(evaluator_->model(), model->size(), model->begin());
      stage = table_->Folded() * static_cast<Stage>(folds_.size());
    });
    server_->SendModel(pause, stage, std::move(model));
  }
  if (monitor_->finished()) control_->Nudge();
}

absl::Status ClusterRun::AwaitLoaded() {
  const absl::Time deadline = absl::Now() + options_.start_deadline;
  for (;;) {
    if (absl::Status status = CheckProcesses(); !status.ok()) return status;
    {
      MutexLock lock(&mutex_);
      if (shares_ == processes_) return absl::OkStatus();
    }
    if (job_.stop_requested != nullptr && job_.stop_requested->load()) {
      return absl::CancelledError("stopped before training began");
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("not all workers have started within ",
                                                      absl::FormatDuration(options_.start_deadline),
                                                      ": ", Waiting()));
    }
    control_->AwaitChange(std::min(deadline, absl::Now() + absl::Milliseconds(50)));
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
  if (absl::Status status = StartParameters(job_, context_, state_.get()); !status.ok()) {
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
  owner_->Attach(table_.get(), &folds_, state_.get());
  started_.store(true);
  server_->SendSum(std::make_shared<const std::vector<double>>(built_));
  return absl::OkStatus();
}

absl::Status ClusterRun::AwaitEnd() {
  int64_t progress = progress_.load();
  absl::Time moved = absl::Now();
  while (!monitor_->finished()) {
    if (absl::Status status = CheckProcesses(); !status.ok()) return status;
    const absl::Time now = absl::Now();
    if (const int64_t p = progress_.load(); p != progress) {
      progress = p;
      moved = now;
    }
    bool computing = false;  // somebody who was heard of lately and does not wait
    for (int p = 0; p < processes_; ++p) {
      const ControlService::Process state = control_->process(p);
      computing |= state.waiting.empty() && now - state.heard < job_.stall_deadline;
    }
    if (now - moved > job_.stall_deadline && !computing) {
      return absl::DeadlineExceededError(absl::StrCat(
          "nothing moved for ", absl::ToInt64Milliseconds(now - moved), " ms: ", Waiting()));
    }
    control_->AwaitChange(now + absl::Milliseconds(50));
  }
  return absl::OkStatus();
}

absl::Status ClusterRun::AwaitReports() {
  const absl::Time deadline = absl::Now() + options_.stop_deadline;
  for (;;) {
    if (absl::Status status = CheckProcesses(); !status.ok()) return status;
    bool all = true;
    for (int p = 0; p < processes_; ++p) all = all && control_->process(p).finished;
    if (all) return absl::OkStatus();
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("not all workers reported at the end: ", Waiting()));
    }
    control_->AwaitChange(std::min(deadline, absl::Now() + absl::Milliseconds(50)));
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
    const ControlService::Process state = control_->process(p);
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
  result.bytes_sent = server_->bytes_sent();
  result.bytes_received = server_->bytes_received();
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
  absl::Status status = StartWorkers();
  if (status.ok()) status = AwaitLoaded();
  if (status.ok()) status = Assemble();
  if (status.ok()) status = AwaitEnd();
  if (status.ok()) owner_->Locked([&] { status = monitor_->status(); });  // of the folds
  wire::End end;
  end.set_failed(!status.ok());
  end.set_reason(std::string(status.message()));
  if (monitor_ != nullptr) end.set_clock(table_ != nullptr ? table_->Folded() : 0);
  control_->End(end);
  if (status.ok()) status = AwaitReports();
  failed_ = !status.ok();
  if (failed_) return status;
  return Collect();
}

// Every thread and process ends here, whatever happened before.
void ClusterRun::Shutdown() {
  const absl::Time deadline = absl::Now() + (failed_ ? kLastMoment : options_.stop_deadline);
  for (ChildProcess& child : child_) {
    if (!child.Wait(deadline).has_value()) child.Stop(kLastMoment);
  }
  if (server_ != nullptr) server_->Close();
  if (grpc_ != nullptr) {
    grpc_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    grpc_->Wait();
  }
  for (std::thread& t : thread_) t.join();
}

}  // namespace

absl::StatusOr<RunResult> RunCluster(const Job& job, const ClusterOptions& options) {
  return ClusterRun(job, options).Run();
}

}  // namespace gyre
