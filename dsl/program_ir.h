// A whole program as data at compile time: the graph, its statements, and what lowering makes of
// them (passes over rows, posts over totals). See lower.h for how the second half is filled.
#pragma once
#include "dsl/builder.h"
#include "dsl/program.h"
#include "dsl/schedule_ir.h"

namespace gyre::internal {

struct AssignIr {
  int16_t symbol = -1;
  int16_t node = -1;    // as written, over the symbol's canonical indices
  int16_t post = -1;    // lowered
};

struct PenaltyIr {
  PenaltyKind kind = PenaltyKind::kL1;
  int16_t symbol = -1;
  int16_t post = -1;                 // the weight
  uint32_t group = 0;                // kGroupL2, kSimplex: mask of indices inside one group
};

// An expression of totals and parameters over given indices.
struct PostIr {
  int16_t node = -1;
  int8_t rank = 0;
  int16_t index[ir::kMaxSubscripts] = {-1, -1, -1, -1, -1};
  constexpr bool operator==(const PostIr&) const = default;
};

// A sum over `row_index` in a Sweep's new value: entries of an item times weights. See lower_sweep.h.
struct LiveSumIr {
  SweepForm form = SweepForm::kColumn;
  int16_t symbol = -1;     // matrix or map
  int16_t row_index = -1;
  int16_t weight = -1;     // node over the row
  bool fixed = false;      // the weight knows the item by its position at most
  int16_t total = -1;      // of rank 0, what the new value reads
};
struct CouplingIr {
  CouplingForm form = CouplingForm::kOther;
  int16_t first = -1, second = -1;  // symbols
  int16_t node = -1;                // over the item and the item primed
};

// What this version holds in its types, IR and fingerprints but has no kernel for yet.
enum class Beyond : uint8_t {
  kNothing, kTyped, kLocal, kLatent, kSpan, kSolve, kEach, kCategory, kBatch, kDraw,
};

// The linear predictor of a Minimize; see lower_predictor.h.
struct PredictorPartIr {
  int16_t symbol = -1;  // parameter
  int16_t matrix = -1;  // data; -1: a column of ones
  int16_t scale = -1;   // post
  int8_t output = -1;   // position of the output's axis among the parameter's; -1: it has none
};
// A predictor of keyed rows: terms scale * product of numbers * sum over k of a product of rows.
struct KeyedFactorIr {
  int16_t symbol = -1;  // parameter
  int16_t map = -1;     // that names its row; -1: none, a number that all rows share
  int8_t key_at = -1, rank_at = -1;  // positions of the key and of k among its subscripts; -1: it has none
  int16_t visit_l2 = -1;  // post: of the square that every visit adds to the objective; -1: none
};
struct KeyedTermIr {
  int16_t scale = -1;   // post
  int16_t rank_index = -1;  // k; -1: a product of numbers
  ir::Array<KeyedFactorIr, 5> factor;
};
// weight * sum over all keys of sq(offset + terms of the predictor): every combination, a row of data or not.
struct AllKeysIr {
  int16_t weight = -1;  // post; -1: the objective has no such term
  int16_t offset = -1;  // post; -1: zero
  ir::Array<int16_t, 6> scale;  // by term: post, in place of the predictor's own; -1: it has no part
};
struct PredictorIr {
  int16_t view = -1;    // its node; -1: the statement has no such form
  int16_t row_index = -1, output_index = -1;
  int16_t loss = -1, slope = -1, curvature = -1;  // of one row and output, as functions of `view`
  int16_t offset = -1;  // the view where all parameters are zero; -1: zero
  bool quadratic = false;    // the curvature does not depend on the view
  bool quadratic_pieces = false;  // nor between kinks, which are known
  bool kinks_known = false;  // the slope jumps where an argument in `kink` is zero, and nowhere else
  ir::Array<int16_t, 4> kink;
  ir::Array<PredictorPartIr, 8> part;  // of a linear predictor; or ...
  ir::Array<KeyedTermIr, 6> term;      // ... of one of keyed rows
  AllKeysIr all_keys;                  // beside the rows; of the latter
};

// The weights of a Resample; see lower_sample.h. All values are nodes over the row and the topic.
struct SampleFormIr {
  int16_t map = -1;     // whose rows are visited in turn; -1: there are no maps
  int16_t hoist = -1;   // factors that this map names, and those that none does
  int16_t rest = -1;    // the others, but for ...
  int16_t exponent = -1;  // ... the exponent of those that are exp(...); -1: none is
  int16_t count = -1;   // the rest is slope * count + base with one table of counts; -1: it is not
  int16_t slope = -1, base = -1;  // over the topic
};
struct SampleIr {
  int16_t row_index = -1, topic_index = -1;
  int16_t whole = -1;     // but for what `row_pass` computes
  int16_t row_pass = -1;  // writes, by row and topic, the log of the factors without counts that are sums; -1: none
  ir::Array<SampleFormIr, 4> form;
};

struct SmoothIr {
  int16_t node = -1, weight = -1;    // weight * node
};

struct StatementIr {
  StatementKind kind = StatementKind::kSequence;
  std::string_view update_rule;      // .By; empty: the planner's choice
  int16_t objective = -1;            // kMinimize: as written
  int16_t pass = -1;
  int16_t value = -1;                // post: f
  uint64_t params = 0;               // bit per symbol
  bool curved = false;               // kMinimize: f is no linear function of its sums over data
  int16_t f = -1;                    // kMinimize: canonical, without Omega
  ir::Array<SmoothIr, 2> smooth_term;  // kMinimize: of Omega, with state and without a prox; no more matter
  PredictorIr predictor;             // kMinimize
  ir::Array<AssignIr, 24> assign;    // kIterate, kSweep: assignments; kMinimize: gradients as posts
  ir::Array<int16_t, 8> alternate;   // kMinimize: symbols whose blocks move in turn
  ir::Array<PenaltyIr, 24> penalty;
  int16_t smooth_value = -1;         // post
  ir::Array<AssignIr, 24> smooth;    // gradients of the smooth part of Omega
  SampleIr sample;                   // kResample: assign[0].symbol is the latent
  // kSweep: the swept index; the new value as a function of live sums; the matrix over rows whose
  // columns they read, and how the view changes: by response(row) for each unit and entry.
  int16_t axis_index = -1, row_index = -1, matrix = -1;
  ir::Array<LiveSumIr, 6> live;
  ir::Array<CouplingIr, 8> coupling;
  int16_t update = -1, response = -1;
  bool by_item = false;              // the new value is elementwise in the item and its live sums
  int16_t view_pass = -1;
  ir::Array<int16_t, 8> maintained;  // lets
  ir::Array<int16_t, 8> child;
  int16_t repeat = -1;               // kRepeat: literal slot
  int16_t tolerance = -1;            // literal slot
};

struct NamedIr {
  std::string_view name;
  int16_t node = -1;
  int16_t pass = -1;
  int16_t post = -1;
  int16_t label = -1;                // predictions: symbol whose classes the value names
  uint32_t row_indices = 0;          // predictions: free indices
};

struct PassIr {
  int16_t row_index = -1;
  ir::Array<int16_t, 32> total;      // what it adds to ...
  int16_t output = -1;               // ... or the node whose value it writes per row
  ir::Array<int16_t, 8> outputs;     // ... or the lets it writes in full (views), double
  ir::Array<AssignIr, 8> store;      // locals that it leaves changed, and the nodes that they become
  Schedule schedule;
};

struct ProgramIr {
  Builder builder;
  ir::Array<StatementIr, 12> statement;
  int16_t root = -1;
  Beyond beyond = Beyond::kNothing;  // then there are no passes and posts
  int16_t beyond_symbol = -1;
  ir::Array<NamedIr, 12> measure, prediction;
  ir::Array<AssignIr, 12> start;
  ir::Array<int16_t, 12> constraint;  // conditions of .SubjectTo
  ir::Array<PassIr, 16> pass;
  ir::Array<PostIr, 96> post;
  int16_t build = -1, start_pass = -1;
  NamedIr objective;
  uint64_t product_params = 0;
};

}  // namespace gyre::internal
