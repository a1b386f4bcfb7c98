// Files whose rows are keyed: two positions a row, and a number where there is one.
//
//   docword   the UCI bags of words: D, W and NNZ on lines of their own, then `document word count`
//   ldac      of LDA-C: `N word:count ...`, a line a document
//   text      a document a line, cut into words
//   ratings   `user item rating`
//
// The keys of the first three are documents and words. Where no counts are wanted, an entry of
// count n is n rows: tokens. Blocks are int32, eight bytes a row in all. Thread-safe.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/data/format.h"
#include "runtime/data/memory.h"

namespace gyre {

bool IsKeyed(FileFormat format);

// The words that text is cleared of unless the user has a list: ascending, lower-case.
const std::vector<std::string>& EnglishStopWords();

// Names that are known before the file is read: a vocabulary, or those of the training data.
struct KnownNames {
  std::vector<std::string> name;  // by position
  std::string origin;             // who says so, for errors
  bool exact = false;             // a file that says its own extent must say this one
};

enum class KeyedValues : uint8_t {
  kNone,       // not wanted: bags of words become tokens
  kWhenThere,  // ratings: when the first line has one
  kRequired,
};

struct KeyedOptions {
  FileFormat format = FileFormat::kDocword;
  Type type = Type::kFloat64;  // of values: kFloat32 or kFloat64
  KeyedValues values = KeyedValues::kNone;
  std::array<std::optional<KnownNames>, 2> known = {};  // by key

  // Text: words that occur fewer times, or in more than half of the documents, are left out, and so
  // are stop words. Known words replace these rules.
  int64_t min_count = 5;
  const std::vector<std::string>* stop_words = nullptr;  // nullptr: EnglishStopWords()
};

struct Key {
  OwnedBlock at;                   // int32 positions from 0, rows x 1
  int64_t extent = 0;              // positions there are, some of which may not occur
  std::vector<std::string> names;  // of the positions; empty: they have none
};

struct KeyedRows {
  int64_t rows = 0;
  std::array<Key, 2> key;
  OwnedBlock value;  // counts or ratings, of the type asked for
  bool has_value = false;
};

// REQUIRES: IsKeyed(options.format). Errors begin with `path:line`.
absl::StatusOr<KeyedRows> ReadKeyed(const std::string& path, const KeyedOptions& options);

}  // namespace gyre
