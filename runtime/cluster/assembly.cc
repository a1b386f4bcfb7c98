#include "runtime/cluster/assembly.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/graph/verify.h"
#include "compiler/plan.pb.h"
#include "runtime/cluster/mesh.h"
#include "runtime/contribution.h"
#include "runtime/kernel_call.h"
#include "runtime/linear_table.h"
#include "runtime/shared_table.h"
#include "runtime/start.h"

namespace gyre {
namespace {

// Without a bound, contributions under way are bounded by memory alone; more than a few only age.
constexpr int kAsyncWindow = 4;

}  // namespace

absl::StatusOr<Assembly> Assembly::Bind(const Job& job) {
  if (absl::Status status = Verify(*job.plan); !status.ok()) return status;
  if (job.plan->phase_size() > 0)
    return absl::UnimplementedError(
        "plan: its phases follow one another in one process; run it with --cluster=embedded");
  absl::StatusOr<std::vector<StagePlan>> stages = BindStages(*job.plan, *job.program);
  if (!stages.ok()) return stages.status();
  Assembly assembly(job);
  assembly.stages_ = *std::move(stages);
  for (StagePlan& s : assembly.stages_) {
    s.rule.tolerance = job.plan->stop().tolerance();
    if (s.statement->kind == StatementKind::kSweep) {
      return absl::UnimplementedError(
          "a sweep needs all its rows in one process: run it with "
          "--cluster=embedded");
    }
    if (s.every > 1) {
      return absl::UnimplementedError(
          "plan: tasks that skip clocks run in one process: run it with --cluster=embedded");
    }
    if ((s.pass != nullptr || s.moves) && (s.lag > assembly.lag_ || s.lag == kAsync))
      assembly.lag_ = s.lag;
  }
  absl::StatusOr<EvaluationRules> evaluation =
      EvaluationRulesOf(*job.plan, assembly.stages_, job.extent);
  if (!evaluation.ok()) return evaluation.status();
  if (evaluation->deferred) {
    return absl::UnimplementedError(
        "plan: evaluation DEFERRED keeps copies in one process; use PAUSED, or run it with "
        "--cluster=embedded");
  }
  assembly.evaluation_ = *evaluation;
  for (const Table& t : job.plan->table()) {
    if (t.role() != Table::PARAM || t.storage() != Table::REPLICA) continue;
    assembly.replicas_ = true;
    assembly.topology_ = t.topology();
  }
  if (assembly.merged()) {
    if (assembly.lag_ == kAsync)
      return absl::InvalidArgumentError(
          "plan: sums merged on the way are of whole clocks, and async has none");
    const bool halton = assembly.topology_ == Table::HALTON;
    const std::string illegal = Mesh::Illegal(
        halton ? Mesh::Topology::kHalton : Mesh::Topology::kRing, job.plan->cluster().processes());
    if (!illegal.empty())
      return absl::InvalidArgumentError(
          absl::StrCat("plan: topology HALTON ", illegal, "; plan again with --topology=ring"));
  }
  if (assembly.stages_.front().pass == nullptr && !assembly.stages_.front().moves) {
    return absl::UnimplementedError(
        "the program's clock does not begin with a sum over rows: run "
        "it with --cluster=embedded");
  }
  if (absl::Status status = assembly.Encode(); !status.ok()) return status;
  return assembly;
}

// What the tasks' writes say of how totals travel.
absl::Status Assembly::Encode() {
  const Plan& plan = *job_->plan;
  const Program& program = *job_->program;
  const auto wrong = [](const Write& w, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("plan: \"", w.table(), "\" ", what));
  };
  for (const StagePlan& s : stages_) {
    encodings_.emplace_back();
    if (s.moves) {
      if (absl::Status status = EncodeMoves(s, &encodings_.back()); !status.ok()) return status;
    }
    if (s.pass == nullptr) continue;
    const size_t totals = s.pass->total.size();
    StageEncoding& encoding = encodings_.back();
    encoding.field.resize(totals);
    std::vector<bool> terms(totals);
    for (const Write& w : plan.task(s.gather).write()) {
      for (const Table& t : plan.table()) {
        if (t.id() != w.table() || !t.has_total()) continue;
        const auto at = std::find(s.pass->total.begin(), s.pass->total.end(), t.total());
        if (at == s.pass->total.end()) continue;
        const auto i = static_cast<size_t>(at - s.pass->total.begin());
        if (!CodecOf(w.codec(), &encoding.field[i].codec))
          return wrong(
              w, absl::StrCat("travels as \"", w.codec(), "\"; f32, bf16 and fp16 are known"));
        if (w.payload() == Write::FACTORS) {
          if (s.pass->outer[i].u.empty()) return wrong(w, "has no factors to travel as");
          terms[i] = true;
        } else if (w.payload() == Write::ROWS) {
          const ir::Total& total = program.graph.total[t.total()];
          if (total.rank == 0) return wrong(w, "has no rows to travel as");
          const int axis = program.graph.index[total.index[0]].axis;
          encoding.field[i].row = TotalSize(program, t.total(), job_->extent) /
                                  std::max<int64_t>(1, job_->extent[static_cast<size_t>(axis)]);
        }
        if (merged() && (w.payload() != Write::DENSE || !w.codec().empty()))
          return wrong(w, "is merged on the way: it travels as it is");
        if (w.payload() != Write::DENSE && plan.cluster().shards() > 1)
          return wrong(
              w, "travels as rows or factors, which go to one owner whole; plan with --shards=1");
      }
    }
    encoding.layout = TotalLayout(program, *s.pass, job_->extent, terms, job_->type);
    encoding.most_terms = job_->extent[static_cast<size_t>(s.pass->row_axis)];
  }
  return absl::OkStatus();
}

