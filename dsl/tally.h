// Sums over all cells of a table of counts, where what is summed knows the cell by its count alone:
//
//   sum(m, k, f(N))  =  sum over the distinct counts v of cells(v) f(v)
//
// so that a likelihood takes a few thousand values of lgamma in place of one for each cell, and a
// sparse table is never laid out in full. The distinct counts and the number of cells that have
// them are a *tally* of the table: state like the table, kept by whoever keeps it.
#pragma once
#include "dsl/totals.h"

namespace gyre::internal {

class TallyLowering : public Totals {
 public:
  using Totals::Totals;

 protected:
  // `id` with such sums in place of theirs.
  constexpr int Tallied(int id) {
    if (id < 0) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kSum && !a.data_index(n.index)) {
      const int tally = TallyOf(id);
      if (tally >= 0) return tally;
    }
    if (n.a < 0) return id;
    n.a = static_cast<int16_t>(Tallied(n.a));
    n.b = static_cast<int16_t>(Tallied(n.b));
    n.c = static_cast<int16_t>(Tallied(n.c));
    n.free = 0;
    return b.add(n);
  }

 private:
  constexpr int TallyOf(int id) {
    uint32_t cells = 0;
    int body = id;
    for (; a.is(body, ir::Op::kSum) && !a.data_index(a.at(body).index); body = a.at(body).a)
      cells |= 1u << a.at(body).index;
    int count = -1;
    if (!KnowsCellByCount(body, cells, count) || count < 0) return -1;
    const int table = a.at(count).symbol, axis = TallyAxis(table), v = b.index(axis, 0);
    const int value = ReadTally(table, axis, v, false), number = ReadTally(table, axis, v, true);
    return b.node(ir::Op::kSum, a.Mul(number, Replaced(body, count, value)), -1, -1, v);
  }
  // Whether `id` depends on the indices `cells` through one table read at just them.
  constexpr bool KnowsCellByCount(int id, uint32_t cells, int& count) const {
    if (id < 0 || !(b.free(id) & cells)) return true;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kParam && b.graph.symbol[n.symbol].kind == ir::Kind::kCount) {
      uint32_t own = 0;
      for (int i = 0; i < n.subs; ++i) {
        if (!n.sub[i].plain()) return false;
        own |= 1u << n.sub[i].index;
      }
      if (own != cells || (count >= 0 && count != id)) return false;
      count = id;
      return true;
    }
    if (n.a < 0 || n.subs > 0 || n.index >= 0) return false;
    return KnowsCellByCount(n.a, cells, count) && KnowsCellByCount(n.b, cells, count) &&
           KnowsCellByCount(n.c, cells, count);
  }
  constexpr int TallyAxis(int symbol) {
    for (int i = 0; i < b.graph.axis.size; ++i) {
      if (b.graph.axis[i].tally == symbol) return i;
    }
    ir::Axis axis;
    axis.name = b.graph.symbol[symbol].name;
    axis.tally = static_cast<int16_t>(symbol);
    const int id = b.graph.axis.push(axis);
    if (b.graph.axis.overflow) b.fail(90);
    return id;
  }
  constexpr int ReadTally(int of, int axis, int index, bool cells) {
    int symbol = -1;
    for (int i = 0; i < b.graph.symbol.size; ++i) {
      const ir::Symbol& s = b.graph.symbol[i];
      if (s.kind == ir::Kind::kTally && s.of == of && s.cells == cells) symbol = i;
    }
    if (symbol < 0) {
      ir::Symbol s;
      s.name = b.graph.symbol[of].name;
      s.kind = ir::Kind::kTally;
      s.rank = 1;
      s.axis[0] = static_cast<int16_t>(axis);
      s.of = static_cast<int16_t>(of);
      s.cells = cells;
      symbol = b.graph.symbol.push(s);
      if (b.graph.symbol.overflow) b.fail(90);
    }
    ir::Node read;
    read.op = ir::Op::kParam;
    read.symbol = static_cast<int16_t>(symbol);
    read.subs = 1;
    read.sub[0].index = static_cast<int16_t>(index);
    return b.add(read);
  }
  constexpr int Replaced(int id, int from, int to) {
    if (id == from) return to;
    if (id < 0) return id;
    ir::Node n = a.at(id);
    if (n.a < 0) return id;
    n.a = static_cast<int16_t>(Replaced(n.a, from, to));
    n.b = static_cast<int16_t>(Replaced(n.b, from, to));
    n.c = static_cast<int16_t>(Replaced(n.c, from, to));
    n.free = 0;
    return b.add(n);
  }
};

}  // namespace gyre::internal
