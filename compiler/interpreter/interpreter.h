// The reference interpreter: evaluates any node of an ir::Graph, slowly and obviously right.
//
// It is the oracle of every kernel: everything in double, one recursive function over an
// environment of index values, data densified, no scheduling, no fusion. Values of lets and totals
// are remembered (without that a chain of lets costs the number of its paths); nothing else is.
//
//   Interpreter oracle(program.graph, bindings);
//   double f = oracle.Eval(program.objective.value.node);
//   std::vector<double> g = oracle.NumericalGradient(program.objective.value.node, beta);
//
// A read outside a tensor is an error, except through an affine subscript, where it is 0 (padding).
// An error makes the value NaN and is kept in status(). Not thread-safe.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "compiler/interpreter/tensor.h"
#include "dsl/ir.h"

namespace gyre {

// What a graph's names stand for. Vectors are indexed by the ids of the graph; `literal` by slot.
struct Bindings {
  std::vector<Tensor> tensor;   // by symbol: data, maps, parameters, locals, latents, counts
  std::vector<double> hyper;    // by symbol; may be empty: defaults from literals
  std::vector<double> literal;  // by slot
  std::vector<int64_t> extent;  // by axis
  std::map<int, Tensor> total;  // totals given from outside, by total; others are evaluated
  double epoch = 0;
  uint64_t seed = 0;
  uint64_t clock = 0;           // of draws: 0 for what parameters start at, c + 1 in clock c

  // Sized for `graph`, extents at their defaults.
  static Bindings For(const ir::Graph& graph);
};

class Interpreter {
 public:
  // Values of indices, by index id.
  using Env = std::array<int64_t, ir::kMaxIndices>;

  // `graph` must outlive the interpreter.
  Interpreter(const ir::Graph& graph, Bindings bindings);

  const Bindings& bindings() const { return bindings_; }
  // Changing a binding forgets what was remembered.
  Bindings& MutableBindings();

  // The value of `node` where its free indices have the values of `env`.
  double Eval(int node, const Env& env = {});

  // The values of `node` for all values of `indices`, row-major in their order.
  std::vector<double> EvalTensor(int node, const std::vector<int>& indices);

  // d node / d param by central differences: node has no free indices. Error O(step^2) relative. What
  // stands inside stop() keeps its values.
  std::vector<double> NumericalGradient(int node, int param, double step = 1e-5);

  int64_t Extent(int index) const;
  const absl::Status& status() const { return status_; }

 private:
  using Tuple = std::array<int64_t, ir::kMaxSubscripts>;
  using Memo = std::map<std::pair<int, Tuple>, double>;

  double Unary(const ir::Node& node, const Env& env);
  double Binary(const ir::Node& node, const Env& env);
  double Reduce(const ir::Node& node, Env env);
  double Solve(const ir::Node& node, Env env);
  double Draw(const ir::Node& node, Env env);
  double Read(const Tensor& tensor, const ir::Node& node, const Env& env);
  double Let(const ir::Node& node, const Env& env);
  double Stop(int node, const Env& env);
  double Total(const ir::Node& node, const Env& env);
  double Hyper(int symbol) const;
  double Literal(int slot, double fallback) const;
  int64_t Position(const ir::Subscript& sub, const Env& env);
  // Whether the subscripts lie inside `shape`; `padded` if an affine one lies outside.
  bool Locate(const ir::Node& node, const Env& env, const std::vector<int64_t>& shape, Tuple& at,
              bool& padded);
  double Fail(absl::Status status);

  const ir::Graph& graph_;
  Bindings bindings_;
  Memo let_memo_, total_memo_;
  bool holds_ = false;  // are values of stop() kept?
  std::map<std::pair<int, Env>, double> held_;
  absl::Status status_;
};

}  // namespace gyre
