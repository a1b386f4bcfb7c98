// An opened file of some format, from which ranges of rows are parsed. Internal to the reader.
//
// A Source is immutable: shards may be parsed by several threads at once.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/data/file_bytes.h"
#include "runtime/data/memory.h"
#include "runtime/data/reader.h"

namespace gyre::io {

struct Range64 {
  int64_t begin, end;
};

// Rows [floor(rows * shard / shards), floor(rows * (shard + 1) / shards)).
Range64 RowsOfShard(int64_t rows, int shard, int shards);

struct Chunk {
  OwnedBlock
      features;  // dense or CSR; cols is what this chunk shows when the format leaves it open
  std::vector<std::vector<double>> columns;
};

class Source {
 public:
  virtual ~Source() = default;

  // The rows of one of `shards` parts, with features of `options.type`. Consecutive parts are
  // consecutive rows, and part s of n consists of the parts s * k ... s * k + k - 1 of n * k.
  virtual absl::StatusOr<Chunk> Parse(int shard, int shards) const = 0;

  virtual bool dense_by_nature() const = 0;
  // Feature columns when known without parsing rows, else 0.
  virtual int64_t known_cols() const = 0;
  // Rows when known without parsing: part s of n then holds RowsOfShard(rows, s, n); else -1.
  virtual int64_t known_rows() const { return -1; }
  // Whether parsing all parts costs as much as parsing the whole.
  virtual bool cheap_parts() const { return true; }

  std::vector<std::string> column_names;   // one per Chunk::columns
  std::vector<std::string> feature_names;  // may be empty
  std::vector<int64_t> shape;              // of binary files: extents of all axes
};

using Bytes = std::shared_ptr<const FileBytes>;
absl::StatusOr<std::unique_ptr<Source>> OpenLibsvm(Bytes bytes, const ReadOptions& options);
absl::StatusOr<std::unique_ptr<Source>> OpenCsv(Bytes bytes, const ReadOptions& options);
absl::StatusOr<std::unique_ptr<Source>> OpenNpy(Bytes bytes, const ReadOptions& options);
absl::StatusOr<std::unique_ptr<Source>> OpenMatrixMarket(Bytes bytes, const ReadOptions& options);
absl::StatusOr<std::unique_ptr<Source>> OpenIdx(Bytes bytes, const ReadOptions& options);

}  // namespace gyre::io
