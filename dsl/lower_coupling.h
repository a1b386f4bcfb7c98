// By what the items of a Sweep depend on each other: its new value differentiated by the parameter
// at another item. Where the derivative is zero unless a row, an entry of a table or two columns
// join the items, it says which items can be visited at once.
#pragma once
#include "dsl/differentiate.h"
#include "dsl/omega.h"

namespace gyre::internal {

class CouplingLowering : public Omega {
 public:
  using Omega::Omega;

 protected:
  // REQUIRES: live sums and `update` of `s` are known.
  constexpr void LowerCoupling(StatementIr& s) {
    if (b.error) return;
    for (const LiveSumIr& live : s.live) AddCoupling(b.graph.total[live.total].node, s);
    AddCoupling(s.update, s);  // what is not in the live sums
  }

 private:
  // The item and, primed, another one.
  struct Pair {
    int item, other;
  };

  constexpr void AddCoupling(int id, StatementIr& s) {
    if (!(Params(id) >> s.assign[0].symbol & 1)) return;
    const Pair pair{s.axis_index, b.index(b.graph.index[s.axis_index].axis, 1)};
    const int derivative = ByOtherItem(id, s.assign[0].symbol, pair);
    if (derivative == kNotDerived) {
      Push({CouplingForm::kOther, -1, -1, static_cast<int16_t>(id)}, s);
    } else if (derivative >= 0) {
      Couplings(derivative, derivative, pair, s);
    }
  }

  static constexpr int kNotDerived = -2;

  // d id(item) / d symbol(other) for another item; -1: zero.
  constexpr int ByOtherItem(int id, int symbol, Pair pair) {
    int prime = 1;  // the item under a name that nothing else has
    while (HasIndex(b.graph.index[pair.item].axis, prime)) ++prime;
    const int mine = b.index(b.graph.index[pair.item].axis, prime);
    const int root = a.Swap(Pinned(id, symbol, pair.item), pair.item, mine);
    const Dependence dependence(b.graph);
    Reverse reverse(a, dependence);
    reverse.Run(root, a.Const(1), 1u << mine);
    if (b.error) return b.error = 0, kNotDerived;
    int value = reverse.gradient[symbol];
    if (value < 0) return -1;
    value = a.Canonical(Apart(value, {mine, pair.item}));
    if (a.is(value, 0.0)) return -1;
    return a.Swap(a.Swap(value, pair.item, pair.other), mine, pair.item);
  }
  constexpr bool HasIndex(int axis, int prime) const {
    for (const ir::Index& index : b.graph.index) {
      if (index.axis == axis && index.prime == prime) return true;
    }
    return false;
  }

  // `id` with lets over the item written out and the parameter at the item taken for a constant.
  constexpr int Pinned(int id, int symbol, int item) {
    if (id < 0 || !HasParam(id) || !a.uses(id, item)) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kParam && n.symbol == symbol && n.sub[0].plain() &&
        n.sub[0].index == item) {
      return a.Unary(ir::Op::kStop, id);
    }
    if (n.op == ir::Op::kLet && !IsGather(n)) {
      const ir::Let let = b.graph.let[n.symbol];
      return Pinned(AtSubscripts(let.lowered, let, n), symbol, item);
    }
    n.a = static_cast<int16_t>(Pinned(n.a, symbol, item));
    n.b = static_cast<int16_t>(Pinned(n.b, symbol, item));
    n.c = static_cast<int16_t>(Pinned(n.c, symbol, item));
    n.free = 0;
    return b.add(n);
  }

  // `id` where the two items of `pair` differ.
  constexpr int Apart(int id, Pair pair) {
    if (id < 0 || !a.uses(id, pair.item) || !a.uses(id, pair.other)) return id;
    ir::Node n = a.at(id);
    if ((n.op == ir::Op::kEq || n.op == ir::Op::kNe) && IsPosition(n.a) && IsPosition(n.b)) {
      return a.Const(n.op == ir::Op::kNe ? 1 : 0);
    }
    n.a = static_cast<int16_t>(Apart(n.a, pair));
    n.b = static_cast<int16_t>(Apart(n.b, pair));
    n.c = static_cast<int16_t>(Apart(n.c, pair));
    if (n.op == ir::Op::kWhere && a.is(n.a, ir::Op::kConst)) return a.is(n.a, 0.0) ? n.c : n.b;
    if (n.op == ir::Op::kWhere) return a.Where(n.a, n.b, n.c);
    if (n.op == ir::Op::kSum && a.is(n.a, 0.0)) return n.a;
    n.free = 0;
    return b.add(n);
  }
  constexpr bool IsPosition(int id) const {
    return a.is(id, ir::Op::kPosition) && a.at(id).sub[0].plain();
  }

