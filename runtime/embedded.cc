// RunEmbedded: a plan in this process. Binds stages, folds and tables, runs the lanes, collects.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/graph/verify.h"
#include "compiler/plan.pb.h"
#include "runtime/checkpoint.h"
#include "runtime/cursor.h"
#include "runtime/env.h"
#include "runtime/executable.h"
#include "runtime/job.h"
#include "runtime/kernel_call.h"
#include "runtime/lane.h"
#include "runtime/latent_rows.h"
#include "runtime/linear_table.h"
#include "runtime/local_rows.h"
#include "runtime/local_table.h"
#include "runtime/monitor.h"
#include "runtime/plan_rules.h"
#include "runtime/run_gate.h"
#include "runtime/shared_table.h"
#include "runtime/start.h"

namespace gyre {
namespace {

absl::Status CheckJob(const Job& job) {
  if (job.program == nullptr || job.plan == nullptr)
    return absl::InvalidArgumentError("a job needs a program and a plan");
  const int workers = job.plan->cluster().workers();
  if (static_cast<int>(job.worker.size()) != workers)
    return absl::InvalidArgumentError(
        absl::StrCat("the plan is for ", workers, " workers and the data for ", job.worker.size()));
  if (job.extent.size() != static_cast<size_t>(job.program->graph.axis.size))
    return absl::InvalidArgumentError("extents of axes are not those of the program");
  if (job.type == Type::kInt32)
    return absl::InvalidArgumentError("parameters are float32 or float64");
  const absl::Status legal = Verify(*job.plan);
  return legal.ok() ? CheckEmbedded(*job.plan) : legal;
}

class EmbeddedRun {
 public:
  EmbeddedRun(LocalRows* locals, const std::vector<int32_t*>& latent)
      : locals_(locals),
        job_(locals->job()),
        latent_(latent),
        plan_(*job_.plan),
        program_(*job_.program),
        env_(job_.env != nullptr ? job_.env : &machine_) {}

  absl::StatusOr<RunResult> Run() {
    absl::Status status = SetHypers(0);
    if (status.ok()) status = Prepare();
    if (!status.ok()) return status;
    RunResult result;
    for (int phase = 0; phase == 0 || phase < plan_.phase_size(); ++phase) {
      if (phase > 0) {
        status = SetHypers(phase);
        if (status.ok()) status = Restart();
        if (!status.ok()) return status;
      }
      RunLanes();
      if (status = gate_->status(); !status.ok()) return status;
      if (status = monitor_->status(); !status.ok()) return status;
      EndPhase(&result);
      if (result.stop_reason == StopReason::kRequested) break;
    }
    CollectCounters(&result);
    return result;
  }

 private:
  int workers() const { return plan_.cluster().workers(); }
  int lanes() const { return std::clamp(plan_.cluster().lanes(), 1, workers()); }

  absl::Status SetHypers(int phase);
  absl::Status Prepare();
  absl::Status Restart();
  absl::Status MakeStages();
  absl::Status MakeMonitor();
  absl::Status ReadState();
  absl::Status WriteState(Clock clock, std::string monitor);
  void MakeTable();
  void MakeSharedTable(int lag);
  void MakeCursors();
  GatherOp MakeGather(int worker, int stage) const;
  void RunLanes();
  void EndPhase(RunResult* result);
  void CountGathers(RunResult* result);
  void CollectCounters(RunResult* result);
  // Whether contributions of one worker are folded on their own.
  bool Linear() const { return LagOf(stage_plan_) != 1 && stage_plan_[0].linear && workers() > 1; }

