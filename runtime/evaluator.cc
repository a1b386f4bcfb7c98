#include "runtime/evaluator.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/kernel_call.h"
#include "runtime/start.h"

namespace gyre {

Evaluator::Evaluator(const Job& job, const PostContext& context, const ParamState& state,
                     TrainingRows where)
    : job_(job),
      where_(where),
      context_(context),
      state_(state),
      published_(state.published_bytes()),
      model_(state.layout().size),
      param_(static_cast<size_t>(job.program->graph.symbol.size), nullptr),
      master_(param_.size(), nullptr),
      objective_(std::numeric_limits<double>::quiet_NaN()) {
  state.Point(published_.data(), param_.data());
  for (const Field& s : state.layout().field)
    master_[static_cast<size_t>(s.id)] = model_.data() + s.offset;
  context_.param = master_.data();
  test_context_ = context_;
  if (on_test() && job.program->build >= 0) {
    Job test = job;
    test.worker = job.test;
    test.extent = job.test_extent;
    test_context_.extent = job.test_extent.data();
    BuildTotals(test, &test_context_, &test_built_);
  }
  has_objective_ = job.program->objective.value.fn != nullptr;
  if (has_objective_) Add(job.program->objective, false);
  for (const Measure& m : job.program->measure) Add(m, on_test());
  measure_.assign(job.program->measure.size(), std::numeric_limits<double>::quiet_NaN());
}

void Evaluator::Add(const Measure& measure, bool test) {
  auto item = std::make_unique<Item>();
  item->value = &measure.value;
  item->rows = test ? &job_.test : &job_.worker;
  item->extent = test ? &job_.test_extent : &job_.extent;
  if (measure.pass >= 0) {
    item->pass = &job_.program->pass[static_cast<size_t>(measure.pass)];
    item->layout = TotalLayout(*job_.program, *item->pass, *item->extent);
    item->sum = AlignedArray<double>(item->layout.size);
    for (const WorkerData& rows : *item->rows) {
      item->part.push_back(std::make_unique<Contribution>(item->layout));
      item->parts.push_back(item->part.back().get());
      if (where_ == TrainingRows::kElsewhere && !test) continue;
      item->scratch.emplace_back(ScratchOf(*item->pass, rows, item->extent->data(), job_.type));
    }
  }
  item_.push_back(std::move(item));
}

void Evaluator::Set(const double* model, double objective) {
  known_ = has_objective_ && !std::isnan(objective);
  if (known_) objective_ = objective;
  std::memcpy(model_.data(), model, static_cast<size_t>(model_.size()) * sizeof(double));
  state_.Convert(model, published_.data());
}

void Evaluator::Part(int worker, double epoch) {
  const size_t w = static_cast<size_t>(worker);
  for (size_t i = known_ ? 1 : 0; i < item_.size(); ++i) {
    Item* const item = item_[i].get();
    if (item->pass == nullptr || w >= item->rows->size()) continue;
    if (where_ == TrainingRows::kElsewhere && OnTraining(*item)) continue;
    item->part[w]->Clear();
    KernelArgs args = ArgsOf(ContextOf(*item), (*item->rows)[w]);
    args.extent = item->extent->data();
    args.param = param_.data();
    args.target = item->part[w]->target.data();
    args.scratch = item->scratch[w].data();
    args.epoch = epoch;
    if (args.row_end > args.row_begin) KernelOf(*item->pass, job_.type)(args);
  }
}

int64_t Evaluator::sum_size() const {
  int64_t size = 0;
  for (const auto& item : item_) size += OnTraining(*item) ? item->layout.size : 0;
  return size;
}

void Evaluator::Sum(double* to) {
  for (const auto& item : item_) {
    if (!OnTraining(*item)) continue;
    SumContributions(item->parts.data(), static_cast<int>(item->parts.size()), 0, item->layout.size,
                     to);
    to += item->layout.size;
  }
}

void Evaluator::Load(int worker, const double* from) {
  for (const auto& item : item_) {
    if (!OnTraining(*item)) continue;
    std::memcpy(item->part[static_cast<size_t>(worker)]->sum.data(), from,
                static_cast<size_t>(item->layout.size) * sizeof(double));
    from += item->layout.size;
  }
}

double Evaluator::Value(Item* item, double epoch) {
  PostContext context = ContextOf(*item);
  context.extent = item->extent->data();
  context.epoch = epoch;
  if (item->pass != nullptr) {
    SumContributions(item->parts.data(), static_cast<int>(item->parts.size()), 0, item->layout.size,
                     item->sum.data());
    for (const Field& s : item->layout.field)
      context.total[static_cast<size_t>(s.id)] = item->sum.data() + s.offset;
  }
  double value = std::numeric_limits<double>::quiet_NaN();
  context.Run(*item->value, &value);
  return value;
}

void Evaluator::Combine(double epoch) {
  size_t next = 0;
  if (has_objective_) {
    if (!known_) objective_ = Value(item_[next].get(), epoch);
    ++next;
  }
  for (double& m : measure_) m = Value(item_[next++].get(), epoch);
}

}  // namespace gyre
