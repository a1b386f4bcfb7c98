#include "runtime/driver/weights.h"

#include <algorithm>
#include <map>
#include <vector>

namespace gyre::driver {
namespace {

using ir::Op;

// Climbs from every use of the vector to the sum that it is under.
class Climber {
 public:
  Climber(const Program& program, int symbol) : graph_(program.graph), symbol_(symbol) {
    Visit(program.objective.value.node, -1);
    for (const Measure& measure : program.measure) Visit(measure.value.node, -1);
    for (const Prediction& prediction : program.prediction) {
      Visit(prediction.node, -1);
      told_ = told_ && (prediction.node >= 0 || prediction.pass < 0);
      if (prediction.pass >= 0 && !told_)
        ReadBy(program.pass[static_cast<size_t>(prediction.pass)]);
    }
    AddStatement(program, program.root);
  }

  bool Scales() const {
    return !elsewhere_ && !leaf_.empty() &&
           std::all_of(leaf_.begin(), leaf_.end(),
                       [this](int leaf) { return Under(leaf, graph_.node[leaf].sub[0].index); });
  }

 private:
  const ir::Node& node(int id) const { return graph_.node[id]; }

  // Kernels of statements that the objective does not tell of: a vector that one reads and that was
  // not met there is used in ways unknown.
  void AddStatement(const Program& program, const Statement& s) {
    for (const Statement& child : s.child) AddStatement(program, child);
    if (s.pass >= 0 && leaf_.empty()) ReadBy(program.pass[static_cast<size_t>(s.pass)]);
    for (const Penalty& penalty : s.penalty) Visit(penalty.weight.node, -1);
  }
  void ReadBy(const Pass& pass) {
    elsewhere_ = elsewhere_ || std::count(pass.data.begin(), pass.data.end(), symbol_) > 0;
  }

  void Visit(int id, int parent) {
    if (id < 0) return;
    const bool first = parent_.count(id) == 0;
    std::vector<int>& parents = parent_[id];
    parents.push_back(parent);
    if (!first) return;
    const ir::Node& n = node(id);
    if (n.op == Op::kData && n.symbol == symbol_) leaf_.push_back(id);
    for (const int operand : {n.a, n.b, n.c}) Visit(operand, id);
    for (int s = 0; s < n.subs; ++s) Visit(n.sub[s].node, id);
    if (n.op == Op::kLet) Visit(graph_.let[n.symbol].body, id);
    if (n.op == Op::kTotal) Visit(graph_.total[n.symbol].node, id);
  }

  // Whether every way up from `id` reaches a sum over `index` through products alone.
  bool Under(int id, int index) const {
    return std::all_of(parent_.at(id).begin(), parent_.at(id).end(), [&](int parent) {
      if (parent < 0) return false;
      const ir::Node& p = node(parent);
      switch (p.op) {
        case Op::kSum:
          return p.index == index || Under(parent, index);
        case Op::kMul:
        case Op::kNeg:
          return Under(parent, index);
        case Op::kDiv:
          return p.a == id && Under(parent, index);
        case Op::kLet:
          return Transparent(p) && Under(parent, index);
        default:
          return false;
      }
    });
  }

  // A reference to a let by its own indices passes its body's value on.
  bool Transparent(const ir::Node& n) const {
    const ir::Let& let = graph_.let[n.symbol];
    for (int s = 0; s < n.subs; ++s)
      if (!n.sub[s].plain() || n.sub[s].index != let.index[s]) return false;
    return true;
  }

  const ir::Graph& graph_;
  const int symbol_;
  std::map<int, std::vector<int>> parent_;  // of every node reached; -1: a root
  std::vector<int> leaf_;
  bool elsewhere_ = false, told_ = true;
};

}  // namespace

bool IsWeight(const Program& program, int symbol) {
  const ir::Symbol& s = program.graph.symbol[symbol];
  return s.kind == ir::Kind::kData && s.rank == 1 && Climber(program, symbol).Scales();
}

}  // namespace gyre::driver
