// CSV: numbers between commas, semicolons or tabs, with or without a header, fields quoted or not.
//
// Always dense. A field holds a number (text only in columns that are dropped); a missing one is an
// error, since a program has no notion of one. Quoted fields may not span lines.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/source.h"
#include "runtime/data/text.h"

namespace gyre::io {
namespace {

bool EndsLine(char c) { return c == '\n' || c == '\r' || c == '\0'; }

// The first byte after the field at `p`: a separator or the end of the line. Null for an open
// quote.
const char* SkipField(const char* p, char separator) {
  while (*p == ' ') ++p;
  if (*p == '"') {
    for (++p; *p != '"' || p[1] == '"'; ++p) {
      if (*p == '\n' || *p == '\0') return nullptr;
      if (*p == '"') ++p;
    }
    ++p;
  }
  while (*p != separator && !EndsLine(*p)) ++p;
  return p;
}

std::string Unquote(absl::string_view field) {
  field = absl::StripAsciiWhitespace(field);
  if (field.size() < 2 || field.front() != '"' || field.back() != '"') return std::string(field);
  std::string out;
  for (size_t i = 1; i + 1 < field.size(); ++i) {
    out.push_back(field[i]);
    if (field[i] == '"') ++i;
  }
  return out;
}

// The fields of the line at `p`; empty for an open quote.
std::vector<std::string> SplitLine(const char* p, char separator) {
  std::vector<std::string> fields;
  for (;; ++p) {
    const char* end = SkipField(p, separator);
    if (end == nullptr) return {};
    fields.push_back(Unquote(absl::string_view(p, static_cast<size_t>(end - p))));
    if (*end != separator) return fields;
    p = end;
  }
}

// The separator that splits the line into most fields; a comma when none does.
char FindSeparator(const char* line) {
  char best = ',';
  size_t most = 1;
  for (const char candidate : {',', ';', '\t'}) {
    const size_t fields = SplitLine(line, candidate).size();
    if (fields > most) {
      most = fields;
      best = candidate;
    }
  }
  return best;
}

bool IsNumber(const std::string& field) {
  double v;
  const char* end = ParseNumber(field.c_str(), &v);
  return end != nullptr && *end == '\0';
}

// A field that stands for a number that is not there: it does not make its line a header.
bool IsMissing(const std::string& field) {
  for (const char* word : {"", "na", "nan", "null", "inf", "+inf", "-inf", "-nan", "?"}) {
    if (absl::EqualsIgnoreCase(field, word)) return true;
  }
  return false;
}

bool LooksLikeHeader(const std::vector<std::string>& fields) {
  return std::any_of(fields.begin(), fields.end(),
                     [](const std::string& f) { return !IsNumber(f) && !IsMissing(f); });
}

struct CsvShape {
  char separator = ',';
  bool header = false;
  std::vector<std::string> names;  // "" each when there is no header
  const char* body = nullptr;      // the first line of data
};

absl::StatusOr<CsvShape> FindShape(const FileBytes& bytes, CsvHeader header) {
  const char* line = bytes.begin();
  if (absl::StartsWith(line, "\xef\xbb\xbf")) line += 3;  // a byte order mark
  while (line < bytes.end() && EndsLine(*line) && *line != '\0') line = SkipLine(line, bytes.end());
  if (line >= bytes.end()) {
    return LineError(bytes, bytes.begin(), "no row in the file; give at least one line of numbers");
  }
  CsvShape shape;
  shape.separator = FindSeparator(line);
  shape.names = SplitLine(line, shape.separator);
  if (shape.names.empty())
    return LineError(bytes, line, "a quote is not closed; close it on its line");
  shape.header =
      header == CsvHeader::kYes || (header == CsvHeader::kAuto && LooksLikeHeader(shape.names));
  shape.body = shape.header ? SkipLine(line, bytes.end()) : line;
  if (!shape.header) std::fill(shape.names.begin(), shape.names.end(), "");
  return shape;
}

class CsvSource : public Source {
 public:
  CsvSource(Bytes bytes, Type type, CsvShape found)
      : bytes_(std::move(bytes)), type_(type), shape_(std::move(found)) {}

