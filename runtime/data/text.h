// What the text formats share: cutting a file at line ends, and errors that name the line.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/data/file_bytes.h"
#include "runtime/data/number.h"

namespace gyre::io {

struct Range {
  const char* begin;
  const char* end;
};

// The lines of [body, file end) whose first byte lies in part `shard` of `shards` equal parts.
Range ShardOfLines(const FileBytes& bytes, const char* body, int shard, int shards);

struct LineCounts {
  int64_t lines = 0;  // including a last one without a newline
  int64_t marks = 0;  // occurrences of `mark`
};
LineCounts CountLines(Range range, char mark);

// `path:line: what`, where `at` lies in the line. Counts the newlines before it, so only for
// errors.
absl::Status LineError(const FileBytes& bytes, const char* at, absl::string_view what);

// The word at `p`, shortened, for quoting in an error.
std::string WordAt(const char* p, absl::string_view separators = " \t\r\n");

// Why the text at `p` is not a usable number, with the advice. `what` says what it should have
// been.
std::string NumberProblem(const char* p, absl::string_view what,
                          absl::string_view separators = " \t\r\n");

// End of line for parsers that stop at newline or NUL.
inline const char* SkipLine(const char* p, const char* end) {
  const void* newline = std::memchr(p, '\n', static_cast<size_t>(end - p));
  return newline == nullptr ? end : static_cast<const char*>(newline) + 1;
}
inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Parses the whole number at `p`, digits alone; null when there is none or it has over 18 digits.
inline const char* ParseWhole(const char* p, int64_t* value) {
  const char* const begin = p;
  uint64_t v = 0;
  for (; IsDigit(*p); ++p) v = v * 10 + static_cast<uint64_t>(*p - '0');
  if (p == begin || p - begin > 18) return nullptr;
  *value = static_cast<int64_t>(v);
  return p;
}
// The same, after blanks of its line and up to a blank or the end of the line.
inline const char* ParseCount(const char* p, int64_t* value) {
  while (IsBlank(*p)) ++p;
  p = ParseWhole(p, value);
  if (p == nullptr || IsBlank(*p) || *p == '\n' || *p == '\r' || *p == '\0') return p;
  return nullptr;
}

// Whether a parsed number fits the element type as a finite value.
template <class T>
bool Fits(double v) {
  return std::abs(v) <= static_cast<double>(std::numeric_limits<T>::max());
}

}  // namespace gyre::io
