#include "runtime/data/column_spec.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/data/reader.h"

namespace gyre::io {
namespace {

// Assigns columns one rule after the other.
class Planner {
 public:
  Planner(const std::string& path, const ColumnRequest& request,
          const std::map<std::string, ColumnRange>& columns)
      : path_(path), request_(request), columns_(columns), owner_(request.header.size()) {}

  absl::StatusOr<ColumnPlan> Run() {
    const absl::Status explicit_ones = ByFlag();
    if (!explicit_ones.ok()) return explicit_ones;
    ByName();
    ByTarget();
    if (request_.matrix.empty()) InOrder();
    return Finish();
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ":1: ", what));
  }
  bool Taken(const std::string& tensor) const {
    return std::find(owner_.begin(), owner_.end(), tensor) != owner_.end();
  }
  int64_t Find(const std::string& column) const {
    const auto& header = request_.header;
    const auto named = std::find(header.begin(), header.end(), column);
    if (named != header.end()) return named - header.begin();
    int64_t position;
    if (!absl::SimpleAtoi(column, &position) || position < 1) return -1;
    return position <= static_cast<int64_t>(header.size()) ? position - 1 : -1;
  }
  int64_t Free() const { return std::count(owner_.begin(), owner_.end(), ""); }

  absl::Status ByFlag() {
    for (const auto& [tensor, range] : columns_) {
      const bool matrix = tensor == request_.matrix;
      const auto& vectors = request_.vectors;
      if (!matrix && std::find(vectors.begin(), vectors.end(), tensor) == vectors.end()) continue;
      int64_t first = range.first - 1, last = range.last - 1;
      if (!range.column.empty()) first = last = Find(range.column);
      if (first < 0 || last >= static_cast<int64_t>(owner_.size())) {
        return Error(absl::StrCat(
            "there is no column '",
            range.column.empty() ? absl::StrCat(range.first, ":", range.last) : range.column,
            "' for ", tensor, "; name one of the header or a position from 1 to ", owner_.size()));
      }
      if (!matrix && first != last)
        return Error(absl::StrCat(tensor, " takes one column; give it one in --columns"));
      for (int64_t c = first; c <= last; ++c) {
        std::string& owner = owner_[static_cast<size_t>(c)];
        if (!owner.empty()) {
          return Error(absl::StrCat("column ", c + 1, " is given to both ", owner, " and ", tensor,
                                    "; give each column once in --columns"));
        }
        owner = tensor;
      }
    }
    return absl::OkStatus();
  }

  void ByName() {
    for (size_t c = 0; c < owner_.size(); ++c) {
      const std::string& name = request_.header[c];
      if (!owner_[c].empty() || name.empty()) continue;
      const auto in = [&](const std::vector<std::string>& list) {
        return std::find(list.begin(), list.end(), name) != list.end();
      };
      if (in(request_.vectors) && !Taken(name)) {
        owner_[c] = name;
      } else if (in(request_.bound)) {
        owner_[c] = left_out_;
      }
    }
  }

  // Whether the columns that are left may hold a target beside the features.
  bool HoldsTarget() const {
    if (request_.target_needed || NamesLabel(request_.header)) return true;
    return request_.features == 0 || Free() > request_.features;
  }

  void ByTarget() {
    const bool named = NamesLabel(request_.header);
    if (owner_.empty() || (request_.matrix.empty() && !named)) return;
    const size_t c = static_cast<size_t>(LabelColumn(request_.header));
    if (!owner_[c].empty()) return;
    if (request_.vectors.empty() || Taken(request_.vectors[0])) {
      if (named) owner_[c] = left_out_;  // a label is no feature, wanted or not
      return;
    }
    if (HoldsTarget()) owner_[c] = request_.vectors[0];
  }

  void InOrder() {
    for (const std::string& tensor : request_.vectors) {
      if (Taken(tensor)) continue;
      const auto free = std::find(owner_.begin(), owner_.end(), "");
      if (free != owner_.end()) *free = tensor;
    }
  }

  absl::StatusOr<ColumnPlan> Finish() const {
    const bool ranged = columns_.contains(request_.matrix);
    ColumnPlan plan;
    for (size_t c = 0; c < owner_.size(); ++c) {
      const std::string position = absl::StrCat(c + 1);
      const std::string& owner = owner_[c];
      if (owner == left_out_ || (owner.empty() && (ranged || request_.matrix.empty()))) {
        plan.drop.push_back(position);
      } else if (!owner.empty() && owner != request_.matrix) {
        plan.tensors.push_back(owner);
        plan.split.push_back(position);
      }
    }
    const size_t features = owner_.size() - plan.drop.size() - plan.split.size();
    if (!request_.matrix.empty() && features == 0) {
      return Error(
          absl::StrCat("no column is left for ", request_.matrix, "; give it some in --columns"));
    }
    return plan;
  }

  const std::string& path_;
  const ColumnRequest& request_;
  const std::map<std::string, ColumnRange>& columns_;
  const std::string left_out_ = "-";  // a string: g++ 12 warns wrongly of assigning literals
  std::vector<std::string> owner_;    // by column: tensor, left_out_, or empty while free
};

}  // namespace

absl::StatusOr<std::map<std::string, ColumnRange>> ParseColumns(absl::string_view text) {
  std::map<std::string, ColumnRange> out;
  for (const absl::string_view item : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(item, absl::MaxSplits('=', 1));
    if (parts.first.empty() || parts.second.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--columns: '", item, "' is not understood; write NAME=COLUMN or NAME=FIRST:LAST"));
    }
    ColumnRange range;
    const std::vector<std::string> ends = absl::StrSplit(parts.second, ':');
    const bool is_range = ends.size() == 2 && absl::SimpleAtoi(ends[0], &range.first) &&
                          absl::SimpleAtoi(ends[1], &range.last);
    if (!is_range) {
      range.column = parts.second;
    } else if (range.first < 1 || range.last < range.first) {
      return absl::InvalidArgumentError(
          absl::StrCat("--columns: the range of '", item, "' is empty; positions count from 1"));
    }
    if (!out.emplace(parts.first, range).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--columns: ", parts.first, " is given twice; give each name once"));
    }
  }
  return out;
}

absl::StatusOr<ColumnPlan> PlanColumns(const std::string& path, const ColumnRequest& request,
                                       const std::map<std::string, ColumnRange>& columns) {
  return Planner(path, request, columns).Run();
}

}  // namespace gyre::io
