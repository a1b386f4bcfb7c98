#include "runtime/driver/share.h"

#include <algorithm>
#include <cstdint>

#include "runtime/archive.h"
#include "runtime/driver/symbols.h"
#include "runtime/start.h"

namespace gyre::driver {
namespace {

// A data axis that is not the first of a tensor, or that anything but data and locals lies along,
// needs rows that other workers have.
bool CutByRowsAlone(const ir::Graph& graph) {
  int data_axes = 0;
  for (const ir::Axis& axis : graph.axis) data_axes += axis.data ? 1 : 0;
  if (data_axes != 1) return false;
  for (int s = 0; s < graph.symbol.size; ++s) {
    const ir::Symbol& symbol = graph.symbol[s];
    for (int a = 0; a < symbol.rank; ++a) {
      const bool of_rows = IsBound(graph, s) || symbol.kind == ir::Kind::kLocal;
      if (graph.axis[symbol.axis[a]].data && (a > 0 || !of_rows)) return false;
    }
    if (symbol.target >= 0 && graph.axis[symbol.target].data) return false;
  }
  return true;
}

bool Sweeps(const Statement& statement) {
  return statement.kind == StatementKind::kSweep ||
         std::any_of(statement.child.begin(), statement.child.end(), Sweeps);
}

void Visit(Archive& archive, SharedKnowledge* knowledge) {
  std::vector<std::string> path, info;
  for (const auto& [name, known] : knowledge->described) {
    path.push_back(name);
    info.push_back(gyre::Pack(known));
  }
  archive(path);
  archive(info);
  for (size_t i = 0; !archive.saving() && i < path.size() && i < info.size(); ++i) {
    absl::StatusOr<DataInfo> known = Unpack(info[i]);
    if (known.ok()) knowledge->described[path[i]] = *std::move(known);
  }
  std::vector<int32_t> symbol;
  for (const auto& [s, transform] : knowledge->transform) symbol.push_back(s);
  archive(symbol);
  knowledge->transform.resize(symbol.size());
  for (size_t i = 0; i < symbol.size(); ++i) {
    knowledge->transform[i].first = symbol[i];
    archive(knowledge->transform[i].second.center);
    archive(knowledge->transform[i].second.scale);
  }
}

}  // namespace

std::string Pack(const SharedKnowledge& knowledge) {
  SharedKnowledge copy = knowledge;
  for (auto& [path, info] : copy.described) info.moments = {};  // workers are told the transform
  std::string bytes;
  Archive archive(&bytes);
  Visit(archive, &copy);
  return bytes;
}

absl::StatusOr<SharedKnowledge> UnpackKnowledge(absl::string_view bytes) {
  SharedKnowledge knowledge;
  Archive archive(bytes);
  Visit(archive, &knowledge);
  if (!archive.complete()) {
    return absl::DataLossError("what the coordinator says of the data is damaged");
  }
  return knowledge;
}

bool RowsStayWithWorkers(const Program& program, const Options& options) {
  return options.cluster != "embedded" && options.cluster != "inproc" &&
         options.command == Command::kRun && !options.holdout && CutByRowsAlone(program.graph) &&
         !Sweeps(program.root) && !NeedsRowsToStart(program);
}

}  // namespace gyre::driver
