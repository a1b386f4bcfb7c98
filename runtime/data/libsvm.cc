// libsvm: one row a line, `label index:value index:value ... # comment`, indices from 1, ascending.
//
// One pass into arrays of the exact size (a count of the colons goes before it, at the speed of
// memory). Every loop stops at newline or NUL, so bytes are looked at once and ends are never
// compared.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/data/source.h"
#include "runtime/data/text.h"

namespace gyre::io {
namespace {

bool EndsNumber(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\0'; }

// Skips blanks and, before a newline, a carriage return.
const char* SkipBlanks(const char* p) {
  while (IsBlank(*p) || *p == '\r') ++p;
  return p;
}

class LibsvmSource : public Source {
 public:
  LibsvmSource(Bytes bytes, const ReadOptions& options, bool labels)
      : bytes_(std::move(bytes)),
        type_(options.type),
        labels_(labels),
        max_index_(options.cols > 0 ? options.cols : std::numeric_limits<int32_t>::max()),
        cols_(options.cols) {
    if (labels_) column_names.push_back("label");
  }
  absl::StatusOr<Chunk> Parse(int shard, int shards) const override {
    const Range range = ShardOfLines(*bytes_, bytes_->begin(), shard, shards);
    return type_ == Type::kFloat32 ? ParseAs<float>(range) : ParseAs<double>(range);
  }
  bool dense_by_nature() const override { return false; }
  int64_t known_cols() const override { return cols_; }

 private:
  template <class T>
  struct Arrays {
    std::shared_ptr<T> values;
    std::shared_ptr<int32_t> index;
    std::shared_ptr<int64_t> offset;
    T* value_tail;
    int32_t* index_tail;
    int64_t last_index = 0;  // largest of all
  };

  template <class T>
  absl::StatusOr<Chunk> ParseAs(Range range) const;
  template <class T>
  absl::StatusOr<const char*> ParseEntries(const char* p, Arrays<T>* out) const;
  absl::StatusOr<const char*> ParseLabel(const char* p, std::vector<double>* labels) const;
  absl::Status EntryError(const char* entry, int64_t previous) const;

  const Bytes bytes_;
  const Type type_;
  const bool labels_;
  const int64_t max_index_;
  const int64_t cols_;
};

absl::StatusOr<const char*> LibsvmSource::ParseLabel(const char* p,
                                                     std::vector<double>* labels) const {
  double label;
  const char* after = ParseNumber(p, &label);
  if (after != nullptr && *after == ':') {
    return LineError(*bytes_, p,
                     absl::StrCat("row starts with '", WordAt(p),
                                  "' where its label should be; "
                                  "begin each line with a label"));
  }
  if (after == nullptr || !EndsNumber(*after) || !Fits<double>(label)) {
    return LineError(*bytes_, p, NumberProblem(p, "label"));
  }
  labels->push_back(label);
  return after;
}

// Finds out what is wrong with the entry at `p`; off the fast path.
absl::Status LibsvmSource::EntryError(const char* p, int64_t previous) const {
  const auto error = [&](absl::string_view what) { return LineError(*bytes_, p, what); };
  const char* q = p;
  if (*q == '-' || *q == '+') ++q;
  const char* const digits = q;
  int64_t index = 0;
  for (; IsDigit(*q); ++q) index = std::min<int64_t>(index * 10 + (*q - '0'), int64_t{1} << 40);
  if (q == digits || *q != ':') {
    return error(absl::StrCat("'", WordAt(p), "' is not an entry; write index:value"));
  }
  if (index < 1 || *p == '-') {
    return error(
        absl::StrCat("feature index ", WordAt(p, ":"), " is out of range; indices start at 1"));
  }
  if (index > max_index_) {
    return error(cols_ > 0
                     ? absl::StrCat("feature index ", WordAt(p, ":"), " is beyond the ", cols_,
                                    " features expected; use data made with the same features")
                     : absl::StrCat("feature index ", WordAt(p, ":"),
                                    " is too large; indices end at ", max_index_));
  }
  if (index == previous) {
    return error(absl::StrCat("feature index ", index, " appears twice; give each once a line"));
  }
  if (index < previous) {
    return error(absl::StrCat("feature index ", index, " comes after ", previous,
                              "; sort the entries of each line by index"));
  }
  return error(NumberProblem(q + 1, absl::StrCat("value of feature ", index)));
}

template <class T>
absl::StatusOr<const char*> LibsvmSource::ParseEntries(const char* p, Arrays<T>* out) const {
  int64_t previous = 0;
  T* values = out->value_tail;
  int32_t* index_tail = out->index_tail;
  for (;;) {
    while (IsBlank(*p)) ++p;
    const char* const entry = p;
    if (!IsDigit(*p)) {
      if (*p == '\n' || *p == '\0' || *p == '#' || *p == '\r') break;
      if (std::strncmp(p, "qid:", 4) != 0) return EntryError(entry, previous);
      while (!EndsNumber(*p)) ++p;
      continue;
    }
    uint64_t digits = static_cast<uint64_t>(*p - '0');
    for (++p; IsDigit(*p); ++p) digits = digits * 10 + static_cast<uint64_t>(*p - '0');
    const int64_t index = static_cast<int64_t>(digits);
    double value;
    // More than 18 digits could wrap; such an index is too large (or absurdly padded) anyway.
    if (index <= previous || index > max_index_ || p - entry > 18 || *p != ':') {
      return EntryError(entry, previous);
    }
    p = ParseNumber(p + 1, &value);
    if (p == nullptr || !EndsNumber(*p) || !Fits<T>(value)) return EntryError(entry, previous);
    *values++ = static_cast<T>(value);
    *index_tail++ = static_cast<int32_t>(index - 1);
    previous = index;
  }
  out->value_tail = values;
  out->index_tail = index_tail;
  out->last_index = std::max(out->last_index, previous);
  return p;
}

template <class T>
absl::StatusOr<Chunk> LibsvmSource::ParseAs(Range range) const {
  const LineCounts counts = CountLines(range, ':');
  Arrays<T> a;
  a.values = AllocateArray<T>(counts.marks);
  a.index = AllocateArray<int32_t>(counts.marks);
  a.offset = AllocateArray<int64_t>(counts.lines + 1);
  a.value_tail = a.values.get();
  a.index_tail = a.index.get();
  std::vector<double> labels;
  labels.reserve(labels_ ? static_cast<size_t>(counts.lines) : 0);
  int64_t rows = 0;
  a.offset.get()[0] = 0;
  for (const char* p = range.begin; p < range.end;) {
    p = SkipBlanks(p);
    if (*p != '\n' && *p != '#' && p < range.end) {
      if (labels_) {
        auto after = ParseLabel(p, &labels);
        if (!after.ok()) return after.status();
        p = *after;
      }
      auto after = ParseEntries<T>(p, &a);
      if (!after.ok()) return after.status();
      p = SkipBlanks(*after);
      a.offset.get()[++rows] = a.value_tail - a.values.get();
    }
    if (*p == '\n') {
      ++p;
    } else if (*p == '#' || p >= range.end) {
      p = SkipLine(p, range.end);
    } else {
      return EntryError(p, 0);
    }
  }
  Chunk chunk;
  chunk.features.block = {.format = Format::kCsr,
                          .type = kTypeOf<T>,
                          .values = a.values.get(),
                          .index = a.index.get(),
                          .offset = a.offset.get(),
                          .rows = rows,
                          .cols = cols_ > 0 ? cols_ : a.last_index};
  chunk.features.memory = {a.values, a.index, a.offset};
  if (labels_) chunk.columns.push_back(std::move(labels));
  return chunk;
}

// Whether the first row starts with a label rather than with an entry.
bool HasLabels(const FileBytes& bytes) {
  for (const char* p = bytes.begin(); p < bytes.end(); p = SkipLine(p, bytes.end())) {
    p = SkipBlanks(p);
    if (*p == '\n' || *p == '#' || *p == '\0') continue;
    while (!EndsNumber(*p) && *p != ':') ++p;
    return *p != ':';
  }
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenLibsvm(Bytes bytes, const ReadOptions& options) {
  // LabelColumns::kNone says that no label is wanted; those in the file are still recognised.
  const bool labels = options.labels == LabelColumns::kRequired || HasLabels(*bytes);
  return std::make_unique<LibsvmSource>(std::move(bytes), options, labels);
}

}  // namespace gyre::io
