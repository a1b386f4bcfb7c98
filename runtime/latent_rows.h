// Latents as data: what passes over rows read of them.
//
// A latent lives with its datum and is kept by the fold that draws it. Where a pass reads it (a sum
// over the rows with z(n) == k), it is a column like a map's, which the fold writes when a clock is
// over.
#pragma once
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "runtime/data/memory.h"
#include "runtime/job.h"

namespace gyre {

class LatentRows {
 public:
  // The job with such columns among its data; `job` must outlive this.
  explicit LatentRows(const Job& job);

  const absl::Status& status() const { return status_; }
  const Job& job() const { return job_; }
  const std::vector<int32_t*>& by_symbol() const { return by_symbol_; }  // null: no pass reads it

 private:
  void Add(int symbol, int row_axis);

  Job job_;
  absl::Status status_;
  std::vector<int32_t*> by_symbol_;
  std::vector<RowArray<int32_t>> column_;
  std::deque<std::vector<Block>> data_;
};

}  // namespace gyre
