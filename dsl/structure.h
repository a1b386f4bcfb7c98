// The derived structure of Delta, as concepts that a program can assert:
//
//   static_assert(DeltaIsSufficientFactors<decltype(Mlr), decltype(W)>);
//
// Sufficient factors: what a row adds to the gradient by W, or to the sums that an Iterate assigns W
// from, is an outer product u v'. Rows: it is zero but for the rows of W that a key names. Dense:
// neither is known.
#pragma once
#include "dsl/compile.h"

namespace gyre {
namespace internal {

constexpr Structure StructureOf(StageKind kind) {
  switch (kind) {
    case StageKind::kAddScalar:
      return Structure::kScalar;
    case StageKind::kAddOuter:
      return Structure::kOuter;
    case StageKind::kScatter:
    case StageKind::kScatterAlong:
    case StageKind::kScatterRows:
      return Structure::kRows;
    default:
      return Structure::kDense;
  }
}

// Joins the structures of the totals that node `id` reads into `found`; any two that differ are
// dense.
constexpr void JoinStructures(const ProgramIr& ir, const PassIr& pass, int id, int& found) {
  if (id < 0) return;
  const ir::Node& n = ir.builder.graph.node[id];
  if (n.op == ir::Op::kTotal) {
    for (const Stage& stage : pass.schedule.stage) {
      if (stage.target < 0 || pass.total[stage.target] != n.symbol) continue;
      const int structure = static_cast<int>(StructureOf(stage.kind));
      found = found < 0 || found == structure ? structure : static_cast<int>(Structure::kDense);
    }
  }
  for (int child : {n.a, n.b, n.c}) JoinStructures(ir, pass, child, found);
}

// The structure of Delta of parameter P in program S: of its gradient, or of the sums that an Iterate
// assigns it from.
template <class S, class P>
consteval Structure DeltaStructure() {
  const ProgramIr& ir = Compiled<std::remove_cvref_t<S>>::kIr;
  int found = -1;
  for (const StatementIr& s : ir.statement) {
    const bool iterate = s.kind == StatementKind::kIterate;
    if ((!iterate && s.kind != StatementKind::kMinimize) || s.pass < 0) continue;
    for (const AssignIr& a : s.assign) {
      if (ir.builder.graph.symbol[a.symbol].name != std::remove_cvref_t<P>::kName.view()) continue;
      JoinStructures(ir, ir.pass[s.pass], iterate ? ir.post[a.post].node : a.node, found);
    }
  }
  return found < 0 ? Structure::kDense : static_cast<Structure>(found);
}

}  // namespace internal

template <class Program, class Param>
concept DeltaIsSufficientFactors = internal::DeltaStructure<Program, Param>()
== Structure::kOuter;
template <class Program, class Param>
concept DeltaIsRows = internal::DeltaStructure<Program, Param>()
== Structure::kRows;
template <class Program, class Param>
concept DeltaIsDense = internal::DeltaStructure<Program, Param>()
== Structure::kDense;
template <class Program, class Param>
concept DeltaIsScalar = internal::DeltaStructure<Program, Param>()
== Structure::kScalar;

}  // namespace gyre
