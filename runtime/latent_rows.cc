#include "runtime/latent_rows.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

bool Reads(const Pass& pass, int symbol) {
  return std::find(pass.data.begin(), pass.data.end(), symbol) != pass.data.end();
}

void FindSamplers(const Statement& s, std::vector<const Sampler*>* found) {
  if (s.sampler.latent >= 0) found->push_back(&s.sampler);
  for (const Statement& child : s.child) FindSamplers(child, found);
}

}  // namespace

LatentRows::LatentRows(const Job& job)
    : job_(job), by_symbol_(static_cast<size_t>(job.program->graph.symbol.size), nullptr) {
  const Program& program = *job.program;
  std::vector<const Sampler*> samplers;
  FindSamplers(program.root, &samplers);
  for (const Sampler* sampler : samplers) {
    const auto reads = [&](const Pass& pass) { return Reads(pass, sampler->latent); };
    if (!std::any_of(program.pass.begin(), program.pass.end(), reads)) continue;
    for (const Measure& m : program.measure) {
      if (job.test.empty() || m.pass < 0 || !reads(program.pass[static_cast<size_t>(m.pass)]))
        continue;
      status_ = absl::InvalidArgumentError(absl::StrCat(
          "measure \"", m.name, "\" reads the latent \"",
          std::string(program.graph.symbol[sampler->latent].name),
          "\" row by row, and held-out rows have none; write it by parameters and counts, or leave "
          "the held-out data out"));
      return;
    }
    Add(sampler->latent, sampler->row_axis);
  }
}

void LatentRows::Add(int symbol, int row_axis) {
  const int64_t rows = job_.extent[static_cast<size_t>(row_axis)];
  column_.emplace_back(rows);
  by_symbol_[static_cast<size_t>(symbol)] = column_.back().data();
  for (WorkerData& worker : job_.worker) {
    data_.emplace_back(worker.data, worker.data + by_symbol_.size());
    Block& block = data_.back()[static_cast<size_t>(symbol)];
    block = {};
    block.format = Format::kDense, block.type = Type::kInt32;
    block.values = column_.back().data();
    block.rows = rows, block.cols = block.stride = 1;
    worker.data = data_.back().data();
  }
}

}  // namespace gyre
