// What readers of keyed rows share: entries gathered into blocks, and extents by what is known.
// Internal to keyed.cc and the formats.
#pragma once
#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/file_bytes.h"
#include "runtime/data/keyed.h"
#include "runtime/data/memory.h"
#include "runtime/data/text.h"

namespace gyre::io {

inline constexpr int64_t kMostRows = std::numeric_limits<int32_t>::max();

absl::StatusOr<KeyedRows> ReadDocword(const FileBytes& bytes, const KeyedOptions& options);
absl::StatusOr<KeyedRows> ReadLdac(const FileBytes& bytes, const KeyedOptions& options);
absl::StatusOr<KeyedRows> ReadText(const FileBytes& bytes, const KeyedOptions& options);
absl::StatusOr<KeyedRows> ReadRatings(const FileBytes& bytes, const KeyedOptions& options);

inline absl::Status TooManyRows(const FileBytes& bytes, const char* at) {
  return LineError(bytes, at,
                   absl::StrCat("here the corpus exceeds ", kMostRows,
                                " tokens; give fewer documents, or a program that takes counts"));
}

inline absl::Status EmptyCorpus(const FileBytes& bytes, const char* at) {
  return LineError(bytes, at, "the corpus has no words; give documents with some");
}

// The most positions that key `k` may have, and, behind an error's "beyond the N words", who says
// so.
inline int64_t MostOf(const KeyedOptions& options, size_t k) {
  return options.known[k] ? static_cast<int64_t>(options.known[k]->name.size()) : kMostRows;
}
inline std::string SaidBy(const KeyedOptions& options, size_t k) {
  return options.known[k] ? absl::StrCat(" of ", options.known[k]->origin) : "";
}

// Names and extent of key `k`, of which a file shows (or says) `shown` positions.
inline void SetExtent(const KeyedOptions& options, size_t k, int64_t shown, Key* key) {
  key->extent = shown;
  if (!options.known[k]) return;
  key->extent = static_cast<int64_t>(options.known[k]->name.size());
  key->names = options.known[k]->name;
}

// Numbers one behind the other into a block.
template <class T>
class Column {
 public:
  explicit Column(OwnedBlock* block) : released_(block->mutable_values<T>()), at_(released_) {}
  void Put(T value) {
    *at_++ = value;
    if (at_ - released_ < kInOrder) return;
    ReleasePages(released_, at_);
    released_ = at_;
  }

 private:
  T *released_, *at_;
};

// Parses a file from its beginning: what lies far behind need not stay in memory.
class Behind {
 public:
  explicit Behind(const FileBytes& bytes) : bytes_(bytes), released_(bytes.begin()) {}
  void At(const char* p) {
    constexpr int64_t kFar = int64_t{16} << 20;
    if (p - released_ < kFar) return;
    bytes_.Release(released_, p);
    released_ = p;
  }

 private:
  const FileBytes& bytes_;
  const char* released_;
};

template <class T, class Parse>
absl::Status FillCounts(const Parse& parse, KeyedRows* out) {
  Column<int32_t> document(&out->key[0].at), word(&out->key[1].at);
  Column<T> value(&out->value);
  return parse([&](int32_t d, int32_t w, int64_t count) {
    document.Put(d), word.Put(w), value.Put(static_cast<T>(count));
    return true;
  });
}

template <class Parse>
absl::Status FillTokens(const Parse& parse, KeyedRows* out) {
  Column<int32_t> document(&out->key[0].at), word(&out->key[1].at);
  return parse([&](int32_t d, int32_t w, int64_t count) {
    for (; count > 0; --count) document.Put(d), word.Put(w);
    return true;
  });
}

// Entries (document, word, count) as rows: one for each entry when counts are wanted, else one for
// each token. `parse` hands every entry, in order, to its argument, and gives up with an error when
// that says false: there are too many. It runs twice, so that blocks are allocated once and whole.
template <class Parse>
absl::Status Gather(const KeyedOptions& options, const Parse& parse, KeyedRows* out) {
  const bool counts = options.values != KeyedValues::kNone;
  int64_t rows = 0;
  const absl::Status counted = parse([&](int32_t, int32_t, int64_t count) {
    if (!counts && count > kMostRows - rows) return false;
    rows += counts ? 1 : count;
    return rows <= kMostRows;
  });
  if (!counted.ok()) return counted;
  out->rows = rows;
  out->has_value = counts;
  for (Key& key : out->key) key.at = MakeDense(Type::kInt32, rows, 1);
  if (!counts) return FillTokens(parse, out);
  out->value = MakeDense(options.type, rows, 1);
  return options.type == Type::kFloat32 ? FillCounts<float>(parse, out)
                                        : FillCounts<double>(parse, out);
}

}  // namespace gyre::io
