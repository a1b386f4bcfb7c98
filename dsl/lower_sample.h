// A Resample whose weights are functions of the topic that rows read through keys:
//
//   w(t, k) = product of factors of k, each of counts, parameters and data that row t names by a
//   map,
//             by none of them, or by several
//
// From the factors alone the samplers are derived: those that one map names (and those that none
// does) are computed once for all rows with that key in turn, the *hoisted* part; the rest is what
// remains. Where the rest is slope * N(key, k) + base with one table of counts N, and slope and
// base know k only, it is a sum over the few k with N > 0 and one that all rows share.
#pragma once
#include "dsl/lower_predictor.h"

namespace gyre::internal {

class SampleLowering : public PredictorLowering {
 public:
  using PredictorLowering::PredictorLowering;

 protected:
  constexpr void LowerSample(StatementIr& s) {
    SampleIr& out = s.sample;
    const AssignIr& draw = s.assign[0];
    const ir::Symbol latent = b.graph.symbol[draw.symbol];
    if (latent.kind != ir::Kind::kLatent || latent.rank != 1) return b.fail(41);
    out.row_index = static_cast<int16_t>(b.index(latent.axis[0], 0));
    out.topic_index = static_cast<int16_t>(b.index(latent.target, 0));
    latent_ = draw.symbol, row_ = out.row_index, topic_ = out.topic_index;
    CheckCounts();
    const int whole = RowFactors(OwnIndex(Extract(Opened(a.Canonical(draw.node)), true)), out);
    if (b.error) return;
    if (b.free(whole) & ~(1u << row_ | 1u << topic_) || !IsWeight(whole)) return b.fail(41);
    out.whole = static_cast<int16_t>(whole);
    for (int i = 0; i < b.graph.symbol.size; ++i) {
      if (b.graph.symbol[i].kind == ir::Kind::kCount && CountsLatent(b.graph.symbol[i]))
        s.params |= uint64_t{1} << i;
    }
    Factors factors, of_topic;
    bool negative = false;
    a.Flatten(whole, false, factors, negative);
    if (negative || factors.overflow) return b.fail(41);
    for (const Factor& factor : factors) {
      if (a.uses(factor.node, topic_)) of_topic.push(factor);
    }
    ir::Array<int16_t, 4> maps;
    for (const Factor& factor : of_topic) AddMaps(factor.node, maps);
    if (maps.overflow) return b.fail(41);
    if (maps.size == 0) maps.push(-1);
    for (const int16_t map : maps) out.form.push(Form(of_topic, map, out.row_pass < 0));
  }

 private:
  static constexpr bool IsReduction(ir::Op op) { return op >= ir::Op::kSum && op <= ir::Op::kAny; }

  constexpr bool CountsLatent(const ir::Symbol& count) const {
    for (int i = 0; i < count.rank; ++i) {
      if (a.at(count.key[i]).symbol == latent_) return true;
    }
    return false;
  }
  // Tables of counts are kept up to date where their keys are maps, or the latent, of the row.
  constexpr void CheckCounts() {
    for (const ir::Symbol& count : b.graph.symbol) {
      if (count.kind != ir::Kind::kCount) continue;
      int latents = 0;
      for (int i = 0; i < count.rank; ++i) {
        const ir::Node& key = a.at(count.key[i]);
        const bool of_row = key.op == ir::Op::kKey && key.subs == 1 && key.sub[0].plain() &&
                            key.sub[0].index == row_;
        const bool latent = of_row && key.symbol == latent_;
        if (!of_row || (!latent && b.graph.symbol[key.symbol].kind != ir::Kind::kMap)) b.fail(41);
        latents += latent;
      }
      if (latents > 1) b.fail(41);
    }
  }

  // `id` with lets of the row in place of their names.
  constexpr int Opened(int id) {
    if (id < 0) return id;
    ir::Node n = a.at(id);
    if (n.op == ir::Op::kLet && (n.free >> row_ & 1)) {
      if (!IsDeclared(n)) return b.fail(41), id;
      return Opened(b.graph.let[n.symbol].lowered);
    }
    if (n.a < 0) return id;
    n.a = static_cast<int16_t>(Opened(n.a));
    n.b = static_cast<int16_t>(Opened(n.b));
    n.c = static_cast<int16_t>(Opened(n.c));
    n.free = 0;
    return b.add(n);
  }

