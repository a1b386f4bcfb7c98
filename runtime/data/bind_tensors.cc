// How values of a file become the blocks of a tensor.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/data/binder.h"
#include "runtime/data/labels.h"

namespace gyre::io {

absl::Status Binder::SetInnerExtents(const Want& want, const FileData& data) {
  if (want.axes.size() == 2) return SetExtent(want.axes[1], data.info.cols, data.path);
  if (data.shape.size() == want.axes.size()) {
    for (size_t a = 1; a < want.axes.size(); ++a) {
      const absl::Status status = SetExtent(want.axes[a], data.shape[a], data.path);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  int64_t product = 1;
  for (size_t a = 1; a < want.axes.size(); ++a) {
    auto known = extents_.find(want.axes[a]);
    if (known == extents_.end()) {
      const auto usual = options_.default_extents.find(want.axes[a]);
      if (usual != options_.default_extents.end())
        known = extents_.emplace(want.axes[a], Extent{usual->second, "the program"}).first;
    }
    if (known == extents_.end()) {
      return BindError(data.path,
                   absl::StrCat("does not say how its ", data.info.cols, " columns are shaped for ",
                                want.name, "; say --extent=", want.axes[a], "=N"));
    }
    product *= known->second.value;
  }
  if (product == data.info.cols) return absl::OkStatus();
  return BindError(data.path, absl::StrCat("has ", data.info.cols, " columns where ", want.name,
                                       " takes ", product, "; give data of that shape"));
}

// A map need not reach every position of its target.
absl::Status Binder::SetTargetExtent(const std::string& axis, int64_t extent,
                                     const std::string& origin) {
  const auto known = extents_.find(axis);
  if (known != extents_.end() && known->second.value > extent) return absl::OkStatus();
  return SetExtent(axis, extent, origin);
}

absl::Status Binder::BindMatrix(size_t w, FileData data) {
  const Want& want = wants_[w];
  if (want.kind != WantKind::kData) {
    return BindError(
        data.path,
        absl::StrCat(want.name,
                     " is a class over several axes, which is not supported; bind a column"));
  }
  absl::Status status = SetExtent(want.axes[0], data.info.rows, data.path);
  if (!status.ok()) return status;
  status = SetInnerExtents(want, data);
  if (!status.ok()) return status;
  BoundTensor& tensor = out_.tensor[w];
  tensor.data = std::move(data.features);
  tensor.info = std::move(data.info);
  tensor.column_names = std::move(data.feature_names);
  tensor.path = data.path;
  tensor.bound = true;
  return absl::OkStatus();
}

absl::StatusOr<OwnedBlock> Binder::Encode(size_t w, const std::string& path,
                                          const std::vector<double>& values,
                                          const DistinctValues& distinct, int64_t first_row) {
  const Want& want = wants_[w];
  if (want.kind == WantKind::kData) {
    const double most = options_.type == Type::kFloat32
                            ? static_cast<double>(std::numeric_limits<float>::max())
                            : std::numeric_limits<double>::max();
    for (const double v : values) {
      if (v > most || v < -most)
        return BindError(path, absl::StrCat(want.name, " holds ", NumberName(v),
                                        ", too large for float32; rescale it"));
    }
    return MakeColumn(options_.type, values);
  }
  const std::string where = absl::StrCat(path, ": ", want.name);
  const auto given = options_.labels.find(want.name);
  auto labels = given != options_.labels.end() ? LabelsNamed(where, given->second)
                                               : LabelsOf(where, distinct);
  if (!labels.ok()) return labels.status();
  const bool sign = want.kind == WantKind::kSign;
  if (sign && labels->values.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " has ", labels->values.size(),
                     labels->values.size() == 1 ? " value (" : " different values (",
                     Listed(*labels), ") where a sign has two; give data with two labels"));
  }
  auto positions = Positions(where, *labels, values, first_row);
  if (!positions.ok()) return positions.status();
  out_.tensor[w].labels = labels->names();
  if (!sign) return MakeColumn(Type::kInt32, *positions);
  for (double& v : *positions) v = 2 * v - 1;
  return MakeColumn(options_.type, *positions);
}

absl::Status Binder::BindColumn(size_t w, const std::string& path,
                                const std::vector<double>& values, const DistinctValues& distinct,
                                int64_t rows, int64_t first_row) {
  const Want& want = wants_[w];
  if (!want.axes.empty()) {
    const absl::Status status = SetExtent(want.axes[0], rows, path);
    if (!status.ok()) return status;
  }
  auto block = Encode(w, path, values, distinct, first_row);
  if (!block.ok()) return block.status();
  BoundTensor& tensor = out_.tensor[w];
  tensor.data = *std::move(block);
  if (values.empty() && rows > 0 && !want.axes.empty() && Described(want.axes[0])) {
    tensor.data.memory.clear();  // a shape without values
    tensor.data.block.values = nullptr;
    tensor.data.block.rows = rows;
  }
  tensor.info.rows = tensor.info.nnz = rows;
  tensor.info.cols = 1;
  tensor.path = path;
  tensor.bound = true;
  if (want.kind != WantKind::kMap) return absl::OkStatus();
  return SetTargetExtent(want.to, static_cast<int64_t>(tensor.labels.size()), path);
}

// A file that holds one vector: read whole, since it is small and its values must all be known.
absl::Status Binder::BindVectorFile(size_t w, const std::string& path) {
  const Want& want = wants_[w];
  const auto format = FormatOf(path);
  ReadOptions read = MakeReadOptions();
  read.type = Type::kFloat64;
  read.layout = DataLayout::kDense;
  read.scale_images = false;
  if (format.ok() && *format == FileFormat::kCsv) {
    const auto header = CsvColumns(path, read);
    if (!header.ok()) return header.status();
    ColumnRequest request{*header, "", {want.name}, {}, true, 0};
    const auto plan = PlanColumns(path, request, columns_);
    if (!plan.ok()) return plan.status();
    read.split = plan->split;
    read.drop = plan->drop;
  }
  auto data = ReadFile(path, read);
  if (!data.ok()) return data.status();
  std::vector<double> values;
  if (!data->columns.empty()) {
    values = std::move(data->columns[0].values);
  } else {
    const Block& b = data->features.block;
    const bool scalar = want.axes.empty() && b.rows * b.cols != 1;
    if (scalar || (b.cols != 1 && b.rows != 1)) {
      return BindError(path, absl::StrCat("is ", b.rows, " x ", b.cols, " where ", want.name,
                                      scalar ? " is a single value" : " is a vector",
                                      "; give a file of that shape"));
    }
    for (int64_t r = 0; r < b.rows; ++r) {
      for (int64_t c = 0; c < b.cols; ++c) values.push_back(b.data<double>()[r * b.stride + c]);
    }
  }
  DistinctValues distinct{false, values};
  std::sort(distinct.values.begin(), distinct.values.end());
  distinct.values.erase(std::unique(distinct.values.begin(), distinct.values.end()),
                        distinct.values.end());
  const int64_t rows = static_cast<int64_t>(values.size());
  Part part{0, rows};
  if (!want.axes.empty() && Cut(want.axes[0])) {
    const absl::Status agreed = SetExtent(want.axes[0], rows, path);
    if (!agreed.ok()) return agreed;
    const int64_t begin = rows * options_.shard / options_.shards,
                  end = rows * (options_.shard + 1) / options_.shards;
    part = parts_.try_emplace(want.axes[0], Part{begin, end - begin}).first->second;
  }
  if (!want.axes.empty() && options_.described != nullptr && IsDataAxis(want.axes[0])) {
    part = parts_[want.axes[0]];
    if (part.first + part.count > rows) {
      return BindError(path, absl::StrCat("has ", rows, " rows, fewer than the other files; give ",
                                          "data that agrees"));
    }
  }
  const auto begin = values.begin() + part.first;
  return BindColumn(w, path, std::vector<double>(begin, begin + part.count), distinct, rows,
                    part.first);
}

}  // namespace gyre::io