// A parameter's moves are as long as it is; rows of keys that nothing moved stay.
absl::Status Assembly::EncodeMoves(const StagePlan& stage, StageEncoding* encoding) const {
  const std::vector<int> params = MovedBy(*stage.statement);
  encoding->layout = ParamLayout(*job_->program, params, job_->extent);
  if (merged())
    return absl::InvalidArgumentError(
        "plan: moves go from whoever made them to all others; plan with --topology=p2p or star");
  if (job_->plan->cluster().shards() > 1)
    return absl::InvalidArgumentError("plan: moves go to one owner whole; plan with --shards=1");
  for (size_t i = 0; i < params.size(); ++i) {
    encoding->field.emplace_back();
    for (const Write& w : job_->plan->task(stage.gather).write()) {
      const auto table = std::find_if(job_->plan->table().begin(), job_->plan->table().end(),
                                      [&](const Table& t) { return t.id() == w.table(); });
      if (table == job_->plan->table().end() || table->symbol() != params[i]) continue;
      if (!CodecOf(w.codec(), &encoding->field[i].codec))
        return absl::InvalidArgumentError(absl::StrCat("plan: \"", w.table(), "\" travels as \"",
                                                       w.codec(),
                                                       "\"; f32, bf16 and fp16 are known"));
    }
  }
  size_t i = 0;
  for (const KeyedTerm& term : stage.statement->predictor.term) {
    for (const KeyedFactor& f : term.factor) {
      // Where the numbers of a key do not lie together each is a row of its own.
      const int64_t keys = f.map < 0 ? 0
                                     : job_->extent[static_cast<size_t>(
                                           job_->program->graph.symbol[f.param].axis[f.key_at])];
      const bool together = f.rank_at < 0 || f.rank_at > f.key_at;
      if (keys > 0) encoding->field[i].row = together ? encoding->layout.field[i].size / keys : 1;
      ++i;
    }
  }
  return absl::OkStatus();
}

bool Assembly::linear() const { return lag_ != 1 && stages_.front().linear && !merged(); }

int Assembly::window() const { return lag_ == kAsync ? kAsyncWindow : std::max(1, lag_); }

// One more with replicas, so that nobody waits for word of what has arrived.
int Assembly::WorkerWindow() const { return window() + (replicas_ && !merged() ? 1 : 0); }

int Assembly::OwnerWindow() const {
  if (lag_ == kAsync) return 0;
  return replicas_ && !merged() ? window() + WorkerWindow() : window();
}

double Assembly::EpochsPerClock(const StagePlan& stage) const {
  return gyre::EpochsPerClock(stage, job_->extent);
}

absl::StatusOr<StageFolds> Assembly::MakeFolds(const PostContext& context,
                                               ParamState* state) const {
  FoldSetup setup;
  setup.program = job_->program;
  setup.context = context;
  setup.extent = job_->extent;
  setup.measure_change = job_->program->objective.value.fn == nullptr;
  setup.seed = job_->seed;
  StageFolds folds;
  for (size_t k = 0; k < stages_.size(); ++k) {
    const StagePlan& plan = stages_[k];
    absl::StatusOr<std::unique_ptr<Fold>> fold = plan.moves
                                                     ? MakeMovesFold(setup, *plan.statement)
                                                     : MakeFold(setup, *plan.statement, plan.rule);
    if (!fold.ok()) return fold.status();
    if (absl::Status status = (*fold)->Start(state); !status.ok()) return status;
    folds.push_back(std::make_unique<StageFold>(plan, context, encodings_[k].layout,
                                                *std::move(fold), EpochsPerClock(plan)));
  }
  return folds;
}

