// Locals as data: the state that lives with each row of this process.
//
// A local is a dense block beside the data of the rows, zero at first. Kernels read it like data
// and leave it changed (dsl/program.h); nobody else does, and it never travels.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "runtime/data/memory.h"
#include "runtime/job.h"

namespace gyre {

class LocalRows {
 public:
  LocalRows() = default;
  // The job with its locals among its data; `job` must outlive this. Rows of all its workers.
  explicit LocalRows(const Job& job);
  LocalRows(const LocalRows&) = delete;
  LocalRows& operator=(const LocalRows&) = delete;

  const Job& job() const { return job_; }

  // The state, for checkpoints: one string for each local. Load fails where these are not its
  // sizes.
  std::vector<std::string> Save() const;
  absl::Status Load(const std::vector<std::string>& saved);
  int count() const { return static_cast<int>(memory_.size()); }

 private:
  void Add(int symbol);

  struct Data {
    int64_t first_row = 0;
    std::vector<Block> block;  // by symbol
  };

  Job job_;
  std::vector<RowArray<char>> memory_;  // by local
  std::deque<Data> data_;
};

// InvalidArgument where a measure reads a local and is taken on held-out rows, which have none.
absl::Status CheckLocals(const Job& job);

}  // namespace gyre
