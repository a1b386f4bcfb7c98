#include "runtime/driver/symbols.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gyre::driver {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

int FindSymbol(const ir::Graph& graph, absl::string_view name) {
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (View(graph.symbol[s].name) == name) return s;
  }
  return -1;
}

int FindAxis(const ir::Graph& graph, absl::string_view name) {
  for (int a = 0; a < graph.axis.size; ++a) {
    if (View(graph.axis[a].name) == name) return a;
  }
  return -1;
}

std::string NameOf(const ir::Graph& graph, int symbol) {
  return std::string(graph.symbol[symbol].name);
}

std::vector<int> SymbolsOf(const ir::Graph& graph, ir::Kind kind) {
  std::vector<int> found;
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (graph.symbol[s].kind == kind) found.push_back(s);
  }
  return found;
}

bool IsBound(const ir::Graph& graph, int symbol) {
  if (symbol < 0) return false;
  const ir::Kind kind = graph.symbol[symbol].kind;
  return kind == ir::Kind::kData || kind == ir::Kind::kSign || kind == ir::Kind::kMap;
}

bool IsState(ir::Kind kind) {
  return kind == ir::Kind::kParam || kind == ir::Kind::kTyped || kind == ir::Kind::kLocal ||
         kind == ir::Kind::kLatent || kind == ir::Kind::kCount;
}

std::string Signature(const ir::Graph& graph, int symbol) {
  const ir::Symbol& s = graph.symbol[symbol];
  std::vector<std::string> axes;
  for (int i = 0; i < s.rank; ++i) axes.emplace_back(graph.axis[s.axis[i]].name);
  std::string text = NameOf(graph, symbol);
  if (!axes.empty()) absl::StrAppend(&text, "(", absl::StrJoin(axes, ","), ")");
  if (s.target >= 0) absl::StrAppend(&text, " -> ", View(graph.axis[s.target].name));
  return text;
}

std::string DataList(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (int s = 0; s < graph.symbol.size; ++s) {
    if (IsBound(graph, s)) names.push_back(NameOf(graph, s));
  }
  return absl::StrJoin(names, ", ");
}

std::string AxisList(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const ir::Axis& axis : graph.axis) names.emplace_back(axis.name);
  return absl::StrJoin(names, ", ");
}

double DefaultOf(const Program& program, int hyper) {
  const int slot = program.graph.symbol[hyper].literal;
  return slot < 0 ? 0 : program.literal[static_cast<size_t>(slot)];
}

}  // namespace gyre::driver
