// Reads one data file into memory: libsvm, CSV, NumPy .npy, MatrixMarket or IDX, each also as .gz
// or .xz.
//
//   auto data = ReadFile("train.svm", {.type = Type::kFloat32});
//   if (!data.ok()) return data.status();         // one line: path:line: what; how to fix
//   Use(data->features.block, data->columns);
//
// A worker of many reads its own rows only: {.shard = 2, .shards = 8, .info = &info}, where `info`
// is what the coordinator got from ScanFile(path, the same options). Without `info` the whole file
// is scanned first. Shards concatenate to the whole. Text is cut by bytes at line ends, binary
// files and MatrixMarket by rows; a compressed file is decompressed by every worker, which keeps
// its rows only.
//
// All functions are thread-safe. User errors are InvalidArgument or NotFound.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/view.h"
#include "runtime/data/format.h"
#include "runtime/data/info.h"
#include "runtime/data/memory.h"

namespace gyre {

// How features lie in memory. kAuto: files that are dense by nature (csv, npy, idx, MatrixMarket
// array) stay dense; the others become dense when at least kDenseFrom of their cells are stored:
// below that a CSR pass, at about three times the cost of a dense one per entry, is the cheaper.
enum class DataLayout { kAuto, kDense, kCsr };
inline constexpr double kDenseFrom = 0.3;

// Whether a file has a label column. kAuto: libsvm when its first row has one; CSV the column that
// its header names y, label or target, else the last. kNone: it has none (CSV: every column is a
// feature).
enum class LabelColumns { kAuto, kRequired, kNone };

enum class CsvHeader { kAuto, kYes, kNo };

struct ReadOptions {
  FileFormat format = FileFormat::kAuto;  // by the file's name
  Type type = Type::kFloat64;             // of features: kFloat32 or kFloat64
  DataLayout layout = DataLayout::kAuto;
  LabelColumns labels = LabelColumns::kAuto;

  // CSV only. Columns handed out one by one in FileData::columns instead of as features, and
  // columns left out: names of the header or positions from 1. When `split` is empty `labels`
  // decides.
  std::vector<std::string> split = {}, drop = {};
  CsvHeader header = CsvHeader::kAuto;  // kAuto: a first line with a field that is not a number

  // IDX only: unsigned bytes of images become value / 255, so that pixels lie in [0, 1].
  bool scale_images = true;

  // Feature columns to have; 0: as many as the file. libsvm rows may be shorter, an index beyond is
  // an error, as is any other number of columns in the other formats.
  int64_t cols = 0;

  int64_t max_distinct = 1 << 16;  // limit of DataInfo::columns[i].values

  int shard = 0, shards = 1;
  const DataInfo* info = nullptr;  // from ScanFile with the same `shards`

  // With `info` of any number of shards: rows [row_begin, row_end) in place of a shard. Only the
  // shards that they lie in are parsed.
  int64_t row_begin = 0, row_end = -1;

  bool moments = false;  // DataInfo::moments
};

struct NamedColumn {
  std::string name;  // of the header; "label" when there is none
  std::vector<double> values;
};

struct FileData {
  std::string path;
  OwnedBlock features;                     // dense or CSR, the rows of this shard by info.cols
  std::vector<std::string> feature_names;  // of the CSV header, else empty
  std::vector<NamedColumn> columns;        // labels and other columns split off
  std::vector<int64_t> shape;              // of npy and IDX files: extents of all axes
  int64_t first_row = 0;                   // rows of the file before this shard
  DataInfo info;                           // of the whole file
};

absl::StatusOr<FileData> ReadFile(const std::string& path, const ReadOptions& options = {});

// The info of the whole file for `options.shards` readers; `options.shard` and `info` are ignored.
// Parses the file once, in pieces, so that memory stays bounded.
absl::StatusOr<DataInfo> ScanFile(const std::string& path, const ReadOptions& options = {});
// The same with names and shape: all that is known of a file but its rows. `features` has the whole
// file's shape and no values; columns have none either.
absl::StatusOr<FileData> DescribeFile(const std::string& path, const ReadOptions& options = {});

// The header of a CSV file, or "" per column when it has none.
absl::StatusOr<std::vector<std::string>> CsvColumns(const std::string& path,
                                                    const ReadOptions& options);

// The column that holds the label by the rule of LabelColumns::kAuto: y, label or target, else the
// last.
int64_t LabelColumn(const std::vector<std::string>& names);
// Whether the header says which one it is.
bool NamesLabel(const std::vector<std::string>& names);

}  // namespace gyre
