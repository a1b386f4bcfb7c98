// What --help prints: the program's own words first, then the flags.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/driver/flags.h"
#include "runtime/driver/options.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {

using absl::StrCat;
using absl::string_view;

std::string HelpText(const Program& program, string_view name,
                     const std::vector<std::string>& defaults) {
  std::string out = StrCat("usage: ", name, " [COMMAND] [--flag=value ...]\n\ncommands\n");
  for (const CommandName& each : Commands())
    absl::StrAppendFormat(&out, "  %-10s%s\n", each.name, each.words);

  const ir::Graph& graph = program.graph;
  out += "\nthis program\n";
  for (int s = 0; s < graph.symbol.size; ++s) {
    const ir::Symbol& symbol = graph.symbol[s];
    if (IsBound(graph, s)) absl::StrAppendFormat(&out, "  data       %s\n", Signature(graph, s));
    if (symbol.kind == ir::Kind::kLocal)
      absl::StrAppendFormat(&out, "  local      %s\n", Signature(graph, s));
    else if (IsState(symbol.kind))
      absl::StrAppendFormat(&out, "  parameter  %s\n", Signature(graph, s));
  }
  for (const Prediction& each : program.prediction)
    absl::StrAppendFormat(&out, "  predicts   %s\n", each.name);
  for (const Measure& each : program.measure)
    absl::StrAppendFormat(&out, "  measures   %s\n", each.name);
  const std::vector<int> hypers = SymbolsOf(graph, ir::Kind::kHyper);
  for (int hyper : hypers) {
    absl::StrAppendFormat(&out, "  --%s=NUMBER  (default %g)%s\n", NameOf(graph, hyper),
                          DefaultOf(program, hyper),
                          FindFlag(NameOf(graph, hyper)) == nullptr
                              ? ""
                              : StrCat("  spelled --hyper.", NameOf(graph, hyper)));
  }
  for (const ir::Axis& axis : graph.axis) {
    if (axis.extent > 0) {
      absl::StrAppendFormat(&out, "  --%s=N  (size, default %d)\n", std::string(axis.name),
                            axis.extent);
    }
  }
  if (!defaults.empty()) absl::StrAppend(&out, "  built with ", absl::StrJoin(defaults, " "), "\n");

  out += "\nflags\n";
  for (const Flag& flag : Flags()) {
    const std::string head = StrCat("--", flag.name, flag.value == nullptr ? "" : "=",
                                    flag.value == nullptr ? "" : flag.value);
    absl::StrAppendFormat(&out, "  %s\n      %s\n", head, flag.words);
  }
  absl::StrAppend(
      &out, "\nA run leaves its model in gyre-out/", name, "/model and its report in gyre-out/",
      name,
      "/report.json,\nbelow the current folder, unless --model_out and --report say otherwise.\n"
      "Relative data files that are not there are looked for in $GYRE_DATA.\n"
      "Ctrl-C stops at the next clock and keeps the model; once more ends at once.\n"
      "Exit codes: 0 done, 1 the run failed, 2 bad usage or input (one line says what).\n");
  return out;
}

}  // namespace gyre::driver
