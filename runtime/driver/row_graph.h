// RowGraph: how data becomes predictions, measures and the objective, as a graph with parents.
//
// A value per row is reached from what is summed over rows or predicted, through lets, but not
// through gradients. Immutable once made.
#pragma once
#include <map>
#include <set>
#include <vector>

#include "dsl/program.h"

namespace gyre::driver {

class RowGraph {
 public:
  explicit RowGraph(const Program& program) : graph_(program.graph) {
    AddTotalsOf(program.objective.value.node);
    for (const Measure& measure : program.measure) AddTotalsOf(measure.value.node);
    bool told = true;
    for (const Prediction& prediction : program.prediction) {
      told = told && prediction.node >= 0;
      if (prediction.node >= 0) Root(prediction.node);
    }
    if (!told) {
      for (int node : NodesOfRows()) Root(node);
    }
  }

  const std::map<int, std::vector<int>>& parents() const { return parents_; }
  bool Reached(int node) const { return parents_.count(node) > 0; }
  bool IsRoot(int node) const { return roots_.count(node) > 0; }

 private:
  // A total is a sum over rows; what it sums is a value per row. The rest of `node` is Omega.
  void AddTotalsOf(int node) {
    if (node < 0 || !seen_post_.insert(node).second) return;
    const ir::Node& n = graph_.node[node];
    if (n.op == ir::Op::kTotal) {
      const ir::Total& total = graph_.total[n.symbol];
      if (total.node >= 0) Root(graph_.node[total.node].a);
      return;
    }
    if (n.op == ir::Op::kLet) AddTotalsOf(graph_.let[n.symbol].body);
    for (int operand : {n.a, n.b, n.c}) AddTotalsOf(operand);
  }

  // Where predictions do not say which node they are: nodes that nothing else refers to and that
  // depend on a row.
  std::vector<int> NodesOfRows() const {
    uint32_t rows = 0;
    for (int i = 0; i < graph_.index.size; ++i) {
      if (graph_.axis[graph_.index[i].axis].data) rows |= 1u << i;
    }
    std::vector<bool> referred(static_cast<size_t>(graph_.node.size), false);
    const auto refer = [&](int node) {
      if (node >= 0) referred[static_cast<size_t>(node)] = true;
    };
    for (const ir::Node& n : graph_.node) {
      for (int operand : {n.a, n.b, n.c}) refer(operand);
      for (int s = 0; s < n.subs; ++s) refer(n.sub[s].node);
    }
    for (const ir::Let& let : graph_.let) {
      if (let.adjoint_of >= 0) refer(let.body);
    }
    for (const ir::Total& total : graph_.total) refer(total.node);
    std::vector<int> found;
    for (int i = 0; i < graph_.node.size; ++i) {
      if (!referred[static_cast<size_t>(i)] && (graph_.node[i].free & rows) != 0)
        found.push_back(i);
    }
    return found;
  }

  void Root(int node) {
    roots_.insert(node);
    Visit(node, -1);
  }

  void Visit(int node, int parent) {
    if (node < 0) return;
    const bool first = parents_.count(node) == 0;
    std::vector<int>& parents = parents_[node];
    if (parent >= 0) parents.push_back(parent);
    if (!first) return;
    const ir::Node& n = graph_.node[node];
    for (int operand : {n.a, n.b, n.c}) Visit(operand, node);
    for (int s = 0; s < n.subs; ++s) Visit(n.sub[s].node, node);
    if (n.op == ir::Op::kLet) Visit(graph_.let[n.symbol].body, node);
    if (n.op == ir::Op::kTotal && graph_.total[n.symbol].param < 0)
      Visit(graph_.total[n.symbol].node, node);
  }

  const ir::Graph& graph_;
  std::map<int, std::vector<int>>
      parents_;  // of every node reached; a let's body has the reference as parent
  std::set<int> roots_;
  std::set<int> seen_post_;
};

}  // namespace gyre::driver
