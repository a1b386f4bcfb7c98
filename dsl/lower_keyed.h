// A predictor of keyed rows: what factorisations of matrices and tensors, their biases, and
// products of any number of keys have in common. The value of a row that is a sum of terms
//
//   scale * product of numbers * sum_k product of rows,    p, p(key(r)) and P(key(r), k)
//
// with every parameter in one place. Rows that share no key touch no number in common, so that a
// block of them can be visited in place while others are elsewhere.
#pragma once
#include "dsl/objective.h"

namespace gyre::internal {

class KeyedLowering : public ObjectiveLowering {
 public:
  using ObjectiveLowering::ObjectiveLowering;

 protected:
  // A let read at the indices that it was declared with.
  constexpr bool IsDeclared(const ir::Node& n) const {
    const ir::Let& let = b.graph.let[n.symbol];
    for (int i = 0; i < n.subs; ++i) {
      if (!n.sub[i].plain() || n.sub[i].index != let.index[i]) return false;
    }
    return true;
  }
  // Whether `id` is such a value of the row `row`.
  constexpr bool IsKeyed(int id, int row) {
    if (b.free(id) != 1u << row) return false;
    PredictorIr probe;
    uint64_t have = 0;
    return FindTerms(id, false, row, probe, have, false) && have == Params(id) && HasKey(probe);
  }
  // The terms of `id`, with their scales as posts.
  constexpr bool KeyedTerms(int id, int row, PredictorIr& out) {
    uint64_t have = 0;
    return FindTerms(id, false, row, out, have, true);
  }
  // The terms of `id`, in which parameters stand at indices in place of keys: the `map` of a factor is
  // that index.
  constexpr bool IndexedTerms(int id, PredictorIr& out) {
    uint64_t have = 0;
    return FindTerms(id, false, kNoRow, out, have, true);
  }
  // The term of `keyed` with the factors of `term`, which is one of IndexedTerms; -1: there is none.
  // `index` is by map the index that stands for it, -1 where none does yet.
  constexpr int TermOf(const KeyedTermIr& term, const PredictorIr& keyed, int16_t* index) const {
    for (int t = 0; t < keyed.term.size; ++t) {
      if (HasFactors(keyed.term[t], term, index)) return t;
    }
    return -1;
  }
  // The parameter of which `id` is the square of what the row `row` names: p(key(r))^2, sum_k
  // P(key(r), k)^2; -1: it is something else.
  constexpr int SquareOf(int id, int row) const {
    ir::Node n = a.at(id);
    KeyedTermIr term;
    if (n.op == ir::Op::kSum && !a.data_index(n.index)) term.rank_index = n.index, n = a.at(n.a);
    if (n.op != ir::Op::kSq || !a.is(n.a, ir::Op::kParam) || !AddFactor(a.at(n.a), row, term))
      return -1;
    const KeyedFactorIr& factor = term.factor[0];
    return factor.map >= 0 && (factor.rank_at >= 0) == (term.rank_index >= 0) ? factor.symbol : -1;
  }
  // What every row adds to f for that: w times the square. False where there is such a term
  // already.
  constexpr bool AddSquare(int symbol, int weight, PredictorIr& out) {
    for (KeyedTermIr& term : Items(out.term)) {
      for (KeyedFactorIr& factor : Items(term.factor)) {
        if (factor.symbol != symbol) continue;
        if (factor.visit_l2 >= 0 || b.free(weight) != 0) return false;
        factor.visit_l2 = ScalarPost(weight);
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr int kNoRow = -1;

  struct Product {
    KeyedTermIr term;
    Factors scale;
    bool negative = false;
  };

  static constexpr bool HasKey(const PredictorIr& p) {
    for (const KeyedTermIr& term : p.term) {
      for (const KeyedFactorIr& f : term.factor) {
        if (f.map >= 0) return true;
      }
    }
    return false;
  }

  constexpr bool FindTerms(int id, bool negative, int row, PredictorIr& out, uint64_t& have,
                           bool keep) {
    if (!HasParam(id)) return true;  // of the offset
    const ir::Node n = a.at(id);
    switch (n.op) {
      case ir::Op::kAdd:
      case ir::Op::kSub:
        return FindTerms(n.a, negative, row, out, have, keep) &&
               FindTerms(n.b, negative != (n.op == ir::Op::kSub), row, out, have, keep);
      case ir::Op::kNeg:
        return FindTerms(n.a, !negative, row, out, have, keep);
      case ir::Op::kLet:
        return IsDeclared(n) &&
               FindTerms(b.graph.let[n.symbol].lowered, negative, row, out, have, keep);
      default:
        break;
    }
    Product product;
    product.negative = negative;
    if (!AddFactors(id, false, row, product)) return false;
    for (const KeyedFactorIr& factor : product.term.factor) {
      if (have >> factor.symbol & 1) return false;
      have |= uint64_t{1} << factor.symbol;
      if (factor.map < 0 && factor.rank_at >= 0) return false;  // a vector that all rows share
    }
    if (keep) {
      const int scale = a.Product(product.scale);
      product.term.scale = ScalarPost(product.negative ? a.Neg(scale) : scale);
    }
    out.term.push(product.term);
    return !out.term.overflow;
  }

  constexpr bool AddFactors(int id, bool inverse, int row, Product& out) {
    const ir::Node n = a.at(id);
    if (!HasParam(id)) {
      if (b.free(id) != 0) return false;
      if (!a.is(id, 1.0)) out.scale.push({id, inverse});
      return !out.scale.overflow;
    }
    if (inverse) return false;
    switch (n.op) {
      case ir::Op::kMul:
        return AddFactors(n.a, false, row, out) && AddFactors(n.b, false, row, out);
      case ir::Op::kDiv:
        return AddFactors(n.a, false, row, out) && AddFactors(n.b, true, row, out);
      case ir::Op::kNeg:
        out.negative = !out.negative;
        return AddFactors(n.a, false, row, out);
      case ir::Op::kLet:
        return IsDeclared(n) && AddFactors(b.graph.let[n.symbol].lowered, false, row, out);
      case ir::Op::kSum:
        if (a.data_index(n.index) || out.term.rank_index >= 0) return false;
        out.term.rank_index = n.index;
        return AddFactors(n.a, false, row, out);
      case ir::Op::kParam:
        return AddFactor(n, row, out.term);
      default:
        return false;
    }
  }

  constexpr bool AddFactor(const ir::Node& n, int row, KeyedTermIr& term) const {
    KeyedFactorIr factor;
    factor.symbol = n.symbol;
    for (int i = 0; i < n.subs; ++i) {
      const ir::Subscript& sub = n.sub[i];
      if (sub.plain() && sub.index == term.rank_index && factor.rank_at < 0) {
        factor.rank_at = static_cast<int8_t>(i);
      } else if (const int map = MapOf(sub, row); map >= 0 && factor.map < 0) {
        factor.map = static_cast<int16_t>(map);
        factor.key_at = static_cast<int8_t>(i);
      } else {
        return false;
      }
    }
    term.factor.push(factor);
    return !term.factor.overflow;
  }

  // The map by which the row `row` names a key; without a row the index that stands in its place; -1:
  // neither.
  constexpr int MapOf(const ir::Subscript& sub, int row) const {
    if (row == kNoRow) return sub.plain() ? sub.index : -1;
    if (sub.node < 0) return -1;
    const ir::Node& n = a.at(sub.node);
    const bool is_map = n.op == ir::Op::kKey && b.graph.symbol[n.symbol].kind == ir::Kind::kMap &&
                        n.subs == 1 && n.sub[0].plain() && n.sub[0].index == row;
    return is_map ? n.symbol : -1;
  }

  // Every parameter stands in one term of each, so that terms that share one are the same or none are.
  static constexpr bool HasFactors(const KeyedTermIr& keyed, const KeyedTermIr& indexed, int16_t* index) {
    if (keyed.factor.size != indexed.factor.size) return false;
    for (const KeyedFactorIr& f : indexed.factor) {
      bool found = false;
      for (const KeyedFactorIr& g : keyed.factor) {
        if (f.symbol != g.symbol || f.rank_at != g.rank_at || f.key_at != g.key_at) continue;
        if (f.map >= 0 && index[g.map] < 0) index[g.map] = f.map;
        found = f.map < 0 || index[g.map] == f.map;
      }
      if (!found) return false;
    }
    return true;
  }
};

}  // namespace gyre::internal
