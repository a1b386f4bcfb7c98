// Binder: BindFiles at work. Internal to bind*.cc: which file supplies which tensor (bind_files.cc,
// bind_keyed.cc), and how values become a tensor's blocks (bind_tensors.cc).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/data/bind.h"
#include "runtime/data/column_spec.h"
#include "runtime/data/keyed.h"

namespace gyre::io {

absl::Status BindError(const std::string& path, absl::string_view what);

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
  bool Described(const std::string& axis) const { return options_.describe && IsDataAxis(axis); }
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
  absl::StatusOr<FileData> LoadShard(const std::string& path, ReadOptions read,
                                     const std::string& row_axis);
  absl::StatusOr<bool> IsOneColumn(const std::string& path) const;
  absl::Status Slice(const std::string& path, const Part& part, FileData* data);

  absl::Status BindNamed(const DataInput& input);
  absl::Status BindLibsvm(const std::string& path);
  absl::Status BindCsv(const std::string& path);
  absl::Status BindSingle(const std::string& path);

  // Wants that take the two keys and the value; -1: none.
  using KeyedWants = std::array<int, 3>;
  bool Takes(size_t want, size_t field, const std::string& row_axis) const;
  std::string KeyedRowAxis() const;
  absl::StatusOr<KeyedWants> PlanKeyed(const std::string& path, FileFormat format,
                                       const std::string& row_axis) const;
  absl::StatusOr<std::optional<KnownNames>> NamesOfKey(const std::string& path, FileFormat format,
                                                       size_t want, size_t key);
  absl::Status BindKeyed(const std::string& path, FileFormat format);
  absl::Status TakeKeyed(const std::string& path, const std::string& row_axis,
                         const KeyedWants& plan, KeyedRows rows);
  absl::Status CheckKeyedFlags(const std::vector<DataInput>& inputs) const;

  absl::Status BindMatrix(size_t want, FileData data);
  absl::Status BindVectorFile(size_t want, const std::string& path);
  absl::Status BindColumn(size_t want, const std::string& path, const std::vector<double>& values,
                          const DistinctValues& distinct, int64_t rows, int64_t first_row);
  absl::StatusOr<OwnedBlock> Encode(size_t want, const std::string& path,
                                    const std::vector<double>& values,
                                    const DistinctValues& distinct, int64_t first_row);
  absl::Status SetTargetExtent(const std::string& axis, int64_t extent, const std::string& origin);
  absl::Status SetInnerExtents(const Want& want, const FileData& data);
  absl::Status FillOnes();
  absl::Status CheckAll();

  const std::vector<Want>& wants_;
  const BindOptions& options_;
  std::map<std::string, ColumnRange> columns_;
  std::map<std::string, Extent> extents_;
  std::map<std::string, Part> parts_;  // by data axis that is cut
  std::set<std::string> names_used_;   // maps that --names named
  BoundData out_;
};


}  // namespace gyre::io