  // `id` with sums over the topic in an index of their own: k is that of the draw.
  constexpr int OwnIndex(int id) {
    if (id < 0) return id;
    ir::Node n = a.at(id);
    if (n.a < 0) return id;
    n.a = static_cast<int16_t>(OwnIndex(n.a));
    n.b = static_cast<int16_t>(OwnIndex(n.b));
    n.c = static_cast<int16_t>(OwnIndex(n.c));
    if (IsReduction(n.op) && n.index == topic_) {
      const int own = b.index(b.graph.index[topic_].axis, kOwnPrime);
      n.a = static_cast<int16_t>(a.Swap(n.a, topic_, own));
      n.index = static_cast<int16_t>(own);
    }
    n.free = 0;
    return b.add(n);
  }

  // `id` without the factors that are sums over k's own values of the row, as exp(sum(w, X *
  // log(phi))): those become a pass over rows, which stays in logs (products of many probabilities
  // are too small for numbers).
  constexpr int RowFactors(int id, SampleIr& out) {
    if (IsWeight(id)) return id;
    Factors factors, rest;
    bool negative = false;
    a.Flatten(id, false, factors, negative);
    int log = a.Const(0);
    for (const Factor& factor : factors) {
      uint64_t counts = 0;
      Counts(factor.node, counts);
      if (IsWeight(factor.node)) {
        rest.push(factor);
      } else if (counts != 0 || ReadsLatent(factor.node)) {
        return b.fail(41), id;
      } else {
        const int part = LogOf(factor.node);
        log = factor.inverse ? a.Sub(log, part) : a.Add(log, part);
      }
    }
    if (negative || (b.free(log) & ~(1u << row_ | 1u << topic_))) return b.fail(41), id;
    PassIr pass;
    pass.row_index = static_cast<int16_t>(row_);
    pass.output = static_cast<int16_t>(a.Canonical(log));
    out.row_pass = AddPass(pass);
    return a.Product(rest);
  }
  constexpr int LogOf(int id) {
    const ir::Node n = a.at(id);
    switch (n.op) {
      case ir::Op::kExp:
        return n.a;
      case ir::Op::kMul:
        return a.Add(LogOf(n.a), LogOf(n.b));
      case ir::Op::kDiv:
        return a.Sub(LogOf(n.a), LogOf(n.b));
      case ir::Op::kPow:
        return a.Mul(n.b, LogOf(n.a));
      case ir::Op::kProd:
        return a.Sum(n.index, LogOf(n.a));
      default:
        return a.Unary(ir::Op::kLog, id);
    }
  }
  constexpr bool ReadsLatent(int id) const {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kKey && n.symbol == latent_) return true;
    for (int i = 0; i < n.subs; ++i) {
      if (ReadsLatent(n.sub[i].node)) return true;
    }
    return ReadsLatent(n.a) || ReadsLatent(n.b) || ReadsLatent(n.c);
  }

  // Whether a kernel can compute `id` along k: no sums of which k knows, and counts are read at the
  // row's own keys.
  constexpr bool IsWeight(int id) const {
    if (id < 0) return true;
    const ir::Node& n = a.at(id);
    if (IsReduction(n.op) && a.uses(id, topic_)) return false;
    if (n.op == ir::Op::kKey && n.symbol == latent_) return false;
    if (n.op == ir::Op::kParam && b.graph.symbol[n.symbol].kind == ir::Kind::kCount)
      return AtOwnKeys(n);
    for (int i = 0; i < n.subs; ++i) {
      if (!IsWeight(n.sub[i].node)) return false;
    }
    return IsWeight(n.a) && IsWeight(n.b) && IsWeight(n.c);
  }
  constexpr bool AtOwnKeys(const ir::Node& n) const {
    const ir::Symbol& count = b.graph.symbol[n.symbol];
    for (int i = 0; i < n.subs; ++i) {
      const bool latent = a.at(count.key[i]).symbol == latent_;
      if (latent ? !n.sub[i].plain() : n.sub[i].node != count.key[i])
        return false;
    }
    return true;
  }

  constexpr bool IsMap(const ir::Node& n) const {
    return n.op == ir::Op::kKey && b.graph.symbol[n.symbol].kind == ir::Kind::kMap;
  }
  // The maps that `id` reads.
  constexpr void AddMaps(int id, ir::Array<int16_t, 4>& maps) const {
    if (id < 0) return;
    const ir::Node& n = a.at(id);
    if (IsMap(n)) {
      for (const int16_t have : maps) {
        if (have == n.symbol) return;
      }
      maps.push(n.symbol);
    }
    for (int i = 0; i < n.subs; ++i) AddMaps(n.sub[i].node, maps);
    AddMaps(n.a, maps), AddMaps(n.b, maps), AddMaps(n.c, maps);
  }
  // Whether rows with one value of `map` agree in `id`.
  constexpr bool KnowsOnly(int id, int map) const {
    if (id < 0) return true;
    const ir::Node& n = a.at(id);
    if (IsMap(n)) return n.symbol == map;
    for (int i = 0; i < n.subs; ++i) {
      if (!KnowsOnly(n.sub[i].node, map)) return false;
      if (n.sub[i].node < 0 && (b.Free(n.sub[i]) >> row_ & 1)) return false;
    }
    return KnowsOnly(n.a, map) && KnowsOnly(n.b, map) && KnowsOnly(n.c, map);
  }