  absl::Status AssignColumns(const ReadOptions& options);
  absl::StatusOr<Chunk> Parse(int shard, int shards) const override {
    const Range range = ShardOfLines(*bytes_, shape_.body, shard, shards);
    return type_ == Type::kFloat32 ? ParseAs<float>(range) : ParseAs<double>(range);
  }
  bool dense_by_nature() const override { return true; }
  int64_t known_cols() const override { return features_; }

 private:
  static constexpr int64_t kDropped = std::numeric_limits<int64_t>::min();
  template <class T>
  absl::StatusOr<Chunk> ParseAs(Range range) const;
  // Parses the row at `p`, which ends at a line end.
  template <class T>
  absl::StatusOr<const char*> ParseRow(const char* p, T* row,
                                       std::vector<std::vector<double>>* columns) const;
  absl::StatusOr<const char*> ParseField(const char* p, double* value) const;
  absl::Status FieldError(const char* field) const;
  absl::Status CountError(const char* line) const;
  absl::StatusOr<size_t> Find(const std::string& column) const;

  const Bytes bytes_;
  const Type type_;
  const CsvShape shape_;
  int64_t features_ = 0;
  std::vector<int64_t> role_;  // by column: feature f >= 0, Chunk::columns[-1 - role], kDropped
};

absl::StatusOr<size_t> CsvSource::Find(const std::string& column) const {
  const auto& names = shape_.names;
  const auto found = std::find(names.begin(), names.end(), column);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  int64_t position;
  if (absl::SimpleAtoi(column, &position) && position >= 1 &&
      position <= static_cast<int64_t>(names.size())) {
    return static_cast<size_t>(position - 1);
  }
  return LineError(
      *bytes_, bytes_->begin(),
      absl::StrCat("there is no column '", column,
                   "'; name one of the header or a position from 1 to ", names.size()));
}

absl::Status CsvSource::AssignColumns(const ReadOptions& options) {
  const auto& names = shape_.names;
  role_.assign(names.size(), 0);
  for (const std::string& name : options.drop) {
    const auto at = Find(name);
    if (!at.ok()) return at.status();
    role_[*at] = kDropped;
  }
  std::vector<size_t> split;
  for (const std::string& name : options.split) {
    const auto at = Find(name);
    if (!at.ok()) return at.status();
    split.push_back(*at);
  }
  if (split.empty() && options.labels != LabelColumns::kNone) {
    split.push_back(static_cast<size_t>(LabelColumn(names)));
  }
  for (const size_t at : split) {
    role_[at] = -1 - static_cast<int64_t>(column_names.size());
    column_names.push_back(names[at].empty() ? "label" : names[at]);
  }
  for (size_t c = 0; c < names.size(); ++c) {
    if (role_[c] != 0) continue;
    role_[c] = features_++;
    if (shape_.header) feature_names.push_back(names[c]);
  }
  if (options.cols > 0 && features_ != options.cols) {
    return LineError(*bytes_, bytes_->begin(),
                     absl::StrCat("the file has ", features_, " feature columns where ",
                                  options.cols, " are expected; use data with the same columns"));
  }
  return absl::OkStatus();
}

absl::Status CsvSource::FieldError(const char* field) const {
  const char* line = field;
  while (line > bytes_->begin() && line[-1] != '\n') --line;
  size_t column = 0;
  for (const char* p = line; p < field; ++column) {
    p = SkipField(p, shape_.separator);
    if (p == nullptr || *p != shape_.separator || p >= field) break;
    ++p;
  }
  std::string what = absl::StrCat("column ", column + 1);
  if (column < shape_.names.size() && !shape_.names[column].empty()) {
    absl::StrAppend(&what, " (", shape_.names[column], ")");
  }
  const char separators[] = {shape_.separator, '"', '\r', '\n', '\0'};
  while (*field == ' ' || *field == '"') ++field;
  return LineError(*bytes_, field, NumberProblem(field, what, separators));
}

absl::Status CsvSource::CountError(const char* line) const {
  const std::vector<std::string> fields = SplitLine(line, shape_.separator);
  if (fields.empty())
    return LineError(*bytes_, line, "a quote is not closed; close it on its line");
  return LineError(
      *bytes_, line,
      absl::StrCat("the line has ", fields.size(), " fields where ", shape_.names.size(),
                   " are expected; give each row the same columns"));
}

absl::StatusOr<const char*> CsvSource::ParseField(const char* p, double* value) const {
  const char* const field = p;
  while (*p == ' ') ++p;
  const bool quoted = *p == '"';
  p = ParseNumber(p + quoted, value);
  if (p == nullptr) return FieldError(field);
  if (quoted) {
    if (*p != '"') return FieldError(field);
    ++p;
  }
  while (*p == ' ') ++p;
  if (*p != shape_.separator && !EndsLine(*p)) return FieldError(field);
  return p;
}

template <class T>
absl::StatusOr<const char*> CsvSource::ParseRow(const char* p, T* row,
                                                std::vector<std::vector<double>>* columns) const {
  const char* const line = p;
  for (size_t c = 0;; ++c) {
    const char* const field = p;
    const int64_t role = role_[c];
    if (role == kDropped) {
      p = SkipField(p, shape_.separator);
      if (p == nullptr) return CountError(line);
    } else {
      double value = 0;
      auto after = ParseField(p, &value);
      if (!after.ok())
        return SplitLine(line, shape_.separator).size() == role_.size() ? after : CountError(line);
      p = *after;
      if (role >= 0 ? !Fits<T>(value) : !Fits<double>(value)) return FieldError(field);
      if (role >= 0) {
        row[role] = static_cast<T>(value);
      } else {
        (*columns)[static_cast<size_t>(-1 - role)].push_back(value);
      }
    }
    const bool last = c + 1 == role_.size();
    if (last != (*p != shape_.separator)) return CountError(line);
    if (last) return p;
    ++p;
  }
}

template <class T>
absl::StatusOr<Chunk> CsvSource::ParseAs(Range range) const {
  const int64_t most = CountLines(range, '\n').lines;
  Chunk chunk;
  chunk.columns.resize(column_names.size());
  for (auto& column : chunk.columns) column.reserve(static_cast<size_t>(most));
  chunk.features = MakeDense(type_, most, features_);
  T* const values = chunk.features.mutable_values<T>();
  int64_t rows = 0;
  for (const char* p = range.begin; p < range.end;) {
    if (*p == '\n' || (*p == '\r' && p[1] == '\n')) {  // blank
      p = SkipLine(p, range.end);
      continue;
    }
    auto after = ParseRow<T>(p, values + rows * chunk.features.block.stride, &chunk.columns);
    if (!after.ok()) return after.status();
    ++rows;
    if (**after == '\0' && *after < range.end) {
      return LineError(*bytes_, *after, "the line holds a zero byte; save the file as plain text");
    }
    p = SkipLine(*after, range.end);
  }
  chunk.features.block.rows = rows;
  return chunk;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenCsv(Bytes bytes, const ReadOptions& options) {
  auto shape = FindShape(*bytes, options.header);
  if (!shape.ok()) return shape.status();
  auto source = std::make_unique<CsvSource>(std::move(bytes), options.type, *std::move(shape));
  const absl::Status status = source->AssignColumns(options);
  if (!status.ok()) return status;
  return source;
}

}  // namespace gyre::io

namespace gyre {

absl::StatusOr<std::vector<std::string>> CsvColumns(const std::string& path,
                                                    const ReadOptions& options) {
  auto bytes = io::FileBytes::Open(path);
  if (!bytes.ok()) return bytes.status();
  auto shape = io::FindShape(**bytes, options.header);
  if (!shape.ok()) return shape.status();
  return std::move(shape->names);
}

bool NamesLabel(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "y" || name == "label" || name == "target";
  });
}

int64_t LabelColumn(const std::vector<std::string>& names) {
  for (const char* wanted : {"y", "label", "target"}) {
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found != names.end()) return found - names.begin();
  }
  return static_cast<int64_t>(names.size()) - 1;
}

}  // namespace gyre
