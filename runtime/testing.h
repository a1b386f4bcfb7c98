// Small programs with kernels written by hand, and jobs over random data, for the runtime's tests
// and benchmarks.
//
//   least squares   f = 1/(2N) sum_n (y_n - sum_d X_nd w_d)^2, by gradient steps: w = w - rate grad
//   lasso           the same + lambda |w|_1, by proximal gradient steps: w = soft(w - rate grad,
//   ...) minimize        the lasso as a Minimize statement, for the rules of ops/update sweep the
//   lasso by coordinate descent on a maintained residual
#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "compiler/plan.pb.h"
#include "dsl/program.h"
#include "dsl/random.h"
#include "ops/aligned.h"
#include "runtime/job.h"

namespace gyre::testing_programs {

// Ids in the graph of every program here.
enum Axes { kRow, kFeature };
enum Symbols { kX, kY, kW, kRate, kLambda };
enum Totals { kLoss, kGradient, kLoss2, kNorms };
enum Lets { kResidual };

template <class T>
void GradientKernel(const KernelArgs& a) {
  const Block& x = a.data[kX];
  const T* y = a.data[kY].data<T>();
  const T* w = static_cast<const T*>(a.param[kW]);
  const int64_t d = x.cols;
  double loss = 0;
  double* __restrict grad = a.target[1];
  for (int64_t n = a.row_begin; n < a.row_end; ++n) {
    const T* row = x.data<T>() + n * x.stride;
    double fit = 0;
    for (int64_t j = 0; j < d; ++j) fit += static_cast<double>(row[j]) * static_cast<double>(w[j]);
    const double r = fit - static_cast<double>(y[n]);
    loss += 0.5 * r * r;
    for (int64_t j = 0; j < d; ++j) grad[j] += r * static_cast<double>(row[j]);
  }
  a.target[0][0] += loss;
}

template <class T>
void LossKernel(const KernelArgs& a) {
  const Block& x = a.data[kX];
  const T* w = static_cast<const T*>(a.param[kW]);
  double loss = 0;
  for (int64_t n = a.row_begin; n < a.row_end; ++n) {
    const T* row = x.data<T>() + n * x.stride;
    double fit = 0;
    for (int64_t j = 0; j < x.cols; ++j)
      fit += static_cast<double>(row[j]) * static_cast<double>(w[j]);
    const double r = fit - static_cast<double>(a.data[kY].data<T>()[n]);
    loss += 0.5 * r * r;
  }
  a.target[0][0] += loss;
}

template <class T>
void ResidualKernel(const KernelArgs& a) {
  const Block& x = a.data[kX];
  const T* w = static_cast<const T*>(a.param[kW]);
  T* out = static_cast<T*>(a.out);
  for (int64_t n = a.row_begin; n < a.row_end; ++n) {
    const T* row = x.data<T>() + n * x.stride;
    double fit = 0;
    for (int64_t j = 0; j < x.cols; ++j)
      fit += static_cast<double>(row[j]) * static_cast<double>(w[j]);
    out[n - a.row_begin] = static_cast<T>(static_cast<double>(a.data[kY].data<T>()[n]) - fit);
  }
}

template <class T>
void NormKernel(const KernelArgs& a) {
  const Block& x = a.data[kX];
  for (int64_t n = a.row_begin; n < a.row_end; ++n)
    for (int64_t j = 0; j < x.cols; ++j) {
      const double v = static_cast<double>(x.data<T>()[n * x.stride + j]);
      a.target[0][j] += v * v;
    }
}

inline void EmptyKernel(const KernelArgs&) {}

inline double Samples(const int64_t* extent) { return static_cast<double>(extent[kRow]); }

inline void GradientStep(const PostArgs& a) {
  for (int64_t j = 0; j < a.extent[kFeature]; ++j)
    a.out[j] = a.param[kW][j] - a.hyper[kRate] * a.total[kGradient][j] / Samples(a.extent);
}
inline double Soft(double x, double t) { return std::copysign(std::max(std::fabs(x) - t, 0.0), x); }
inline void LassoStep(const PostArgs& a) {
  for (int64_t j = 0; j < a.extent[kFeature]; ++j)
    a.out[j] = Soft(a.param[kW][j] - a.hyper[kRate] * a.total[kGradient][j] / Samples(a.extent),
                    a.hyper[kRate] * a.hyper[kLambda]);
}
inline void KeepStep(const PostArgs& a) {
  std::copy(a.param[kW], a.param[kW] + a.extent[kFeature], a.out);
}
inline void LossValue(const PostArgs& a) { a.out[0] = a.total[kLoss][0] / Samples(a.extent); }
inline void GradientValue(const PostArgs& a) {
  for (int64_t j = 0; j < a.extent[kFeature]; ++j)
    a.out[j] = a.total[kGradient][j] / Samples(a.extent);
}
inline void LambdaValue(const PostArgs& a) { a.out[0] = a.hyper[kLambda]; }
inline void Loss2Value(const PostArgs& a) { a.out[0] = a.total[kLoss2][0] / Samples(a.extent); }
inline void LassoValue(const PostArgs& a) {
  double l1 = 0;
  for (int64_t j = 0; j < a.extent[kFeature]; ++j) l1 += std::fabs(a.param[kW][j]);
  a.out[0] = a.total[kLoss2][0] / Samples(a.extent) + a.hyper[kLambda] * l1;
}
inline void RmseValue(const PostArgs& a) {
  a.out[0] = std::sqrt(2 * a.total[kLoss2][0] / Samples(a.extent));
}

// Coordinate descent: beta = soft(beta + x_j.r / |x_j|^2, N lambda / |x_j|^2), r kept up to date.
// The columns of X are rows of its transpose.
template <class T>
void LassoSweep(SweepArgs& a) {
  double* w = a.param[kW];
  double* r = a.view[kResidual];
  const Block& columns = a.data[kX];
  const int64_t rows = a.extent[kRow];
  a.change = 0;
  for (int64_t i = 0; i < a.items; ++i) {
    const int64_t j = a.item == nullptr ? i : a.item[i];
    const T* x = columns.data<T>() + j * columns.stride;
    const double norm = a.total[kNorms][j];
    double dot = 0;
    for (int64_t n = 0; n < rows; ++n) dot += static_cast<double>(x[n]) * r[n];
    const double next =
        norm > 0 ? Soft(w[j] + dot / norm, Samples(a.extent) * a.hyper[kLambda] / norm) : 0;
    const double step = next - w[j];
    for (int64_t n = 0; n < rows; ++n) r[n] -= step * static_cast<double>(x[n]);
    w[j] = next;
    a.change += step * step;
  }
}

inline Pass MakePass(std::string id, std::vector<int> totals, KernelFn f32, KernelFn f64) {
  Pass pass;
  pass.id = std::move(id);
  pass.row_axis = kRow;
  pass.total = std::move(totals);
  pass.structure.assign(pass.total.size(), Structure::kDense);
  pass.outer.resize(pass.total.size());
  pass.f32 = f32;
  pass.f64 = f64;
  pass.data = {kX, kY};
  pass.param = {kW};
  return pass;
}

inline ir::Graph MakeGraph() {
  ir::Graph g;
  g.axis.push({"Row", 0, false, true});
  g.axis.push({"Feature"});
  g.index.push({kRow});
  g.index.push({kFeature});
  const auto symbol = [&](std::string_view name, ir::Kind kind, std::vector<int16_t> axes) {
    ir::Symbol s;
    s.name = name;
    s.kind = kind;
    s.rank = static_cast<int8_t>(axes.size());
    std::copy(axes.begin(), axes.end(), s.axis);
    g.symbol.push(s);
  };
  symbol("X", ir::Kind::kData, {kRow, kFeature});
  symbol("y", ir::Kind::kData, {kRow});
  symbol("w", ir::Kind::kParam, {kFeature});
  symbol("rate", ir::Kind::kHyper, {});
  symbol("lambda", ir::Kind::kHyper, {});
  const auto total = [&](bool vector) {
    ir::Total t;
    t.row_index = 0;
    if (vector) t.rank = 1, t.index[0] = 1;
    g.total.push(t);
  };
  total(false);
  total(true);
  total(false);
  total(true);
  ir::Let residual;
  residual.name = "r";
  residual.rank = 1;
  residual.index[0] = 0;
  g.let.push(residual);
  return g;
}

enum class Kind { kLeastSquares, kLasso, kMinimize, kSweep, kEmpty };

inline Program MakeProgram(Kind kind) {
  Program p;
  p.graph = MakeGraph();
  p.literal = {0};
  p.pass.push_back(
      MakePass("step", {kLoss, kGradient}, GradientKernel<float>, GradientKernel<double>));
  p.pass.push_back(MakePass("objective", {kLoss2}, LossKernel<float>, LossKernel<double>));
  p.pass.push_back(MakePass("view", {}, ResidualKernel<float>, ResidualKernel<double>));
  p.pass.push_back(MakePass("build", {kNorms}, NormKernel<float>, NormKernel<double>));
  p.objective = {"objective", 1, {{}, kind == Kind::kLeastSquares ? Loss2Value : LassoValue, -1}};
  p.measure.push_back({"rmse", 1, {{}, RmseValue, -1}});
  Statement& s = p.root;
  s.pass = 0;
  s.param = {kW};
  switch (kind) {
    case Kind::kEmpty:
      p.pass[0] = MakePass("step", {kLoss, kGradient}, EmptyKernel, EmptyKernel);
      p.objective = {};
      p.measure.clear();
      [[fallthrough]];
    case Kind::kLeastSquares:
    case Kind::kLasso: {
      s.kind = StatementKind::kIterate;
      const PostFn step = kind == Kind::kLasso   ? LassoStep
                          : kind == Kind::kEmpty ? KeepStep
                                                 : GradientStep;
      s.assign = {{kW, {{kFeature}, step, -1}}};
      break;
    }
    case Kind::kMinimize:
      s.kind = StatementKind::kMinimize;
      s.value = {{}, LossValue, -1};
      s.gradient = {{{kFeature}, GradientValue, -1}};
      s.penalty = {{PenaltyKind::kL1, kW, {{}, LambdaValue, -1}, {}}};
      s.smooth_gradient.resize(1);
      break;
    case Kind::kSweep:
      s.kind = StatementKind::kSweep;
      s.pass = -1;
      s.sweep_axis = kFeature;
      s.sweep = LassoSweep<double>;
      s.live = {{SweepForm::kColumn, kX}};
      s.maintained = {kResidual};
      s.view_pass = 2;
      p.build = 3;
      break;
  }
  return p;
}

struct PlanOptions {
  int workers = 1, lanes = 1, lag = 1;
  Table::Fold fold = Table::PER_CLOCK;
  int64_t max_clocks = 50, batch = 0, boundary = 1;
  int decision_lag = 0;
  std::string rule = "assign";
  double step = 0;
  bool by_product = false;
};

inline Plan MakeTestPlan(const PlanOptions& o, bool sweep = false) {
  Plan plan;
  plan.mutable_cluster()->set_workers(o.workers);
  plan.mutable_cluster()->set_lanes(o.lanes);
  plan.mutable_cluster()->set_processes(1);
  Table* w = plan.add_table();
  w->set_id("param/w");
  w->set_role(Table::PARAM);
  w->set_fold(o.fold);
  w->set_fold_task("clock/step");
  w->set_versions(std::max(1, o.lag));
  Table* delta = plan.add_table();
  delta->set_id("delta/w");
  delta->set_role(Table::AUX);
  if (!sweep) {
    Task* grad = plan.add_task();
    grad->set_id("clock/grad");
    grad->set_kind(Task::GATHER);
    grad->set_pass("step");
    grad->set_batch(o.batch);
    Read* read = grad->add_read();
    read->set_table("param/w");
    read->set_lag(o.lag);
    grad->add_write()->set_table("delta/w");
  }
  Task* step = plan.add_task();
  step->set_id("clock/step");
  step->set_kind(sweep ? Task::SWEEP : Task::FOLD);
  step->set_place(sweep ? Task::ONE : Task::OWNER);
  step->mutable_update()->set_rule(o.rule);
  step->mutable_update()->set_step(o.step);
  step->mutable_update()->set_restart(true);
  if (!sweep) step->add_read()->set_table("delta/w");
  Read* before = step->add_read();
  before->set_table("param/w");
  before->set_lag(1);
  Write* write = step->add_write();
  write->set_table("param/w");
  write->set_mode(Write::OWN);
  plan.mutable_stop()->set_max_clocks(o.max_clocks);
  plan.mutable_stop()->set_boundary(o.boundary);
  plan.mutable_stop()->set_decision_lag(o.decision_lag);
  plan.mutable_evaluation()->set_mode(o.by_product ? Evaluation::BYPRODUCT : Evaluation::PAUSED);
  return plan;
}

// Random data y = X w* + noise, a program and a plan, and the job over them.
template <class T = double>
struct TestJob {
  TestJob(Kind kind, const PlanOptions& o, int64_t rows = 200, int64_t features = 10)
      : program(MakeProgram(kind)),
        plan(MakeTestPlan(o, kind == Kind::kSweep)),
        stride((features + 15) / 16 * 16),
        x(rows * stride),
        y(rows),
        columns(features * ((rows + 15) / 16 * 16)),
        block(5),
        sweep_block(5) {
    const rng::Stream draws(7, rng::Hash("X"), 0);
    for (int64_t n = 0; n < rows; ++n) {
      double fit = 0;
      for (int64_t j = 0; j < features; ++j) {
        const double v = draws.Normal(static_cast<uint64_t>(n * features + j));
        x[n * stride + j] = static_cast<T>(v);
        fit += v * (j % 3 == 0 ? 1.0 + static_cast<double>(j) * 0.1 : 0.0);
      }
      y[n] = static_cast<T>(fit + 0.1 * draws.Normal(static_cast<uint64_t>(1000000 + n)));
    }
    block[kX] = {Format::kDense, kTypeOf<T>, x.data(), nullptr, nullptr, rows, features, stride};
    block[kY] = {Format::kDense, kTypeOf<T>, y.data(), nullptr, nullptr, rows, 1, 1};
    const int64_t column_stride = (rows + 15) / 16 * 16;
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t j = 0; j < features; ++j) columns[j * column_stride + n] = x[n * stride + j];
    sweep_block[kX] = {Format::kDense, kTypeOf<T>, columns.data(), nullptr,
                       nullptr,        features,   rows,           column_stride};
    job.program = &program;
    job.plan = &plan;
    job.hyper = {0, 0, 0, 0.2, 0.05};
    job.extent = {rows, features};
    job.type = kTypeOf<T>;
    for (int w = 0; w < o.workers; ++w)
      job.worker.push_back({block.data(), rows * w / o.workers, rows * (w + 1) / o.workers});
    job.sweep_data = sweep_block;
  }
  TestJob(const TestJob&) = delete;
  TestJob& operator=(const TestJob&) = delete;

  Program program;
  Plan plan;
  int64_t stride;
  AlignedArray<T> x, y, columns;
  std::vector<Block> block, sweep_block;
  Job job;
};

}  // namespace gyre::testing_programs
