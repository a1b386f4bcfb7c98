// A program with its types erased: what the compiler, the runtime and the driver see of it.
//
// Everything a program does is one of
//   a *pass*   one fused sweep over rows of a data axis that adds to totals (Delta), or writes a
//              value per row (a prediction);
//   a *post*   an expression of totals, parameters and hyper-parameters, without rows (g);
//   a *sweep*  items visited one at a time, Delta and g at once, on the state itself.
// Kernels are single-threaded, never wait and never allocate. Symbols, axes, totals and nodes are
// named by their ids in `graph`.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ir.h"
#include "ops/view.h"

namespace gyre {

class OuterTerms;

// ---- What a kernel receives. T below is the element type of the run: float or double.

struct KernelArgs {
  const Block* data = nullptr;            // by symbol: row-axis tensors hold the caller's rows, others are whole;
                                          // locals, dense and of T, are changed in place
  const void* const* param = nullptr;     // by symbol: T, row-major over its axes
  const double* const* total = nullptr;   // by total: sums known before this pass (of data alone)
  const double* hyper = nullptr;          // by symbol
  const double* literal = nullptr;        // by slot
  const int64_t* extent = nullptr;        // by axis; of a data axis: the rows of all workers together
  int64_t row_begin = 0, row_end = 0;     // rows of `data` to sweep
  double* const* target = nullptr;        // by position in Pass::total: zeroed accumulators, added to
  OuterTerms* const* terms = nullptr;     // by position: where outer products are kept apart instead; or null
  void* out = nullptr;                    // rows passes: T, (row - row_begin) x row_size
  void* scratch = nullptr;                // 64-byte aligned, Pass::scratch bytes
  int64_t first_row = 0;                  // row 0 of `data` among the rows of all workers
  uint64_t seed = 0;                      // draws
  double epoch = 0;
};
using KernelFn = void (*)(const KernelArgs&);

struct PostArgs {  // g: double throughout
  const Block* data = nullptr;            // by symbol: tensors without a data axis
  const double* const* total = nullptr;   // by total
  const double* const* param = nullptr;   // by symbol: the old values
  const double* hyper = nullptr;
  const double* literal = nullptr;
  const int64_t* extent = nullptr;
  uint64_t seed = 0;                      // draws
  double epoch = 0;                       // below zero: what parameters start at
  double* out = nullptr;                  // row-major over Post::axes
};
using PostFn = void (*)(const PostArgs&);

// The rows where a map has value k: row[offset[k]] .. row[offset[k + 1]), in ascending order.
struct RowsOfKey {
  const int64_t* offset = nullptr;
  const int32_t* row = nullptr;
};

struct SweepArgs {  // coordinate updates on the state itself; one worker's items
  const Block* data = nullptr;            // by symbol: those of SweepForm::kColumn by columns, dense ones transposed
  const RowsOfKey* rows_of = nullptr;     // by symbol: maps of SweepForm::kKeyed
  bool single = false;                    // the data is float, else double
  double* const* param = nullptr;         // by symbol: updated in place
  double* const* view = nullptr;          // by let: lets over the data axis, maintained in place
  const double* const* total = nullptr;   // by total: sums of data alone
  const double* hyper = nullptr;
  const double* literal = nullptr;
  const int64_t* extent = nullptr;
  const int64_t* item = nullptr;          // positions on the swept axis, in order; null: 0 .. items - 1
  int64_t items = 0;
  double epoch = 0;
  double change = 0;                      // out: sum of squared changes
};
using SweepFn = void (*)(SweepArgs&);

// ---- The program.

// How the contribution of one row to a total is structured: what may travel instead of the matrix.
enum class Structure : uint8_t { kScalar, kDense, kOuter, kRows };

// A total whose rows add outer products u v', and how their sum lies: (u, v), or (v, u).
struct OuterForm {
  std::vector<int> u, v;  // axes; empty: it is no such total
  bool v_first = false;
};

struct Contraction {      // a product of the data matrix inside a pass, for estimates
  int symbol = -1;        // data tensor, or -1: between values of the row
  std::vector<int> axes;  // axes of the other operand's extra indices (empty: matrix times vector)
  bool transposed = false;
};

struct SumAlong {         // a sum over an axis for each row, of what the row names by keys
  int axis = -1;
  double flops = 0;       // of an element
  std::vector<int> param; // that stand along the axis, at places that keys of the row name
};

struct Pass {
  std::string id;                   // "step", "objective", "measure/rmse", "predict/y", "build"
  int row_axis = -1;
  std::vector<int> total;           // totals this pass adds to
  std::vector<Structure> structure; // by position in `total`
  std::vector<OuterForm> outer;     // likewise
  KernelFn f32 = nullptr, f64 = nullptr;
  int64_t (*scratch)(const Block* data, const int64_t* extent, int64_t element_size) = nullptr;
  std::vector<int> data;            // data symbols read
  std::vector<int> param;           // parameters read
  std::vector<int> local;           // locals read or changed
  std::vector<Contraction> contraction;
  std::vector<SumAlong> along;
  double flops_per_row = 0;         // elementwise work outside contractions, per (row x inner extents)
  std::vector<int> row_axes;        // rows passes: axes of the value of one row (empty: a scalar)
};

struct Post {
  std::vector<int> axes;            // of the result
  PostFn fn = nullptr;
  int node = -1;
};

enum class PenaltyKind : uint8_t { kL1, kSquaredL2, kGroupL2, kLower, kUpper, kSimplex };
struct Penalty {                    // one term of Omega that has a proximal operator
  PenaltyKind kind;
  int param = -1;
  Post weight;                      // kL1: w |x|, kSquaredL2: w x^2, kGroupL2: w ||x_g||; bounds: the bound; kSimplex: the sum
  std::vector<int> group_axes;      // kGroupL2, kSimplex: axes inside one group (by axis id)
};

// A value of the rows [begin, end), one output, as a function of the predictor's value in each.
struct RowArgs {
  const Block* data = nullptr;            // by symbol: dense
  bool single = false;                    // the data is float, else double
  const double* const* total = nullptr;   // by total: sums of data alone
  const double* hyper = nullptr;
  const double* literal = nullptr;
  const int64_t* extent = nullptr;
  int64_t begin = 0, end = 0, output = 0;
  const double* view = nullptr;           // end - begin numbers, as `out`
  double* out = nullptr;
};
using RowFn = void (*)(const RowArgs&);

// A Minimize whose rows see the parameters through one linear predictor,
//   f = sum over rows, outputs of loss(view),   view = offset + sum over parts of scale X theta:
// all that coordinate methods need. Derived where it holds (dsl/lower_predictor.h).
struct PredictorPart {
  int param = -1;
  int matrix = -1;                     // data symbol; -1: a column of ones
  Post scale;                          // a number
  int output = -1;                     // position of the output's axis among the parameter's: first or
                                       // last; -1: none. The other axes are the matrix's columns
};

// Rows in turn against a predictor of keyed rows: each moves what its keys name, in place.
inline constexpr int kKeyedAlignment = 32;  // bytes that the numbers of one key are padded to
inline constexpr int kKeyedHead = 8;        // numbers of a row that have a history of their own
struct KeyedRows {                        // a factor: T, the element type of the data
  void* value = nullptr;                  // by key, `width` numbers each
  void* history = nullptr;                // by key, of rows two: of AdaGrad, above zero
  const void* decay = nullptr;            // by key: gradient of the squared L2 penalty over the value, a visit's share
  const void* l1 = nullptr;               // by key: L1 penalty, a visit's share
  double lower = 0, upper = 0;            // bounds, infinite where there are none
  bool proximal = false;                  // l1 or bounds are given
  const int32_t* key = nullptr;           // by row; null: one number that all rows share
};
struct KeyedArgs {
  const Block* data = nullptr;            // by symbol: dense, in the order of the rows here
  bool single = false;                    // T is float, else double
  const double* const* total = nullptr;   // by total: sums of data alone
  const double* hyper = nullptr;
  const double* literal = nullptr;
  const int64_t* extent = nullptr;
  int64_t begin = 0, end = 0;             // rows
  const double* offset = nullptr;         // by row; null: zero
  const double* scale = nullptr;          // by term
  const int64_t* rank = nullptr;          // by term: numbers of a key's row, ...
  const int64_t* width = nullptr;         // ... and with their padding, which is zero
  const KeyedRows* factor = nullptr;      // of all terms in turn
  double step = 0;                        // 0: nothing moves
  bool first = false;                     // of rows only the first kKeyedHead numbers move
  void* view = nullptr;                   // scratch: T, end - begin
  double* slope = nullptr;                // out, by factor that all rows share: added to
  double* curvature = nullptr;
};
using KeyedFn = void (*)(KeyedArgs&);

struct KeyedFactor {
  int param = -1;
  int map = -1;                        // that names its row; -1: a number that all rows share
  int key_at = -1, rank_at = -1;       // positions among the parameter's axes; rank_at -1: one number a key
  Post visit_l2;                       // w of w x^2 that every row adds to f for what it names; fn null: none
};
struct KeyedTerm {                     // scale * product of numbers * sum over an axis of a product of rows
  Post scale;                          // a number
  int rank_axis = -1;                  // -1: numbers alone
  std::vector<KeyedFactor> factor;
};

struct AllKeys {                       // weight * sum over all keys of sq(offset + terms), rows of data or not
  Post weight;                         // fn null: none
  Post offset;                         // fn null: zero
  std::vector<Post> scale;             // by term, in place of its own; fn null: it has no part
};

struct Predictor {
  int row_axis = -1;                   // -1: the statement has no such form
  int output_axis = -1;                // -1: one output
  std::vector<PredictorPart> part;     // every parameter of the statement once
  std::vector<int> data;               // symbols that the functions below read
  RowFn loss = nullptr, slope = nullptr, curvature = nullptr;
  RowFn offset = nullptr;              // null: zero
  bool quadratic = false;              // the curvature does not depend on the view
  bool quadratic_pieces = false;       // nor between kinks
  bool kinks_known = false;            // the slope jumps where a `kink` is zero, and nowhere else;
  std::vector<RowFn> kink;             // each affine in the view
  int view_node = -1, loss_node = -1, curvature_node = -1;  // in the graph
  // In place of `part`, where rows name the parameters by keys (dsl/lower_keyed.h): every parameter once.
  std::vector<KeyedTerm> term;
  AllKeys all_keys;                    // what f has beside its rows
  KeyedFn visit = nullptr;             // null beside `all_keys`
};

// The weights of topics in the rows of a Resample, or factors of them (dsl/lower_sample.h).
struct WeightArgs {
  const Block* data = nullptr;            // by symbol: dense, in the order of the rows here
  bool single = false;                    // the data is float, else double
  const float* const* param = nullptr;    // by symbol
  const int32_t* const* count = nullptr;  // by symbol: of a table, the row that the row at hand names
  const double* const* total = nullptr;   // by total: sums of data alone
  const double* hyper = nullptr;
  const double* literal = nullptr;
  const int64_t* extent = nullptr;
  double epoch = 0;
  int64_t row = 0;
  int64_t begin = 0, end = 0;             // topics
  const float* given = nullptr;           // by topic: multiplied in; null: one
  float* out = nullptr;                   // by topic
};
using WeightFn = void (*)(const WeightArgs&);

struct SamplerForm {                   // weight = hoist * rest * exp(exponent)
  int map = -1;                        // hoist knows rows by it alone; -1: there are no maps
  WeightFn hoist = nullptr, rest = nullptr;
  WeightFn exponent = nullptr;         // null: zero. Its largest is subtracted before exp
  int count = -1;                      // rest = slope * count + base, with one table of counts; -1: it is not
  WeightFn slope = nullptr, base = nullptr;  // of the topic alone
};
struct Sampler {
  int latent = -1;                     // symbol; -1: the statement is no Resample
  int row_axis = -1, topic_axis = -1;
  int weight_node = -1;                // in the graph
  WeightFn weight = nullptr;           // whole, but for what `row_pass` computes
  int row_pass = -1;                   // rows pass: the log of a factor by row and topic; -1: none
  std::vector<SamplerForm> form;       // one for each map that the weights read, or one
  std::vector<int> count;              // every table of counts of the program
  std::vector<int> data, param;        // symbols that the weights read
};

struct Assign {
  int param = -1;
  Post value;
  int node = -1;                       // as written, over the parameter's canonical indices
};

// How a sum in a Sweep's new value reaches what it sums for an item: a column of a matrix, a row of a
// table, or the rows that a map gives to the item.
enum class SweepForm : uint8_t { kColumn, kRow, kKeyed };
struct SweepSum {
  SweepForm form = SweepForm::kColumn;
  int symbol = -1;                     // matrix, table or map
};

// By what the new value of an item depends on another item: the derivative of its sums by the
// parameter there. Zero but where ...
enum class CouplingForm : uint8_t {
  kKeys,     // a row has the one item by map `first` and the other by map `second`
  kTable,    // table `first` has an entry (item, other) or (other, item)
  kColumns,  // the columns of matrix `first` have a row in common
  kOther,    // not known
};
struct Coupling {
  CouplingForm form = CouplingForm::kOther;
  int first = -1, second = -1;         // symbols
  int node = -1;                       // the derivative, over the item and, primed, the other
};

enum class StatementKind : uint8_t { kMinimize, kIterate, kSweep, kResample, kSequence, kRepeat, kUntil };

struct Statement {
  StatementKind kind = StatementKind::kSequence;
  int pass = -1;                       // Program::pass with the totals this statement needs; -1: none
  // kMinimize: total[0] of the pass is f; the rest are gradients (ir::Total::param).
  std::vector<int> param;              // parameters it changes
  std::string update;                  // the rule that .By asks for; empty: the planner's choice
  std::vector<int> alternate;          // .Alternate: parameters whose blocks move in turn; empty: not asked for
  Post value;                          // f itself from its totals (f need not be the bare total)
  std::vector<Post> gradient;          // by position in `param`: gradient of f from totals
  std::vector<Penalty> penalty;
  Post smooth_value;                   // the part of Omega without a prox (fn null: none) ...
  std::vector<Post> smooth_gradient;   // ... and its gradient, by position in `param`
  bool convex_hint = false;            // no parameter multiplies another and losses are known convex
  Predictor predictor;
  // kResample: `param` are the tables that count the latent.
  Sampler sampler;
  // kIterate.
  std::vector<Assign> assign;
  std::vector<Assign> local;           // locals that the pass changes, row by row: no posts
  // kSweep.
  int sweep_axis = -1;
  SweepFn sweep = nullptr;
  std::vector<SweepSum> live;
  std::vector<Coupling> coupling;      // empty: items never meet
  std::vector<int> maintained;         // lets kept up to date by the sweep (over the data axis)
  int view_pass = -1;                  // rows pass that computes them from scratch (exact refresh)
  // Composites.
  std::vector<Statement> child;
  int64_t repeat = 1;
  double tolerance = 0;
};

struct Prediction {
  std::string name;
  int pass = -1;                       // a rows pass
  Post value;                          // a prediction without rows (pass -1): over value.axes
  int node = -1;                       // as written, over `indices`: the row's first, then row_axes'
  std::vector<int> indices;
  int label = -1;                      // symbol whose label names the value stands for (argmax), or -1
};
struct Measure {
  std::string name;
  int pass = -1;
  Post value;
  int node = -1;                       // as written
};

struct Program {
  ir::Graph graph;
  std::vector<double> literal;         // by slot
  std::vector<Pass> pass;
  Statement root;
  int build = -1;                      // pass over sums of data alone, run once; -1: none
  Measure objective;                   // what is minimised, whole (f + Omega); value.fn null: none
  std::vector<Measure> measure;
  std::vector<Prediction> prediction;
  int start_pass = -1;                 // totals that `start` reads; -1: none
  std::vector<Assign> start;           // parameters not named start at zero, or scaled normal
  std::vector<int> product_params;     // parameters that multiply parameters: never start at zero
  std::vector<int> counted;            // tables of counts, and tallies, that passes or posts read: state like parameters
  // Not empty: what the program needs that this version has no kernel for, in one line. Such a
  // program has a graph, a text and a fingerprint, but neither passes nor posts.
  std::string refusal;
  std::string text;                    // canonical text
  uint64_t fingerprint = 0;            // of the canonical text
};

// The extent of an axis of a tally's distinct counts, by those of the axes of data: n data make less
// than sqrt(2 n) + 1 distinct counts above zero, for 1 + 2 + ... must not pass n.
int64_t TallyExtent(const ir::Graph& graph, int axis, const std::vector<int64_t>& extent);

// Text of node `id`, in index notation: "sum[Feature] X(Sample,Feature) * beta(Feature)".
std::string ToText(const ir::Graph& graph, const std::vector<double>& literal, int id);

}  // namespace gyre
