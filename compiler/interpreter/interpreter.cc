#include "compiler/interpreter/interpreter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/interpreter/reference_math.h"
#include "dsl/random.h"

namespace gyre {
namespace {

using ir::Node;
using ir::Op;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

absl::string_view View(std::string_view s) { return {s.data(), s.size()}; }

bool Affine(const ir::Subscript& sub) {
  return sub.node < 0 && (sub.second >= 0 || sub.scale0 >= 0 || sub.offset >= 0);
}

}  // namespace

Bindings Bindings::For(const ir::Graph& graph) {
  Bindings bindings;
  bindings.tensor.resize(static_cast<size_t>(graph.symbol.size));
  bindings.literal.resize(static_cast<size_t>(graph.literals));
  for (const ir::Axis* axis = graph.axis.item; axis != graph.axis.item + graph.axis.size; ++axis) {
    bindings.extent.push_back(axis->extent);
  }
  return bindings;
}

Interpreter::Interpreter(const ir::Graph& graph, Bindings bindings)
    : graph_(graph), bindings_(std::move(bindings)) {}

Bindings& Interpreter::MutableBindings() {
  let_memo_.clear();
  total_memo_.clear();
  return bindings_;
}

double Interpreter::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  return kNan;
}

int64_t Interpreter::Extent(int index) const {
  return bindings_.extent[static_cast<size_t>(graph_.index[index].axis)];
}

double Interpreter::Literal(int slot, double fallback) const {
  return slot < 0 ? fallback : bindings_.literal[static_cast<size_t>(slot)];
}

double Interpreter::Hyper(int symbol) const {
  if (!bindings_.hyper.empty()) return bindings_.hyper[static_cast<size_t>(symbol)];
  return Literal(graph_.symbol[symbol].literal, kNan);
}

int64_t Interpreter::Position(const ir::Subscript& sub, const Env& env) {
  if (sub.node >= 0) return std::llround(Eval(sub.node, env));
  double at = Literal(sub.offset, 0);
  if (sub.index >= 0) {
    at += Literal(sub.scale0, 1) * static_cast<double>(env[static_cast<size_t>(sub.index)]);
  }
  if (sub.second >= 0) {
    at += Literal(sub.scale1, 1) * static_cast<double>(env[static_cast<size_t>(sub.second)]);
  }
  return std::llround(at);
}

bool Interpreter::Locate(const Node& node, const Env& env, const std::vector<int64_t>& shape,
                         Tuple& at, bool& padded) {
  at.fill(0);
  padded = false;
  bool inside = true;
  for (int i = 0; i < node.subs; ++i) {
    const auto k = static_cast<size_t>(i);
    at[k] = Position(node.sub[i], env);
    if (at[k] >= 0 && at[k] < shape[k]) continue;
    if (Affine(node.sub[i])) padded = true;
    inside = false;
  }
  return inside;
}

double Interpreter::Read(const Tensor& tensor, const Node& node, const Env& env) {
  const std::string_view name = graph_.symbol[node.symbol].name;
  if (tensor.shape.size() != static_cast<size_t>(node.subs)) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat(View(name), " is bound with ", tensor.shape.size(), " axes and read with ",
                     static_cast<int>(node.subs), " subscripts")));
  }
  Tuple at;
  bool padded;
  if (!Locate(node, env, tensor.shape, at, padded)) {
    if (padded) return 0;
    return Fail(absl::OutOfRangeError(absl::StrCat("subscript of ", View(name), " out of range")));
  }
  int64_t offset = 0;
  for (size_t i = 0; i < tensor.shape.size(); ++i) offset = offset * tensor.shape[i] + at[i];
  return tensor.value[static_cast<size_t>(offset)];
}

double Interpreter::Let(const Node& node, const Env& env) {
  const ir::Let& let = graph_.let[node.symbol];
  std::vector<int64_t> shape;
  for (int i = 0; i < let.rank; ++i) shape.push_back(Extent(let.index[i]));
  Tuple at;
  bool padded;
  if (!Locate(node, env, shape, at, padded)) {
    if (padded) return 0;
    return Fail(
        absl::OutOfRangeError(absl::StrCat("subscript of ", View(let.name), " out of range")));
  }
  const auto known = let_memo_.find({node.symbol, at});
  if (known != let_memo_.end()) return known->second;
  Env inner = env;
  for (int i = 0; i < let.rank; ++i) {
    inner[static_cast<size_t>(let.index[i])] = at[static_cast<size_t>(i)];
  }
  const double value = Eval(let.body, inner);
  let_memo_[{node.symbol, at}] = value;
  return value;
}

double Interpreter::Stop(int id, const Env& env) {
  const Node& node = graph_.node[id];
  if (!holds_) return Eval(node.a, env);
  Env at{};
  for (size_t i = 0; i < at.size(); ++i) at[i] = node.free >> i & 1 ? env[i] : 0;
  const auto known = held_.find({id, at});
  if (known != held_.end()) return known->second;
  return held_[{id, at}] = Eval(node.a, env);
}

