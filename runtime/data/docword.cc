// The UCI bags of words: https://archive.ics.uci.edu/dataset/164/bag+of+words
//
// Three lines with the numbers of documents, words and entries, then `document word count`,
// numbered from 1, documents ascending.
#include "absl/strings/str_cat.h"
#include "runtime/data/bags.h"

namespace gyre::io {
namespace {

struct Header {
  int64_t documents = 0, words = 0, entries = 0;
  const char* body = nullptr;
};

// The end of a line whose last number ends at `p`; null when more follows.
const char* EndOfLine(const char* p, const char* end) {
  while (IsBlank(*p) || *p == '\r') ++p;
  return *p == '\n' || p >= end ? p : nullptr;
}

// Skips blank lines.
const char* NextEntry(const char* p) {
  while (*p == '\n' || IsBlank(*p) || *p == '\r') ++p;
  return p;
}

absl::StatusOr<Header> ParseHeader(const FileBytes& bytes) {
  Header header;
  const char* p = bytes.begin();
  for (const auto& [what, value] :
       {std::pair{"documents", &header.documents}, std::pair{"words", &header.words},
        std::pair{"entries", &header.entries}}) {
    const char* const line = p;
    p = p < bytes.end() ? ParseCount(p, value) : nullptr;
    if (p != nullptr) p = EndOfLine(p, bytes.end());
    if (p == nullptr) {
      return LineError(bytes, line,
                       absl::StrCat("'", WordAt(line, "\r\n"), "' is not the number of ", what,
                                    "; begin with documents, words and entries, a line each"));
    }
    if (*value > kMostRows) {
      return LineError(bytes, line,
                       absl::StrCat("there are more than ", kMostRows, " ", what,
                                    "; give a part of the corpus"));
    }
    if (*p == '\n') ++p;
  }
  header.body = p;
  if (header.documents == 0 || header.words == 0 || header.entries == 0)
    return EmptyCorpus(bytes, p > bytes.begin() ? p - 1 : p);
  return header;
}

// Positions from 1, and where the entry before stood.
struct Entry {
  int64_t document = 0, word = 0, count = 0;
};

absl::Status Wrong(const FileBytes& bytes, const char* at, const Entry& e, const Entry& previous,
                   const Header& header) {
  const auto outside = [&](absl::string_view what, int64_t id, int64_t most) {
    return LineError(bytes, at,
                     absl::StrCat(what, " ", id, " lies outside 1 to ", most,
                                  ", which the header says; correct one of them"));
  };
  if (e.document < 1 || e.document > header.documents)
    return outside("document", e.document, header.documents);
  if (e.word < 1 || e.word > header.words) return outside("word", e.word, header.words);
  if (e.count < 1) return LineError(bytes, at, "the count is 0; leave the entry out");
  if (e.document < previous.document) {
    return LineError(bytes, at,
                     absl::StrCat("document ", e.document, " comes after ", previous.document,
                                  "; sort the entries by document"));
  }
  return LineError(bytes, at,
                   absl::StrCat("word ", e.word, " of document ", e.document,
                                " appears twice; add the counts up"));
}

template <class Each>
absl::Status ParseEntries(const FileBytes& bytes, const Header& header, const Each& each) {
  Entry previous;
  Behind behind(bytes);
  const char* p = header.body;
  for (int64_t k = 0; k < header.entries; ++k) {
    p = NextEntry(p);
    if (p >= bytes.end()) {
      return LineError(bytes, p,
                       absl::StrCat("the file ends after ", k, " of ", header.entries,
                                    " entries; it is cut short"));
    }
    Entry e;
    const char* q = ParseCount(p, &e.document);
    if (q != nullptr) q = ParseCount(q, &e.word);
    if (q != nullptr) q = ParseCount(q, &e.count);
    if (q != nullptr) q = EndOfLine(q, bytes.end());
    if (q == nullptr) {
      return LineError(bytes, p,
                       absl::StrCat("'", WordAt(p, "\r\n"),
                                    "' is not an entry; write document word count, whole numbers "
                                    "from 1"));
    }
    const bool fits = e.document >= 1 && e.document <= header.documents && e.word >= 1 &&
                      e.word <= header.words && e.count >= 1 && e.document >= previous.document &&
                      (e.word != previous.word || e.document != previous.document);
    if (!fits) [[unlikely]]
      return Wrong(bytes, p, e, previous, header);
    if (!each(static_cast<int32_t>(e.document - 1), static_cast<int32_t>(e.word - 1), e.count))
      return TooManyRows(bytes, p);
    previous = e;
    p = q;
    behind.At(p);
  }
  p = NextEntry(p);
  if (p >= bytes.end()) return absl::OkStatus();
  return LineError(bytes, p,
                   absl::StrCat("there are more than the ", header.entries,
                                " entries announced; correct line 3"));
}

// What the header says against the names that are known.
absl::Status CheckNames(const FileBytes& bytes, const Header& header, const KeyedOptions& options) {
  for (size_t k = 0; k < 2; ++k) {
    const int64_t says = k == 0 ? header.documents : header.words;
    const int64_t names = MostOf(options, k);
    if (!options.known[k] || (options.known[k]->exact ? says == names : says <= names)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        bytes.path(), ":", k + 1, ": says that there are ", says, k == 0 ? " documents" : " words",
        ", where ", options.known[k]->origin, " names ", names, "; give the names of this corpus"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyedRows> ReadDocword(const FileBytes& bytes, const KeyedOptions& options) {
  const auto header = ParseHeader(bytes);
  if (!header.ok()) return header.status();
  const absl::Status named = CheckNames(bytes, *header, options);
  if (!named.ok()) return named;
  KeyedRows out;
  SetExtent(options, 0, header->documents, &out.key[0]);
  SetExtent(options, 1, header->words, &out.key[1]);
  const absl::Status status = Gather(
      options, [&](const auto& each) { return ParseEntries(bytes, *header, each); }, &out);
  if (!status.ok()) return status;
  return out;
}

}  // namespace gyre::io
