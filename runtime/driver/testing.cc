#include "runtime/driver/testing.h"

#include <cstddef>
#include <initializer_list>
#include <utility>

namespace gyre::driver::testing {
namespace {

using ir::Op;

// Adds nodes to a graph, operands first.
class Graph {
 public:
  int Leaf(Op op, int symbol, std::initializer_list<int> subscripts) {
    ir::Node node;
    node.op = op;
    node.symbol = static_cast<int16_t>(symbol);
    for (int index : subscripts) {
      node.sub[node.subs++].index = static_cast<int16_t>(index);
      node.free |= 1u << index;
    }
    return graph.node.push(node);
  }
  int Apply(Op op, int a, int b = -1) {
    ir::Node node;
    node.op = op;
    node.a = static_cast<int16_t>(a);
    node.b = static_cast<int16_t>(b);
    node.free = graph.node[a].free | (b < 0 ? 0u : graph.node[b].free);
    return graph.node.push(node);
  }
  int Sum(int index, int a) {
    ir::Node node;
    node.op = Op::kSum;
    node.a = static_cast<int16_t>(a);
    node.index = static_cast<int16_t>(index);
    node.free = graph.node[a].free & ~(1u << index);
    return graph.node.push(node);
  }
  int Let(std::string_view name, int body, int index) {
    ir::Let let;
    let.name = name;
    let.body = static_cast<int16_t>(body);
    let.rank = 1;
    let.index[0] = static_cast<int16_t>(index);
    return Leaf(Op::kLet, graph.let.push(let), {index});
  }
  int Total(int node, int param, std::initializer_list<int> shape) {
    ir::Total total;
    total.node = static_cast<int16_t>(node);
    total.row_index = kN;
    total.param = static_cast<int16_t>(param);
    for (int index : shape) total.index[total.rank++] = static_cast<int16_t>(index);
    return graph.total.push(total);
  }
  void Symbol(std::string_view name, ir::Kind kind, std::initializer_list<int> axes,
              int literal = -1) {
    ir::Symbol symbol;
    symbol.name = name;
    symbol.kind = kind;
    for (int axis : axes) symbol.axis[symbol.rank++] = static_cast<int16_t>(axis);
    symbol.literal = static_cast<int16_t>(literal);
    graph.symbol.push(symbol);
  }

