// What the coordinator of worker processes knows of the data and each worker needs, so that a worker
// reads its own rows and nobody reads all of them: what the files hold, and how columns are scaled.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dsl/program.h"
#include "runtime/data/bind.h"
#include "runtime/driver/options.h"
#include "runtime/driver/standardize.h"

namespace gyre::driver {

struct SharedKnowledge {
  FileInfos described;  // by the path that workers are told
  std::vector<std::pair<int, ColumnTransform>> transform;  // by matrix
};

std::string Pack(const SharedKnowledge& knowledge);
absl::StatusOr<SharedKnowledge> UnpackKnowledge(absl::string_view bytes);

// Whether the rows of this run can be left to the workers: it runs over processes that start by
// reading files, all rows are trained on, and nothing but sums over the rows of one data axis is
// asked of them.
bool RowsStayWithWorkers(const Program& program, const Options& options);

}  // namespace gyre::driver
