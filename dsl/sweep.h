// Kernels of Sweep statements: one coordinate at a time, Delta and g at once.
//
// Visiting item j: its live sums are over column j of a matrix, row j of a table or the rows that a
// map gives to j, times values of what they run over; the new value follows; the change is added to
// the maintained view, where there is one, along the same column.
#pragma once
#include <tuple>
#include <type_traits>

#include "dsl/kernel.h"
#include "dsl/program.h"
#include "ops/contract.h"

namespace gyre::internal {

template <class P, int S, class D>
class SweepKernel {
 public:
  static constexpr const StatementIr& kStatement = P::kIr.statement[S];
  static constexpr int kParam = kStatement.assign[0].symbol;
  static constexpr int kView = kStatement.maintained.size > 0 ? kStatement.maintained[0] : -1;
  using U = SweepUnit<P, S, kStatement.row_index>;

  static void Run(SweepArgs& args) {
    Context<double, D> c;
    double* slot[ir::kMaxLets] = {};
    if constexpr (kView >= 0) slot[kView] = args.view[kView];
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
    double* const param = args.param[kParam];
    // Functions are made once where they can be: an item has little to do.
    const auto weights = [&]<int... K>(std::integer_sequence<int, K...>) {
      return std::make_tuple(FixedWeight<K>(c, p)...);
    }(std::make_integer_sequence<int, kStatement.live.size>{});
    const auto update = FixedUpdate(c, p);
    double squares = 0;
    for (int64_t at = 0; at < args.items; ++at) {
      const int64_t item = args.item != nullptr ? args.item[at] : at;
      p.at[kStatement.axis_index] = item;
      [&]<int... K>(std::integer_sequence<int, K...>) {
        ((live[K] = LiveSum<K>(args, item, std::get<K>(weights), c, p)), ...);
      }(std::make_integer_sequence<int, kStatement.live.size>{});
      const double value = NewValue(update, item, c, p);
      const double change = value - param[item];
      if (change == 0) continue;
      param[item] = value;
      squares += change * change;
      if constexpr (kView >= 0) {
        Respond(args.data[kStatement.matrix], item, change, args.view[kView],
                Make<U, 0, kStatement.response>(c, p));
      }
    }
    args.change = squares;
  }

 private:
  struct EachItem {};  // made for each item

  template <int K, class C>
  GYRE_INLINE static auto FixedWeight(const C& c, Indices& p) {
    constexpr const LiveSumIr& sum = kStatement.live[K];
    if constexpr (sum.fixed) {
      return Make<SweepUnit<P, S, sum.row_index>, 0, sum.weight>(c, p);
    } else {
      return EachItem{};
    }
  }
  template <class C>
  GYRE_INLINE static auto FixedUpdate(const C& c, Indices& p) {
    if constexpr (kStatement.by_item) {
      return Make<SweepUnit<P, S, kStatement.axis_index>, 0, kStatement.update>(c, p);
    } else {
      return EachItem{};
    }
  }
  template <class F, class C>
  GYRE_INLINE static double NewValue(const F& update, int64_t item, const C& c, Indices& p) {
    if constexpr (std::is_same_v<F, EachItem>) {
      return Make<U, 0, kStatement.update>(c, p)(0);
    } else {
      return update(item);
    }
  }

  template <int K, class F, class C>
  GYRE_INLINE static double LiveSum(const SweepArgs& args, int64_t item, const F& weight,
                                    const C& c, Indices& p) {
    constexpr const LiveSumIr& sum = kStatement.live[K];
    if constexpr (std::is_same_v<F, EachItem>) {
      const auto made = Make<SweepUnit<P, S, sum.row_index>, 0, sum.weight>(c, p);
      return LiveSum<K>(args, item, made, c, p);
    } else if constexpr (sum.form == SweepForm::kKeyed) {
      const RowsOfKey& rows = args.rows_of[sum.symbol];
      double value = 0;
      for (int64_t e = rows.offset[item]; e < rows.offset[item + 1]; ++e) {
        value += static_cast<double>(weight(rows.row[e]));
      }
      return value;
    } else {
      return SumEntries(args.data[sum.symbol], item, weight);
    }
  }

  // sum over the entries of `item` times weight. A dense matrix has a row of storage for each item.
  template <class F>
  static double SumEntries(const Block& m, int64_t item, const F& weight) {
    if constexpr (std::is_same_v<F, Column<double>>) {
      return m.format == Format::kCsc ? ColumnDot<D, double>(m, item, weight.values)
                                      : RowDot<D, double>(m, item, weight.values);
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
  if (args.single) {
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
