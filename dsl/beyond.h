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
    for (int i = 0; i < g.symbol.size; ++i) {
      const ir::Symbol& s = g.symbol[i];
      if (s.kind == ir::Kind::kTyped) Say(Beyond::kTyped, i);
      if (s.kind == ir::Kind::kLocal && !Lives(i)) Say(Beyond::kLocal, i);
      if (s.kind == ir::Kind::kLatent && !Resamples(i)) Say(Beyond::kLatent, i);
      for (int a = 0; a < s.rank; ++a) {
        if (g.axis[s.axis[a]].span) Say(Beyond::kSpan, i);
      }
    }
    // Whole assignments, and of those that follow sums over data what stands around the sums.
    bool start[ir::kMaxNodes] = {}, around[ir::kMaxNodes] = {}, within[ir::kMaxNodes] = {};
    for (const AssignIr& a : p.start) Mark(a.node, start), MarkAround(a.node, around, within);
    for (const StatementIr& s : p.statement) {
      if (s.kind == StatementKind::kIterate) {
        for (const AssignIr& a : s.assign) MarkAround(a.node, around, within);
      }
      if (s.objective >= 0) Mark(s.objective, within);
      if (s.kind == StatementKind::kSweep || s.kind == StatementKind::kResample) {
        for (const AssignIr& a : s.assign) Mark(a.node, within);
      }
    }
    for (const NamedIr& m : p.prediction) Mark(m.node, within);
    for (const NamedIr& m : p.measure) Mark(m.node, within);
    for (int id = 0; id < g.node.size; ++id)
      Check(g.node[id], around[id] && !within[id], start[id] || (around[id] && !within[id]));
  }

 private:
  constexpr bool Resamples(int latent) const {
    int times = 0;
    for (const StatementIr& s : p.statement)
      times += s.kind == StatementKind::kResample && s.assign[0].symbol == latent;
    return times == 1;
  }
  // Is a local along rows of its own, assigned beside parameters, and read in such statements and in
  // measures alone?
  constexpr bool Lives(int local) const {
    const ir::Symbol& s = g.symbol[local];
    for (int i = 0; i < s.rank; ++i) {
      if (g.axis[s.axis[i]].data != (i == 0)) return false;
    }
    int times = 0;
    bool elsewhere[ir::kMaxNodes] = {};
    for (const StatementIr& st : p.statement) {
      bool mine = false, shared = false;
      for (const AssignIr& a : st.assign) {
        mine = mine || a.symbol == local;
        shared = shared || g.symbol[a.symbol].kind == ir::Kind::kParam;
        if (st.kind != StatementKind::kIterate) Mark(a.node, elsewhere);
      }
      if (mine && !(shared && st.kind == StatementKind::kIterate)) return false;
      times += mine;
      Mark(st.objective, elsewhere);
    }
    for (const AssignIr& a : p.start) Mark(a.node, elsewhere);
    for (const NamedIr& m : p.prediction) Mark(m.node, elsewhere);
    for (int id = 0; id < g.node.size; ++id) {
      const ir::Node& n = g.node[id];
      if (n.op != ir::Op::kLocal || n.symbol != local) continue;
      if (elsewhere[id] || !n.sub[0].plain()) return false;
    }
    return s.rank > 0 && times > 0;
  }
  constexpr void Check(const ir::Node& n, bool solves, bool draws) {
    switch (n.op) {
      case ir::Op::kSolve:
        if (!solves) Say(Beyond::kSolve);
        return;
      case ir::Op::kEach:
        return Say(Beyond::kEach);
      case ir::Op::kDraw:
        return Say(Beyond::kCategory);
      case ir::Op::kBatch:
        return Say(Beyond::kBatch);
      case ir::Op::kNormal:
      case ir::Op::kUniform:
      case ir::Op::kBernoulli:
        if (!draws || n.symbol < 0) {
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
  // The same up to sums over data, and what those sum.
  constexpr void MarkAround(int id, bool* around, bool* within) const {
    if (id < 0 || around[id]) return;
    const ir::Node& n = g.node[id];
    if (n.op == ir::Op::kSum && g.axis[g.index[n.index].axis].data) return Mark(id, within);
    around[id] = true;
    if (n.op == ir::Op::kLet) MarkAround(g.let[n.symbol].body, around, within);
    MarkAround(n.a, around, within), MarkAround(n.b, around, within), MarkAround(n.c, around, within);
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
