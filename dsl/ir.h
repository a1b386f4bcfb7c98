// The intermediate representation of a program: index notation as a flat, hash-consed graph.
//
// Every expression of the DSL is folded into this graph, at compile time (to differentiate, to read
// off structure and to choose the loops of the kernels) and again at run time (text, plan, reference
// interpreter); a program built at run time fills the same graph. A node's value depends on the
// indices in its `free` mask. Nodes are stored after their operands, so a forward walk is a
// topological order. Nothing here allocates: the graph is a literal type.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gyre::ir {

enum class Op : uint8_t {
  // Leaves.
  kLiteral,   // literal slot `symbol`; its value lives with the program, not with its type
  kConst,     // `value`
  kHyper,     // symbol
  kSize,      // extent of axis `symbol`
  kBatch,     // rows of axis `symbol` in the batch at hand; all of them without batches
  kEpoch,     // clocks done, in passes over the data
  kPosition,  // the value of a subscript, as a number: sub[0]
  kData,      // symbol, sub[]: a real data tensor
  kKey,       // symbol, sub[]: an integer-valued map or latent; its value ranges over symbol.target
  kParam,     // symbol, sub[]: a parameter or a table of counts
  kLocal,     // symbol, sub[]: a real state that lives with its datum
  kLet,       // let `symbol`, sub[]
  kTotal,     // total `symbol`, sub[]: a sum over data that is known when this is evaluated
  // Unary: a.
  kNeg, kExp, kLog, kLog1p, kSqrt, kSq, kAbs, kSign, kRelu, kSigmoid, kTanh, kLgamma, kDigamma, kTrigamma,
  kNot, kStop, kRound, kSoftplus,  // softplus(x) = log(1 + exp(x))
  // Binary: a, b.
  kAdd, kSub, kMul, kDiv, kPow, kMin, kMax,
  kEq, kNe, kLt, kLe, kAnd, kOr,  // 0 or 1
  kSoft,                          // soft(x, t) = sign(x) max(|x| - t, 0)
  // Ternary.
  kWhere,  // a != 0 ? b : c
  // Reductions of a over `index`.
  kSum, kProd, kMaxOver, kMinOver, kArgmax, kArgmin, kLogSumExp, kNorm, kAny,
  // Draws: a pure function of (seed, name, indices, clock). a, b: the distribution's parameters.
  kNormal, kUniform, kBernoulli,
  kShuffle,  // the place of position sub[0] in a random permutation of its axis
  kDraw,   // a category of axis `index`, with weights a
  // x(index): sum over b's primed index of a(...) x = b. a: matrix, b: right-hand side.
  kSolve,
  kEach,   // functor `symbol` called for each value of `index`; a: the chain of its views, last first
  kChain,  // a, then c: an operand list
};

// What a symbol of the program is.
enum class Kind : uint8_t { kData, kSign, kMap, kParam, kTyped, kLocal, kLatent, kCount, kHyper, kTally };

inline constexpr int kMaxSubscripts = 5;

// A subscript is an index, an affine form scale0 * index0 + scale1 * index1 + offset (literal slots),
// or the value of an integer-valued node (a gather).
struct Subscript {
  int16_t index = -1;      // plain index, or the first of the affine form
  int16_t node = -1;       // gather: the key
  int16_t second = -1;     // affine: second index
  int16_t scale0 = -1, scale1 = -1, offset = -1;  // literal slots; -1: 1, 1, 0
  bool padded = false;     // affine: reads zero outside the tensor
  constexpr bool operator==(const Subscript&) const = default;
  constexpr bool plain() const {
    return index >= 0 && node < 0 && second < 0 && scale0 < 0 && offset < 0;
  }
};

struct Node {
  Op op = Op::kConst;
  int8_t subs = 0;
  int16_t a = -1, b = -1, c = -1;  // operands, earlier nodes
  int16_t symbol = -1;             // symbol, let, total, axis or literal slot, by op
  int16_t index = -1;              // the index a reduction binds
  uint32_t free = 0;               // bit i: the value depends on index i
  double value = 0;                // kConst
  Subscript sub[kMaxSubscripts];
  constexpr bool operator==(const Node&) const = default;
};

// Names are views of the program's string template parameters, which live for ever.
struct Axis {
  std::string_view name;
  int64_t extent = 0;   // default, 0: known when data is bound
  bool span = false;    // spatial: extent inferred per tensor
  bool data = false;    // a data axis: state lives over it, no parameter is declared over it
  int16_t tally = -1;   // of the distinct counts of this table
};
struct Index {
  int16_t axis = -1;
  int8_t prime = 0;
  constexpr bool operator==(const Index&) const = default;
};
struct Symbol {
  std::string_view name;
  Kind kind = Kind::kData;
  int8_t rank = 0;
  int16_t axis[kMaxSubscripts] = {-1, -1, -1, -1, -1};
  int16_t target = -1;      // kMap, kLatent: the axis its values range over
  int16_t literal = -1;     // kHyper: literal slot of the default value
  // kCount: what it counts, the integer-valued nodes that are its keys.
  int16_t key[kMaxSubscripts] = {-1, -1, -1, -1, -1};
  // kTally: the table whose distinct counts it has, or in how many cells each of them stands.
  int16_t of = -1;
  bool cells = false;
};
// A functor of each(...).
struct Functor {
  std::string_view name;
  bool merges = false;      // has a monoid of its results
  constexpr bool operator==(const Functor&) const = default;
};
struct Let {
  std::string_view name;
  int16_t body = -1;     // as written
  int16_t lowered = -1;  // the same value in canonical form: what kernels compute
  int8_t rank = 0;
  int16_t index[kMaxSubscripts] = {-1, -1, -1, -1, -1};
  const void* identity = nullptr;  // of its definition: two lets of one name are told apart
  int16_t adjoint_of = -1;  // the let whose adjoint this is, made by differentiation
};
// A sum over one data axis: the only thing that rows contribute and workers exchange (Delta).
// Total j of the program; its free indices (all of non-data axes) are its shape, in `index` order.
struct Total {
  int16_t node = -1;        // the kSum over the data axis
  int16_t row_index = -1;   // index of the data axis that is summed
  int8_t rank = 0;
  int16_t index[kMaxSubscripts] = {-1, -1, -1, -1, -1};
  int16_t param = -1;       // >= 0: this is the gradient of the objective by that parameter
};

inline constexpr int kMaxNodes = 640, kMaxAxes = 24, kMaxIndices = 32, kMaxSymbols = 48,
                     kMaxLets = 96, kMaxTotals = 48, kMaxLiterals = 96, kMaxFunctors = 8;

template <class T, int N>
struct Array {
  T item[static_cast<size_t>(N)]{};
  int size = 0;
  bool overflow = false;
  constexpr int push(const T& t) {
    if (size == N) {
      overflow = true;
      return N - 1;
    }
    item[size] = t;
    return size++;
  }
  constexpr T& operator[](int i) { return item[i]; }
  constexpr const T& operator[](int i) const { return item[i]; }
  constexpr const T* begin() const { return item; }
  constexpr const T* end() const { return item + size; }
};

struct Graph {
  Array<Node, kMaxNodes> node;
  Array<Axis, kMaxAxes> axis;
  Array<Index, kMaxIndices> index;
  Array<Symbol, kMaxSymbols> symbol;
  Array<Let, kMaxLets> let;
  Array<Total, kMaxTotals> total;
  Array<Functor, kMaxFunctors> functor;
  int literals = 0;  // slots
};

}  // namespace gyre::ir
