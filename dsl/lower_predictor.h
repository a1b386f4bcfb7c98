// A Minimize whose rows see the parameters through one linear predictor:
//
//   f(theta) = sum_i sum_c loss(i, c, eta(i, c)),   eta = offset + sum_parts scale X theta
//
// Coordinate methods need no more than this: X by its columns (or rows), and the loss, its slope and
// its curvature as functions of eta, derived here by differentiating towards eta instead of towards
// the parameters. A statement that is not of this form keeps its gradients and nothing else.
//
// The predictor is found from the loss downwards: the first values of a row that are affine in the
// parameters and whose derivative is a whole matrix of the data (or one) times a constant. So in
// softplus(-(y * score)) it is score, in sq(r) it is r, offset and sign included.
//
// Where parameters multiply parameters, or rows name them by keys, the same is tried with a predictor of
// keyed rows (lower_keyed.h).
#pragma once
#include "dsl/lower_keyed.h"

namespace gyre::internal {

class PredictorLowering : public KeyedLowering {
 public:
  using KeyedLowering::KeyedLowering;

 protected:
  // Fills s.predictor, or leaves everything as it was.
  constexpr void LowerPredictor(StatementIr& s) {
    if (b.error || s.f < 0 || s.curved) return;
    keyed_ = false;
    if (!p.product_params && s.smooth_term.size == 0) TryPredictor(s);
    keyed_ = true;
    if (s.predictor.view < 0) TryPredictor(s);
  }

 private:
  using Views = ir::Array<int16_t, 8>;
  static constexpr int kMostWays = 64;

  constexpr void TryPredictor(StatementIr& s) {
    const int nodes = b.graph.node.size, totals = b.graph.total.size, posts = p.post.size;
    const uint64_t built = build;
    ForgetAffine();
    PredictorIr found;
    if (Derive(s, found) && !b.error && !b.graph.node.overflow && !p.post.overflow) {
      s.predictor = found;
      return;
    }
    b.error = 0;
    b.graph.node.size = nodes, b.graph.total.size = totals, p.post.size = posts;
    b.graph.node.overflow = b.graph.total.overflow = p.post.overflow = false;
    build = built;
    Forget();
  }

  constexpr bool Derive(const StatementIr& s, PredictorIr& out) {
    out.view = static_cast<int16_t>(FindView(s.f));
    if (out.view < 0) return false;
    const ir::Node view = a.at(out.view);
    for (int i = 0; i < b.graph.index.size; ++i) {
      if (!(view.free >> i & 1)) continue;
      if (a.data_index(i)) {
        if (out.row_index >= 0) return false;
        out.row_index = static_cast<int16_t>(i);
      } else {
        if (out.output_index >= 0) return false;
        out.output_index = static_cast<int16_t>(i);
      }
    }
    return (keyed_ ? KeyedTerms(out.view, out.row_index, out) && Params(out.view) == s.params : Parts(s, out)) &&
           Loss(s, out) && (s.smooth_term.size == 0 || AllKeys(s, out));
  }

  // ---- The predictor.

  // The one value through which all of f sees the parameters; -1: there is none.
  constexpr int FindView(int root) {
    bool banned[ir::kMaxNodes] = {};
    for (int round = 0; round < 6; ++round) {
      Views views;
      bool seen[ir::kMaxNodes] = {};
      if (!CollectViews(root, banned, seen, views) || views.overflow) return -1;
      if (views.size == 1) return views[0];
      bool more = false;  // one that is made of another is looked into
      for (const int v : views) {
        for (const int w : views) {
          bool passed[ir::kMaxNodes] = {};
          if (v == w || !Reaches(v, w, passed)) continue;
          banned[v] = more = true;
        }
      }
      if (!more) return -1;
    }
    return -1;
  }