double Interpreter::Total(const Node& node, const Env& env) {
  const auto given = bindings_.total.find(node.symbol);
  if (given != bindings_.total.end()) return Read(given->second, node, env);
  const ir::Total& total = graph_.total[node.symbol];
  Tuple at{};
  Env inner = env;
  for (int i = 0; i < total.rank; ++i) {
    at[static_cast<size_t>(i)] = Position(node.sub[i], env);
    inner[static_cast<size_t>(total.index[i])] = at[static_cast<size_t>(i)];
  }
  const auto known = total_memo_.find({node.symbol, at});
  if (known != total_memo_.end()) return known->second;
  const double value = Eval(total.node, inner);
  total_memo_[{node.symbol, at}] = value;
  return value;
}

double Interpreter::Unary(const Node& node, const Env& env) {
  if (node.a < 0) return Fail(absl::UnimplementedError("an operation the interpreter lacks"));
  const double a = Eval(node.a, env);
  switch (node.op) {
    case Op::kNeg:
      return -a;
    case Op::kExp:
      return std::exp(a);
    case Op::kLog:
      return std::log(a);
    case Op::kLog1p:
      return std::log1p(a);
    case Op::kSqrt:
      return std::sqrt(a);
    case Op::kSq:
      return a * a;
    case Op::kAbs:
      return std::fabs(a);
    case Op::kSign:
      return (a > 0) - (a < 0);
    case Op::kRelu:
      return a > 0 ? a : 0;
    case Op::kSigmoid:
      return 1 / (1 + std::exp(-a));
    case Op::kTanh:
      return std::tanh(a);
    case Op::kLgamma:
      return std::lgamma(a);
    case Op::kDigamma:
      return Digamma(a);
    case Op::kTrigamma:
      return Trigamma(a);
    case Op::kNot:
      return a == 0;
    case Op::kRound:
      return std::round(a);
    default:  // kSoftplus
      return std::max(a, 0.0) + std::log1p(std::exp(-std::fabs(a)));
  }
}

double Interpreter::Binary(const Node& node, const Env& env) {
  const double a = Eval(node.a, env), b = Eval(node.b, env);
  switch (node.op) {
    case Op::kAdd:
      return a + b;
    case Op::kSub:
      return a - b;
    case Op::kMul:
      return a * b;
    case Op::kDiv:
      return a / b;
    case Op::kPow:
      return std::pow(a, b);
    case Op::kMin:
      return std::min(a, b);
    case Op::kMax:
      return std::max(a, b);
    case Op::kEq:
      return a == b;
    case Op::kNe:
      return a != b;
    case Op::kLt:
      return a < b;
    case Op::kLe:
      return a <= b;
    case Op::kAnd:
      return a != 0 && b != 0;
    case Op::kOr:
      return a != 0 || b != 0;
    default:
      return std::copysign(std::max(std::fabs(a) - b, 0.0), a);  // kSoft
  }
}

double Interpreter::Reduce(const Node& node, Env env) {
  const int64_t extent = Extent(node.index);
  std::vector<double> values;
  for (int64_t i = 0; i < extent; ++i) {
    env[static_cast<size_t>(node.index)] = i;
    values.push_back(Eval(node.a, env));
  }
  if (values.empty() && node.op != Op::kSum && node.op != Op::kProd && node.op != Op::kNorm &&
      node.op != Op::kAny) {
    return Fail(absl::InvalidArgumentError("maximum, minimum or logsumexp over an empty axis"));
  }
  double sum = 0, product = 1, squares = 0;
  bool any = false;
  for (const double v : values) {
    sum += v;
    product *= v;
    squares += v * v;
    any = any || v != 0;
  }
  switch (node.op) {
    case Op::kSum:
      return sum;
    case Op::kProd:
      return product;
    case Op::kNorm:
      return std::sqrt(squares);
    case Op::kAny:
      return any;
    case Op::kMaxOver:
      return *std::max_element(values.begin(), values.end());
    case Op::kMinOver:
      return *std::min_element(values.begin(), values.end());
    case Op::kArgmax:
      return static_cast<double>(std::max_element(values.begin(), values.end()) - values.begin());
    case Op::kArgmin:
      return static_cast<double>(std::min_element(values.begin(), values.end()) - values.begin());
    default:
      break;
  }
  const double most = *std::max_element(values.begin(), values.end());  // kLogSumExp
  double scaled = 0;
  for (const double v : values) scaled += std::exp(v - most);
  return most + std::log(scaled);
}

// a is a list of the matrix and the position of its column index; c is the position of its row
// index.
double Interpreter::Solve(const Node& node, Env env) {
  const Node& list = graph_.node[node.a];
  const int matrix = list.a;
  const int row_index = graph_.node[node.c].sub[0].index;
  const auto row = static_cast<size_t>(row_index);
  const auto column = static_cast<size_t>(graph_.node[list.c].sub[0].index);
  const int64_t at = env[row], n = Extent(row_index);
  std::vector<std::vector<double>> a(static_cast<size_t>(n));
  std::vector<double> b;
  for (int64_t i = 0; i < n; ++i) {
    env[row] = i;
    b.push_back(Eval(node.b, env));
    for (int64_t j = 0; j < n; ++j) {
      env[column] = j;
      a[static_cast<size_t>(i)].push_back(Eval(matrix, env));
    }
  }
  if (!SolveInPlace(a, b)) return Fail(absl::InvalidArgumentError("solve: the matrix is singular"));
  return b[static_cast<size_t>(at)];
}

