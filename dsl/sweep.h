// Kernels of Sweep statements: one coordinate at a time, Delta and g at once.
//
// Visiting item j: its live sums are dot products of column j of the data matrix with values of the
// rows; the new value follows; the change is added to the maintained view along the same column.
#pragma once
#include <type_traits>

#include "dsl/kernel.h"
#include "dsl/program.h"
#include "ops/contract.h"

namespace gyre::internal {

template <class P, int S, class D>
class SweepKernel {
 public:
  using U = SweepUnit<P, S>;
  static constexpr const StatementIr& kStatement = P::kIr.statement[S];
  static constexpr int kView = kStatement.maintained[0];
  static constexpr int kParam = kStatement.assign[0].symbol;

  static void Run(SweepArgs& args) {
    Context<double, D> c;
    double* slot[ir::kMaxLets] = {};
    slot[kView] = args.view[kView];
    const double* total[ir::kMaxTotals] = {};
    for (int t = 0; t < P::kIr.builder.graph.total.size; ++t) total[t] = args.total[t];
    double live[6] = {};
    for (int k = 0; k < kStatement.live.size; ++k) total[kStatement.live[k].total] = &live[k];
    const int64_t origin[ir::kMaxSymbols] = {};
    c.data = args.data;
    c.origin = origin;
    c.param = args.param;
    c.total = total;
    c.hyper = args.hyper;
    c.literal = args.literal;
    c.extent = args.extent;
    c.slot = slot;
    c.epoch = args.epoch;
    Indices p;
    const Block& matrix = args.data[kStatement.matrix];
    double* const param = args.param[kParam];
    double* const view = args.view[kView];
    const auto response = Make<U, 0, kStatement.response>(c, p);
    args.change = 0;
    for (int64_t at = 0; at < args.items; ++at) {
      const int64_t item = args.item != nullptr ? args.item[at] : at;
      p.at[kStatement.axis_index] = item;
      [&]<int... K>(std::integer_sequence<int, K...>) {
        ((live[K] = LiveSum(matrix, item, Make<U, 0, kStatement.live[K].weight>(c, p))), ...);
      }(std::make_integer_sequence<int, kStatement.live.size>{});
      const double value = Make<U, 0, kStatement.update>(c, p)(0);
      const double change = value - param[item];
      if (change == 0) continue;
      param[item] = value;
      args.change += change * change;
      Respond(matrix, item, change, view, response);
    }
  }

 private:
  // sum_row matrix(row, item) weight(row). A dense matrix comes as its transpose.
  template <class F>
  static double LiveSum(const Block& m, int64_t item, F weight) {
    if constexpr (std::is_same_v<F, Column<double>>) {
      return m.format == Format::kDense ? RowDot<D, double>(m, item, weight.values)
                                        : ColumnDot<D, double>(m, item, weight.values);
    } else {
      double sum = 0;
      ForEntries(m, item, [&](int64_t row, double x) { sum += x * static_cast<double>(weight(row)); });
      return sum;
    }
  }
  template <class F>
  static void Respond(const Block& m, int64_t item, double change, double* view, F response) {
    if constexpr (std::is_same_v<F, Constant<double>>) {
      if (m.format == Format::kDense) {
        AddRow<D, double>(m, item, change * response.value, view);
      } else {
        AddColumn<D, double>(m, item, change * response.value, view);
      }
    } else {
      ForEntries(m, item, [&](int64_t row, double x) {
        view[row] += change * x * static_cast<double>(response(row));
      });
    }
  }
  template <class F>
  static void ForEntries(const Block& m, int64_t item, F f) {
    const D* const values = m.data<D>();
    if (m.format == Format::kDense) {
      for (int64_t row = 0; row < m.cols; ++row) f(row, static_cast<double>(values[item * m.stride + row]));
    } else {
      for (int64_t e = m.offset[item]; e < m.offset[item + 1]; ++e) {
        f(m.index[e], static_cast<double>(values[e]));
      }
    }
  }
};

template <class P, int S>
void RunSweep(SweepArgs& args) {
  if (args.data[P::kIr.statement[S].matrix].type == Type::kFloat32) {
    SweepKernel<P, S, float>::Run(args);
  } else {
    SweepKernel<P, S, double>::Run(args);
  }
}

// Gives every Sweep statement under `id` its kernel.
template <class P, int Id = P::kIr.root>
void AttachSweeps(Statement& statement) {
  static constexpr const StatementIr& ir = P::kIr.statement[Id];
  if constexpr (ir.kind == StatementKind::kSweep) statement.sweep = &RunSweep<P, Id>;
  [&]<int... C>(std::integer_sequence<int, C...>) {
    (AttachSweeps<P, ir.child[C]>(statement.child[C]), ...);
  }(std::make_integer_sequence<int, ir.child.size>{});
}

}  // namespace gyre::internal
