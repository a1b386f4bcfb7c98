#include "runtime/driver/prepare.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "runtime/driver/files.h"
#include "runtime/driver/path.h"
#include "runtime/driver/probe.h"
#include "runtime/driver/rows.h"
#include "runtime/driver/share.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

using absl::StrCat;

// Below this many bytes of data a run is over before a measured profile could pay: plan from the
// table.
constexpr int64_t kWorthMeasuring = int64_t{32} << 20;

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

int64_t BytesOf(const BoundInfo& bound) {
  int64_t bytes = 0;
  for (const TensorInfo& tensor : bound.tensor) bytes += tensor.nnz * SizeOf(tensor.type);
  return bytes;
}

absl::StatusOr<Request> MakeRequest(const Invocation& invocation) {
  const Options& options = invocation.options;
  Request request;
  request.name = invocation.name;
  request.workers = options.workers;
  request.lanes = options.lanes;
  request.cluster = options.cluster;
  request.shards = options.shards;
  if (options.cluster == "local" || options.cluster == "inproc") {
    // A process of its own for each worker is what such a cluster is for.
    request.processes = request.workers = options.workers > 0 ? options.workers : 2;
  } else if (options.cluster != "embedded") {
    absl::StatusOr<Cluster> cluster = ReadCluster(options.cluster);
    if (!cluster.ok()) return cluster.status();
    request.processes = cluster->processes();
    if (request.workers == 0) request.workers = std::max(cluster->workers(), cluster->processes());
    if (request.lanes == 0) request.lanes = cluster->lanes();
    if (request.shards == 0) request.shards = cluster->shards();
  }
  request.memory = options.memory;
  request.partition = options.partition;
  request.bridge = options.bridge;
  request.storage = options.storage;
  request.topology = options.topology;
  request.payload = options.payload;
  request.codec = options.codec;
  request.order = options.order;
  request.bandwidth = options.bandwidth;
  request.update = options.update;
  request.batch = options.batch;
  request.step = options.step;
  request.momentum = options.momentum;
  request.schedule = options.schedule;
  request.sampler = options.sampler;
  request.coupling = options.coupling;
  request.step_schedule = options.step_schedule;
  request.decay = options.decay;
  request.max_clocks = options.max_clocks.value_or(0);
  request.max_seconds = options.max_seconds.value_or(0);
  request.tolerance = options.tolerance.value_or(0);
  request.target = options.target;
  request.seed = static_cast<int64_t>(options.seed);
  request.checkpoint_every = options.checkpoint_every;
  return request;
}

absl::StatusOr<Profile> ProfileFor(const Options& options, const BoundInfo& bound) {
  if (options.machine.empty()) return ThisMachine(BytesOf(bound) >= kWorthMeasuring);
  const std::string path = UserPath(options.machine);
  absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) return text.status();
  return ParseProfile(*text, path);
}

// Where a text proto stops making sense; keeps the parser from printing it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string&) override {
    if (where_.empty()) where_ = StrCat(":", line + 1, ":", column + 1);
  }
  const std::string& where() const { return where_; }

 private:
  std::string where_;
};

// What the user asked of the columns, where the program and the data allow it.
absl::StatusOr<bool> Decide(const Program& program, Standardize how, const MatrixUse& use,
                            const Block& block, Standardized* out) {
  const bool dense = block.format == Format::kDense;
  const std::string name = NameOf(program.graph, use.symbol);
  if (how == Standardize::kNone || block.rows == 0) return false;
  if (how == Standardize::kAuto) {
    // Another scale is another model unless a penalty meant the scale to be common, and
    // coefficients can be told in the units of the data.
    if (!use.penalised || !use.linear || use.bounded) return false;
    out->centred = dense && use.centrable;
  }
  if (how == Standardize::kFull) {
    if (!dense && !use.centrable) {
      return absl::InvalidArgumentError(
          StrCat("--standardize=full: centring would fill the zeros of the sparse matrix ", name,
                 "; use --standardize=scale"));
    }
    // With an intercept the optimum is the same whether sparse columns are centred or not.
    out->centred = dense;
  }
  out->mapped_back = use.linear && (!out->centred || use.centrable);
  return true;
}

// Rows of worker `w` of `workers`, when the plan does not cut the axis: equal shares.
std::pair<int64_t, int64_t> EqualShare(int64_t rows, int w, int workers) {
  return {rows * w / workers, rows * (w + 1) / workers};
}

// The partition of rows that the plan's tasks run by, if it says so.
const Partition* DataPartition(const Plan& plan) {
  const auto of_rows = [&](const Partition& partition) {
    return std::any_of(
        plan.bound().axis().begin(), plan.bound().axis().end(),
        [&](const auto& axis) { return axis.data() && axis.name() == partition.axis(); });
  };
  for (const Task& task : plan.task()) {
    if (task.kind() != Task::GATHER && task.kind() != Task::SWEEP) continue;
    for (const Partition& partition : plan.partition()) {
      if (partition.id() == task.over() && of_rows(partition)) return &partition;
    }
  }
  return nullptr;
}