  LocalRows* const locals_;
  const Job& job_;
  const std::vector<int32_t*> latent_;  // by symbol: where passes read it
  const Plan& plan_;
  const Program& program_;
  MachineEnv machine_;
  Env* const env_;
  std::vector<double> hyper_;  // by symbol, of the phase at hand
  PostContext context_;
  std::vector<AlignedArray<double>> built_;
  std::unique_ptr<ParamState> state_;
  std::vector<StagePlan> stage_plan_;
  StageFolds stages_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Monitor> monitor_;
  std::unique_ptr<RunGate> gate_;
  std::unique_ptr<EmbeddedTable> table_;
  std::vector<std::unique_ptr<Cursor>> cursor_;
  Checkpoint checkpoint_;  // the last written
  Clock first_ = 0;        // of the run: where the checkpoint ended
  int patience_ = 0;       // of cursors that are not on the first lane
  double ns_per_cycle_ = 1;
  std::vector<TaskCounters> by_task_;
};

// Those of the job, and in their place what the phase says.
absl::Status EmbeddedRun::SetHypers(int phase) {
  hyper_.assign(job_.hyper.begin(), job_.hyper.end());
  if (phase >= plan_.phase_size()) return absl::OkStatus();
  for (const auto& [name, value] : plan_.phase(phase).hyper()) {
    int symbol = 0;
    while (symbol < program_.graph.symbol.size &&
           (program_.graph.symbol[symbol].name != name ||
            program_.graph.symbol[symbol].kind != ir::Kind::kHyper))
      ++symbol;
    if (symbol == program_.graph.symbol.size)
      return absl::FailedPreconditionError(
          absl::StrCat("plan: phase \"", plan_.phase(phase).id(), "\" sets \"", name,
                       "\", which is no hyper-parameter of the program; plan this program again"));
    hyper_[static_cast<size_t>(symbol)] = value;
  }
  return absl::OkStatus();
}

absl::Status EmbeddedRun::Prepare() {
  if (absl::Status status = CheckJob(job_); !status.ok()) return status;
  absl::StatusOr<std::vector<StagePlan>> stages = BindStages(plan_, program_);
  if (!stages.ok()) return stages.status();
  stage_plan_ = *std::move(stages);
  context_.program = job_.program;
  context_.data = job_.worker[0].data;
  context_.hyper = hyper_.data();
  context_.extent = job_.extent.data();
  context_.seed = job_.seed;
  BuildTotals(job_, &context_, &built_);
  state_ = std::make_unique<ParamState>(program_, job_.extent, job_.type);
  context_.param = state_->by_symbol();
  absl::Status status = StartParameters(job_, context_, state_.get());
  if (status.ok()) status = MakeStages();
  if (!status.ok()) return status;
  evaluator_ = std::make_unique<Evaluator>(job_, context_, *state_);
  status = MakeMonitor();
  if (status.ok()) status = ReadState();
  if (!status.ok()) return status;
  MakeTable();
  MakeCursors();
  table_->StartAt(first_);
  for (const auto& cursor : cursor_) cursor->StartAt(first_);
  return absl::OkStatus();
}

// From the parameters at hand, with the hyper-parameters of another phase.
absl::Status EmbeddedRun::Restart() {
  if (program_.build >= 0) BuildTotals(job_, &context_, &built_);
  for (const auto& stage : stages_)
    if (absl::Status status = stage->fold->Start(state_.get()); !status.ok()) return status;
  if (absl::Status status = MakeMonitor(); !status.ok()) return status;
  MakeTable();
  cursor_.clear();
  MakeCursors();
  table_->StartAt(0);
  for (const auto& cursor : cursor_) cursor->StartAt(0);
  return absl::OkStatus();
}

absl::Status EmbeddedRun::MakeStages() {
  FoldSetup setup;
  setup.program = job_.program;
  setup.context = context_;
  setup.sweep_data = job_.sweep_data.empty() ? nullptr : job_.sweep_data.data();
  setup.extent = job_.extent;
  setup.type = job_.type;
  setup.env = env_;
  setup.measure_change = program_.objective.value.fn == nullptr;
  setup.seed = job_.seed;
  setup.latent = latent_;
  setup.lag = std::max(1, LagOf(stage_plan_));
  setup.boundary = StopRulesOf(plan_, program_).boundary;
  for (StagePlan& plan : stage_plan_) {
    plan.rule.tolerance = plan_.stop().tolerance();
    setup.workers = plan.gather >= 0 ? workers() : 1;
    absl::StatusOr<std::unique_ptr<Fold>> fold = MakeFold(setup, *plan.statement, plan.rule);
    if (!fold.ok()) return fold.status();
    if (absl::Status status = (*fold)->Start(state_.get()); !status.ok()) return status;
    Layout totals =
        plan.pass == nullptr ? Layout() : TotalLayout(program_, *plan.pass, job_.extent);
    stages_.push_back(std::make_unique<StageFold>(
        plan, context_, std::move(totals), *std::move(fold), EpochsPerClock(plan, job_.extent)));
  }
  return absl::OkStatus();
}

// The state as the file has it, in place of the start; before tables copy it.
absl::Status EmbeddedRun::ReadState() {
  if (job_.checkpoint.path.empty()) return absl::OkStatus();
  if (locals_->count() > 0 && (LagOf(stage_plan_) != 1 || plan_.stop().decision_lag() != 0))
    return absl::InvalidArgumentError(
        "state that lives with the rows is kept in checkpoints where all workers rest when a clock "
        "is over: plan with --bridge=bsp, or leave --checkpoint_dir out");
  checkpoint_ = CheckpointOf(job_);
  if (!job_.checkpoint.resume) return absl::OkStatus();
  const std::string& path = job_.checkpoint.path;
  absl::StatusOr<Checkpoint> found = ReadCheckpoint(path);
  if (!found.ok()) return found.status();
  absl::Status status = CheckCheckpoint(path, *found, checkpoint_, program_);
  if (!status.ok()) return status;
  const auto misfit = [&](const absl::Status& why) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": was written by another build of this program (", why.message(),
                     "); start anew without --resume"));
  };
  if (found->model.size() != static_cast<size_t>(state_->layout().size) ||
      found->fold.size() != stages_.size() + static_cast<size_t>(locals_->count()))
    return misfit(absl::InvalidArgumentError("another layout"));
  std::copy(found->model.begin(), found->model.end(), state_->master());
  for (size_t k = 0; k < stages_.size(); ++k)
    if (status = stages_[k]->fold->Load(found->fold[k]); !status.ok()) return misfit(status);
  found->fold.erase(found->fold.begin(), found->fold.begin() + static_cast<long>(stages_.size()));
  if (status = locals_->Load(found->fold); !status.ok()) return misfit(status);
  if (status = monitor_->Resume(found->clock, found->monitor); !status.ok()) return misfit(status);
  first_ = found->clock;
  return absl::OkStatus();
}

