// Some rows of a dataset apart from the others: folds of a cross-validation, and what --holdout
// leaves out of the training. Everything but the rows, extents and names too, is that of the whole,
// so what only the rows left out name has its place in the model.
#pragma once
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dsl/program.h"
#include "runtime/driver/dataset.h"

namespace gyre::driver {

// Whether rows of `row_axis` can be left out: no other data names them or has them as columns.
// `flag` begins the error.
absl::Status CheckApart(const Program& program, int row_axis, absl::string_view flag);

// `data` with those of its rows alone, in this order.
Dataset SelectRows(const Program& program, const Dataset& data, int row_axis,
                   const std::vector<int64_t>& rows);

// Moves a share of the rows out of `data`, at random, and returns them. A row's fate is a function
// of the seed and its number: the same in every process that reads the data. InvalidArgument where
// the program's data has not one kind of rows, and where either part is empty.
absl::StatusOr<Dataset> HoldOut(const Program& program, double share, uint64_t seed, Dataset* data);

}  // namespace gyre::driver
