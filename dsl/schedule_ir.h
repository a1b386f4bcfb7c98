// The schedule of a pass: straight-line stages over one block of rows, as data.
//
// Values that are not computed in place live in slots. A row value's slot holds, for each position of
// its inner indices, the rows of the block contiguously: slot[inner][row]. So elementwise loops and
// reductions run along rows and vectorise whatever the inner extents are, and every contraction is
// one matrix product. A value without rows is computed once per call.
#pragma once
#include <cstdint>

#include "dsl/ir.h"

namespace gyre::internal {

enum class StageKind : uint8_t {
  kInvariant,    // slot(inner...) <- node, no rows, once per call
  kMap,          // slot(inner..., row) <- node
  kReduce,       // slot(inner..., row) <- node.op over node.index of node.a
  kSumAlong,     // slot(inner..., row) <- sum over node.index of node.a, row by row
  kContract,     // slot(outer..., row) <- sum_k matrix(row, k) other(outer, k)
  kRowNorms,     // slot(row) <- sum_k matrix(row, k)^2
  kAddScalar,    // target() += sum over rows of node
  kAddRows,      // target(inner...) += sum over rows of node at each inner position
  kAddVector,    // target(k) += sum_row slot(row) matrix(row, k)
  kAddOuter,     // target(outer, k) += sum_row slot(outer, row) matrix(row, k)
  kAddNorms,     // target(k) += sum_row matrix(row, k)^2
  kScatter,      // target(key(row), inner...) += node
  kScatterAlong, // target(key(row), k) += slot(row) node(row, k), row by row
  kScatterRows,  // target(key(row), k) += slot(row) matrix(row, k)
  kStore,        // local `other`(row, inner...) <- node, after all else
};

// The row side of a contraction: a data tensor, or a slot.
struct MatrixIr {
  int16_t symbol = -1;
  int16_t slot = -1;
  constexpr bool operator==(const MatrixIr&) const = default;
};

struct Stage {
  StageKind kind = StageKind::kMap;
  int16_t node = -1;
  int16_t slot = -1;        // written (kMap ...) or read (kAddVector: u; -1: ones)
  int16_t target = -1;      // position among the pass's totals
  int16_t key = -1;         // kScatter: integer-valued node
  int8_t key_position = 0;  // kScatter: which of the target's indices the key stands for
  MatrixIr matrix;
  int16_t other = -1;       // kContract: slot or parameter symbol of the side without rows; kStore: symbol
  bool other_is_slot = false;
  bool k_major = false;     // other is stored k by outer; kAddOuter: target is k by outer
  int8_t rank = 0;          // inner indices, outermost first
  int16_t index[ir::kMaxSubscripts] = {-1, -1, -1, -1, -1};
  int8_t k_rank = 0;        // contracted (or target-only) indices
  int16_t k[ir::kMaxSubscripts] = {-1, -1, -1, -1, -1};
};

struct Slot {
  int16_t node = -1;
  int16_t stage = -1;       // where it is written; readable from later stages
  int16_t storage = -1;     // >= 0: another name for this earlier slot
  bool rows = false;
  bool integer = false;     // positions, as int32
  int8_t rank = 0;
  int16_t index[ir::kMaxSubscripts] = {-1, -1, -1, -1, -1};
};

inline constexpr int kMaxStages = 144, kMaxSlots = 144;

struct Schedule {
  ir::Array<Stage, kMaxStages> stage;
  ir::Array<Slot, kMaxSlots> slot;
};

}  // namespace gyre::internal
