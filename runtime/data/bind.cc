#include "runtime/data/bind.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/data/column_spec.h"
#include "runtime/data/labels.h"
#include "runtime/data/layout.h"

namespace gyre {
namespace {

constexpr int64_t kMostLabels = 1 << 24;

absl::Status Error(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// This shard's rows of a data axis.
struct Part {
  int64_t first = 0, count = 0;
};

struct Extent {
  int64_t value = 0;
  std::string origin;  // who said so, for errors
};

class Binder {
 public:
  Binder(const std::vector<Want>& wants, const BindOptions& options)
      : wants_(wants), options_(options) {
    out_.tensor.resize(wants.size());
  }
  absl::StatusOr<BoundData> Run(std::vector<DataInput> inputs);

 private:
  bool IsDataAxis(const std::string& axis) const {
    const auto& axes = options_.data_axes;
    return std::find(axes.begin(), axes.end(), axis) != axes.end();
  }
  bool Cut(const std::string& axis) const { return options_.shards > 1 && IsDataAxis(axis); }
  absl::StatusOr<FileFormat> FormatOf(const std::string& path) const {
    if (options_.format != FileFormat::kAuto) return options_.format;
    return FormatOfPath(path);
  }
  bool HasLabelWant() const {
    return std::any_of(wants_.begin(), wants_.end(),
                       [](const Want& w) { return w.kind != WantKind::kData; });
  }
  // First want not bound that is (or is not) a matrix, over `row_axis` unless that is empty; -1:
  // none.
  int FirstFree(bool matrix, const std::string& row_axis) const;
  std::string Names(bool unbound_only) const;

  ReadOptions MakeReadOptions() const;
  absl::Status SetExtent(const std::string& axis, int64_t extent, const std::string& origin);
  absl::StatusOr<FileData> Load(const std::string& path, ReadOptions read,
                                const std::string& row_axis);
  absl::Status Slice(const std::string& path, const Part& part, FileData* data);

  absl::Status BindNamed(const DataInput& input);
  absl::Status BindLibsvm(const std::string& path);
  absl::Status BindCsv(const std::string& path);
  absl::Status BindSingle(const std::string& path);

  absl::Status BindMatrix(size_t want, FileData data);
  absl::Status BindVectorFile(size_t want, const std::string& path);
  absl::Status BindColumn(size_t want, const std::string& path, const std::vector<double>& values,
                          const DistinctValues& distinct, int64_t rows, int64_t first_row);
  absl::StatusOr<OwnedBlock> Encode(size_t want, const std::string& path,
                                    const std::vector<double>& values,
                                    const DistinctValues& distinct, int64_t first_row);
  absl::Status SetInnerExtents(const Want& want, const FileData& data);
  absl::Status FillOnes();
  absl::Status CheckAll();

  const std::vector<Want>& wants_;
  const BindOptions& options_;
  std::map<std::string, io::ColumnRange> columns_;
  std::map<std::string, Extent> extents_;
  std::map<std::string, Part> parts_;  // by data axis that is cut
  BoundData out_;
};

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
  return Error(origin, absl::StrCat("has ", extent, " of axis ", axis, " where ", at->second.origin,
                                    " has ", at->second.value, "; give data that agrees"));
}

// Keeps rows [part.first, part.first + part.count) of a file that was read whole.
absl::Status Binder::Slice(const std::string& path, const Part& part, FileData* data) {
  if (part.first + part.count > data->info.rows) {
    return Error(path, absl::StrCat("has ", data->info.rows,
                                    " rows, fewer than the other files; give data that agrees"));
  }
  data->features.block = Rows(data->features.block, part.first, part.first + part.count);
  for (NamedColumn& column : data->columns) {
    const auto begin = column.values.begin() + part.first;
    column.values = std::vector<double>(begin, begin + part.count);
  }
  data->first_row = part.first;
  return absl::OkStatus();
}

// Reads this shard's rows. The first file over an axis says which rows those are; one that would be
// cut elsewhere (text is cut by bytes) is read whole and sliced.
absl::StatusOr<FileData> Binder::Load(const std::string& path, ReadOptions read,
                                      const std::string& row_axis) {
  if (!Cut(row_axis)) return ReadFile(path, read);
  read.shard = options_.shard;
  read.shards = options_.shards;
  auto info = ScanFile(path, read);
  if (!info.ok()) return info.status();
  const absl::Status agreed = SetExtent(row_axis, info->rows, path);
  if (!agreed.ok()) return agreed;
  const Part own{info->RowsBefore(read.shard), info->shard_rows[static_cast<size_t>(read.shard)]};
  const auto [part, added] = parts_.try_emplace(row_axis, own);
  if (added || (part->second.first == own.first && part->second.count == own.count)) {
    read.info = &*info;
    return ReadFile(path, read);
  }
  read.shard = 0;
  read.shards = 1;
  auto data = ReadFile(path, read);
  if (!data.ok()) return data.status();
  const absl::Status sliced = Slice(path, part->second, &*data);
  if (!sliced.ok()) return sliced;
  return data;
}

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
    const auto known = extents_.find(want.axes[a]);
    if (known == extents_.end()) {
      return Error(data.path,
                   absl::StrCat("does not say how its ", data.info.cols, " columns are shaped for ",
                                want.name, "; say --extent=", want.axes[a], "=N"));
    }
    product *= known->second.value;
  }
  if (product == data.info.cols) return absl::OkStatus();
  return Error(data.path, absl::StrCat("has ", data.info.cols, " columns where ", want.name,
                                       " takes ", product, "; give data of that shape"));
}

