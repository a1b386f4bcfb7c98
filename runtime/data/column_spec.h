// The --columns flag, and which columns of a CSV file are which tensor.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gyre::io {

// "weight=w,y=3,X=4:20": a column, or a range of positions from 1, both ends included, by tensor.
struct ColumnRange {
  std::string column;  // name or position; empty: a range
  int64_t first = 0, last = 0;
};
absl::StatusOr<std::map<std::string, ColumnRange>> ParseColumns(absl::string_view text);

// How the columns of a CSV file are to be read.
struct ColumnPlan {
  std::vector<std::string> tensors;  // names of the tensors, in the order of `split`
  std::vector<std::string> split;    // columns handed out one by one, by position
  std::vector<std::string> drop;
};

struct ColumnRequest {
  std::vector<std::string> header;  // "" per column when there is none
  std::string matrix;               // tensor that takes the features; empty: none is wanted
  std::vector<std::string>
      vectors;  // tensors over the rows, in order of declaration; none bound yet
  std::vector<std::string>
      bound;                  // tensors bound by other files: columns of their name are left out
  bool target_needed = true;  // the first of `vectors` must be found
  int64_t features = 0;       // columns that the matrix must have; 0: not known
};

// Columns go to tensors by --columns, then by name; then the label column (y, label or target, else
// the last) to the first vector left; without a matrix the columns left go to the vectors left in
// order. Errors begin with `path`.
absl::StatusOr<ColumnPlan> PlanColumns(const std::string& path, const ColumnRequest& request,
                                       const std::map<std::string, ColumnRange>& columns);

}  // namespace gyre::io
