#include "runtime/data/reader.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/data/layout.h"
#include "runtime/data/source.h"

namespace gyre {
namespace {

using io::Chunk;
using io::Source;

// Text is scanned in parts of about this many bytes, so that a scan needs little memory.
constexpr int64_t kScanPart = int64_t{64} << 20;

struct Opened {
  std::unique_ptr<Source> source;
  int64_t bytes;
};

absl::StatusOr<std::unique_ptr<Source>> OpenAs(FileFormat format, io::Bytes bytes,
                                               const ReadOptions& options) {
  switch (format) {
    case FileFormat::kLibsvm:
      return io::OpenLibsvm(std::move(bytes), options);
    case FileFormat::kCsv:
      return io::OpenCsv(std::move(bytes), options);
    case FileFormat::kNpy:
      return io::OpenNpy(std::move(bytes), options);
    case FileFormat::kMatrixMarket:
      return io::OpenMatrixMarket(std::move(bytes), options);
    case FileFormat::kIdx:
      return io::OpenIdx(std::move(bytes), options);
    case FileFormat::kDocword:
    case FileFormat::kLdac:
    case FileFormat::kText:
    case FileFormat::kRatings:
      return absl::InvalidArgumentError(
          absl::StrCat(bytes->path(),
                       ": holds two keys a row, no matrix or column; give it without a name, to a "
                       "program with two maps over one axis, or say --format="));
    case FileFormat::kAuto:
      break;
  }
  return absl::InternalError("format not resolved");
}

absl::StatusOr<Opened> OpenSource(const std::string& path, const ReadOptions& options) {
  auto bytes = io::FileBytes::Open(path);  // first, so that a missing file is named as such
  if (!bytes.ok()) return bytes.status();
  FileFormat format = options.format;
  if (format == FileFormat::kAuto) {
    auto found = FormatOfPath(path);
    if (!found.ok()) return found.status();
    format = *found;
  }
  if (options.shard < 0 || options.shards < 1 || options.shard >= options.shards) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": shard ", options.shard, " of ",
                                                   options.shards,
                                                   " does not exist; shards count from 0"));
  }
  if (options.type != Type::kFloat32 && options.type != Type::kFloat64) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": features are float32 or float64; choose one of them"));
  }
  const int64_t size = (*bytes)->size();
  auto source = OpenAs(format, *std::move(bytes), options);
  if (!source.ok()) return source.status();
  return Opened{*std::move(source), size};
}

bool ChooseDense(const Source& source, const DataInfo& info, DataLayout layout) {
  if (layout != DataLayout::kAuto) return layout == DataLayout::kDense;
  return source.dense_by_nature() || info.density() >= kDenseFrom;
}

absl::Status NoRows(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ":1: no row in the file; give at least one line of data"));
}

void FinishInfo(const Source& source, const ReadOptions& options, DataInfo* info) {
  if (source.known_cols() > 0) info->cols = source.known_cols();
  info->dense = ChooseDense(source, *info, options.layout);
}

absl::StatusOr<DataInfo> Scan(const std::string& path, const Opened& opened,
                              const ReadOptions& options) {
  const Source& source = *opened.source;
  const int shards = options.shards;
  const int64_t wanted = source.cheap_parts() ? opened.bytes / kScanPart / shards + 1 : 1;
  const int parts = static_cast<int>(std::min<int64_t>(wanted, 1 << 20));
  const bool whole = !source.cheap_parts();
  io::InfoBuilder builder(options.max_distinct, options.moments);
  std::vector<int64_t> shard_rows;
  for (int s = 0; s < (whole ? 1 : shards); ++s) {
    int64_t rows = 0;
    for (int k = 0; k < parts; ++k) {
      auto chunk = source.Parse(s * parts + k, (whole ? 1 : shards) * parts);
      if (!chunk.ok()) return chunk.status();
      builder.Add(chunk->features.block, chunk->columns);
      rows += chunk->features.block.rows;
    }
    shard_rows.push_back(rows);
  }
  DataInfo info = builder.Finish();
  if (info.rows == 0) return NoRows(path);
  if (source.known_rows() >= 0) {
    shard_rows.clear();
    for (int s = 0; s < shards; ++s) {
      const io::Range64 rows = io::RowsOfShard(source.known_rows(), s, shards);
      shard_rows.push_back(rows.end - rows.begin);
    }
  }
  info.shard_rows = std::move(shard_rows);
  FinishInfo(source, options, &info);
  return info;
}

// The chunk's features with the file's columns and the layout chosen.
OwnedBlock Shape(OwnedBlock features, const DataInfo& info) {
  features.block.cols = info.cols;
  if (info.dense == (features.block.format == Format::kDense)) return features;
  return info.dense ? ToDense(features.block) : ToCsr(features.block);
}

absl::Status Differs(const std::string& path) {
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": differs from the file that was scanned; give every worker the same file"));
}

absl::Status CheckInfo(const std::string& path, const ReadOptions& options, const Chunk& chunk) {
  const DataInfo& info = *options.info;
  const size_t shards = static_cast<size_t>(options.shards);
  const size_t shard = static_cast<size_t>(options.shard);
  if (info.shard_rows.size() == shards && info.shard_rows[shard] == chunk.features.block.rows &&
      chunk.features.block.cols <= info.cols) {
    return absl::OkStatus();
  }
  return Differs(path);
}