absl::Status Binder::BindMatrix(size_t w, FileData data) {
  const Want& want = wants_[w];
  if (want.kind != WantKind::kData) {
    return Error(
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
        return Error(path, absl::StrCat(want.name, " holds ", io::NumberName(v),
                                        ", too large for float32; rescale it"));
    }
    return MakeColumn(options_.type, values);
  }
  const std::string where = absl::StrCat(path, ": ", want.name);
  const auto given = options_.labels.find(want.name);
  auto labels = given != options_.labels.end() ? io::LabelsNamed(where, given->second)
                                               : io::LabelsOf(where, distinct);
  if (!labels.ok()) return labels.status();
  const bool sign = want.kind == WantKind::kSign;
  if (sign && labels->values.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " has ", labels->values.size(),
                     labels->values.size() == 1 ? " value (" : " different values (",
                     io::Listed(*labels), ") where a sign has two; give data with two labels"));
  }
  auto positions = io::Positions(where, *labels, values, first_row);
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
  tensor.info.rows = tensor.info.nnz = rows;
  tensor.info.cols = 1;
  tensor.path = path;
  tensor.bound = true;
  if (want.kind != WantKind::kMap) return absl::OkStatus();
  const int64_t classes = static_cast<int64_t>(tensor.labels.size());
  const auto known = extents_.find(want.to);
  if (known != extents_.end() && known->second.value > classes) return absl::OkStatus();
  return SetExtent(want.to, classes, path);
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
    io::ColumnRequest request{*header, "", {want.name}, {}, true, 0};
    const auto plan = io::PlanColumns(path, request, columns_);
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
      return Error(path, absl::StrCat("is ", b.rows, " x ", b.cols, " where ", want.name,
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
  const auto begin = values.begin() + part.first;
  return BindColumn(w, path, std::vector<double>(begin, begin + part.count), distinct, rows,
                    part.first);
}

absl::Status Binder::BindNamed(const DataInput& input) {
  const auto named = std::find_if(wants_.begin(), wants_.end(),
                                  [&](const Want& w) { return w.name == input.name; });
  if (named == wants_.end()) {
    return Error(input.path, absl::StrCat("the program has no data called ", input.name,
                                          "; it has ", Names(false)));
  }
  const size_t w = static_cast<size_t>(named - wants_.begin());
  if (out_.tensor[w].bound) {
    return Error(input.path, absl::StrCat(input.name, " is bound to ", out_.tensor[w].path,
                                          " already; give it once"));
  }
  if (named->axes.size() < 2) return BindVectorFile(w, input.path);
  ReadOptions read = MakeReadOptions();
  const auto format = FormatOf(input.path);
  if (format.ok() && *format == FileFormat::kLibsvm && named->axes.size() == 2) {
    const auto known = extents_.find(named->axes[1]);
    if (known != extents_.end()) read.cols = known->second.value;
  } else {
    read.labels = LabelColumns::kNone;
  }
  auto data = Load(input.path, read, named->axes[0]);
  if (!data.ok()) return data.status();
  return BindMatrix(w, *std::move(data));
}

absl::Status Binder::BindLibsvm(const std::string& path) {
  const int matrix = FirstFree(true, "");
  const std::string row_axis = matrix >= 0 ? wants_[static_cast<size_t>(matrix)].axes[0] : "";
  const int target = FirstFree(false, row_axis);
  if (matrix < 0)
    return target < 0 ? BindSingle(path) : BindVectorFile(static_cast<size_t>(target), path);
  const size_t m = static_cast<size_t>(matrix);
  ReadOptions read = MakeReadOptions();
  if (wants_[m].axes.size() == 2) {
    const auto known = extents_.find(wants_[m].axes[1]);
    if (known != extents_.end()) read.cols = known->second.value;
  }
  if (target >= 0 && wants_[static_cast<size_t>(target)].needed &&
      !wants_[static_cast<size_t>(target)].ones) {
    read.labels = LabelColumns::kRequired;
  }
  auto data = Load(path, read, row_axis);
  if (!data.ok()) return data.status();
  std::vector<NamedColumn> columns = std::move(data->columns);
  const std::vector<DistinctValues> distinct = data->info.columns;
  const int64_t rows = data->info.rows, first = data->first_row;
  const absl::Status status = BindMatrix(m, *std::move(data));
  if (!status.ok() || columns.empty() || target < 0) return status;
  return BindColumn(static_cast<size_t>(target), path, columns[0].values, distinct[0], rows, first);
}

absl::Status Binder::BindCsv(const std::string& path) {
  const int matrix = FirstFree(true, "");
  ReadOptions read = MakeReadOptions();
  const auto header = CsvColumns(path, read);
  if (!header.ok()) return header.status();
  io::ColumnRequest request;
  request.header = *header;
  std::string row_axis;
  if (matrix >= 0) {
    const Want& want = wants_[static_cast<size_t>(matrix)];
    row_axis = want.axes[0];
    request.matrix = want.name;
    const auto known = extents_.find(want.axes[1]);
    if (want.axes.size() == 2 && known != extents_.end()) request.features = known->second.value;
  } else if (const int vector = FirstFree(false, ""); vector >= 0) {
    const Want& want = wants_[static_cast<size_t>(vector)];
    if (want.axes.empty()) return BindVectorFile(static_cast<size_t>(vector), path);
    row_axis = want.axes[0];
  } else {
    return BindSingle(path);
  }
  for (const bool ones : {false, true}) {
    for (size_t w = 0; w < wants_.size(); ++w) {
      const Want& want = wants_[w];
      if (want.axes.size() != 1 || want.axes[0] != row_axis || want.ones != ones) continue;
      (out_.tensor[w].bound ? request.bound : request.vectors).push_back(want.name);
      if (!out_.tensor[w].bound && request.vectors.size() == 1)
        request.target_needed = want.needed && !want.ones;
    }
  }
  const auto plan = io::PlanColumns(path, request, columns_);
  if (!plan.ok()) return plan.status();
  read.split = plan->split;
  read.drop = plan->drop;
  read.labels = LabelColumns::kNone;
  if (matrix >= 0 && NamesLabel(*header) && request.vectors.empty()) {
    out_.notes.push_back(absl::StrCat(path, ": the label column is not used"));
  }
  auto data = Load(path, read, row_axis);
  if (!data.ok()) return data.status();
  const std::vector<NamedColumn> columns = std::move(data->columns);
  const std::vector<DistinctValues> distinct = data->info.columns;
  const int64_t rows = data->info.rows, first = data->first_row;
  if (matrix >= 0) {
    const absl::Status status = BindMatrix(static_cast<size_t>(matrix), *std::move(data));
    if (!status.ok()) return status;
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto at = std::find_if(wants_.begin(), wants_.end(),
                                 [&](const Want& w) { return w.name == plan->tensors[i]; });
    const absl::Status status = BindColumn(static_cast<size_t>(at - wants_.begin()), path,
                                           columns[i].values, distinct[i], rows, first);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// npy, MatrixMarket, IDX: a file of one column is a vector when one is free, else it is a matrix.
absl::Status Binder::BindSingle(const std::string& path) {
  const int matrix = FirstFree(true, ""), vector = FirstFree(false, "");
  if (matrix < 0 && vector < 0) {
    return Error(path, absl::StrCat("there is nothing left to bind it to; the program's data is ",
                                    Names(false)));
  }
  bool as_vector = matrix < 0;
  if (matrix >= 0 && vector >= 0) {
    const auto info = ScanFile(path, MakeReadOptions());
    if (!info.ok()) return info.status();
    as_vector = info->cols == 1;
  }
  const int w = as_vector ? vector : matrix;
  return BindNamed({wants_[static_cast<size_t>(w)].name, path});
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
    if (shape[1] == 1) {
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
  auto columns = io::ParseColumns(options_.columns);
  if (!columns.ok()) return columns.status();
  columns_ = *std::move(columns);
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
    } else {
      status = BindSingle(input.path);
    }
    if (!status.ok()) return status;
  }
  absl::Status status = FillOnes();
  if (status.ok()) status = CheckAll();
  if (!status.ok()) return status;
  for (const auto& [axis, extent] : extents_) out_.extents[axis] = extent.value;
  for (const std::string& axis : options_.data_axes) {
    const auto part = parts_.find(axis);
    out_.first_row[axis] = part == parts_.end() ? 0 : part->second.first;
  }
  return std::move(out_);
}

}  // namespace

absl::StatusOr<BoundData> BindFiles(const std::vector<Want>& wants,
                                    const std::vector<DataInput>& inputs,
                                    const BindOptions& options) {
  return Binder(wants, options).Run(inputs);
}

}  // namespace gyre