  // The couplings in a sum of terms, each zero unless something joins the two items.
  constexpr void Couplings(int id, int whole, Pair pair, StatementIr& s) {
    const ir::Node n = a.at(id);
    if (n.op == ir::Op::kAdd || n.op == ir::Op::kSub) {
      Couplings(n.a, whole, pair, s);
      return Couplings(n.b, whole, pair, s);
    }
    if (n.op == ir::Op::kNeg) return Couplings(n.a, whole, pair, s);
    Joint joint;
    FindJoint(id, pair, joint);
    CouplingIr c;
    c.node = static_cast<int16_t>(whole);
    if (joint.table >= 0) {
      c.form = CouplingForm::kTable;
      c.first = joint.table;
    } else if (joint.key_item >= 0 && joint.key_item == joint.key_other) {
      return;  // a row has one value of a map
    } else if (joint.key_item >= 0 && joint.key_other >= 0) {
      c.form = CouplingForm::kKeys;
      c.first = joint.key_item;
      c.second = joint.key_other;
    } else if (joint.column_item >= 0 && joint.column_item == joint.column_other) {
      c.form = CouplingForm::kColumns;
      c.first = joint.column_item;
    }
    Push(c, s);
  }
  constexpr void Push(const CouplingIr& c, StatementIr& s) {
    for (const CouplingIr& have : s.coupling) {
      if (c.form == have.form && c.first == have.first && c.second == have.second) return;
    }
    s.coupling.push(c);
    if (s.coupling.overflow) b.fail(90);
  }

  // Factors that are zero unless they join the items: symbols, -1 where there is none.
  struct Joint {
    int16_t table = -1;                         // has both items
    int16_t key_item = -1, key_other = -1;      // maps of the row that is summed over
    int16_t column_item = -1, column_other = -1;  // matrices over it
    int16_t row = -1;                           // its index
  };

  constexpr void FindJoint(int id, Pair pair, Joint& joint) {
    if (id < 0) return;
    const ir::Node n = a.at(id);
    switch (n.op) {
      case ir::Op::kSum:
        if (joint.row >= 0) return;
        joint.row = n.index;
        return FindJoint(n.a, pair, joint);
      case ir::Op::kNeg:
        return FindJoint(n.a, pair, joint);
      case ir::Op::kMul: case ir::Op::kAnd:
        FindJoint(n.a, pair, joint);
        return FindJoint(n.b, pair, joint);
      case ir::Op::kDiv:
        return FindJoint(n.a, pair, joint);
      case ir::Op::kWhere:
        if (!a.is(n.c, 0.0)) return;
        FindJoint(n.a, pair, joint);
        return FindJoint(n.b, pair, joint);
      case ir::Op::kEq:
        KeyOf(n.a, n.b, pair, joint);
        return KeyOf(n.b, n.a, pair, joint);
      case ir::Op::kData:
        return Entry(n, pair, joint);
      default:
        return;
    }
  }
  constexpr void KeyOf(int key, int position, Pair pair, Joint& joint) const {
    if (!a.is(key, ir::Op::kKey) || !IsPosition(position)) return;
    const ir::Node& n = a.at(key);
    if (n.subs != 1 || !n.sub[0].plain() || n.sub[0].index != joint.row) return;
    const int at = a.at(position).sub[0].index;
    if (at == pair.item) joint.key_item = n.symbol;
    if (at == pair.other) joint.key_other = n.symbol;
  }
  constexpr void Entry(const ir::Node& n, Pair pair, Joint& joint) const {
    if (n.subs != 2 || !n.sub[0].plain() || !n.sub[1].plain()) return;
    const int row = n.sub[0].index, column = n.sub[1].index;
    if ((row == pair.item && column == pair.other) || (row == pair.other && column == pair.item)) {
      joint.table = n.symbol;
    } else if (row == joint.row && column == pair.item) {
      joint.column_item = n.symbol;
    } else if (row == joint.row && column == pair.other) {
      joint.column_other = n.symbol;
    }
  }

 protected:
  // `id`, an expression over the indices of `let`, at the plain subscripts of `read`.
  constexpr int AtSubscripts(int id, const ir::Let& let, const ir::Node& read) {
    for (int i = 0; i < read.subs; ++i) {
      if (!read.sub[i].plain()) return b.fail(34), id;
    }
    return a.ReadAt(id, let, read);
  }
};

}  // namespace gyre::internal
