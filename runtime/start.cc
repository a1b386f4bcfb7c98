#include "runtime/start.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "dsl/random.h"
#include "runtime/contribution.h"
#include "runtime/kernel_call.h"

namespace gyre {
namespace {

void DrawScaledNormal(const Job& job, int symbol, ParamState* state) {
  const ir::Symbol& s = job.program->graph.symbol[symbol];
  const int64_t size = ParamSize(*job.program, symbol, job.extent);
  const int64_t first = s.rank > 1 ? job.extent[static_cast<size_t>(s.axis[0])] : 1;
  const double scale =
      1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, size / std::max<int64_t>(1, first))));
  const rng::Stream draws(job.seed, rng::Hash(s.name), 0);
  for (int64_t i = 0; i < size; ++i)
    state->master(symbol)[i] = scale * draws.Normal(static_cast<uint64_t>(i));
}

}  // namespace

WorkerData RowsOf(const Job& job, int axis, int worker) {
  const int64_t rows = job.extent[static_cast<size_t>(axis)];
  int64_t given = 0;
  for (const WorkerData& w : job.worker) given += w.row_end - w.row_begin;
  WorkerData mine = job.worker[static_cast<size_t>(worker)];
  if (given == rows) return mine;
  const int64_t workers = static_cast<int64_t>(job.worker.size());
  mine.row_begin = rows * worker / workers;
  mine.row_end = rows * (worker + 1) / workers;
  return mine;
}

void GatherOnce(const Job& job, int pass_id, const void* const* param, PostContext* context,
                std::vector<AlignedArray<double>>* storage) {
  if (pass_id < 0) return;
  const Pass& pass = job.program->pass[static_cast<size_t>(pass_id)];
  const Layout layout = TotalLayout(*job.program, pass, job.extent);
  std::vector<Contribution> part;
  std::vector<const Contribution*> parts;
  for (size_t w = 0; w < job.worker.size(); ++w) part.emplace_back(layout);
  for (size_t w = 0; w < job.worker.size(); ++w) {
    const WorkerData rows = RowsOf(job, pass.row_axis, static_cast<int>(w));
    AlignedArray<char> scratch(ScratchOf(pass, rows, job.extent.data(), job.type));
    KernelArgs args = ArgsOf(*context, rows);
    args.param = param;
    args.target = part[w].target.data();
    args.scratch = scratch.data();
    if (args.row_end > args.row_begin) KernelOf(pass, job.type)(args);
    parts.push_back(&part[w]);
  }
  storage->emplace_back(layout.size);
  SumContributions(parts.data(), static_cast<int>(parts.size()), 0, layout.size,
                   storage->back().data());
  for (const Field& f : layout.field)
    context->total[static_cast<size_t>(f.id)] = storage->back().data() + f.offset;
}

void BuildTotals(const Job& job, PostContext* context, std::vector<AlignedArray<double>>* storage) {
  context->total.assign(static_cast<size_t>(job.program->graph.total.size), nullptr);
  GatherOnce(job, job.program->build, nullptr, context, storage);
}

bool NeedsRowsToStart(const Program& program) {
  return program.start_pass >= 0 && program.build >= 0;
}

void DrawParameters(const Job& job, ParamState* state) {
  for (const int symbol : job.program->product_params) DrawScaledNormal(job, symbol, state);
}

namespace {

// Runs the pass that the first parameters are made from, at the parameters drawn.
void GatherStart(const Job& job, const ParamState& state, PostContext* context,
                 std::vector<AlignedArray<double>>* storage) {
  AlignedArray<char> published(state.published_bytes());
  std::vector<const void*> param(static_cast<size_t>(job.program->graph.symbol.size), nullptr);
  state.Publish(published.data());
  state.Point(published.data(), param.data());
  GatherOnce(job, job.program->start_pass, param.data(), context, storage);
}

}  // namespace

absl::Status StartParameters(const Job& job, const PostContext& context, ParamState* state,
                             const double* given) {
  const Program& program = *job.program;
  DrawParameters(job, state);
  PostContext with = context;
  with.param = state->by_symbol();
  std::vector<AlignedArray<double>> storage;
  if (given == nullptr) {
    GatherStart(job, *state, &with, &storage);
  } else if (program.start_pass >= 0) {
    const Pass& pass = program.pass[static_cast<size_t>(program.start_pass)];
    const Layout layout = TotalLayout(program, pass, job.extent);
    for (const Field& f : layout.field) with.total[static_cast<size_t>(f.id)] = given + f.offset;
  }
  with.epoch = -1;  // draws of the start
  for (const Assign& a : program.start) with.Run(a.value, state->master(a.param));
  for (size_t s = 0; s < job.start.size(); ++s) {
    const Field* field = state->layout().Find(static_cast<int>(s));
    if (job.start[s].empty()) continue;
    if (field == nullptr || field->size != static_cast<int64_t>(job.start[s].size()))
      return absl::InvalidArgumentError(absl::StrCat(
          "the start of \"", std::string(program.graph.symbol[static_cast<int>(s)].name), "\" has ",
          job.start[s].size(), " elements, the parameter has ",
          field == nullptr ? 0 : field->size));
    std::copy(job.start[s].begin(), job.start[s].end(), state->master(static_cast<int>(s)));
  }
  return absl::OkStatus();
}

}  // namespace gyre
