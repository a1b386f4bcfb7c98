// Reading ir::Graph: operands, names, which parameters a value depends on. Pure functions.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "dsl/program.h"

namespace gyre {

absl::string_view OpName(ir::Op op);          // "sum", "lse", "add"
absl::string_view KindName(ir::Kind kind);
absl::string_view FormatName(Format format);
absl::string_view TypeName(Type type);
absl::string_view StructureName(Structure structure);

inline std::string Name(std::string_view name) { return std::string(name); }

bool IsReduction(ir::Op op);

// Operands of a node in order: a, b, c, then the keys of its gathers.
std::vector<int> Operands(const ir::Node& node);

// The symbols of kind kParam or kTyped that each node's value depends on, through lets and totals:
// bit s of result[node] is symbol s.
std::vector<uint64_t> ParamsOfNodes(const ir::Graph& graph);

// The axis that index `index` ranges over.
inline int AxisOf(const ir::Graph& graph, int index) { return graph.index[index].axis; }

// The axes of a parameter, by position.
std::vector<int> AxesOf(const ir::Graph& graph, int symbol);

// The number of elements of a symbol.
int64_t ElementsOf(const ir::Graph& graph, int symbol, const std::vector<int64_t>& extent);
int64_t ElementsOfTotal(const ir::Graph& graph, int total, const std::vector<int64_t>& extent);
int64_t ExtentOf(const std::vector<int64_t>& extent, int axis);

// "W(Class,Feature)"
std::string Signature(const ir::Graph& graph, int symbol);

// A statement that does something (Minimize, Iterate, Sweep, Resample), and where it stands.
struct Leaf {
  const Statement* statement = nullptr;
  std::vector<int> path;     // child positions from Program::root
  std::string id;            // "clock", or "clock/s0", "clock/s1" in a sequence
};

// The leaves of one clock in order. A Repeat or Until at the root is the run itself; an inner Repeat
// is written out, its rounds told apart by "/r0", "/r1".
std::vector<Leaf> Leaves(const Program& program);

// Rounds asked for by a Repeat at the root (0: none) and the tolerance of an Until (0: none).
int64_t RootRepeat(const Program& program);
double RootTolerance(const Program& program);

// The parameters a leaf changes, in order.
std::vector<int> Changed(const Leaf& leaf);

}  // namespace gyre