  constexpr SampleFormIr Form(const Factors& factors, int16_t map, bool lines) {
    SampleFormIr form;
    form.map = map;
    Factors hoist, rest;
    int exponent = -1;
    for (const Factor& factor : factors) {
      if (KnowsOnly(factor.node, map) && !SumsCounts(factor.node)) {
        hoist.push(factor);
      } else if (const ir::Node n = a.at(factor.node); n.op == ir::Op::kExp) {
        const int part = factor.inverse ? a.Neg(n.a) : n.a;
        exponent = exponent < 0 ? part : a.Add(exponent, part);
      } else {
        rest.push(factor);
      }
    }
    form.hoist = static_cast<int16_t>(a.Product(hoist));
    form.rest = static_cast<int16_t>(a.Product(rest));
    form.exponent = static_cast<int16_t>(exponent);
    uint64_t counts = 0;
    Counts(form.rest, counts);
    lines = lines && exponent < 0;
    for (int c = 0; c < b.graph.symbol.size; ++c) {
      if (!lines || counts != uint64_t{1} << c) continue;
      const Line line = LineIn(form.rest, c);
      if (!line.is || (b.free(line.slope) | b.free(line.base)) >> row_ & 1) continue;
      form.count = static_cast<int16_t>(c);
      form.slope = static_cast<int16_t>(line.slope);
      form.base = static_cast<int16_t>(line.base);
    }
    return form;
  }
  // Whether every move of a count changes `id` for all topics.
  constexpr bool SumsCounts(int id) const {
    if (id < 0) return false;
    const ir::Node& n = a.at(id);
    uint64_t counts = 0;
    if (IsReduction(n.op)) Counts(n.a, counts);
    return counts != 0 || SumsCounts(n.a) || SumsCounts(n.b) || SumsCounts(n.c);
  }
  constexpr void Counts(int id, uint64_t& seen) const {
    if (id < 0) return;
    const ir::Node& n = a.at(id);
    if (n.op == ir::Op::kParam && b.graph.symbol[n.symbol].kind == ir::Kind::kCount)
      seen |= uint64_t{1} << n.symbol;
    Counts(n.a, seen), Counts(n.b, seen), Counts(n.c, seen);
  }

  // slope * count + base.
  struct Line {
    bool is = false;
    int slope = -1, base = -1;
  };
  constexpr Line LineIn(int id, int count) {
    uint64_t counts = 0;
    Counts(id, counts);
    if (!(counts >> count & 1)) return {true, a.Const(0), id};
    const ir::Node n = a.at(id);
    if (n.op == ir::Op::kParam) return {true, a.Const(1), a.Const(0)};
    const auto part = [&](int child) { return LineIn(child, count); };
    switch (n.op) {
      case ir::Op::kAdd:
      case ir::Op::kSub: {
        const Line x = part(n.a), y = part(n.b);
        if (!x.is || !y.is) return {};
        if (n.op == ir::Op::kSub) return {true, a.Sub(x.slope, y.slope), a.Sub(x.base, y.base)};
        return {true, a.Add(x.slope, y.slope), a.Add(x.base, y.base)};
      }
      case ir::Op::kMul: {
        const Line x = part(n.a), y = part(n.b);
        if (!x.is || !y.is) return {};
        if (a.is(y.slope, 0.0)) return {true, a.Mul(x.slope, y.base), a.Mul(x.base, y.base)};
        if (a.is(x.slope, 0.0)) return {true, a.Mul(x.base, y.slope), a.Mul(x.base, y.base)};
        return {};
      }
      case ir::Op::kDiv: {
        const Line x = part(n.a), y = part(n.b);
        if (!x.is || !y.is || !a.is(y.slope, 0.0)) return {};
        return {true, a.Div(x.slope, y.base), a.Div(x.base, y.base)};
      }
      default:
        return {};
    }
  }

  static constexpr int kOwnPrime = 64;  // of no program's index
  int latent_ = -1, row_ = -1, topic_ = -1;
};

}  // namespace gyre::internal
