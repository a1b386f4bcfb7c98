#include "runtime/predictor_loss.h"

#include <algorithm>
#include <limits>

#include "runtime/data/layout.h"

namespace gyre {

PredictorLoss::PredictorLoss(const PostContext* context, const Predictor* predictor, int64_t rows,
                             int64_t outputs, Type type)
    : context_(*context),
      predictor_(*predictor),
      rows_(rows),
      outputs_(outputs),
      single_(type == Type::kFloat32),
      data_(context->data, context->data + context->program->graph.symbol.size) {
  for (const int symbol : predictor->data) {
    Block& block = data_[static_cast<size_t>(symbol)];
    if (block.values == nullptr || block.format == Format::kDense) continue;
    owned_.push_back(ToDense(block));
    block = owned_.back().block;
  }
}

RowArgs PredictorLoss::ArgsOf(int64_t output) const {
  RowArgs args;
  args.data = data_.data();
  args.single = single_;
  args.total = context_.total.data();
  args.hyper = context_.hyper;
  args.literal = context_.program->literal.data();
  args.extent = context_.extent;
  args.end = rows_;
  args.output = output;
  return args;
}

// put(row, output, value) for all rows and outputs. Kernels take one output: some rows at a time.
template <class Put>
void PredictorLoss::Each(RowFn fn, const double* view, Put put) const {
  constexpr int64_t kRows = 256;
  double from[kRows], to[kRows];
  for (int64_t c = 0; c < outputs_; ++c) {
    RowArgs args = ArgsOf(c);
    args.view = from, args.out = to;
    for (int64_t begin = 0; begin < rows_; begin += kRows) {
      args.begin = begin, args.end = std::min(rows_, begin + kRows);
      for (int64_t i = begin; view != nullptr && i < args.end; ++i) from[i - begin] = view[i * outputs_ + c];
      fn(args);
      for (int64_t i = begin; i < args.end; ++i) put(i, c, to[i - begin]);
    }
  }
}

void PredictorLoss::Run(RowFn fn, const double* view, double* out) const {
  if (outputs_ > 1)
    return Each(fn, view, [&](int64_t i, int64_t c, double value) { out[i * outputs_ + c] = value; });
  RowArgs args = ArgsOf(0);
  args.view = view, args.out = out;
  fn(args);
}

void PredictorLoss::Losses(const double* view, double* loss) {
  if (outputs_ == 1) return Run(predictor_.loss, view, loss);
  std::fill_n(loss, rows_, 0.0);
  Each(predictor_.loss, view, [&](int64_t i, int64_t, double value) { loss[i] += value; });
}

void PredictorLoss::Slopes(const double* view, double* slope) {
  Run(predictor_.slope, view, slope);
}

void PredictorLoss::Curvatures(const double* view, double* curvature) {
  Run(predictor_.curvature, view, curvature);
}

double PredictorLoss::At(RowFn fn, int64_t row, double view) const {
  double out = 0;
  RowArgs args = ArgsOf(0);
  args.begin = row, args.end = row + 1;
  args.view = &view, args.out = &out;
  fn(args);
  return out;
}

void PredictorLoss::LossesOf(int64_t begin, int64_t end, const double* view, double* loss) const {
  RowArgs args = ArgsOf(0);
  args.begin = begin, args.end = end;
  args.view = view + begin, args.out = loss + begin;
  predictor_.loss(args);
}

double PredictorScalarLoss::Kink(int k, int64_t row) {
  const RowFn argument = loss_.predictor().kink[static_cast<size_t>(k)];
  const double at0 = loss_.At(argument, row, 0), at1 = loss_.At(argument, row, 1);
  return at0 == at1 ? std::numeric_limits<double>::infinity() : at0 / (at0 - at1);
}

std::vector<double> PredictorLoss::Offset() {
  std::vector<double> offset;
  if (predictor_.offset == nullptr) return offset;
  offset.resize(static_cast<size_t>(rows_ * outputs_));
  Run(predictor_.offset, nullptr, offset.data());
  return offset;
}

}  // namespace gyre
