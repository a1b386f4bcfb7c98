// MatrixMarket: `coordinate` (entries in any order, gathered into CSR) and `array` (dense, column
// by column); real, integer or pattern (ones); general or symmetric.
// https://math.nist.gov/MatrixMarket/formats.html
//
// Entries of a row may stand anywhere, so every shard reads the whole text and keeps its rows.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/data/source.h"
#include "runtime/data/text.h"

namespace gyre::io {
namespace {

struct Banner {
  bool coordinate = false, pattern = false, symmetric = false;
  int64_t rows = 0, cols = 0, entries = 0;
  const char* body = nullptr;
};

// Skips blanks, empty lines and comments; null at the end of the file.
const char* NextText(const char* p, const char* end) {
  while (p < end) {
    while (IsBlank(*p) || *p == '\r') ++p;
    if (*p == '%') {
      p = SkipLine(p, end);
    } else if (*p == '\n') {
      ++p;
    } else {
      return p < end ? p : nullptr;
    }
  }
  return nullptr;
}

absl::Status ParseKind(const FileBytes& bytes, Banner* banner) {
  const char* line_end = SkipLine(bytes.begin(), bytes.end());
  const std::string line = absl::AsciiStrToLower(
      absl::string_view(bytes.begin(), static_cast<size_t>(line_end - bytes.begin())));
  const std::vector<std::string> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  const auto error = [&](absl::string_view what) { return LineError(bytes, bytes.begin(), what); };
  if (words.size() != 5 || words[0] != "%%matrixmarket" || words[1] != "matrix") {
    return error(
        "is not a MatrixMarket file; begin it with '%%MatrixMarket matrix coordinate real "
        "general'");
  }
  banner->coordinate = words[2] == "coordinate";
  if (!banner->coordinate && words[2] != "array")
    return error(absl::StrCat("'", words[2], "' is unknown; use coordinate or array"));
  banner->pattern = words[3] == "pattern";
  if (words[3] != "real" && words[3] != "double" && words[3] != "integer" &&
      !(banner->pattern && banner->coordinate)) {
    return error(absl::StrCat("values of kind '", words[3],
                              "' are not supported; use real, integer or pattern"));
  }
  banner->symmetric = words[4] == "symmetric";
  if (words[4] != "general" && !banner->symmetric) {
    return error(
        absl::StrCat("symmetry '", words[4], "' is not supported; use general or symmetric"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Banner> ParseBanner(const FileBytes& bytes) {
  Banner banner;
  const absl::Status kind = ParseKind(bytes, &banner);
  if (!kind.ok()) return kind;
  const char* p = NextText(bytes.begin(), bytes.end());
  if (p == nullptr)
    return LineError(bytes, bytes.begin(), "the size line is missing; the file is cut short");
  const char* const line = p;
  p = ParseCount(p, &banner.rows);
  if (p != nullptr) p = ParseCount(p, &banner.cols);
  if (p != nullptr && banner.coordinate) p = ParseCount(p, &banner.entries);
  if (p == nullptr)
    return LineError(bytes, line, "the size line is not valid; write 'rows columns entries'");
  const int64_t most = std::numeric_limits<int32_t>::max();
  if (banner.rows < 1 || banner.cols < 1 || banner.cols > most || banner.rows > most) {
    return LineError(
        bytes, line,
        absl::StrCat("rows and columns must lie between 1 and ", most, "; check the size line"));
  }
  if (banner.symmetric && banner.rows != banner.cols)
    return LineError(bytes, line, "a symmetric matrix must be square; check the size line");
  if (!banner.coordinate) banner.entries = banner.rows * banner.cols;
  if (banner.entries > bytes.size()) {
    return LineError(bytes, line,
                     absl::StrCat("the file is too short for the ", banner.entries,
                                  " entries it announces; it is cut short"));
  }
  banner.body = SkipLine(p, bytes.end());
  return banner;
}

struct Entry {
  int32_t row, col;
  double value;
};

class MatrixMarketSource : public Source {
 public:
  MatrixMarketSource(Bytes bytes, const Banner& banner, Type type)
      : bytes_(std::move(bytes)), banner_(banner), type_(type) {}
  absl::StatusOr<Chunk> Parse(int shard, int shards) const override {
    const Range64 rows = RowsOfShard(banner_.rows, shard, shards);
    if (type_ == Type::kFloat32)
      return banner_.coordinate ? Coordinate<float>(rows) : Array<float>(rows);
    return banner_.coordinate ? Coordinate<double>(rows) : Array<double>(rows);
  }
  bool dense_by_nature() const override { return !banner_.coordinate; }
  int64_t known_cols() const override { return banner_.cols; }
  int64_t known_rows() const override { return banner_.rows; }
  bool cheap_parts() const override { return false; }

 private:
  template <class T>
  absl::StatusOr<Chunk> Array(Range64 rows) const;
  template <class T>
  absl::StatusOr<Chunk> Coordinate(Range64 rows) const;
  // Parses the entry at `p`, indices from 0; checks them and the value.
  template <class T>
  absl::StatusOr<const char*> ParseEntry(const char* p, Entry* entry) const;
  template <class T>
  absl::StatusOr<const char*> ParseValue(const char* p, double* value) const;
  absl::Status CutShort(int64_t found) const {
    return LineError(*bytes_, bytes_->end(),
                     absl::StrCat("the file ends after ", found, " of ", banner_.entries,
                                  " entries; it is cut short"));
  }
  absl::Status CheckEnd(const char* p) const {
    p = NextText(p, bytes_->end());
    if (p == nullptr) return absl::OkStatus();
    return LineError(*bytes_, p,
                     absl::StrCat("there are more than the ", banner_.entries,
                                  " entries announced; correct the size line"));
  }
  absl::Status DuplicateError(int32_t row, int32_t col) const;

  const Bytes bytes_;
  const Banner banner_;
  const Type type_;
};

template <class T>
absl::StatusOr<const char*> MatrixMarketSource::ParseValue(const char* p, double* value) const {
  while (IsBlank(*p)) ++p;
  const char* after = ParseNumber(p, value);
  const bool ends =
      after != nullptr && (IsBlank(*after) || *after == '\r' || *after == '\n' || *after == '\0');
  if (!ends || !Fits<T>(*value)) return LineError(*bytes_, p, NumberProblem(p, "value"));
  while (IsBlank(*after) || *after == '\r') ++after;
  if (*after != '\n' && *after != '\0' && *after != '%') {
    return LineError(
        *bytes_, p,
        absl::StrCat("'", WordAt(after), "' follows the value; write one entry a line"));
  }
  return after;
}

template <class T>
absl::StatusOr<const char*> MatrixMarketSource::ParseEntry(const char* p, Entry* entry) const {
  int64_t row, col;
  const char* q = ParseCount(p, &row);
  if (q != nullptr) q = ParseCount(q, &col);
  if (q == nullptr)
    return LineError(
        *bytes_, p,
        absl::StrCat("'", WordAt(p, "\r\n"), "' is not an entry; write row column value"));
  if (row < 1 || row > banner_.rows || col < 1 || col > banner_.cols) {
    return LineError(*bytes_, p,
                     absl::StrCat("entry (", row, ", ", col, ") lies outside the ", banner_.rows,
                                  " x ", banner_.cols, " matrix; indices start at 1"));
  }
  *entry = {static_cast<int32_t>(row - 1), static_cast<int32_t>(col - 1), 1.0};
  if (banner_.pattern) return q;
  return ParseValue<T>(q, &entry->value);
}

absl::Status MatrixMarketSource::DuplicateError(int32_t row, int32_t col) const {
  bool seen = false;
  const char* p = NextText(banner_.body, bytes_->end());
  while (p != nullptr) {
    Entry e;
    const auto after = ParseEntry<double>(p, &e);
    if (!after.ok()) return after.status();
    const bool mirrored = banner_.symmetric && e.row == col && e.col == row;
    if ((e.row == row && e.col == col) || mirrored) {
      if (seen) {
        return LineError(
            *bytes_, p,
            absl::StrCat("entry (", e.row + 1, ", ", e.col + 1, ") appears twice",
                         banner_.symmetric ? ", here or mirrored" : "", "; give each once"));
      }
      seen = true;
    }
    p = NextText(*after, bytes_->end());
  }
  return LineError(*bytes_, bytes_->begin(), "an entry appears twice; give each once");
}

// Sorts each row's entries by column; returns a row with two of the same column, or -1.
template <class T>
int64_t SortRows(int64_t rows, const int64_t* offset, int32_t* index, T* values) {
  std::vector<std::pair<int32_t, T>> row;
  for (int64_t r = 0; r < rows; ++r) {
    int32_t* const begin = index + offset[r];
    int32_t* const end = index + offset[r + 1];
    if (!std::is_sorted(begin, end)) {
      row.clear();
      for (int64_t i = offset[r]; i < offset[r + 1]; ++i) row.emplace_back(index[i], values[i]);
      std::sort(row.begin(), row.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
      for (size_t i = 0; i < row.size(); ++i) {
        begin[i] = row[i].first;
        values[offset[r] + static_cast<int64_t>(i)] = row[i].second;
      }
    }
    if (std::adjacent_find(begin, end) != end) return r;
  }
  return -1;
}

template <class T>
absl::StatusOr<Chunk> MatrixMarketSource::Coordinate(Range64 rows) const {
  std::vector<Entry> kept;
  const auto keep = [&](const Entry& e) {
    if (e.row >= rows.begin && e.row < rows.end) kept.push_back(e);
  };
  const char* p = banner_.body;
  for (int64_t k = 0; k < banner_.entries; ++k) {
    p = NextText(p, bytes_->end());
    if (p == nullptr) return CutShort(k);
    Entry e;
    const auto after = ParseEntry<T>(p, &e);
    if (!after.ok()) return after.status();
    p = *after;
    keep(e);
    if (banner_.symmetric && e.row != e.col) keep({e.col, e.row, e.value});
  }
  const absl::Status end = CheckEnd(p);
  if (!end.ok()) return end;

  const int64_t count = rows.end - rows.begin;
  const int64_t nnz = static_cast<int64_t>(kept.size());
  auto values = AllocateArray<T>(nnz);
  auto index = AllocateArray<int32_t>(nnz);
  auto offset = AllocateArray<int64_t>(count + 1);
  int64_t* const starts = offset.get();
  std::fill(starts, starts + count + 1, 0);
  for (const Entry& e : kept) ++starts[e.row - rows.begin + 1];
  for (int64_t r = 0; r < count; ++r) starts[r + 1] += starts[r];
  std::vector<int64_t> next(starts, starts + count);
  for (const Entry& e : kept) {
    const int64_t at = next[static_cast<size_t>(e.row - rows.begin)]++;
    values.get()[at] = static_cast<T>(e.value);
    index.get()[at] = e.col;
  }
  const int64_t twice = SortRows(count, starts, index.get(), values.get());
  if (twice >= 0) {
    const int32_t* at =
        std::adjacent_find(index.get() + starts[twice], index.get() + starts[twice + 1]);
    return DuplicateError(static_cast<int32_t>(rows.begin + twice), *at);
  }
  Chunk chunk;
  chunk.features.block = {.format = Format::kCsr,
                          .type = kTypeOf<T>,
                          .values = values.get(),
                          .index = index.get(),
                          .offset = starts,
                          .rows = count,
                          .cols = banner_.cols};
  chunk.features.memory = {values, index, offset};
  return chunk;
}

template <class T>
absl::StatusOr<Chunk> MatrixMarketSource::Array(Range64 rows) const {
  Chunk chunk;
  chunk.features = MakeDense(type_, rows.end - rows.begin, banner_.cols);
  T* const out = chunk.features.mutable_values<T>();
  const int64_t stride = chunk.features.block.stride;
  const auto put = [&](int64_t r, int64_t c, double v) {
    if (r >= rows.begin && r < rows.end) out[(r - rows.begin) * stride + c] = static_cast<T>(v);
  };
  const char* p = banner_.body;
  int64_t found = 0;
  for (int64_t c = 0; c < banner_.cols; ++c) {
    for (int64_t r = banner_.symmetric ? c : 0; r < banner_.rows; ++r, ++found) {
      p = NextText(p, bytes_->end());
      if (p == nullptr) return CutShort(found);
      double v = 0;
      const auto after = ParseValue<T>(p, &v);
      if (!after.ok()) return after.status();
      p = *after;
      put(r, c, v);
      if (banner_.symmetric) put(c, r, v);
    }
  }
  const absl::Status end = CheckEnd(p);
  if (!end.ok()) return end;
  return chunk;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenMatrixMarket(Bytes bytes, const ReadOptions& options) {
  auto banner = ParseBanner(*bytes);
  if (!banner.ok()) return banner.status();
  if (options.cols > 0 && banner->cols != options.cols) {
    return LineError(*bytes, bytes->begin(),
                     absl::StrCat("the matrix has ", banner->cols, " columns where ", options.cols,
                                  " are expected; use data of the same shape"));
  }
  return std::make_unique<MatrixMarketSource>(std::move(bytes), *banner, options.type);
}

}  // namespace gyre::io