std::vector<WorkerData> Shares(const Plan& plan, const Dataset& data, bool as_planned) {
  const int workers = std::max(1, plan.cluster().workers());
  const Partition* partition = as_planned ? DataPartition(plan) : nullptr;
  std::vector<WorkerData> shares;
  for (int w = 0; w < workers; ++w) {
    WorkerData share;
    share.data = data.block.data();
    std::tie(share.row_begin, share.row_end) = EqualShare(data.rows, w, workers);
    if (partition != nullptr && partition->cut_size() == workers + 1) {
      const auto home = std::find(partition->home().begin(), partition->home().end(), w);
      const int part =
          home == partition->home().end() ? w : static_cast<int>(home - partition->home().begin());
      share.row_begin = partition->cut(part);
      share.row_end = partition->cut(part + 1);
    }
    shares.push_back(share);
  }
  return shares;
}

}  // namespace

std::vector<double> HyperOf(const Program& program, const Options& options) {
  std::vector<double> hyper(static_cast<size_t>(program.graph.symbol.size), 0);
  for (int symbol : SymbolsOf(program.graph, ir::Kind::kHyper)) {
    hyper[static_cast<size_t>(symbol)] = DefaultOf(program, symbol);
  }
  for (const auto& [symbol, value] : options.hyper) hyper[static_cast<size_t>(symbol)] = value;
  return hyper;
}

absl::StatusOr<std::vector<Standardized>> StandardizeData(const Program& program, Standardize how,
                                                          Dataset* data) {
  std::vector<Standardized> all;
  for (const MatrixUse& use : FindMatrices(program)) {
    const Block& block = data->block[static_cast<size_t>(use.symbol)];
    Standardized each;
    each.use = use;
    absl::StatusOr<bool> wanted = Decide(program, how, use, block, &each);
    if (!wanted.ok()) return wanted.status();
    if (!*wanted) continue;
    const auto moments = data->moments.find(use.symbol);  // where the rows are with the workers
    each.transform =
        moments == data->moments.end() ? MeasureColumns(block) : TransformOf(moments->second);
    if (!each.centred) std::fill(each.transform.center.begin(), each.transform.center.end(), 0.0);
    if (block.values != nullptr) ApplyTransform(each.transform, block);
    all.push_back(std::move(each));
  }
  return all;
}

std::string Words(const Program& program, const std::vector<Standardized>& transforms) {
  std::vector<std::string> words;
  for (const Standardized& each : transforms) {
    words.push_back(StrCat("columns of ", NameOf(program.graph, each.use.symbol),
                           each.centred ? " centred and scaled" : " scaled", " to unit deviation; ",
                           each.mapped_back ? "coefficients are in the units of the data"
                                            : "the model keeps the transform"));
  }
  return absl::StrJoin(words, "; ");
}

absl::StatusOr<Plan> ReadPlan(const std::string& path) {
  const std::string file = UserPath(path);
  absl::StatusOr<std::string> text = ReadWholeFile(file);
  if (!text.ok()) return text.status();
  return ParsePlan(*text, file);
}

absl::StatusOr<Cluster> ReadCluster(const std::string& path) {
  absl::StatusOr<std::string> text = ReadWholeFile(UserPath(path));
  if (!text.ok()) {
    return absl::InvalidArgumentError(StrCat("--cluster=", path,
                                             ": is neither embedded, local or inproc nor a file "
                                             "that describes a cluster (",
                                             absl::string_view(text.status().message()), ")"));
  }
  Cluster cluster;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  const bool parsed = parser.ParseFromString(*text, &cluster);
  if (!parsed || cluster.processes() < 1) {
    return absl::InvalidArgumentError(StrCat(path, parsed ? "" : error.where(),
                                             ": is no description of a cluster; write for example "
                                             "\"processes: 4 workers: 8\""));
  }
  return cluster;
}

absl::StatusOr<Plan> PlanFor(const Invocation& invocation, const BoundInfo& bound,
                             const std::vector<Phase>& phases) {
  const Options& options = invocation.options;
  if (!options.plan.empty()) {
    absl::StatusOr<Plan> plan = ReadPlan(options.plan);
    if (!plan.ok()) return plan.status();
    if (options.command == Command::kPlan) Rehash(&*plan);  // what was edited by hand is meant
    absl::Status fits = CheckPlan(*plan, invocation.program, bound);
    if (!fits.ok()) return fits;
    return plan;
  }
  absl::StatusOr<Profile> profile = ProfileFor(options, bound);
  if (!profile.ok()) return profile.status();
  absl::StatusOr<Request> request = MakeRequest(invocation);
  if (!request.ok()) return request.status();
  request->phase = phases;
  return MakePlan(invocation.program, bound, *profile, *request);
}