absl::Status EmbeddedRun::WriteState(Clock clock, std::string monitor) {
  checkpoint_.clock = clock;
  checkpoint_.monitor = std::move(monitor);
  checkpoint_.model.assign(state_->master(), state_->master() + state_->layout().size);
  checkpoint_.fold.clear();
  for (const auto& stage : stages_) checkpoint_.fold.push_back(stage->fold->Save());
  for (std::string& local : locals_->Save()) checkpoint_.fold.push_back(std::move(local));
  return WriteCheckpoint(job_.checkpoint.path, checkpoint_);
}

absl::Status EmbeddedRun::MakeMonitor() {
  Monitor::Options options;
  options.stop = StopRulesOf(plan_, program_);
  if (!options.stop.ends() && job_.stop_requested == nullptr)
    return absl::InvalidArgumentError(
        "the plan has no rule to stop; set max_clocks, max_seconds, tolerance or target");
  absl::StatusOr<EvaluationRules> evaluation = EvaluationRulesOf(plan_, stage_plan_, job_.extent);
  if (!evaluation.ok()) return evaluation.status();
  options.evaluation = *evaluation;
  options.workers = workers();
  options.epochs_per_clock = stages_.front()->epochs_per_clock;
  options.lag = LagOf(stage_plan_);
  options.checkpoint.every = plan_.recovery().every();
  options.checkpoint.seconds = job_.checkpoint.seconds;
  options.checkpoint.at_pauses = Linear();
  if (!job_.checkpoint.path.empty())
    options.checkpoint.save = [this](Clock clock, std::string monitor) {
      return WriteState(clock, std::move(monitor));
    };
  monitor_ =
      std::make_unique<Monitor>(options, job_, &stages_, state_.get(), evaluator_.get(), env_);
  gate_ = std::make_unique<RunGate>(monitor_.get());
  return absl::OkStatus();
}