  constexpr bool CollectViews(int id, const bool* banned, bool* seen, Views& views) {
    if (id < 0 || !HasParam(id) || seen[id]) return true;
    seen[id] = true;
    const ir::Node n = a.at(id);
    if (n.op == ir::Op::kParam) return false;
    if (keyed_ && IsSquare(id)) return true;
    if (!banned[id] && (n.free & a.data_mask()) && IsView(id)) {
      views.push(static_cast<int16_t>(id));
      return true;
    }
    if (n.op == ir::Op::kLet) {
      return IsDeclared(n) && CollectViews(b.graph.let[n.symbol].lowered, banned, seen, views);
    }
    for (int i = 0; i < n.subs; ++i) {
      if (HasParam(n.sub[i].node)) return false;
    }
    return CollectViews(n.a, banned, seen, views) && CollectViews(n.b, banned, seen, views) &&
           CollectViews(n.c, banned, seen, views);
  }

  constexpr bool Reaches(int from, int to, bool* passed) {
    if (from < 0 || from == to) return from == to;
    if (passed[from]) return false;
    passed[from] = true;
    const ir::Node n = a.at(from);
    if (n.op == ir::Op::kLet) return Reaches(b.graph.let[n.symbol].lowered, to, passed);
    return Reaches(n.a, to, passed) || Reaches(n.b, to, passed) || Reaches(n.c, to, passed);
  }

  // What follows is remembered by node: lets that read each other twice make trees of exponential size.

  // Affine as it is written: sums and products with what holds no parameter.
  constexpr bool IsAffine(int id) {
    if (!HasParam(id)) return true;
    if (affine_[id] == 0) affine_[id] = FindAffine(a.at(id)) ? 1 : -1;
    return affine_[id] > 0;
  }
  constexpr bool FindAffine(const ir::Node n) {
    switch (n.op) {
      case ir::Op::kParam:
        return true;
      case ir::Op::kLet:
        return IsDeclared(n) && IsAffine(b.graph.let[n.symbol].lowered);
      case ir::Op::kAdd: case ir::Op::kSub:
        return IsAffine(n.a) && IsAffine(n.b);
      case ir::Op::kMul:
        return (!HasParam(n.a) && IsAffine(n.b)) || (!HasParam(n.b) && IsAffine(n.a));
      case ir::Op::kDiv:
        return !HasParam(n.b) && IsAffine(n.a);
      case ir::Op::kNeg: case ir::Op::kSum:
        return IsAffine(n.a);
      default:
        return false;
    }
  }

  constexpr bool IsSquare(int id) const {
    for (int i = 0; i < b.graph.index.size; ++i) {
      if (b.free(id) == 1u << i) return a.data_index(i) && SquareOf(id, i) >= 0;
    }
    return false;
  }
  constexpr bool IsView(int id) {
    if (!keyed_) return IsAffine(id) && IsPredictor(id);
    for (int i = 0; i < b.graph.index.size; ++i) {
      if (b.free(id) >> i & 1) return IsKeyed(id, i);
    }
    return false;
  }

  constexpr bool IsPredictor(int id) {
    PredictorIr probe;
    const uint32_t outputs = b.free(id) & ~a.data_mask();
    if (outputs & (outputs - 1)) return false;
    for (int i = 0; i < b.graph.index.size; ++i) {
      if (outputs >> i & 1) probe.output_index = static_cast<int16_t>(i);
      if ((b.free(id) >> i & 1) && a.data_index(i)) probe.row_index = static_cast<int16_t>(i);
    }
    return FindParts(id, probe, nullptr);
  }

  constexpr bool Parts(const StatementIr& s, PredictorIr& out) {
    uint64_t have = 0;
    if (!FindParts(out.view, out, &have)) return false;
    return have == s.params;
  }