namespace {

// The rows of --holdout. A plan that is executed as written says by which seed, too.
absl::StatusOr<Dataset> TakeHeldOut(const Invocation& invocation, Dataset* data) {
  const Options& options = invocation.options;
  uint64_t seed = options.seed;
  if (!options.plan.empty()) {
    absl::StatusOr<Plan> plan = ReadPlan(options.plan);
    if (!plan.ok()) return plan.status();
    seed = static_cast<uint64_t>(plan->seed());
  }
  return HoldOut(invocation.program, *options.holdout, seed, data);
}

}  // namespace

absl::StatusOr<Prepared> Prepare(const Invocation& invocation) {
  const Program& program = invocation.program;
  const Options& options = invocation.options;
  Prepared prepared;
  prepared.hyper = HyperOf(program, options);
  const Stopwatch load;
  RowsWanted rows;
  rows.describe = RowsStayWithWorkers(program, options);
  rows.moments = rows.describe && options.standardize != Standardize::kNone;
  absl::StatusOr<Dataset> data =
      LoadDataset(program, options, options.data, invocation.path, nullptr, rows);
  if (!data.ok()) return data.status();
  prepared.data = *std::move(data);
  if (options.holdout) {
    absl::StatusOr<Dataset> held = TakeHeldOut(invocation, &prepared.data);
    if (!held.ok()) return held.status();
    prepared.test = *std::move(held);
  }
  absl::StatusOr<std::vector<Standardized>> standardized =
      StandardizeData(program, options.standardize, &prepared.data);
  if (!standardized.ok()) return standardized.status();
  prepared.standardized = *std::move(standardized);
  if (!options.test_data.empty()) {
    const Model like = MakeModel(invocation, prepared, RunResult());
    absl::StatusOr<Dataset> test =
        LoadDataset(program, options, options.test_data, invocation.path, &like);
    if (!test.ok()) return test.status();
    prepared.test = *std::move(test);
  }
  for (const Standardized& each : prepared.standardized) {
    if (prepared.test.empty()) break;
    ApplyTransform(each.transform, prepared.test.block[static_cast<size_t>(each.use.symbol)]);
  }
  prepared.load_seconds = load.Seconds();
  const Stopwatch plan_time;
  absl::StatusOr<Path> path = MakePath(invocation, prepared);
  if (!path.ok()) return path.status();
  prepared.path = *std::move(path);
  absl::StatusOr<Plan> plan =
      PlanFor(invocation, prepared.data.info, PhasesOf(program, prepared.path));
  if (!plan.ok()) return plan.status();
  prepared.plan = *std::move(plan);
  if (!prepared.path.given()) prepared.path = PathOf(program, prepared.plan);
  prepared.plan_seconds = plan_time.Seconds();
  return prepared;
}

Job MakeJob(const Invocation& invocation, const Prepared& prepared) {
  Job job;
  job.program = &invocation.program;
  job.plan = &prepared.plan;
  job.hyper = prepared.hyper;
  job.extent = prepared.data.info.extent;
  job.type = prepared.data.info.type;
  job.worker = Shares(prepared.plan, prepared.data, /*as_planned=*/true);
  if (!prepared.test.empty()) {
    job.test = Shares(prepared.plan, prepared.test, /*as_planned=*/false);
    job.test_extent = prepared.test.info.extent;
  }
  job.seed = static_cast<uint64_t>(prepared.plan.seed());
  if (invocation.options.deadline_seconds > 0) {
    job.stall_deadline = absl::Seconds(invocation.options.deadline_seconds);
  }
  return job;
}

// `parameter` in the units of the data, where that can be told.
void InUnitsOfData(const Invocation& invocation, const Prepared& prepared,
                   std::vector<std::vector<double>>* parameter) {
  for (const Standardized& each : prepared.standardized)
    if (each.mapped_back && !parameter->empty())
      MapBack(invocation.program, each.use, each.transform, prepared.data.info.extent, parameter);
}

Model MakeModel(const Invocation& invocation, const Prepared& prepared, const RunResult& result) {
  Model model;
  model.program = invocation.name;
  model.extent = prepared.data.info.extent;
  model.type = prepared.data.info.type;
  model.hyper = prepared.hyper;
  model.parameter = result.parameter;
  model.label = prepared.data.label;
  model.column = prepared.data.column;
  for (const Standardized& each : prepared.standardized) {
    if (!each.mapped_back) model.transform[each.use.symbol] = each.transform;
  }
  InUnitsOfData(invocation, prepared, &model.parameter);
  for (size_t k = 0; k < result.phase.size() && prepared.path.given(); ++k) {
    model.path_hyper = NameOf(invocation.program.graph, prepared.path.hyper);
    model.path.push_back({prepared.path.value[k], result.phase[k].parameter});
    InUnitsOfData(invocation, prepared, &model.path.back().parameter);
  }
  model.parameter.resize(static_cast<size_t>(invocation.program.graph.symbol.size));
  for (const int tally : SymbolsOf(invocation.program.graph, ir::Kind::kTally))
    model.parameter[static_cast<size_t>(tally)].clear();  // made from the counts, which are there
  return model;
}

}  // namespace gyre::driver
