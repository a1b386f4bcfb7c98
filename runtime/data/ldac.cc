// LDA-C: a line a document, `N word:count word:count ...`, words numbered from 0.
// https://github.com/blei-lab/lda-c
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/data/bags.h"

namespace gyre::io {
namespace {

// What a file shows: lines, and the largest word.
struct Shown {
  int64_t documents = 0, words = 0;
};

const char* SkipBlanks(const char* p) {
  while (IsBlank(*p) || *p == '\r') ++p;
  return p;
}

class LdacParser {
 public:
  LdacParser(const FileBytes& bytes, const KeyedOptions& options)
      : bytes_(bytes),
        options_(options),
        most_documents_(MostOf(options, 0)),
        most_words_(MostOf(options, 1)) {}

  template <class Each>
  absl::Status Parse(const Each& each, Shown* shown) const {
    *shown = {};
    Behind behind(bytes_);
    for (const char* p = bytes_.begin(); p < bytes_.end(); ++shown->documents) {
      if (shown->documents == most_documents_) {
        return LineError(bytes_, p,
                         absl::StrCat("there are more than the ", most_documents_, " documents",
                                      SaidBy(options_, 0), "; give the names of this corpus"));
      }
      const auto after = ParseLine(p, each, shown);
      if (!after.ok()) return after.status();
      p = *after + 1;  // past the newline, or past the end
      behind.At(std::min(p, bytes_.end()));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Error(const char* at, absl::string_view what) const {
    return LineError(bytes_, at, what);
  }

  // Parses the document at `line`; returns the end of its line.
  template <class Each>
  absl::StatusOr<const char*> ParseLine(const char* line, const Each& each, Shown* shown) const {
    int64_t announced, previous = -1;
    const char* p = ParseCount(line, &announced);
    if (p == nullptr) {
      return Error(line, absl::StrCat("the line begins with '", WordAt(line),
                                      "' where the number of its words should be; write N "
                                      "word:count ..., and 0 for an empty document"));
    }
    for (int64_t k = 0;; ++k) {
      p = SkipBlanks(p);
      if (*p == '\n' || p >= bytes_.end()) {
        if (k == announced) return p;
        return Error(line, absl::StrCat("the line announces ", announced, " words and has ", k,
                                        "; correct the first number"));
      }
      if (k == announced) {
        return Error(line, absl::StrCat("the line has more than the ", announced,
                                        " words it announces; correct the first number"));
      }
      int64_t word, count;
      const char* q = ParseWhole(p, &word);
      q = q != nullptr && *q == ':' ? ParseCount(q + 1, &count) : nullptr;
      if (q == nullptr) {
        return Error(p, absl::StrCat("'", WordAt(p), "' is not an entry; write word:count, whole ",
                                     "numbers, words from 0"));
      }
      if (word >= most_words_) {
        return Error(p, absl::StrCat("word ", word, " is beyond the ", most_words_, " words",
                                     SaidBy(options_, 1), "; words are numbered from 0"));
      }
      if (count < 1)
        return Error(p, absl::StrCat("the count of word ", word, " is 0; leave the entry out"));
      if (word == previous)
        return Error(p, absl::StrCat("word ", word, " appears twice; add the counts up"));
      if (!each(static_cast<int32_t>(shown->documents), static_cast<int32_t>(word), count))
        return TooManyRows(bytes_, p);
      previous = word;
      shown->words = std::max(shown->words, word + 1);
      p = q;
    }
  }

  const FileBytes& bytes_;
  const KeyedOptions& options_;
  const int64_t most_documents_, most_words_;
};

}  // namespace

absl::StatusOr<KeyedRows> ReadLdac(const FileBytes& bytes, const KeyedOptions& options) {
  const LdacParser parser(bytes, options);
  Shown shown;
  KeyedRows out;
  const absl::Status status = Gather(
      options, [&](const auto& each) { return parser.Parse(each, &shown); }, &out);
  if (!status.ok()) return status;
  if (out.rows == 0) return EmptyCorpus(bytes, bytes.begin());
  const auto& documents = options.known[0];
  if (documents && documents->exact && shown.documents != MostOf(options, 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        bytes.path(), ": has ", shown.documents, " documents, where ", documents->origin, " names ",
        documents->name.size(), "; give the names of this corpus"));
  }
  SetExtent(options, 0, shown.documents, &out.key[0]);
  SetExtent(options, 1, shown.words, &out.key[1]);
  return out;
}

}  // namespace gyre::io