  static constexpr int kN = 0, kD = 1;  // indices
  ir::Graph graph;
};

template <class T>
double Score(const KernelArgs& args, int64_t row) {
  const Block& x = args.data[kX];
  const T* w = static_cast<const T*>(args.param[kW]);
  double score = static_cast<double>(*static_cast<const T*>(args.param[kB]));
  if (x.format == Format::kDense) {
    const T* values = x.data<T>() + row * x.stride;
    for (int64_t d = 0; d < x.cols; ++d)
      score += static_cast<double>(values[d]) * static_cast<double>(w[d]);
  } else {
    for (int64_t e = x.offset[row]; e < x.offset[row + 1]; ++e) {
      score += static_cast<double>(x.data<T>()[e]) * static_cast<double>(w[x.index[e]]);
    }
  }
  return score;
}

template <class T>
double Residual(const KernelArgs& args, int64_t row) {
  const Block& y = args.data[kY];
  return static_cast<double>(y.data<T>()[row * y.stride]) - Score<T>(args, row);
}

template <class T>
void Gradient(const KernelArgs& args) {
  const Block& x = args.data[kX];
  for (int64_t row = args.row_begin; row < args.row_end; ++row) {
    const double e = Residual<T>(args, row);
    args.target[0][0] += e * e;
    args.target[2][0] += e;
    if (x.format == Format::kDense) {
      for (int64_t d = 0; d < x.cols; ++d) {
        args.target[1][d] += e * static_cast<double>(x.data<T>()[row * x.stride + d]);
      }
    } else {
      for (int64_t i = x.offset[row]; i < x.offset[row + 1]; ++i) {
        args.target[1][x.index[i]] += e * static_cast<double>(x.data<T>()[i]);
      }
    }
  }
}

template <class T>
void Squares(const KernelArgs& args) {
  for (int64_t row = args.row_begin; row < args.row_end; ++row) {
    const double e = Residual<T>(args, row);
    args.target[0][0] += e * e;
  }
}

template <class T>
void Predict(const KernelArgs& args) {
  for (int64_t row = args.row_begin; row < args.row_end; ++row) {
    static_cast<T*>(args.out)[row - args.row_begin] = static_cast<T>(Score<T>(args, row));
  }
}

double Rows(const PostArgs& args) { return static_cast<double>(args.extent[kSample]); }

Pass MakePass(std::string id, std::vector<int> totals, KernelFn f32, KernelFn f64) {
  Pass pass;
  pass.id = std::move(id);
  pass.row_axis = kSample;
  pass.total = std::move(totals);
  for (int total : pass.total)
    pass.structure.push_back(total == 1 ? Structure::kDense : Structure::kScalar);
  pass.outer.resize(pass.total.size());
  pass.f32 = f32;
  pass.f64 = f64;
  pass.data = {kX, kY};
  pass.param = {kW, kB};
  pass.contraction = {{kX, {}, false}, {kX, {}, true}};
  pass.flops_per_row = 4;
  return pass;
}

void AddStatement(Program* program) {
  Statement& root = program->root;
  root.kind = StatementKind::kMinimize;
  root.pass = 0;
  root.param = {kW, kB};
  root.convex_hint = true;
  root.value.fn = [](const PostArgs& args) { *args.out = args.total[0][0] / Rows(args); };
  Post by_w, by_b;
  by_w.axes = {kFeature};
  by_w.fn = [](const PostArgs& args) {
    for (int64_t d = 0; d < args.extent[kFeature]; ++d)
      args.out[d] = -2 * args.total[1][d] / Rows(args);
  };
  by_b.fn = [](const PostArgs& args) { *args.out = -2 * args.total[2][0] / Rows(args); };
  root.gradient = {by_w, by_b};
  Penalty penalty{PenaltyKind::kSquaredL2, kW, {}, {}};
  penalty.weight.fn = [](const PostArgs& args) { *args.out = args.hyper[kLambda]; };
  root.penalty = {penalty};
}

}  // namespace

Program Ridge(const RidgeOptions& options) {
  Graph g;
  g.graph.axis.push({"Sample", 0, false, true});
  g.graph.axis.push({"Feature", 0, false, false});
  g.graph.index.push({kSample, 0});
  g.graph.index.push({kFeature, 0});
  g.Symbol("X", ir::Kind::kData, {kSample, kFeature});
  g.Symbol("y", ir::Kind::kData, {kSample});
  g.Symbol("w", ir::Kind::kParam, {kFeature});
  g.Symbol("b", ir::Kind::kParam, {});
  g.Symbol("lambda", ir::Kind::kHyper, {}, 0);
  g.graph.literals = 1;

  const int n = Graph::kN, d = Graph::kD;
  const int x = g.Leaf(Op::kData, kX, {n, d}), w = g.Leaf(Op::kParam, kW, {d});
  const int b = g.Leaf(Op::kParam, kB, {});
  int score = g.Sum(d, g.Apply(Op::kMul, x, w));
  if (options.square_of_x) score = g.Apply(Op::kAdd, score, g.Sum(d, g.Apply(Op::kSq, x)));
  if (options.intercept) score = g.Apply(Op::kAdd, score, b);
  const int yhat = g.Let("yhat", score, n);
  const int e = g.Apply(Op::kSub, g.Leaf(Op::kData, kY, {n}), yhat);
  const int squares = g.Sum(n, g.Apply(Op::kSq, e));
  const int size = g.Leaf(Op::kSize, kSample, {});
  const int mse = g.Apply(Op::kDiv, g.Leaf(Op::kTotal, g.Total(squares, -1, {}), {}), size);
  const int lambda = g.Leaf(Op::kHyper, kLambda, {});
  int objective = g.Apply(Op::kAdd, mse, g.Apply(Op::kMul, lambda, g.Sum(d, g.Apply(Op::kSq, w))));
  if (options.penalise_intercept) objective = g.Apply(Op::kAdd, objective, g.Apply(Op::kSq, b));
  g.Total(g.Sum(n, g.Apply(Op::kMul, e, x)), kW, {d});
  g.Total(g.Sum(n, e), kB, {});

  Program program;
  program.graph = g.graph;
  program.literal = {0.1};
  program.pass = {MakePass("step", {0, 1, 2}, Gradient<float>, Gradient<double>),
                  MakePass("objective", {0}, Squares<float>, Squares<double>),
                  MakePass("predict/y", {}, Predict<float>, Predict<double>)};
  program.pass[2].data = {kX};
  AddStatement(&program);
  program.root.penalty[0].weight.node = lambda;
  program.objective.name = "objective";
  program.objective.pass = 1;
  program.objective.value.node = objective;
  program.objective.value.fn = [](const PostArgs& args) {
    double squared = 0;
    for (int64_t i = 0; i < args.extent[kFeature]; ++i)
      squared += args.param[kW][i] * args.param[kW][i];
    *args.out = args.total[0][0] / Rows(args) + args.hyper[kLambda] * squared;
  };
  program.measure.push_back({"mse", 1, {{}, program.root.value.fn, mse}});
  Prediction prediction;
  prediction.name = "y";
  prediction.pass = 2;
  if (options.prediction_node) prediction.node = yhat;
  program.prediction.push_back(prediction);
  program.text = "ridge by hand";
  program.fingerprint = 0x1234567890abcdefu;
  return program;
}

}  // namespace gyre::driver::testing
