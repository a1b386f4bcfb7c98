// What the driver asks of a program's symbols: by name, by kind, and as words for people.
#pragma once
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "dsl/program.h"

namespace gyre::driver {

// -1: none of that name.
int FindSymbol(const ir::Graph& graph, absl::string_view name);
int FindAxis(const ir::Graph& graph, absl::string_view name);

std::string NameOf(const ir::Graph& graph, int symbol);
std::vector<int> SymbolsOf(const ir::Graph& graph, ir::Kind kind);

// Bound from files: data, signs and maps.
bool IsBound(const ir::Graph& graph, int symbol);
// Learnt and saved: parameters, typed parameters, counts and what lives with a datum.
bool IsState(ir::Kind kind);

// "X(Sample,Feature)".
std::string Signature(const ir::Graph& graph, int symbol);
// "X, y, weight".
std::string DataList(const ir::Graph& graph);
std::string AxisList(const ir::Graph& graph);

// Default of a hyper-parameter.
double DefaultOf(const Program& program, int hyper);

}  // namespace gyre::driver