bool Assembly::Ends() const { return StopRulesOf(*job_->plan, *job_->program).ends(); }

Monitor::Options Assembly::MonitorOptions(int processes) const {
  Monitor::Options options;
  options.stop = StopRulesOf(*job_->plan, *job_->program);
  options.workers = processes;
  options.evaluation = evaluation_;
  options.epochs_per_clock = EpochsPerClock(stages_.front());
  options.lag = lag_;
  return options;
}

std::unique_ptr<EmbeddedTable> Assembly::MakeTable(int processes, ParamState* state,
                                                   StageFolds* folds, ClockObserver* observer,
                                                   Env* env) const {
  if (merged()) processes = 1;  // the sum over all
  if (linear()) {
    return std::make_unique<LinearTable>(processes, 1, state, folds->front().get(), observer, env);
  }
  SharedTable::Options options;
  options.workers = processes;
  options.lag = std::max(1, lag_);
  options.slots = std::max(options.lag, OwnerWindow());
  return std::make_unique<SharedTable>(options, state, folds, observer, env);
}

absl::Status Assembly::BindHold(const StagePlan& stage, BetweenProcesses* between) const {
  constexpr std::pair<const char*, SendOrder> kOrders[] = {{"magnitude", SendOrder::kMagnitude},
                                                           {"deadline", SendOrder::kDeadline},
                                                           {"fifo", SendOrder::kFifo},
                                                           {"random", SendOrder::kRandom}};
  for (const Write& w : job_->plan->task(stage.gather).write()) {
    between->hold = std::max(between->hold, w.hold());
    Codec codec = Codec::kExact;
    if (CodecOf(w.codec(), &codec)) between->number_bytes = static_cast<int>(BytesOf(codec));
    bool known = w.hold() == 0;
    for (const auto& [name, order] : kOrders) {
      if (w.order() == name) between->order = order, known = true;
    }
    if (!known)
      return absl::InvalidArgumentError(
          absl::StrCat("plan: \"", w.table(), "\" leaves in the order \"", w.order(),
                       "\"; magnitude, deadline, fifo and random are known"));
  }
  return absl::OkStatus();
}

// All that copies are made of but what differs between them.
FoldSetup Assembly::CopySetup() const {
  FoldSetup setup;
  setup.program = job_->program;
  setup.extent = job_->extent;
  setup.type = job_->type;
  setup.workers = static_cast<int>(job_->worker.size());
  setup.lag = lag_;
  setup.seed = job_->seed;
  const StopRules stop = StopRulesOf(*job_->plan, *job_->program);
  setup.boundary = stop.boundary;
  setup.between.clocks = stop.max_clocks;
  return setup;
}

