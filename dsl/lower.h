// Lowering: from statements as written to passes over rows and posts over totals.
//
//   objective      = f + Omega; Omega is what has no data axis, taken apart into proximal terms
//   gradient of f  = posts of totals, by reverse mode (differentiate.h)
//   sum over data  = a total: Delta. Sums of data alone become totals of the build pass.
#pragma once
#include "dsl/beyond.h"
#include "dsl/differentiate.h"
#include "dsl/lower_sample.h"
#include "dsl/lower_sweep.h"
#include "dsl/objective.h"
#include "dsl/schedule.h"

namespace gyre::internal {

class Lowering : public SampleLowering {
 public:
  using SampleLowering::SampleLowering;

  constexpr void Run() {
    if (b.error) return;
    MarkDataAxes();
    BeyondKernels(p).Find();
    if (p.beyond != Beyond::kNothing) return;
    for (int l = 0; l < b.graph.let.size && !b.error; ++l) {
      b.graph.let[l].lowered = static_cast<int16_t>(a.Canonical(b.graph.let[l].body));
    }
    CheckGathers();
    for (int l = 0; l < b.graph.let.size; ++l) {
      if (IndexMask(b.graph.let[l]) & a.data_mask()) SettleLet(l);
    }
    for (int s = 0; s < p.statement.size && !b.error; ++s) LowerStatement(p.statement[s]);
    for (NamedIr& m : Items(p.measure)) LowerMeasure(m);
    for (NamedIr& m : Items(p.prediction)) LowerPrediction(m);
    LowerStart();
    for (StatementIr& s : Items(p.statement)) LowerPredictor(s);
    LowerBuild();
    if (b.error) return;
    for (PassIr& pass : Items(p.pass)) {
      Scheduler scheduler(a, pass.schedule, pass.row_index);
      for (int i = 0; i < pass.total.size; ++i) {
        scheduler.AddTotal(b.graph.total[pass.total[i]], i);
      }
      if (pass.output >= 0) pass.output = static_cast<int16_t>(scheduler.Materialise(pass.output));
      AddStores(scheduler, pass);
      for (int i = 0; i < pass.outputs.size; ++i) {
        pass.outputs[i] = static_cast<int16_t>(scheduler.Materialise(pass.outputs[i]));
      }
    }
  }

 private:
  // ---- Statements.

  constexpr void LowerStatement(StatementIr& s) {
    switch (s.kind) {
      case StatementKind::kMinimize:
        return LowerMinimize(s);
      case StatementKind::kIterate:
        return LowerIterate(s);
      case StatementKind::kSweep:
        return LowerSweep(s);
      case StatementKind::kResample:
        return LowerSample(s);
      default:
        return;
    }
  }

  constexpr void LowerIterate(StatementIr& s) {
    PassIr pass;
    for (AssignIr& assign : Items(s.assign)) {
      if (b.graph.symbol[assign.symbol].kind == ir::Kind::kLocal) {
        LowerLocal(assign, pass);
        continue;
      }
      const int value = Extract(Tallied(a.Canonical(assign.node)));
      AddTotals(value, pass);
      assign.post = ParamPost(value, assign.symbol);
      s.params |= uint64_t{1} << assign.symbol;
    }
    s.pass = AddPass(pass);
  }
  // What lives with a row is changed where the row is visited: it is no total and no post.
  constexpr void LowerLocal(const AssignIr& assign, PassIr& pass) {
    int16_t index[ir::kMaxSubscripts] = {};
    CanonicalIndices(assign.symbol, index);
    if (pass.row_index >= 0 && pass.row_index != index[0]) b.fail(26);
    pass.row_index = index[0];
    AssignIr store;
    store.symbol = assign.symbol;
    store.node = static_cast<int16_t>(Extract(a.Canonical(assign.node), true));
    pass.store.push(store);
    if (pass.store.overflow) b.fail(90);
  }

  // New values are found before any is stored: all at once, from the old ones.
  constexpr void AddStores(Scheduler& scheduler, const PassIr& pass) {
    for (const AssignIr& store : pass.store) scheduler.Materialise(store.node);
    for (const AssignIr& store : pass.store) {
      int16_t index[ir::kMaxSubscripts] = {};
      const int rank = CanonicalIndices(store.symbol, index);
      scheduler.AddStore(store.symbol, store.node, index + 1, rank - 1);
    }
  }

  constexpr void LowerPrediction(NamedIr& m) {
    const int value = Extract(a.Canonical(m.node), true);
    const ir::Node& n = a.at(value);
    PassIr pass;
    for (int i = 0; i < b.graph.index.size; ++i) {
      if ((m.row_indices >> i & 1) && a.data_index(i)) pass.row_index = static_cast<int16_t>(i);
    }
    if (n.op == ir::Op::kArgmax || n.op == ir::Op::kArgmin) m.label = ClassSymbol(n.index);
    if (n.op == ir::Op::kLet) {
      const ir::Node& body = a.at(b.graph.let[n.symbol].lowered);
      if (body.op == ir::Op::kArgmax || body.op == ir::Op::kArgmin)
        m.label = ClassSymbol(body.index);
    }
    if (pass.row_index < 0) {
      int16_t index[ir::kMaxSubscripts] = {};
      int rank = 0;
      for (int i = 0; i < b.graph.index.size; ++i) {
        if (b.free(value) >> i & 1) index[rank++] = static_cast<int16_t>(i);
      }
      m.post = AddPost(value, index, rank);
      return;
    }
    pass.output = static_cast<int16_t>(value);
    m.pass = AddPass(pass);
  }
  // The map whose class names the positions of `index` stand for.
  constexpr int16_t ClassSymbol(int index) const {
    for (int i = 0; i < b.graph.symbol.size; ++i) {
      const ir::Symbol& s = b.graph.symbol[i];
      if (s.kind == ir::Kind::kMap && s.target == b.graph.index[index].axis) {
        return static_cast<int16_t>(i);
      }
    }
    return -1;
  }

  constexpr void LowerStart() {
    PassIr pass;
    for (AssignIr& assign : Items(p.start)) {
      const int value = Extract(a.Canonical(assign.node));
      AddTotals(value, pass);
      assign.post = ParamPost(value, assign.symbol);
    }
    p.start_pass = AddPass(pass);
  }

  constexpr void LowerBuild() {
    PassIr pass;
    for (int t = 0; t < b.graph.total.size; ++t) {
      if (!(build >> t & 1)) continue;
      const int row = b.graph.total[t].row_index;
      if (pass.row_index >= 0 && pass.row_index != row) b.fail(26);
      pass.row_index = static_cast<int16_t>(row);
      pass.total.push(static_cast<int16_t>(t));
    }
    p.build = AddPass(pass);
  }
};

}  // namespace gyre::internal
