// Small programs for the planner's tests, written straight into the graph: no kernels, only what the
// planner reads. And bound data of a given shape.
#pragma once
#include <string>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/walk.h"
#include "dsl/builder.h"
#include "dsl/program.h"

namespace gyre::testing {

using ir::Op;

// Axes Sample (data) and Feature, tensors X(Sample,Feature) and y(Sample).
struct Draft {
  internal::Builder b;
  Program program;
  int sample, feature, n, d;  // axes and indices
  int X, y;                   // symbols

  Draft() {
    sample = b.axis("Sample", 0, false);
    feature = b.axis("Feature", 0, false);
    b.graph.axis[sample].data = true;
    n = b.index(sample, 0);
    d = b.index(feature, 0);
    X = Symbol("X", ir::Kind::kData, {sample, feature});
    y = Symbol("y", ir::Kind::kData, {sample});
  }

  int Symbol(std::string_view name, ir::Kind kind, const std::vector<int>& axes, int target = -1) {
    ir::Symbol s;
    s.name = name;
    s.kind = kind;
    s.rank = static_cast<int8_t>(axes.size());
    for (size_t i = 0; i < axes.size(); ++i) s.axis[i] = static_cast<int16_t>(axes[i]);
    s.target = static_cast<int16_t>(target);
    return b.symbol(s);
  }

  // A leaf, let or total read at plain indices.
  int At(Op op, int symbol, const std::vector<int>& indices) {
    ir::Node node;
    node.op = op;
    node.symbol = static_cast<int16_t>(symbol);
    node.subs = static_cast<int8_t>(indices.size());
    for (size_t i = 0; i < indices.size(); ++i) node.sub[i].index = static_cast<int16_t>(indices[i]);
    return b.add(node);
  }

  int Let(std::string_view name, const std::vector<int>& indices, int body) {
    ir::Let let;
    let.name = name;
    let.body = static_cast<int16_t>(body);
    let.rank = static_cast<int8_t>(indices.size());
    for (size_t i = 0; i < indices.size(); ++i) let.index[i] = static_cast<int16_t>(indices[i]);
    return b.graph.let.push(let);
  }

  // sum[Sample] body, a total over `indices`; the gradient by `param` if that is given.
  int Total(const std::vector<int>& indices, int body, int param = -1) {
    ir::Total total;
    total.node = static_cast<int16_t>(b.node(Op::kSum, body, -1, -1, n));
    total.row_index = static_cast<int16_t>(n);
    total.rank = static_cast<int8_t>(indices.size());
    for (size_t i = 0; i < indices.size(); ++i) total.index[i] = static_cast<int16_t>(indices[i]);
    total.param = static_cast<int16_t>(param);
    return b.graph.total.push(total);
  }

  int AddPass(const std::string& id, const std::vector<int>& totals,
              const std::vector<Structure>& structure, const std::vector<int>& params) {
    Pass pass;
    pass.id = id;
    pass.row_axis = sample;
    pass.total = totals;
    pass.structure = structure;
    for (size_t i = 0; i < totals.size(); ++i) {
      pass.outer.emplace_back();
      if (structure[i] != Structure::kOuter) continue;
      const ir::Total& total = b.graph.total[totals[i]];
      pass.outer.back().u = {b.graph.index[total.index[0]].axis};
      pass.outer.back().v = {b.graph.index[total.index[1]].axis};
    }
    pass.data = {X, y};
    pass.param = params;
    program.pass.push_back(pass);
    return static_cast<int>(program.pass.size()) - 1;
  }

  Post MakePost(int node, const std::vector<int>& axes) {
    Post post;
    post.node = node;
    post.axes = axes;
    return post;
  }