// Looks before another lane than the first folds: about a microsecond, many times what it takes the
// first lane to find out by itself.
constexpr int kPatience = 32;

void EmbeddedRun::MakeSharedTable(int lag) {
  // Folds that read the data themselves see the parameters as they are.
  const bool publishes = std::any_of(stage_plan_.begin(), stage_plan_.end(),
                                     [](const StagePlan& s) { return s.pass != nullptr; });
  auto table = std::make_unique<SharedTable>(SharedTable::Options{workers(), lanes(), lag, publishes},
                                             state_.get(), &stages_, monitor_.get(), env_);
  patience_ = table->sliced() ? 0 : kPatience;
  table_ = std::move(table);
}

void EmbeddedRun::MakeTable() {
  const int lag = LagOf(stage_plan_);
  if (Linear())
    table_ = std::make_unique<LinearTable>(workers(), lanes(), state_.get(), stages_[0].get(),
                                           monitor_.get(), env_);
  else if (workers() == 1)
    table_ = std::make_unique<LocalTable>(state_.get(), &stages_, monitor_.get());
  else
    MakeSharedTable(lag);
  monitor_->SetTable(table_.get());
}

GatherOp EmbeddedRun::MakeGather(int worker, int stage) const {
  const StagePlan& plan = stage_plan_[static_cast<size_t>(stage)];
  if (plan.pass == nullptr) {  // the fold reads the data itself
    GatherOp op;
    op.task = plan.gather;
    op.slice = stage;
    op.every = plan.every;
    op.need = {0, plan.lag == 1 ? 0 : plan.lag, static_cast<int>(stages_.size()), stage};
    op.work = stages_[static_cast<size_t>(stage)]->fold.get();
    op.epochs_per_clock = EpochsPerClock(plan, job_.extent);
    return op;
  }
  const WorkerData rows = RowsOf(job_, plan.pass->row_axis, worker);
  const int64_t all = job_.extent[static_cast<size_t>(plan.pass->row_axis)],
                mine = rows.row_end - rows.row_begin;
  const int lag = LagOf(stage_plan_);
  GatherOp op;
  op.task = plan.gather;
  op.slice = stage;
  op.every = plan.every;
  op.need = {0, lag == 1 ? 0 : lag, static_cast<int>(stages_.size()),
             stage};  // lag 1 in place: the stage before it
  op.fn = KernelOf(*plan.pass, job_.type);
  op.args = ArgsOf(context_, rows);
  const double share = all > 0 ? static_cast<double>(plan.batch) * static_cast<double>(mine) /
                                     static_cast<double>(all)
                               : 0;
  const int64_t batch = plan.batch > 0 ? std::max<int64_t>(1, std::llround(share)) : 0;
  op.batches = Batches(rows.row_begin, rows.row_end, batch, job_.seed, worker);
  op.epochs_per_clock = EpochsPerClock(plan, job_.extent);
  return op;
}

void EmbeddedRun::MakeCursors() {
  for (int w = 0; w < workers(); ++w) {
    std::vector<GatherOp> ops;
    std::vector<std::string> names;
    int64_t scratch = 0;
    for (int k = 0; k < static_cast<int>(stages_.size()); ++k) {
      if (!stages_[static_cast<size_t>(k)]->gathers()) continue;
      ops.push_back(MakeGather(w, k));
      names.push_back(plan_.task(ops.back().task).id());
      if (ops.back().work != nullptr) continue;
      scratch = std::max(
          scratch, ScratchOf(*stage_plan_[static_cast<size_t>(k)].pass,
                             job_.worker[static_cast<size_t>(w)], job_.extent.data(), job_.type));
    }
    if (ops.empty()) {  // sweeps and assignments alone: a clock is over when its stages are
      GatherOp wait;
      wait.need = {0, 0, static_cast<int>(stages_.size()), static_cast<int>(stages_.size())};
      ops.push_back(std::move(wait));
      names.push_back(plan_.task(stage_plan_.back().fold).id());
    }
    cursor_.push_back(std::make_unique<Cursor>(w, std::move(ops), std::move(names),
                                               program_.graph.symbol.size, scratch, table_.get(),
                                               gate_.get()));
    if (w % lanes() != 0) cursor_.back()->set_patience(patience_);
  }
}

