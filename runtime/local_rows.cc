#include "runtime/local_rows.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "absl/strings/str_cat.h"

namespace gyre {

LocalRows::LocalRows(const Job& job) : job_(job) {
  const ir::Graph& graph = job.program->graph;
  const bool any = std::any_of(graph.symbol.begin(), graph.symbol.end(),
                               [](const ir::Symbol& s) { return s.kind == ir::Kind::kLocal; });
  if (!any) return;
  std::map<const Block*, const Block*> mine;  // workers that share data share them here
  for (WorkerData& worker : job_.worker) {
    const Block*& data = mine[worker.data];
    if (data == nullptr) {
      data_.push_back({worker.first_row, {worker.data, worker.data + graph.symbol.size}});
      data = data_.back().block.data();
    }
    worker.data = data;
  }
  for (int s = 0; s < graph.symbol.size; ++s)
    if (graph.symbol[s].kind == ir::Kind::kLocal) Add(s);
}

// One block for the rows of all workers here: from the first that their data have to the last that
// they visit.
void LocalRows::Add(int symbol) {
  const ir::Symbol& s = job_.program->graph.symbol[symbol];
  int64_t cols = 1;
  for (int a = 1; a < s.rank; ++a) cols *= job_.extent[static_cast<size_t>(s.axis[a])];
  int64_t begin = job_.worker[0].first_row, end = begin;
  for (const WorkerData& w : job_.worker) {
    begin = std::min(begin, w.first_row);
    end = std::max(end, w.first_row + w.row_end);
  }
  const int64_t bytes = cols * SizeOf(job_.type);
  memory_.emplace_back((end - begin) * bytes);
  for (Data& data : data_) {
    Block& block = data.block[static_cast<size_t>(symbol)];
    block = {};
    block.type = job_.type;
    block.values = memory_.back().data() + (data.first_row - begin) * bytes;
    block.rows = end - data.first_row, block.cols = block.stride = cols;
  }
}

std::vector<std::string> LocalRows::Save() const {
  std::vector<std::string> saved;
  for (const RowArray<char>& each : memory_)
    saved.emplace_back(each.data(), static_cast<size_t>(each.size()));
  return saved;
}

absl::Status LocalRows::Load(const std::vector<std::string>& saved) {
  if (saved.size() != memory_.size()) return absl::InvalidArgumentError("another number of locals");
  for (size_t i = 0; i < saved.size(); ++i) {
    if (saved[i].size() != static_cast<size_t>(memory_[i].size()))
      return absl::InvalidArgumentError("locals of another size");
    std::memcpy(memory_[i].data(), saved[i].data(), saved[i].size());
  }
  return absl::OkStatus();
}

absl::Status CheckLocals(const Job& job) {
  if (job.test.empty()) return absl::OkStatus();
  const Program& program = *job.program;
  for (const Measure& m : program.measure) {
    if (m.pass < 0 || program.pass[static_cast<size_t>(m.pass)].local.empty()) continue;
    const int local = program.pass[static_cast<size_t>(m.pass)].local.front();
    return absl::InvalidArgumentError(
        absl::StrCat("measure \"", m.name, "\" reads the local \"",
                     std::string(program.graph.symbol[local].name),
                     "\" of each row, and held-out rows have none; write it by parameters, or "
                     "leave the held-out data out"));
  }
  return absl::OkStatus();
}

}  // namespace gyre