absl::StatusOr<Assembly::Copies> Assembly::MakeCopies(const PostContext& context, int process,
                                                      int processes, SendBudget* budget,
                                                      Env* env) const {
  Copies copies;
  for (const StagePlan& s : stages_) {
    copies.emplace_back();
    if (!s.moves) continue;
    FoldSetup setup = CopySetup();
    setup.context = context;
    setup.env = env;
    setup.between.process = process;
    setup.between.processes = processes;
    setup.between.budget = budget;
    if (absl::Status status = BindHold(s, &setup.between); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<LocalCopy>> copy = MakeKeyedCopy(setup, *s.statement, s.rule);
    if (!copy.ok()) return copy.status();
    copies.back() = *std::move(copy);
  }
  return copies;
}

std::vector<GatherOp> Assembly::MakeGathers(const PostContext& context, int worker, int place,
                                            const WorkerData& rows, const Copies& copies) const {
  std::vector<GatherOp> ops;
  for (size_t k = 0; k < stages_.size(); ++k) {
    const StagePlan& plan = stages_[k];
    if (plan.pass == nullptr && !plan.moves) continue;
    GatherOp op;
    op.task = plan.gather;
    op.slice = static_cast<int>(k);
    // Lag 1 is a wait for the stage before this one.
    op.need = {0, lag_ == 1 ? 0 : lag_, static_cast<int>(stages_.size()), static_cast<int>(k)};
    op.args = ArgsOf(context, rows);
    op.epochs_per_clock = EpochsPerClock(plan);
    if (plan.moves) {
      op.copy = copies[k].get();
      op.place = place;
      ops.push_back(std::move(op));
      continue;
    }
    const int64_t all = job_->extent[static_cast<size_t>(plan.pass->row_axis)];
    const int64_t mine = rows.row_end - rows.row_begin;
    const double share = static_cast<double>(plan.batch) * static_cast<double>(mine) /
                         static_cast<double>(std::max<int64_t>(1, all));
    const int64_t batch = plan.batch > 0 ? std::max<int64_t>(1, std::llround(share)) : 0;
    op.fn = KernelOf(*plan.pass, job_->type);
    op.batches = Batches(rows.row_begin, rows.row_end, batch, job_->seed, worker);
    ops.push_back(std::move(op));
  }
  return ops;
}

int64_t Assembly::ScratchBytes(const WorkerData& rows) const {
  int64_t bytes = 0;
  for (const StagePlan& s : stages_) {
    if (s.pass == nullptr) continue;
    bytes = std::max(bytes, ScratchOf(*s.pass, rows, job_->extent.data(), job_->type));
  }
  return bytes;
}

namespace {

PostContext BareContext(const Job& job) {
  PostContext context;
  context.program = job.program;
  context.hyper = job.hyper.data();
  context.extent = job.extent.data();
  context.total.assign(static_cast<size_t>(job.program->graph.total.size), nullptr);
  return context;
}

// Sums pass `id` over `rows`; `param` as for kernels, or null.
void AddShare(const Job& job, int id, const void* const* param, const std::vector<WorkerData>& rows,
              std::vector<double>* to) {
  const Pass& pass = job.program->pass[static_cast<size_t>(id)];
  const Layout layout = TotalLayout(*job.program, pass, job.extent);
  PostContext context = BareContext(job);
  context.seed = job.seed;
  std::vector<Contribution> part;
  std::vector<const Contribution*> parts;
  for (size_t w = 0; w < rows.size(); ++w) part.emplace_back(layout);
  for (size_t w = 0; w < rows.size(); ++w) {
    AlignedArray<char> scratch(ScratchOf(pass, rows[w], job.extent.data(), job.type));
    KernelArgs args = ArgsOf(context, rows[w]);
    args.param = param;
    args.target = part[w].target.data();
    args.scratch = scratch.data();
    if (args.row_end > args.row_begin) KernelOf(pass, job.type)(args);
    parts.push_back(&part[w]);
  }
  const size_t before = to->size();
  to->resize(before + static_cast<size_t>(layout.size));
  SumContributions(parts.data(), static_cast<int>(parts.size()), 0, layout.size,
                   to->data() + before);
}

Layout LayoutOf(const Job& job, int pass) {
  return TotalLayout(*job.program, job.program->pass[static_cast<size_t>(pass)], job.extent);
}

bool SharesStart(const Program& program) {
  return program.start_pass >= 0 && !NeedsRowsToStart(program);
}

}  // namespace

std::unique_ptr<Pacer> PacerOf(const Plan& plan) {
  const double rate = plan.cluster().bandwidth();
  return rate > 0 ? std::make_unique<Pacer>(rate) : nullptr;
}

std::vector<double> StartShare(const Job& job, const std::vector<WorkerData>& rows) {
  const Program& program = *job.program;
  std::vector<double> share;
  if (program.build >= 0) AddShare(job, program.build, nullptr, rows, &share);
  if (!SharesStart(program)) return share;
  ParamState state(program, job.extent, job.type);
  DrawParameters(job, &state);
  AlignedArray<char> published(state.published_bytes());
  std::vector<const void*> param(static_cast<size_t>(program.graph.symbol.size), nullptr);
  state.Publish(published.data());
  state.Point(published.data(), param.data());
  AddShare(job, program.start_pass, param.data(), rows, &share);
  return share;
}

void UseBuilt(const Job& job, const double* sum, PostContext* context) {
  context->total.assign(static_cast<size_t>(job.program->graph.total.size), nullptr);
  if (job.program->build < 0) return;
  const Layout layout = LayoutOf(job, job.program->build);
  for (const Field& f : layout.field) context->total[static_cast<size_t>(f.id)] = sum + f.offset;
}

const double* StartTotals(const Job& job, const double* sum) {
  if (!SharesStart(*job.program)) return nullptr;
  return sum + (job.program->build < 0 ? 0 : LayoutOf(job, job.program->build).size);
}

}  // namespace gyre