// Rows [row_begin, row_end) by way of the shards that hold them.
absl::StatusOr<FileData> ReadRows(const Source& source, const ReadOptions& options, FileData out) {
  const DataInfo& info = *options.info;
  const std::string& path = out.path;
  std::vector<int64_t> shard_rows = info.shard_rows;
  if (!source.cheap_parts()) shard_rows = {info.rows};  // parsed whole either way
  const int shards = static_cast<int>(shard_rows.size());
  std::vector<OwnedBlock> kept;
  std::vector<Block> blocks;
  std::vector<std::vector<double>> columns(source.column_names.size());
  int64_t first = 0;  // row of the shard at hand
  for (int s = 0; s < shards; first += shard_rows[static_cast<size_t>(s++)]) {
    const int64_t count = shard_rows[static_cast<size_t>(s)];
    const int64_t begin = std::clamp<int64_t>(options.row_begin - first, 0, count);
    const int64_t end = std::clamp(options.row_end - first, begin, count);
    // No rows are wanted: of the last shard, none are kept.
    if (begin == end && !(blocks.empty() && s + 1 == shards)) continue;
    auto chunk = source.Parse(s, shards);
    if (!chunk.ok()) return chunk.status();
    if (chunk->features.block.rows != count || chunk->features.block.cols > info.cols) {
      return Differs(path);
    }
    kept.push_back(Shape(std::move(chunk->features), info));
    blocks.push_back(Rows(kept.back().block, begin, end));
    for (size_t c = 0; c < columns.size(); ++c) {
      const auto from = chunk->columns[c].begin();
      columns[c].insert(columns[c].end(), from + begin, from + end);
    }
  }
  out.info = info;
  out.first_row = options.row_begin;
  if (blocks.size() == 1 && blocks[0].rows == kept[0].block.rows) {
    out.features = std::move(kept[0]);
  } else {
    out.features = Concatenate(blocks, info.cols);
  }
  if (out.features.block.rows != options.row_end - options.row_begin) return Differs(path);
  for (size_t c = 0; c < columns.size(); ++c) {
    out.columns.push_back({source.column_names[c], std::move(columns[c])});
  }
  return out;
}

}  // namespace

absl::StatusOr<DataInfo> ScanFile(const std::string& path, const ReadOptions& options) {
  ReadOptions scan = options;
  scan.shard = 0;
  auto opened = OpenSource(path, scan);
  if (!opened.ok()) return opened.status();
  return Scan(path, *opened, scan);
}

absl::StatusOr<FileData> DescribeFile(const std::string& path, const ReadOptions& options) {
  ReadOptions scan = options;
  scan.shard = 0;
  auto opened = OpenSource(path, scan);
  if (!opened.ok()) return opened.status();
  auto info = Scan(path, *opened, scan);
  if (!info.ok()) return info.status();
  FileData out;
  out.path = path;
  out.feature_names = opened->source->feature_names;
  out.shape = opened->source->shape;
  out.features.block = {.format = info->dense ? Format::kDense : Format::kCsr,
                        .type = options.type,
                        .rows = info->rows,
                        .cols = info->cols};
  if (info->dense) out.features.block.stride = PaddedStride(info->cols, options.type);
  for (size_t i = 0; i < info->columns.size() && i < opened->source->column_names.size(); ++i) {
    out.columns.push_back({opened->source->column_names[i], {}});
  }
  out.info = *std::move(info);
  return out;
}

absl::StatusOr<FileData> ReadFile(const std::string& path, const ReadOptions& options) {
  auto opened = OpenSource(path, options);
  if (!opened.ok()) return opened.status();
  const Source& source = *opened->source;
  FileData out;
  out.path = path;
  out.feature_names = source.feature_names;
  out.shape = source.shape;
  if (options.info != nullptr && options.row_end >= 0) return ReadRows(source, options, std::move(out));
  if (options.info != nullptr) {
    out.info = *options.info;
  } else if (options.shards > 1) {
    auto info = Scan(path, *opened, options);
    if (!info.ok()) return info.status();
    out.info = *std::move(info);
  }
  auto chunk = source.Parse(options.shard, options.shards);
  if (!chunk.ok()) return chunk.status();
  if (options.info != nullptr) {
    const absl::Status same = CheckInfo(path, options, *chunk);
    if (!same.ok()) return same;
  } else if (options.shards == 1) {
    io::InfoBuilder builder(options.max_distinct, options.moments);
    builder.Add(chunk->features.block, chunk->columns);
    out.info = builder.Finish();
    if (out.info.rows == 0) return NoRows(path);
    out.info.shard_rows = {out.info.rows};
    FinishInfo(source, options, &out.info);
  }
  out.first_row = out.info.RowsBefore(options.shard);
  out.features = Shape(std::move(chunk->features), out.info);
  for (size_t i = 0; i < chunk->columns.size(); ++i) {
    out.columns.push_back({source.column_names[i], std::move(chunk->columns[i])});
  }
  return out;
}

}  // namespace gyre