  // The derivative of the predictor by each of its parameters: a matrix times a constant.
  constexpr bool FindParts(int view, PredictorIr& out, uint64_t* have) {
    const Dependence dependence(b.graph);
    Reverse reverse(a, dependence);
    reverse.Run(view, a.Const(1), b.free(view));
    if (b.error) return b.error = 0, false;
    const uint64_t params = Params(view);
    for (int symbol = 0; symbol < b.graph.symbol.size; ++symbol) {
      if (!(params >> symbol & 1)) continue;
      const int slope = reverse.gradient[symbol];
      if (slope < 0 || HasParam(slope)) return false;
      PredictorPartIr part;
      part.symbol = static_cast<int16_t>(symbol);
      if (!FindPart(slope, out, part, have != nullptr)) return false;
      if (have == nullptr) continue;
      *have |= uint64_t{1} << symbol;
      out.part.push(part);
      if (out.part.overflow) return false;
    }
    return true;
  }

  constexpr bool FindPart(int slope, const PredictorIr& out, PredictorPartIr& part, bool keep) {
    Factors factors, scale;
    bool negative = false;
    int matrix = -1;
    a.Flatten(slope, false, factors, negative);
    for (const Factor& factor : factors) {
      if (matrix < 0 && !factor.inverse && a.is(factor.node, ir::Op::kData) &&
          a.uses(factor.node, out.row_index)) {
        matrix = factor.node;
      } else {
        scale.push(factor);
      }
    }
    const int product = a.Product(scale);
    if (b.free(product) != 0 || factors.overflow) return false;
    // The parameter's own indices: the output's, the rest those of the matrix's columns in order.
    int16_t own[ir::kMaxSubscripts] = {};
    const int rank = CanonicalIndices(part.symbol, own);
    int at = 1, output = -1;
    for (int i = 0; i < rank; ++i) {
      if (own[i] == out.output_index) {
        output = i;
        continue;
      }
      if (matrix < 0 || at >= a.at(matrix).subs) return false;
      const ir::Subscript& sub = a.at(matrix).sub[at++];
      if (!sub.plain() || sub.index != own[i]) return false;
    }
    if ((out.output_index >= 0) != (output >= 0)) return false;
    if (output > 0 && output < rank - 1) return false;  // columns must lie next to each other
    if (matrix >= 0) {
      const ir::Node& m = a.at(matrix);
      if (at != m.subs || m.subs < 2 || !m.sub[0].plain() || m.sub[0].index != out.row_index)
        return false;
      part.matrix = m.symbol;
    }
    part.output = static_cast<int8_t>(output);
    if (keep) part.scale = ScalarPost(negative ? a.Neg(product) : product);
    return true;
  }

  // ---- The same at all keys, without rows: weight * sum over all keys of sq(view).

  constexpr bool AllKeys(const StatementIr& s, PredictorIr& out) {
    if (s.smooth_term.size > 1) return false;
    int id = s.smooth_term[0].node;
    uint32_t summed = 0;
    for (; a.is(id, ir::Op::kSum); id = a.at(id).a) summed |= 1u << a.at(id).index;
    const ir::Node square = a.at(id);
    if (square.op != ir::Op::kSq && (square.op != ir::Op::kMul || square.a != square.b)) return false;
    const int view = square.a;
    PredictorIr all;
    if (!IndexedTerms(view, all)) return false;
    for (int t = 0; t < out.term.size; ++t) out.all_keys.scale.push(-1);
    int16_t index[ir::kMaxSymbols] = {};
    for (int16_t& i : index) i = -1;
    for (const KeyedTermIr& term : all.term) {
      const int t = TermOf(term, out, index);
      if (t < 0) return false;
      out.all_keys.scale[t] = term.scale;
    }
    if (!StandForMaps(index, summed)) return false;
    const int offset = AtZero(view);
    if (b.free(offset) != 0) return false;
    if (!a.is(offset, 0.0)) out.all_keys.offset = ScalarPost(offset);
    out.all_keys.weight = ScalarPost(s.smooth_term[0].weight);
    return true;
  }

