// Dependences read off subscripts: for every parameter a program changes and every axis, whether
// parts of that axis can be worked on apart, and if not, which reduction couples them.
//
//   ADDITIVE     a data axis: the total is a sum over it, so rows may be split and reordered
//   COUPLED      a reduction over the axis feeds something that is not linear (or a prox, or a view
//                that a Sweep maintains): slices of the axis must exchange that reduction's value
//   INDEPENDENT  slices never meet: what is summed over the axis enters the objective linearly
//   KEYED        a row names its slice by a map of the data: rows with other keys never touch it
//
// One function per rule; all are pure functions of the graph.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/walk.h"
#include "dsl/program.h"

namespace gyre {

enum class Verdict : uint8_t { kAdditive, kCoupled, kIndependent, kKeyed };

struct AxisVerdict {
  int param = -1;
  int axis = -1;
  Verdict verdict = Verdict::kIndependent;
  std::string by;         // kCoupled: "lse in f"; kKeyed: the map's name
  int node = -1;          // the reduction
  int64_t exchange = 0;   // kCoupled: numbers a row that slices exchange
  std::string words;      // as explain shows it
};

// Verdicts in the order of leaves, parameters and axes: the row axis first, then the parameter's own.
std::vector<AxisVerdict> AnalyzeDependences(const Program& program,
                                            const std::vector<int64_t>& extent);

// The values a leaf's parameters depend on: the objective of a Minimize, else what is assigned.
std::vector<int> RootsOf(const Program& program, const Leaf& leaf);

// The pass of a leaf; null when it has none.
const Pass* PassOf(const Program& program, const Leaf& leaf);

}  // namespace gyre
