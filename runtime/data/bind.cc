#include "runtime/data/bind.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/data/binder.h"

namespace gyre::io {
namespace {

constexpr int64_t kMostLabels = 1 << 24;

}  // namespace

absl::Status BindError(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// What may stay unbound (all ones) comes last: a label column is not a weight.
int Binder::FirstFree(bool matrix, const std::string& row_axis) const {
  for (const bool ones : {false, true}) {
    for (size_t w = 0; w < wants_.size(); ++w) {
      const Want& want = wants_[w];
      const bool is_matrix = want.axes.size() > 1;
      if (out_.tensor[w].bound || is_matrix != matrix || want.ones != ones) continue;
      if (row_axis.empty() || (!want.axes.empty() && want.axes[0] == row_axis))
        return static_cast<int>(w);
    }
  }
  return -1;
}

std::string Binder::Names(bool unbound_only) const {
  std::vector<std::string> names;
  for (size_t w = 0; w < wants_.size(); ++w) {
    if (!unbound_only || !out_.tensor[w].bound) names.push_back(wants_[w].name);
  }
  return absl::StrJoin(names, ", ");
}

ReadOptions Binder::MakeReadOptions() const {
  ReadOptions read;
  read.format = options_.format;
  read.type = options_.type;
  read.layout = options_.layout;
  read.max_distinct = HasLabelWant() ? kMostLabels : 0;
  return read;
}

absl::Status Binder::SetExtent(const std::string& axis, int64_t extent, const std::string& origin) {
  const auto [at, added] = extents_.try_emplace(axis, Extent{extent, origin});
  if (added || at->second.value == extent) return absl::OkStatus();
  return BindError(origin, absl::StrCat("has ", extent, " of axis ", axis, " where ", at->second.origin,
                                    " has ", at->second.value, "; give data that agrees"));
}

absl::Status Binder::FillOnes() {
  for (size_t w = 0; w < wants_.size(); ++w) {
    const Want& want = wants_[w];
    BoundTensor& tensor = out_.tensor[w];
    if (tensor.bound || !want.ones) continue;
    int64_t shape[2] = {1, 1};  // rows, columns
    for (size_t a = 0; a < want.axes.size(); ++a) {
      const auto known = extents_.find(want.axes[a]);
      if (known == extents_.end()) return absl::OkStatus();  // CheckAll says what is missing
      const auto part = a == 0 ? parts_.find(want.axes[a]) : parts_.end();
      shape[a > 0] *= part == parts_.end() ? known->second.value : part->second.count;
      if (a == 0) tensor.info.rows = known->second.value;
    }
    if (!want.axes.empty() && Described(want.axes[0])) {
      tensor.data.block = {.format = Format::kDense,
                           .type = options_.type,
                           .rows = shape[0],
                           .cols = shape[1],
                           .stride = PaddedStride(shape[1], options_.type)};
    } else if (shape[1] == 1) {
      tensor.data =
          MakeColumn(options_.type, std::vector<double>(static_cast<size_t>(shape[0]), 1.0));
    } else {
      tensor.data = MakeDense(options_.type, shape[0], shape[1]);
      const int64_t stride = tensor.data.block.stride;
      for (int64_t i = 0; i < shape[0] * stride; ++i) {
        if (i % stride >= shape[1]) continue;
        if (options_.type == Type::kFloat32)
          tensor.data.mutable_values<float>()[i] = 1;
        else
          tensor.data.mutable_values<double>()[i] = 1;
      }
    }
    tensor.info.cols = shape[1];
    tensor.info.nnz = tensor.info.rows * shape[1];
    tensor.bound = true;
  }
  return absl::OkStatus();
}

absl::Status Binder::CheckAll() {
  for (size_t w = 0; w < wants_.size(); ++w) {
    if (out_.tensor[w].bound) continue;
    if (wants_[w].needed) {
      return absl::InvalidArgumentError(absl::StrCat(
          "no data for ", wants_[w].name, "; give it as --data=", wants_[w].name, "=FILE"));
    }
    out_.complete = false;
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundData> Binder::Run(std::vector<DataInput> inputs) {
  auto columns = ParseColumns(options_.columns);
  if (!columns.ok()) return columns.status();
  columns_ = *std::move(columns);
  if (options_.described != nullptr) {
    for (const std::string& axis : options_.data_axes) {
      parts_[axis] = {options_.row_begin, options_.row_end - options_.row_begin};
    }
  }
  for (const auto& [axis, extent] : options_.extents) {
    if (!IsDataAxis(axis)) extents_[axis] = {extent, "what was given or trained on"};
  }
  const auto is = [&](const DataInput& input, FileFormat wanted) {
    const auto format = FormatOf(input.path);
    return format.ok() && *format == wanted;
  };
  // Named files first, so that the others find what is left. Among them libsvm last when whole,
  // since it cannot say how many features it has, but first in shards: then other files follow its
  // cuts.
  std::stable_sort(inputs.begin(), inputs.end(), [&](const DataInput& a, const DataInput& b) {
    const auto rank = [&](const DataInput& in) {
      const bool text = is(in, FileFormat::kLibsvm) || is(in, FileFormat::kCsv);
      if (options_.shards > 1 && text) return in.name.empty() ? 1 : 0;
      return in.name.empty() ? 4 : is(in, FileFormat::kLibsvm) ? 3 : 2;
    };
    return rank(a) < rank(b);
  });
  for (const DataInput& input : inputs) {
    const auto format = FormatOf(input.path);
    absl::Status status;
    if (!input.name.empty()) {
      status = BindNamed(input);
    } else if (format.ok() && *format == FileFormat::kLibsvm) {
      status = BindLibsvm(input.path);
    } else if (format.ok() && *format == FileFormat::kCsv) {
      status = BindCsv(input.path);
    } else if (format.ok() && IsKeyed(*format)) {
      status = BindKeyed(input.path, *format);
    } else {
      status = BindSingle(input.path);
    }
    if (!status.ok()) return status;
  }
  absl::Status status = CheckKeyedFlags(inputs);
  if (status.ok()) status = FillOnes();
  if (status.ok()) status = CheckAll();
  if (!status.ok()) return status;
  for (const auto& [axis, extent] : extents_) out_.extents[axis] = extent.value;
  for (const std::string& axis : options_.data_axes) {
    const auto part = parts_.find(axis);
    out_.first_row[axis] = part == parts_.end() ? 0 : part->second.first;
  }
  return std::move(out_);
}

}  // namespace gyre::io

namespace gyre {

absl::StatusOr<BoundData> BindFiles(const std::vector<Want>& wants,
                                    const std::vector<DataInput>& inputs,
                                    const BindOptions& options) {
  return io::Binder(wants, options).Run(inputs);
}

}  // namespace gyre
