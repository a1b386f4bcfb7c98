// What a program asks for that this version has no kernel for. Such a program still has text, graph
// and fingerprint; running it is refused with one line (Program::refusal, GY040), never attempted.
#pragma once
#include "dsl/program_ir.h"

namespace gyre::internal {

class BeyondKernels {
 public:
  constexpr explicit BeyondKernels(ProgramIr& program) : p(program), g(program.builder.graph) {}

  // Fills ProgramIr::beyond with the first thing found.
  constexpr void Find() {
    for (const StatementIr& s : p.statement) {
      if (s.kind == StatementKind::kAlternate) Say(Beyond::kAlternate, s.assign[0].symbol);
    }
    for (int i = 0; i < g.symbol.size; ++i) {
      const ir::Symbol& s = g.symbol[i];
      if (s.kind == ir::Kind::kTyped) Say(Beyond::kTyped, i);
      if (s.kind == ir::Kind::kLocal) Say(Beyond::kLocal, i);
      if (s.kind == ir::Kind::kLatent && !Resamples(i)) Say(Beyond::kLatent, i);
      for (int a = 0; a < s.rank; ++a) {
        if (g.axis[s.axis[a]].span) Say(Beyond::kSpan, i);
      }
    }
    bool posted[ir::kMaxNodes] = {};
    for (const AssignIr& a : p.start) Mark(a.node, posted);
    for (int id = 0; id < g.node.size; ++id) Check(g.node[id], posted[id]);
  }

 private:
  constexpr bool Resamples(int latent) const {
    int times = 0;
    for (const StatementIr& s : p.statement)
      times += s.kind == StatementKind::kResample && s.assign[0].symbol == latent;
    return times == 1;
  }
  constexpr void Check(const ir::Node& n, bool in_start) {
    switch (n.op) {
      case ir::Op::kSolve:
        return Say(Beyond::kSolve);
      case ir::Op::kEach:
        return Say(Beyond::kEach);
      case ir::Op::kDraw:
        return Say(Beyond::kCategory);
      case ir::Op::kBatch:
        return Say(Beyond::kBatch);
      case ir::Op::kNormal:
      case ir::Op::kUniform:
      case ir::Op::kBernoulli:
        if (!in_start || n.symbol < 0) {
          if (ReadsParam(n)) p.builder.fail(33);
          Say(Beyond::kDraw);
        }
        return;
      default:
        return;
    }
  }
  constexpr bool ReadsParam(const ir::Node& draw) const {
    bool seen[ir::kMaxNodes] = {};
    Mark(draw.a, seen);
    Mark(draw.b, seen);
    for (int id = 0; id < g.node.size; ++id) {
      if (seen[id] && g.node[id].op == ir::Op::kParam) return true;
    }
    return false;
  }
  constexpr void Mark(int id, bool* seen) const {
    if (id < 0 || seen[id]) return;
    seen[id] = true;
    const ir::Node& n = g.node[id];
    if (n.op == ir::Op::kLet) Mark(g.let[n.symbol].body, seen);
    Mark(n.a, seen);
    Mark(n.b, seen);
    Mark(n.c, seen);
  }
  constexpr void Say(Beyond what, int symbol = -1) {
    if (p.beyond != Beyond::kNothing) return;
    p.beyond = what;
    p.beyond_symbol = static_cast<int16_t>(symbol);
  }

  ProgramIr& p;
  const ir::Graph& g;
};

}  // namespace gyre::internal