  // Whether each of the indices that are summed over stands for one map.
  static constexpr bool StandForMaps(const int16_t* index, uint32_t summed) {
    uint32_t seen = 0;
    for (int map = 0; map < ir::kMaxSymbols; ++map) {
      if (index[map] < 0) continue;
      if (seen >> index[map] & 1) return false;
      seen |= 1u << index[map];
    }
    return seen == summed;
  }

  // ---- The loss as a function of the predictor.

  constexpr bool Loss(const StatementIr& s, PredictorIr& out) {
    ForgetView();
    int loss = a.Const(0);
    if (!Collect(s.f, a.Const(1), false, false, out, loss)) return false;
    loss = Extract(loss, true);
    if (!IsRowFunction(loss, out, false)) return false;
    const uint32_t held = b.free(out.view);
    const int slope = DerivativeByView(loss, out.view, held);
    const int curvature = slope < 0 ? -1 : DerivativeByView(slope, out.view, held);
    if (slope < 0 || curvature < 0) return false;
    const int offset = Extract(AtZero(out.view), true);
    if (b.error || !IsRowFunction(offset, out, false)) return false;
    if (!IsRowFunction(slope, out, false) || !IsRowFunction(curvature, out, false)) return false;
    out.loss = static_cast<int16_t>(loss);
    out.slope = static_cast<int16_t>(slope);
    out.curvature = static_cast<int16_t>(curvature);
    out.offset = static_cast<int16_t>(a.is(offset, 0.0) ? -1 : offset);
    out.quadratic = !Mentions(curvature, out.view);
    bool seen[ir::kMaxNodes] = {};
    out.kinks_known = !keyed_ && Kinks(loss, out, seen);
    out.quadratic_pieces = out.kinks_known && IsFlat(curvature, out.view);
    return true;
  }

  // Adds coefficient * id, a linear combination of sums over rows and outputs, to the loss of one.
  constexpr bool Collect(int id, int coefficient, bool in_row, bool in_output,
                         PredictorIr& out, int& loss) {
    const ir::Node n = a.at(id);
    if (keyed_ && in_row) {
      if (const int symbol = SquareOf(id, out.row_index); symbol >= 0) return AddSquare(symbol, coefficient, out);
    }
    if (id == out.view || (in_row && !HasParam(id))) {
      return Leaf(id, coefficient, in_row, in_output, out, loss);
    }
    switch (n.op) {
      case ir::Op::kLet:
        if (!IsDeclared(n)) return false;
        if (n.subs > 0 && !keyed_ && (in_output || out.output_index < 0)) break;
        return Collect(b.graph.let[n.symbol].lowered, coefficient, in_row, in_output, out, loss);
      case ir::Op::kAdd: case ir::Op::kSub:
        return Collect(n.a, coefficient, in_row, in_output, out, loss) &&
               Collect(n.b, n.op == ir::Op::kAdd ? coefficient : a.Neg(coefficient), in_row,
                       in_output, out, loss);
      case ir::Op::kNeg:
        return Collect(n.a, a.Neg(coefficient), in_row, in_output, out, loss);
      case ir::Op::kMul: {
        if (HasParam(n.a) && HasParam(n.b)) break;
        const int factor = HasParam(n.a) ? n.b : n.a, rest = HasParam(n.a) ? n.a : n.b;
        return Collect(rest, a.Mul(coefficient, factor), in_row, in_output, out, loss);
      }
      case ir::Op::kDiv:
        if (HasParam(n.b)) break;
        return Collect(n.a, a.Div(coefficient, n.b), in_row, in_output, out, loss);
      case ir::Op::kSum:
        if (!in_row && n.index == out.row_index)
          return Collect(n.a, coefficient, true, in_output, out, loss);
        if (n.index == out.output_index && !in_output)
          return Collect(n.a, coefficient, in_row, true, out, loss);
        return false;
      default:
        break;
    }
    return Leaf(id, coefficient, in_row, in_output, out, loss);
  }
  constexpr bool Leaf(int id, int coefficient, bool in_row, bool in_output, const PredictorIr& out,
                      int& loss) {
    if (!in_row) return false;
    if (out.output_index >= 0 && !in_output) {
      if (HasParam(id)) return false;
      coefficient = a.Div(coefficient, a.Size(out.output_index));
    }
    loss = a.Add(loss, a.Mul(coefficient, id));
    return true;
  }

