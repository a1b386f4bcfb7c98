#include "compiler/delta.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/dependence.h"

namespace gyre {
namespace {

void FlattenProduct(const ir::Graph& graph, int id, std::vector<int>* factors) {
  const ir::Node& node = graph.node[id];
  if (node.op == ir::Op::kMul) {
    FlattenProduct(graph, node.a, factors);
    FlattenProduct(graph, node.b, factors);
  } else if (node.op == ir::Op::kNeg) {
    FlattenProduct(graph, node.a, factors);
  } else {
    factors->push_back(id);
  }
}

uint32_t TotalMask(const ir::Total& total) {
  uint32_t mask = 0;
  for (int i = 0; i < total.rank; ++i) mask |= 1u << total.index[i];
  return mask;
}

struct Side {  // one factor of an outer product
  uint32_t indices = 0;
  std::vector<int> factors;
};

// The factors of a total's term split into parts that share no index of the total. Factors without
// any go to the first part.
std::vector<Side> Split(const ir::Graph& graph, const ir::Total& total) {
  std::vector<int> factors;
  FlattenProduct(graph, graph.node[total.node].a, &factors);
  const uint32_t all = TotalMask(total);
  std::vector<Side> sides;
  std::vector<int> rest;
  for (const int f : factors) {
    Side merged{graph.node[f].free & all, {f}};
    if (merged.indices == 0) {
      rest.push_back(f);
      continue;
    }
    for (size_t i = 0; i < sides.size();) {
      if ((sides[i].indices & merged.indices) == 0) {
        ++i;
        continue;
      }
      merged.indices |= sides[i].indices;
      merged.factors.insert(merged.factors.begin(), sides[i].factors.begin(), sides[i].factors.end());
      sides.erase(sides.begin() + static_cast<int64_t>(i));
    }
    sides.push_back(merged);
  }
  if (!sides.empty()) {
    sides[0].factors.insert(sides[0].factors.begin(), rest.begin(), rest.end());
  }
  return sides;
}

std::string SideText(const Program& program, const Side& side) {
  std::vector<std::string> factors, axes;
  for (const int f : side.factors) {
    factors.push_back(ToText(program.graph, program.literal, f));
  }
  for (int i = 0; i < program.graph.index.size; ++i) {
    if ((side.indices >> i) & 1u) {
      axes.push_back(Name(program.graph.axis[AxisOf(program.graph, i)].name));
    }
  }
  return absl::StrCat(absl::StrJoin(factors, " * "), " : ", absl::StrJoin(axes, ","));
}

int64_t SideElements(const ir::Graph& graph, const Side& side, const std::vector<int64_t>& extent) {
  int64_t n = 1;
  for (int i = 0; i < graph.index.size; ++i) {
    if ((side.indices >> i) & 1u) n *= ExtentOf(extent, AxisOf(graph, i));
  }
  return n;
}

Delta DeltaOf(const Program& program, const Pass& pass, size_t position,
              const std::vector<int64_t>& extent, int64_t element) {
  const ir::Graph& graph = program.graph;
  const int id = pass.total[position];
  const ir::Total& total = graph.total[id];
  const Structure structure = StructureOf(pass, id);
  Delta d;
  d.set_param(total.param >= 0 ? Signature(graph, total.param)
                               : absl::StrCat(TotalTableId(graph, id)));
  d.set_structure(std::string(StructureName(structure)));
  if (pass.row_axis >= 0) d.set_over(Name(graph.axis[pass.row_axis].name));
  d.set_matrix_bytes(ElementsOfTotal(graph, id, extent) * static_cast<int64_t>(sizeof(double)));
  d.set_row_bytes(ElementsOfTotal(graph, id, extent) * element);
  if (structure == Structure::kOuter) {
    const std::vector<Side> sides = Split(graph, total);
    if (sides.size() >= 2) {
      d.set_u(SideText(program, sides[0]));
      d.set_v(SideText(program, sides[1]));
      d.set_row_bytes((SideElements(graph, sides[0], extent) + SideElements(graph, sides[1], extent)) *
                      element);
    }
  } else if (structure == Structure::kRows && total.rank > 0) {
    const int64_t rows = ExtentOf(extent, AxisOf(graph, total.index[0]));
    d.set_row_bytes(ElementsOfTotal(graph, id, extent) / rows * element + element);
  }
  return d;
}

}  // namespace

std::string TotalTableId(const ir::Graph& graph, int total) {
  const int param = graph.total[total].param;
  if (param >= 0) return absl::StrCat("delta/", Name(graph.symbol[param].name));
  return absl::StrCat("total/", total);
}

Structure StructureOf(const Pass& pass, int total) {
  for (size_t i = 0; i < pass.total.size() && i < pass.structure.size(); ++i) {
    if (pass.total[i] == total) return pass.structure[i];
  }
  return Structure::kDense;
}

std::vector<Delta> DeltasOf(const Program& program, const std::vector<int64_t>& extent, Type type) {
  std::vector<Delta> out;
  std::vector<int> done;
  for (const Leaf& leaf : Leaves(program)) {
    const Pass* pass = PassOf(program, leaf);
    if (pass == nullptr) continue;
    for (size_t i = 0; i < pass->total.size(); ++i) {
      const int id = pass->total[i];
      const bool objective = leaf.statement->kind == StatementKind::kMinimize &&
                             program.graph.total[id].param < 0;
      if (objective || std::find(done.begin(), done.end(), id) != done.end()) continue;
      done.push_back(id);
      out.push_back(DeltaOf(program, *pass, i, extent, SizeOf(type)));
    }
  }
  return out;
}

}  // namespace gyre
