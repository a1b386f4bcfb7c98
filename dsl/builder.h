// The fold from expression types to the graph: what every expression's `emit` writes into.
//
// Emission runs twice over the same types: at compile time, where literals have no value, and at
// run time on the program's object, where they have. Both give the same graph, because slots are
// numbered in order of emission.
#pragma once
#include <cstdint>
#include <string_view>

#include "dsl/ir.h"

namespace gyre::internal {

// What each index means where an expression is emitted: itself, or the subscript a let is read
// with.
struct Env {
  ir::Subscript of[ir::kMaxIndices];
  uint32_t renamed = 0;
};

// The code of a slip that was reported where it was made.
inline constexpr int kRefused = 100;

struct Builder {
  ir::Graph graph;
  double literal[ir::kMaxLiterals] = {};
  // The first user error found while emitting; 0: none. Reported as a coded static_assert.
  int error = 0;
  // Set where a reduction binds an index that a subscript put in place of another one names.
  bool captured = false;
  // The parameter that a draw is assigned to: its name and indices are the draw's identity.
  int drawn = -1;

  constexpr void fail(int code) {
    if (error == 0) error = code;
  }

  constexpr int slot(double value) {
    if (graph.literals == ir::kMaxLiterals) return fail(90), 0;
    literal[graph.literals] = value;
    return graph.literals++;
  }

  // The node equal to `n`, made if there is none (hash-consing by comparison: graphs are small).
  constexpr int add(ir::Node n) {
    n.free |= Free(n);
    for (int i = graph.node.size - 1; i >= 0; --i) {
      const ir::Node& have = graph.node[i];
      if (have.op == n.op && have.a == n.a && have.b == n.b && have.symbol == n.symbol &&
          have == n) {
        return i;
      }
    }
    const int id = graph.node.push(n);
    if (graph.node.overflow) fail(90);
    return id;
  }

  constexpr uint32_t free(int id) const { return id < 0 ? 0 : graph.node[id].free; }

  constexpr uint32_t Free(const ir::Subscript& s) const {
    uint32_t mask = free(s.node);
    if (s.index >= 0) mask |= 1u << s.index;
    if (s.second >= 0) mask |= 1u << s.second;
    return mask;
  }

  // Whether an index renamed by `env` now depends on `index`.
  constexpr bool Captures(int index, const Env& env) const {
    for (int i = 0; i < graph.index.size; ++i) {
      if (i != index && (env.renamed >> i & 1) && (Free(env.of[i]) >> index & 1)) return true;
    }
    return false;
  }

  constexpr uint32_t Free(const ir::Node& n) const {
    if (n.op == ir::Op::kEach) return 1u << n.index;  // a functor sees its views whole
    uint32_t mask = free(n.a) | free(n.b) | free(n.c);
    for (int i = 0; i < n.subs; ++i) mask |= Free(n.sub[i]);
    if (n.index >= 0) mask &= ~(1u << n.index);
    return mask;
  }

  constexpr int axis(std::string_view name, int64_t extent, bool span) {
    for (int i = 0; i < graph.axis.size; ++i) {
      if (graph.axis[i].name == name) return i;
    }
    return graph.axis.push({name, extent, span, false});
  }

  constexpr int index(int axis_id, int prime) {
    const ir::Index want{static_cast<int16_t>(axis_id), static_cast<int8_t>(prime)};
    for (int i = 0; i < graph.index.size; ++i) {
      if (graph.index[i] == want) return i;
    }
    if (graph.index.size == ir::kMaxIndices) return fail(90), 0;
    return graph.index.push(want);
  }

  constexpr int symbol(const ir::Symbol& s) {
    for (int i = 0; i < graph.symbol.size; ++i) {
      if (graph.symbol[i].name == s.name) {
        if (graph.symbol[i].kind != s.kind || graph.symbol[i].rank != s.rank) fail(14);
        return i;
      }
    }
    const int id = graph.symbol.push(s);
    if (graph.symbol.overflow) fail(90);
    return id;
  }

  constexpr int functor(const ir::Functor& f) {
    for (int i = 0; i < graph.functor.size; ++i) {
      if (graph.functor[i] == f) return i;
    }
    const int id = graph.functor.push(f);
    if (graph.functor.overflow) fail(90);
    return id;
  }

  constexpr int FindLet(std::string_view name) const {
    for (int i = 0; i < graph.let.size; ++i) {
      if (graph.let[i].name == name) return i;
    }
    return -1;
  }

  constexpr int leaf(ir::Op op, int symbol_id, double value = 0) {
    ir::Node n;
    n.op = op;
    n.symbol = static_cast<int16_t>(symbol_id);
    n.value = value;
    return add(n);
  }
  constexpr int constant(double value) { return leaf(ir::Op::kConst, -1, value); }

  constexpr int node(ir::Op op, int a, int b = -1, int c = -1, int index_id = -1) {
    ir::Node n;
    n.op = op;
    n.a = static_cast<int16_t>(a);
    n.b = static_cast<int16_t>(b);
    n.c = static_cast<int16_t>(c);
    n.index = static_cast<int16_t>(index_id);
    return add(n);
  }
};

}  // namespace gyre::internal
