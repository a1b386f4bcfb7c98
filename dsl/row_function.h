// Kernels of a linear predictor: a loss, its slope or its curvature of ranges of rows, as functions
// of the predictor's value in each. Elementwise, so that they are one vectorised loop.
#pragma once
#include <utility>

#include "dsl/kernel.h"
#include "dsl/program.h"

namespace gyre::internal {

template <class P, int S>
struct PredictorUnit {
  static constexpr const ProgramIr& kIr = P::kIr;
  static constexpr const PredictorIr& kPredictor = P::kIr.statement[S].predictor;
  static constexpr int kRow = kPredictor.row_index;
  static constexpr int SlotOf(int, int) { return -1; }
  static constexpr bool IsView(int) { return false; }
  static constexpr bool IsGiven(int id) { return id == kPredictor.view; }
  static constexpr bool IsItem(int) { return false; }
  static constexpr bool IsLive(int) { return false; }
  static constexpr bool IsCount(int) { return false; }
};

template <class P, int S, int Node, class D>
void RunRowsOf(const RowArgs& args) {
  using U = PredictorUnit<P, S>;
  Context<double, D> c;
  int64_t origin[ir::kMaxSymbols];
  for (int64_t& o : origin) o = args.begin;
  c.data = args.data;
  c.origin = origin;
  c.total = args.total;
  c.hyper = args.hyper;
  c.literal = args.literal;
  c.extent = args.extent;
  c.given = args.view;
  c.first_row = args.begin;
  Indices p;
  if constexpr (U::kPredictor.output_index >= 0) p.at[U::kPredictor.output_index] = args.output;
  StoreRows(args.out, args.end - args.begin, Make<U, 0, Node>(c, p));
}

template <class P, int S, int Node>
void RunRows(const RowArgs& args) {
  if (args.single) {
    RunRowsOf<P, S, Node, float>(args);
  } else {
    RunRowsOf<P, S, Node, double>(args);
  }
}

// Gives every Minimize under `id` that has a linear predictor its kernels.
template <class P, int Id = P::kIr.root>
void AttachPredictors(Statement& statement) {
  static constexpr const StatementIr& ir = P::kIr.statement[Id];
  if constexpr (ir.predictor.view >= 0) {
    Predictor& out = statement.predictor;
    out.loss = &RunRows<P, Id, ir.predictor.loss>;
    out.slope = &RunRows<P, Id, ir.predictor.slope>;
    out.curvature = &RunRows<P, Id, ir.predictor.curvature>;
    if constexpr (ir.predictor.offset >= 0) out.offset = &RunRows<P, Id, ir.predictor.offset>;
    [&]<int... K>(std::integer_sequence<int, K...>) {
      (out.kink.push_back(&RunRows<P, Id, ir.predictor.kink[K]>), ...);
    }(std::make_integer_sequence<int, ir.predictor.kink.size>{});
  }
  [&]<int... C>(std::integer_sequence<int, C...>) {
    (AttachPredictors<P, ir.child[C]>(statement.child[C]), ...);
  }(std::make_integer_sequence<int, ir.child.size>{});
}

}  // namespace gyre::internal