  // Computed row by row from data and the predictor alone, without reductions over either's indices.
  constexpr bool IsRowFunction(int id, const PredictorIr& out, bool no_view) {
    if (id < 0) return true;
    if (id == out.view) return !no_view;
    int8_t& known = row_function_[no_view][id];
    if (known == 0) known = FindRowFunction(id, out, no_view) ? 1 : -1;
    return known > 0;
  }
  constexpr bool FindRowFunction(int id, const PredictorIr& out, bool no_view) {
    const ir::Node n = a.at(id);
    const uint32_t mine = b.free(out.view);
    if (n.free & ~mine) return false;
    switch (n.op) {
      case ir::Op::kParam: case ir::Op::kEpoch: case ir::Op::kBatch: case ir::Op::kNormal:
      case ir::Op::kUniform: case ir::Op::kBernoulli: case ir::Op::kDraw: case ir::Op::kShuffle:
        return false;
      case ir::Op::kLet:
        if (!(n.free & mine)) return !HasParam(id);
        return IsDeclared(n) && IsRowFunction(b.graph.let[n.symbol].lowered, out, no_view);
      default:
        break;
    }
    if (n.index >= 0 && ((n.free >> out.row_index & 1) || HasParam(id))) return false;
    if (n.index >= 0) return true;  // a number known before
    for (int i = 0; i < n.subs; ++i) {
      if (n.sub[i].node >= 0 && !IsRowFunction(n.sub[i].node, out, true)) return false;
    }
    return IsRowFunction(n.a, out, no_view) && IsRowFunction(n.b, out, no_view) &&
           IsRowFunction(n.c, out, no_view);
  }

  // Ways from a value down to the view. Differentiation walks them all, where lets do not cut them.
  constexpr int Ways(int id, int view) {
    if (id < 0 || id == view) return id == view;
    if (ways_[id] < 0) {
      const ir::Node n = a.at(id);
      const int more = n.op == ir::Op::kLet && n.subs > 0
                           ? Ways(b.graph.let[n.symbol].lowered, view)
                           : Ways(n.a, view) + Ways(n.b, view) + Ways(n.c, view);
      ways_[id] = static_cast<int16_t>(more < 1000 ? more : 1000);
    }
    return ways_[id];
  }

  constexpr int DerivativeByView(int id, int view, uint32_t held) {
    if (Ways(id, view) > kMostWays) return -1;  // a deep function of the view, not a loss
    const Dependence dependence(b.graph);
    Reverse reverse(a, dependence);
    reverse.stop = view;
    reverse.Run(id, a.Const(1), held);
    for (const int g : reverse.gradient) {
      if (g >= 0) return -1;  // some other way to the parameters
    }
    if (b.error) return -1;
    return reverse.stopped >= 0 ? reverse.stopped : a.Const(0);
  }

  // The value where every parameter is zero.
  constexpr int AtZero(int id) {
    if (id < 0 || !HasParam(id)) return id;
    if (at_zero_[id] < 0) at_zero_[id] = static_cast<int16_t>(MakeAtZero(a.at(id)));
    return at_zero_[id];
  }
  constexpr int MakeAtZero(const ir::Node n) {
    switch (n.op) {
      case ir::Op::kParam:
        return a.Const(0);
      case ir::Op::kLet:
        return AtZero(b.graph.let[n.symbol].lowered);
      case ir::Op::kAdd:
        return a.Add(AtZero(n.a), AtZero(n.b));
      case ir::Op::kSub:
        return a.Sub(AtZero(n.a), AtZero(n.b));
      case ir::Op::kMul:
        return a.Mul(AtZero(n.a), AtZero(n.b));
      case ir::Op::kDiv:
        return a.Div(AtZero(n.a), n.b);
      case ir::Op::kNeg:
        return a.Neg(AtZero(n.a));
      default: {
        const int body = AtZero(n.a);
        return a.is(body, 0.0) ? body : a.Sum(n.index, body);
      }
    }
  }