double Interpreter::Draw(const Node& node, Env env) {
  const std::string_view name = node.symbol < 0 ? "" : graph_.symbol[node.symbol].name;
  const uint64_t kind = bindings_.clock == 0 ? 0 : 1 + static_cast<uint64_t>(node.op);
  const rng::Stream stream(bindings_.seed, rng::Hash(name) + kind, bindings_.clock);
  Tuple at{};
  for (int i = 0; i < node.subs; ++i) at[static_cast<size_t>(i)] = Position(node.sub[i], env);
  const uint64_t counter = rng::Fold(at.data(), node.subs);
  switch (node.op) {
    case Op::kNormal:
      return Eval(node.a, env) + Eval(node.b, env) * stream.Normal(counter);
    case Op::kUniform: {
      const double low = Eval(node.a, env), high = Eval(node.b, env);
      return low + (high - low) * stream.Uniform(counter);
    }
    case Op::kBernoulli:
      return stream.Bernoulli(counter, Eval(node.a, env));
    default:
      break;
  }
  std::vector<double> weight;  // kDraw
  double total = 0;
  for (int64_t k = 0; k < Extent(node.index); ++k) {
    env[static_cast<size_t>(node.index)] = k;
    weight.push_back(Eval(node.a, env));
    total += weight.back();
  }
  return static_cast<double>(
      rng::Category(stream.Uniform(counter), total, static_cast<int64_t>(weight.size()),
                    [&](int64_t k) { return weight[static_cast<size_t>(k)]; }));
}

double Interpreter::Eval(int id, const Env& env) {
  const Node& node = graph_.node[id];
  switch (node.op) {
    case Op::kLiteral:
      return Literal(node.symbol, kNan);
    case Op::kConst:
      return node.value;
    case Op::kHyper:
      return Hyper(node.symbol);
    case Op::kSize:
      return static_cast<double>(bindings_.extent[static_cast<size_t>(node.symbol)]);
    case Op::kEpoch:
      return bindings_.epoch;
    case Op::kPosition:
      return static_cast<double>(Position(node.sub[0], env));
    case Op::kData:
    case Op::kKey:
    case Op::kParam:
    case Op::kLocal:
      return Read(bindings_.tensor[static_cast<size_t>(node.symbol)], node, env);
    case Op::kLet:
      return Let(node, env);
    case Op::kStop:
      return Stop(id, env);
    case Op::kTotal:
      return Total(node, env);
    case Op::kWhere:
      return Eval(node.a, env) != 0 ? Eval(node.b, env) : Eval(node.c, env);
    case Op::kShuffle:
      return static_cast<double>(
          rng::Shuffled(bindings_.seed, Position(node.sub[0], env), Extent(node.sub[0].index)));
    case Op::kSolve:
      return Solve(node, env);
    case Op::kNormal:
    case Op::kUniform:
    case Op::kBernoulli:
    case Op::kDraw:
      return Draw(node, env);
    case Op::kEach:
    case Op::kChain:
      return Fail(absl::UnimplementedError(
          "the interpreter evaluates index notation; a functor of each(...) is compiled code"));
    default:
      break;
  }
  if (node.op >= Op::kSum && node.op <= Op::kAny) return Reduce(node, env);
  if (node.op >= Op::kAdd && node.op <= Op::kSoft) return Binary(node, env);
  return Unary(node, env);
}

std::vector<double> Interpreter::EvalTensor(int node, const std::vector<int>& indices) {
  int64_t size = 1;
  for (const int index : indices) size *= Extent(index);
  std::vector<double> out;
  for (int64_t at = 0; at < size; ++at) {
    Env env{};
    int64_t rest = at;
    for (size_t i = indices.size(); i-- > 0;) {
      env[static_cast<size_t>(indices[i])] = rest % Extent(indices[i]);
      rest /= Extent(indices[i]);
    }
    out.push_back(Eval(node, env));
  }
  return out;
}

std::vector<double> Interpreter::NumericalGradient(int node, int param, double step) {
  const auto symbol = static_cast<size_t>(param);
  const size_t size = bindings_.tensor[symbol].value.size();
  std::vector<double> gradient;
  MutableBindings();
  holds_ = true;
  Eval(node);
  for (size_t i = 0; i < size; ++i) {
    const double old = bindings_.tensor[symbol].value[i];
    const double h = step * std::max(1.0, std::fabs(old));
    MutableBindings().tensor[symbol].value[i] = old + h;
    const double above = Eval(node);
    MutableBindings().tensor[symbol].value[i] = old - h;
    const double below = Eval(node);
    MutableBindings().tensor[symbol].value[i] = old;
    gradient.push_back((above - below) / (2 * h));
  }
  holds_ = false;
  held_.clear();
  return gradient;
}

}  // namespace gyre
