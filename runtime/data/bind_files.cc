// Which file supplies which tensor, and which of its rows are read.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/data/binder.h"
#include "runtime/data/layout.h"

namespace gyre::io {
namespace {

// What a file is described by: rows of so many parts, so that whoever reads some rows parses at
// most two parts more.
constexpr int kDescribedShards = 64;

}  // namespace

// Keeps rows [part.first, part.first + part.count) of a file that was read whole.
absl::Status Binder::Slice(const std::string& path, const Part& part, FileData* data) {
  if (part.first + part.count > data->info.rows) {
    return BindError(path, absl::StrCat("has ", data->info.rows,
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

// The rows that are wanted of a file with rows of `row_axis`; when described, none.
absl::StatusOr<FileData> Binder::Load(const std::string& path, ReadOptions read,
                                      const std::string& row_axis) {
  if (Described(row_axis)) {
    read.shards = kDescribedShards;
    read.moments = options_.moments;
    auto data = DescribeFile(path, read);
    if (data.ok()) out_.described[path] = data->info;
    return data;
  }
  if (options_.described != nullptr && IsDataAxis(row_axis)) {
    const auto info = options_.described->find(path);
    if (info == options_.described->end()) return BindError(path, "was not described before");
    read.info = &info->second;
    read.row_begin = options_.row_begin;
    read.row_end = options_.row_end;
    return ReadFile(path, read);
  }
  return Cut(row_axis) ? LoadShard(path, read, row_axis) : ReadFile(path, read);
}

absl::StatusOr<bool> Binder::IsOneColumn(const std::string& path) const {
  if (options_.described != nullptr) {
    const auto info = options_.described->find(path);
    if (info != options_.described->end()) return info->second.cols == 1;
  }
  const auto info = ScanFile(path, MakeReadOptions());
  if (!info.ok()) return info.status();
  return info->cols == 1;
}

// Reads this shard's rows. The first file over an axis says which rows those are; one that would be
// cut elsewhere (text is cut by bytes) is read whole and sliced.
absl::StatusOr<FileData> Binder::LoadShard(const std::string& path, ReadOptions read,
                                      const std::string& row_axis) {
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

absl::Status Binder::BindNamed(const DataInput& input) {
  const auto named = std::find_if(wants_.begin(), wants_.end(),
                                  [&](const Want& w) { return w.name == input.name; });
  if (named == wants_.end()) {
    return BindError(input.path, absl::StrCat("the program has no data called ", input.name,
                                          "; it has ", Names(false)));
  }
  const size_t w = static_cast<size_t>(named - wants_.begin());
  if (out_.tensor[w].bound) {
    return BindError(input.path, absl::StrCat(input.name, " is bound to ", out_.tensor[w].path,
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
  ColumnRequest request;
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
  const auto plan = PlanColumns(path, request, columns_);
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
    return BindError(path, absl::StrCat("there is nothing left to bind it to; the program's data is ",
                                    Names(false)));
  }
  bool as_vector = matrix < 0;
  if (matrix >= 0 && vector >= 0) {
    const auto one = IsOneColumn(path);
    if (!one.ok()) return one.status();
    as_vector = *one;
  }
  const int w = as_vector ? vector : matrix;
  return BindNamed({wants_[static_cast<size_t>(w)].name, path});
}

}  // namespace gyre::io