// Worker w is on lane w mod lanes; lane 0 is the calling thread.
void EmbeddedRun::RunLanes() {
  Lane::Options options;
  options.spin =
      lanes() > 1 && static_cast<unsigned>(lanes()) <= std::thread::hardware_concurrency();
  options.stall_ns = absl::ToInt64Nanoseconds(job_.stall_deadline);
  std::atomic<int> running{lanes()};
  std::vector<Lane> lane;
  for (int l = 0; l < lanes(); ++l) {
    std::vector<Cursor*> mine;
    for (int w = l; w < workers(); w += lanes())
      mine.push_back(cursor_[static_cast<size_t>(w)].get());
    lane.emplace_back(options, std::move(mine), gate_.get(), env_, &running);
  }
  const int64_t ns = env_->Nanos(), cycles = Cycles();
  monitor_->Start();
  std::vector<std::thread> threads;
  for (int l = 1; l < lanes(); ++l)
    threads.emplace_back([&lane, l] { lane[static_cast<size_t>(l)].Run(); });
  lane[0].Run();
  for (std::thread& t : threads) t.join();
  const int64_t passed = Cycles() - cycles;
  ns_per_cycle_ =
      passed > 0 ? static_cast<double>(env_->Nanos() - ns) / static_cast<double>(passed) : 1;
}

// The cursors end with their phase.
void EmbeddedRun::CountGathers(RunResult* result) {
  by_task_.resize(static_cast<size_t>(plan_.task_size()));
  for (const auto& cursor : cursor_)
    for (const GatherOp& op : cursor->ops()) {
      if (op.task < 0) continue;
      TaskCounters& c = by_task_[static_cast<size_t>(op.task)];
      c.fired += op.watch.fired();
      c.busy_ns += static_cast<int64_t>(static_cast<double>(op.watch.busy()) * ns_per_cycle_);
      c.waited_ns += static_cast<int64_t>(static_cast<double>(op.waited) * ns_per_cycle_);
      result->rows += op.rows;
    }
}

void EmbeddedRun::CollectCounters(RunResult* result) {
  for (const auto& stage : stages_) {
    TaskCounters& fold = by_task_[static_cast<size_t>(stage->plan->fold)];
    fold.fired = stage->watch.fired();
    fold.busy_ns = static_cast<int64_t>(static_cast<double>(stage->watch.busy()) * ns_per_cycle_);
    if (stage->plan->schedule < 0) continue;
    TaskCounters& schedule = by_task_[static_cast<size_t>(stage->plan->schedule)];
    schedule.fired = fold.fired;
    schedule.busy_ns = stage->fold->schedule_ns();
    fold.busy_ns = std::max<int64_t>(0, fold.busy_ns - schedule.busy_ns);
  }
  for (int t = 0; t < plan_.task_size(); ++t) {
    by_task_[static_cast<size_t>(t)].task = plan_.task(t).id();
    if (by_task_[static_cast<size_t>(t)].fired > 0)
      result->counters.push_back(by_task_[static_cast<size_t>(t)]);
  }
}

void EmbeddedRun::EndPhase(RunResult* result) {
  const Clock clocks = result->clocks;
  const double seconds = result->train_seconds, paused = result->evaluate_seconds;
  monitor_->EvaluateCopies();
  monitor_->Report(result);
  result->staleness = table_->ObservedStaleness();
  CountGathers(result);
  if (plan_.phase_size() > 0)
    result->phase.push_back({hyper_, result->parameter, result->objective, result->gap,
                             result->measure, result->clocks, result->train_seconds,
                             result->stop_reason});
  result->clocks += clocks;
  result->train_seconds += seconds;
  result->evaluate_seconds += paused;
}

}  // namespace

absl::StatusOr<RunResult> RunEmbedded(const Job& job) {
  const LatentRows latents(job);
  if (!latents.status().ok()) return latents.status();
  if (absl::Status status = CheckLocals(job); !status.ok()) return status;
  LocalRows locals(latents.job());
  return EmbeddedRun(&locals, latents.by_symbol()).Run();
}

}  // namespace gyre
