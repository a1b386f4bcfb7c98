#include "runtime/driver/evaluate.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "runtime/layout.h"
#include "runtime/post.h"

namespace gyre::driver {
namespace {

// Rows evaluated at once: their values stay in the cache, whatever the size of the data.
constexpr int64_t kRowsAtOnce = 1024;

// Tallies, which models do not keep: the distinct counts of a table, ascending, and how many cells
// have each.
EvaluateOn WithTallies(const ir::Graph& graph, EvaluateOn on) {
  for (int s = 0; s < graph.symbol.size; ++s) {
    const ir::Symbol& symbol = graph.symbol[s];
    if (symbol.kind != ir::Kind::kTally) continue;
    std::vector<double>& out = on.parameter[static_cast<size_t>(s)];
    if (!out.empty()) continue;
    std::map<double, int64_t> tally;
    for (const double count : on.parameter[static_cast<size_t>(symbol.of)]) ++tally[count];
    out.assign(static_cast<size_t>(on.extent[static_cast<size_t>(symbol.axis[0])]), 0);
    size_t at = 0;
    for (const auto& [count, cells] : tally) {
      if (at == out.size()) break;
      out[at++] = symbol.cells ? static_cast<double>(cells) : count;
    }
  }
  return on;
}

}  // namespace

Evaluator::Evaluator(const Program& program, EvaluateOn on)
    : program_(program),
      on_(WithTallies(program.graph, std::move(on))),
      state_(program, on_.extent, on_.type),
      published_(state_.published_bytes()),
      param_(static_cast<size_t>(program.graph.symbol.size), nullptr),
      build_total_(static_cast<size_t>(program.graph.total.size), nullptr) {
  for (const Field& field : state_.layout().field) {
    const std::vector<double>& values = on_.parameter[static_cast<size_t>(field.id)];
    std::copy(values.begin(), values.end(), state_.master(field.id));
  }
  state_.Publish(published_.data());
  state_.Point(published_.data(), param_.data());
  if (program.build >= 0) {
    Sum(program.pass[static_cast<size_t>(program.build)], &build_, &build_total_);
  }
}

int64_t Evaluator::Rows(const Pass& pass) const {
  return pass.row_axis < 0 ? 0 : on_.extent[static_cast<size_t>(pass.row_axis)];
}

int64_t Evaluator::RowSize(const Pass& pass) const {
  int64_t size = 1;
  for (int axis : pass.row_axes) size *= on_.extent[static_cast<size_t>(axis)];
  return size;
}

void Evaluator::Run(const Pass& pass, const std::vector<Block>& data, int64_t begin, int64_t end,
                    double* const* target, void* out) {
  const int64_t bytes =
      pass.scratch == nullptr ? 0 : pass.scratch(data.data(), on_.extent.data(), SizeOf(on_.type));
  AlignedArray<char> scratch(bytes);
  KernelArgs args;
  args.data = data.data();
  args.param = param_.data();
  args.total = build_total_.data();
  args.hyper = on_.hyper.data();
  args.literal = program_.literal.data();
  args.extent = on_.extent.data();
  args.row_begin = begin;
  args.row_end = end;
  args.target = target;
  args.out = out;
  args.scratch = scratch.data();
  args.seed = on_.seed;
  (on_.type == Type::kFloat32 ? pass.f32 : pass.f64)(args);
}

void Evaluator::Sum(const Pass& pass, AlignedArray<double>* sums,
                    std::vector<const double*>* total) {
  const Layout layout = TotalLayout(program_, pass, on_.extent);
  *sums = AlignedArray<double>(layout.size);
  std::vector<double*> target;
  for (const Field& field : layout.field) {
    target.push_back(sums->data() + field.offset);
    (*total)[static_cast<size_t>(field.id)] = target.back();
  }
  Run(pass, on_.data, 0, Rows(pass), target.data(), nullptr);
}

void Evaluator::RunPost(const Post& post, const std::vector<const double*>& total, double* out) {
  PostContext context;
  context.program = &program_;
  context.data = on_.data.data();
  context.hyper = on_.hyper.data();
  context.extent = on_.extent.data();
  context.seed = on_.seed;
  context.param = state_.by_symbol();
  context.total = total;
  context.Run(post, out);
}

double Evaluator::Value(const Measure& measure) {
  std::vector<const double*> total = build_total_;
  AlignedArray<double> sums;
  if (measure.pass >= 0) Sum(program_.pass[static_cast<size_t>(measure.pass)], &sums, &total);
  double value = 0;
  RunPost(measure.value, total, &value);
  return value;
}

std::vector<double> Evaluator::Values(const Post& post) {
  size_t size = 1;
  for (int axis : post.axes) size *= static_cast<size_t>(on_.extent[static_cast<size_t>(axis)]);
  std::vector<double> values(size);
  RunPost(post, build_total_, values.data());
  return values;
}

void Evaluator::EachRow(const Pass& pass,
                        absl::FunctionRef<void(int64_t, absl::Span<const double>)> f) {
  EachRow(pass, on_.data, Rows(pass), f);
}

void Evaluator::EachRow(const Pass& pass, const std::vector<Block>& data, int64_t rows,
                        absl::FunctionRef<void(int64_t, absl::Span<const double>)> f) {
  const int64_t size = RowSize(pass);
  AlignedArray<char> out(kRowsAtOnce * size * SizeOf(on_.type));
  std::vector<double> values(static_cast<size_t>(size));
  for (int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
    const int64_t end = std::min(rows, begin + kRowsAtOnce);
    Run(pass, data, begin, end, nullptr, out.data());
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t k = 0; k < size; ++k) {
        const int64_t at = (row - begin) * size + k;
        values[static_cast<size_t>(k)] =
            on_.type == Type::kFloat32
                ? static_cast<double>(reinterpret_cast<const float*>(out.data())[at])
                : reinterpret_cast<const double*>(out.data())[at];
      }
      f(row, values);
    }
  }
}

}  // namespace gyre::driver