  constexpr bool Mentions(int id, int view) {
    if (id < 0 || id == view) return id == view;
    if (mentions_[id] == 0) mentions_[id] = FindMention(a.at(id), view) ? 1 : -1;
    return mentions_[id] > 0;
  }
  constexpr bool FindMention(const ir::Node n, int view) {
    if (n.op == ir::Op::kLet && n.subs > 0 && Mentions(b.graph.let[n.symbol].lowered, view))
      return true;
    return Mentions(n.a, view) || Mentions(n.b, view) || Mentions(n.c, view);
  }

  // Changes with the view only where a comparison does.
  constexpr bool IsFlat(int id, int view) {
    if (!Mentions(id, view)) return true;
    if (id == view) return false;
    if (flat_[id] == 0) flat_[id] = FindFlat(a.at(id), view) ? 1 : -1;
    return flat_[id] > 0;
  }
  constexpr bool FindFlat(const ir::Node n, int view) {
    if (n.op == ir::Op::kLt || n.op == ir::Op::kLe || n.op == ir::Op::kSign) return true;
    if (n.op == ir::Op::kLet) return IsFlat(b.graph.let[n.symbol].lowered, view);
    return (n.a < 0 || IsFlat(n.a, view)) && (n.b < 0 || IsFlat(n.b, view)) &&
           (n.c < 0 || IsFlat(n.c, view));
  }

  // Where |.|, max and relu turn: their arguments, each affine in the predictor. False where one is
  // not, or a condition looks at the predictor.
  constexpr bool Kinks(int id, PredictorIr& out, bool* seen) {
    if (id < 0 || id == out.view || seen[id] || !Mentions(id, out.view)) return true;
    seen[id] = true;
    const ir::Node n = a.at(id);
    int argument = -1;
    switch (n.op) {
      case ir::Op::kAbs: case ir::Op::kRelu:
        argument = n.a;
        break;
      case ir::Op::kMax: case ir::Op::kMin:
        argument = a.Sub(n.a, n.b);
        break;
      case ir::Op::kWhere: case ir::Op::kSoft: case ir::Op::kSign: case ir::Op::kRound:
        return false;
      case ir::Op::kLet:
        return Kinks(b.graph.let[n.symbol].lowered, out, seen);
      default:
        break;
    }
    if (argument >= 0) {
      if (!IsAffine(argument)) return false;
      out.kink.push(static_cast<int16_t>(argument));
      if (out.kink.overflow) return false;
    }
    return Kinks(n.a, out, seen) && Kinks(n.b, out, seen) && Kinks(n.c, out, seen);
  }

  constexpr void ForgetAffine() {
    for (int8_t& known : affine_) known = 0;
  }
  constexpr void ForgetView() {
    for (int i = 0; i < ir::kMaxNodes; ++i) {
      row_function_[0][i] = row_function_[1][i] = mentions_[i] = flat_[i] = 0;
      at_zero_[i] = ways_[i] = -1;
    }
  }

  bool keyed_ = false;  // the form that is looked for
  // By node: 1 yes, -1 no, 0 not yet known; all but the first for the view at hand.
  int8_t affine_[ir::kMaxNodes] = {};
  int8_t row_function_[2][ir::kMaxNodes] = {};
  int8_t mentions_[ir::kMaxNodes] = {};
  int8_t flat_[ir::kMaxNodes] = {};
  int16_t at_zero_[ir::kMaxNodes] = {}, ways_[ir::kMaxNodes] = {};
};

}  // namespace gyre::internal
