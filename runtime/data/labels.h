// Values of a column as signs or positions: which value is which, and what they are called.
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/data/info.h"

namespace gyre::io {

// The shortest text that reads back as `v`: 1, -1, 0.5.
std::string NumberName(double v);

// Values of a kSign or kMap tensor, ascending: position in `values` is the class.
struct LabelSet {
  std::vector<double> values;
  std::vector<std::string> names() const;
};

// From the different values of a column, or from the names of the training data. `where` begins
// errors
// ("train.csv: label").
absl::StatusOr<LabelSet> LabelsOf(const std::string& where, const DistinctValues& distinct);
absl::StatusOr<LabelSet> LabelsNamed(const std::string& where,
                                     const std::vector<std::string>& names);

// Position of each value. A value not in the set is an error naming its row, counted from
// `first_row`.
absl::StatusOr<std::vector<double>> Positions(const std::string& where, const LabelSet& labels,
                                              const std::vector<double>& values, int64_t first_row);

// The first few names, for errors: "0, 1, 2, ... (10 values)".
std::string Listed(const LabelSet& labels);

}  // namespace gyre::io