  Program Finish(const std::string& text) {
    program.graph = b.graph;
    program.literal.assign(b.literal, b.literal + b.graph.literals);
    program.text = text;
    program.fingerprint = 0x1000 + std::hash<std::string>()(text) % 0xfff;
    return program;
  }
};

// Least squares with an optional penalty on beta.
inline Program LeastSquares(std::vector<PenaltyKind> penalties = {}) {
  Draft t;
  const int beta = t.Symbol("beta", ir::Kind::kParam, {t.feature});
  const int product = t.b.node(Op::kMul, t.At(Op::kData, t.X, {t.n, t.d}), t.At(Op::kParam, beta, {t.d}));
  const int yhat = t.Let("yhat", {t.n}, t.b.node(Op::kSum, product, -1, -1, t.d));
  const int error = t.b.node(Op::kSub, t.At(Op::kData, t.y, {t.n}), t.At(Op::kLet, yhat, {t.n}));
  const int r = t.Let("r", {t.n}, error);
  const int f = t.Total({}, t.b.node(Op::kSq, t.At(Op::kLet, r, {t.n})));
  const int slope = t.b.node(Op::kMul, t.At(Op::kLet, r, {t.n}), t.At(Op::kData, t.X, {t.n, t.d}));
  const int g = t.Total({t.d}, slope, beta);
  Statement& s = t.program.root;
  s.kind = StatementKind::kMinimize;
  s.pass = t.AddPass("step", {f, g}, {Structure::kScalar, Structure::kDense}, {beta});
  t.program.pass[0].contraction = {{t.X, {}, false}, {t.X, {}, true}};
  s.param = {beta};
  s.value = t.MakePost(t.At(Op::kTotal, f, {}), {});
  s.convex_hint = true;
  for (const PenaltyKind kind : penalties) {
    Penalty p;
    p.kind = kind;
    p.param = beta;
    if (kind == PenaltyKind::kGroupL2 || kind == PenaltyKind::kSimplex) p.group_axes = {t.feature};
    s.penalty.push_back(p);
  }
  t.program.objective.name = "objective";
  t.program.objective.pass = 0;
  t.program.objective.value = s.value;
  Measure rmse;
  rmse.name = "rmse";
  rmse.pass = t.AddPass("measure/rmse", {f}, {Structure::kScalar}, {beta});
  t.program.measure.push_back(rmse);
  return t.Finish("least squares" + std::to_string(penalties.size()));
}

// The same with its linear predictor derived: squares of r = y - X beta.
inline Program WithPredictor(Program p) {
  const ir::Graph& graph = p.graph;
  for (int i = 0; i < graph.node.size; ++i) {
    if (graph.node[i].op == Op::kSq)
      p.root.predictor.loss_node = p.root.predictor.curvature_node = i;
    if (graph.node[i].op == Op::kLet && Name(graph.let[graph.node[i].symbol].name) == "r")
      p.root.predictor.view_node = i;
  }
  p.root.predictor.row_axis = 0;
  p.root.predictor.quadratic = true;
  p.root.predictor.kinks_known = true;
  PredictorPart part;
  part.param = p.root.param[0];
  part.matrix = 0;
  p.root.predictor.part.push_back(part);
  p.text += " by coordinates";
  return p;
}

inline Program Lasso() { return LeastSquares({PenaltyKind::kL1}); }

// -log softmax of W(Class,Feature) X; Class has `classes` values.
inline Program Multiclass(int64_t classes) {
  Draft t;
  const int cls = t.b.axis("Class", classes, false), c = t.b.index(cls, 0);
  const int W = t.Symbol("W", ir::Kind::kParam, {cls, t.feature});
  const int x = t.At(Op::kData, t.X, {t.n, t.d});
  const int product = t.b.node(Op::kMul, t.At(Op::kParam, W, {c, t.d}), x);
  const int logit = t.Let("logit", {t.n, c}, t.b.node(Op::kSum, product, -1, -1, t.d));
  const int lse = t.b.node(Op::kLogSumExp, t.At(Op::kLet, logit, {t.n, c}), -1, -1, c);
  const int f = t.Total({}, lse);
  const int dlogit = t.Let("logit", {t.n, c}, t.b.node(Op::kExp, t.At(Op::kLet, logit, {t.n, c})));
  t.b.graph.let[dlogit].adjoint_of = static_cast<int16_t>(logit);
  const int g = t.Total({c, t.d}, t.b.node(Op::kMul, t.At(Op::kLet, dlogit, {t.n, c}), x), W);
  Statement& s = t.program.root;
  s.kind = StatementKind::kMinimize;
  s.pass = t.AddPass("step", {f, g}, {Structure::kScalar, Structure::kOuter}, {W});
  t.program.pass[0].contraction = {{t.X, {cls}, false}, {t.X, {cls}, true}};
  s.param = {W};
  s.value = t.MakePost(t.At(Op::kTotal, f, {}), {});
  s.convex_hint = true;
  t.program.objective.pass = 0;
  t.program.objective.value = s.value;
  return t.Finish("multiclass");
}

// Two layers: parameters multiply parameters.
inline Program Network() {
  Program p = Multiclass(10);
  p.root.convex_hint = false;
  p.product_params = p.root.param;
  p.text = "network";
  p.fingerprint = 0x2222;
  return p;
}

// C = total / count by the nearest center, rounds until `tolerance`.
inline Program KMeans(int64_t clusters, double tolerance = 0) {
  Draft t;
  const int cluster = t.b.axis("Cluster", clusters, false), k = t.b.index(cluster, 0);
  const int C = t.Symbol("C", ir::Kind::kParam, {cluster, t.feature});
  const int x = t.At(Op::kData, t.X, {t.n, t.d});
  const int square = t.b.node(Op::kSq, t.b.node(Op::kSub, x, t.At(Op::kParam, C, {k, t.d})));
  const int distance = t.Let("distance", {t.n, k}, t.b.node(Op::kSum, square, -1, -1, t.d));
  const int nearest =
      t.Let("nearest", {t.n}, t.b.node(Op::kArgmin, t.At(Op::kLet, distance, {t.n, k}), -1, -1, k));
  const int mine = t.b.node(Op::kEq, t.At(Op::kLet, nearest, {t.n}), t.At(Op::kPosition, -1, {k}));
  const int zero = t.b.constant(0);
  const int count = t.Total({k}, t.b.node(Op::kWhere, mine, t.b.constant(1), zero));
  const int total = t.Total({k, t.d}, t.b.node(Op::kWhere, mine, x, zero));
  Statement iterate;
  iterate.kind = StatementKind::kIterate;
  iterate.pass = t.AddPass("sums", {count, total}, {Structure::kRows, Structure::kRows}, {C});
  t.program.pass[0].contraction = {{t.X, {cluster}, false}};
  Assign assign;
  assign.param = C;
  assign.value = t.MakePost(
      t.b.node(Op::kDiv, t.At(Op::kTotal, total, {k, t.d}), t.At(Op::kTotal, count, {k})), {cluster, t.feature});
  iterate.assign.push_back(assign);
  if (tolerance > 0) {
    t.program.root.kind = StatementKind::kUntil;
    t.program.root.tolerance = tolerance;
    t.program.root.child.push_back(iterate);
  } else {
    t.program.root = iterate;
  }
  return t.Finish("kmeans");
}

// b = b + sum(n, y): a fold that adds in any order.
inline Program Accumulate() {
  Draft t;
  const int b = t.Symbol("b", ir::Kind::kParam, {});
  const int sum = t.Total({}, t.At(Op::kData, t.y, {t.n}));
  Statement& s = t.program.root;
  s.kind = StatementKind::kIterate;
  s.pass = t.AddPass("sums", {sum}, {Structure::kScalar}, {b});
  Assign assign;
  assign.param = b;
  assign.value = t.MakePost(t.b.node(Op::kAdd, t.At(Op::kParam, b, {}), t.At(Op::kTotal, sum, {})), {});
  s.assign.push_back(assign);
  return t.Finish("accumulate");
}

// Coordinate descent on beta, then an intercept b from the residual it leaves.
inline Program CoordinateDescent() {
  Draft t;
  const int beta = t.Symbol("beta", ir::Kind::kParam, {t.feature});
  const int b = t.Symbol("b", ir::Kind::kParam, {});
  const int product = t.b.node(Op::kMul, t.At(Op::kData, t.X, {t.n, t.d}), t.At(Op::kParam, beta, {t.d}));
  const int fit = t.b.node(Op::kAdd, t.b.node(Op::kSum, product, -1, -1, t.d), t.At(Op::kParam, b, {}));
  const int r = t.Let("r", {t.n}, t.b.node(Op::kSub, t.At(Op::kData, t.y, {t.n}), fit));
  const int sum = t.Total({}, t.At(Op::kLet, r, {t.n}));
  Statement sweep;
  sweep.kind = StatementKind::kSweep;
  sweep.sweep_axis = t.feature;
  sweep.maintained = {r};
  Assign move;
  move.param = beta;
  move.value = t.MakePost(t.At(Op::kParam, beta, {t.d}), {t.feature});
  sweep.assign.push_back(move);
  Statement iterate;
  iterate.kind = StatementKind::kIterate;
  iterate.pass = t.AddPass("sums", {sum}, {Structure::kScalar}, {beta, b});
  Assign shift;
  shift.param = b;
  shift.value = t.MakePost(t.b.node(Op::kAdd, t.At(Op::kParam, b, {}), t.At(Op::kTotal, sum, {})), {});
  iterate.assign.push_back(shift);
  t.program.root.kind = StatementKind::kSequence;
  t.program.root.child = {sweep, iterate};
  return t.Finish("coordinate descent");
}

// Data of `rows` x `cols`, sparse when density < 1.
inline BoundInfo Bind(const Program& program, int64_t rows, int64_t cols, double density = 1) {
  BoundInfo bound;
  for (const ir::Axis& axis : program.graph.axis) {
    bound.extent.push_back(axis.data ? rows : axis.extent > 0 ? axis.extent : cols);
  }
  for (const ir::Symbol& symbol : program.graph.symbol) {
    if (symbol.kind != ir::Kind::kData) continue;
    TensorInfo t;
    t.symbol = std::string(symbol.name);
    t.type = bound.type;
    t.rows = rows;
    t.cols = symbol.rank > 1 ? cols : 1;
    t.nnz = t.rows * t.cols;
    if (symbol.rank > 1 && density < 1) {
      t.format = Format::kCsr;
      t.nnz = static_cast<int64_t>(static_cast<double>(t.nnz) * density);
    }
    bound.tensor.push_back(t);
  }
  return bound;
}

}  // namespace gyre::testing
