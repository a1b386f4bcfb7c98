#include "runtime/data/labels.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "runtime/data/names.h"
#include "runtime/data/number.h"

namespace gyre::io {

std::string NumberName(double v) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), v == 0 ? 0.0 : v).ptr;
  return {text, end};
}

std::vector<std::string> LabelSet::names() const {
  std::vector<std::string> out;
  for (const double v : values) out.push_back(NumberName(v));
  return out;
}

absl::StatusOr<LabelSet> LabelsOf(const std::string& where, const DistinctValues& distinct) {
  if (distinct.overflow) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, " has too many different values to be a class; bind a column of labels"));
  }
  return LabelSet{distinct.values};
}

absl::StatusOr<LabelSet> LabelsNamed(const std::string& where,
                                     const std::vector<std::string>& names) {
  LabelSet out;
  for (const std::string& name : names) {
    double v;
    const char* end = ParseNumber(name.c_str(), &v);
    if (end == nullptr || *end != '\0') {
      return absl::InvalidArgumentError(absl::StrCat(where, " was given the label '", name,
                                                     "', which is not a number; use the model's"));
    }
    out.values.push_back(v);
  }
  return out;
}

absl::StatusOr<std::vector<double>> Positions(const std::string& where, const LabelSet& labels,
                                              const std::vector<double>& values,
                                              int64_t first_row) {
  std::vector<double> out;
  out.reserve(values.size());
  const auto begin = labels.values.begin(), end = labels.values.end();
  for (const double v : values) {
    const auto at = std::lower_bound(begin, end, v);
    if (at == end || *at != v) {
      const int64_t row = first_row + static_cast<int64_t>(out.size()) + 1;
      return absl::InvalidArgumentError(
          absl::StrCat(where, " of row ", row, " is ", NumberName(v), ", which is not among ",
                       Listed(labels), "; use data with the labels of the training data"));
    }
    out.push_back(static_cast<double>(at - begin));
  }
  return out;
}

std::string Listed(const LabelSet& labels) { return ListedNames(labels.names()); }

}  // namespace gyre::io
