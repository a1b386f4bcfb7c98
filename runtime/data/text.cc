#include "runtime/data/text.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gyre::io {
namespace {

// floor(size * shard / shards) without overflow, so that parts nest (see Source::Parse).
int64_t Cut(int64_t size, int64_t shard, int64_t shards) {
  return static_cast<int64_t>(static_cast<__int128>(size) * shard / shards);
}

const char* FirstLineFrom(const FileBytes& bytes, const char* body, int64_t at) {
  if (at == 0) return body;
  return SkipLine(body + at - 1, bytes.end());
}

}  // namespace

Range ShardOfLines(const FileBytes& bytes, const char* body, int shard, int shards) {
  const int64_t size = bytes.end() - body;
  return {FirstLineFrom(bytes, body, Cut(size, shard, shards)),
          FirstLineFrom(bytes, body, Cut(size, shard + 1, shards))};
}

LineCounts CountLines(Range range, char mark) {
  LineCounts out;
  const char* p = range.begin;
  while (p < range.end) {
    // Blocks short enough for counts of a byte each: the loop below vectorises.
    const char* const stop = p + std::min<int64_t>(range.end - p, 4096);
    int lines = 0, marks = 0;
    for (; p < stop; ++p) {
      lines += *p == '\n';
      marks += *p == mark;
    }
    out.lines += lines;
    out.marks += marks;
  }
  if (range.begin < range.end && range.end[-1] != '\n') ++out.lines;
  return out;
}

absl::Status LineError(const FileBytes& bytes, const char* at, absl::string_view what) {
  const auto line = std::count(bytes.begin(), std::min(at, bytes.end()), '\n') + 1;
  return absl::InvalidArgumentError(absl::StrCat(bytes.path(), ":", line, ": ", what));
}

std::string WordAt(const char* p, absl::string_view separators) {
  constexpr size_t kLongest = 24;
  std::string word;
  for (; *p != '\0' && !absl::StrContains(separators, *p); ++p) {
    if (word.size() == kLongest) return absl::StrCat(word, "...");
    word.push_back(absl::ascii_isprint(static_cast<unsigned char>(*p)) ? *p : '?');
  }
  return word;
}

std::string NumberProblem(const char* p, absl::string_view what, absl::string_view separators) {
  const std::string word = WordAt(p, separators);
  if (word.empty()) {
    return absl::StrCat(what, " is missing; fill it in or drop the row");
  }
  absl::string_view bare = word;
  if (bare.front() == '-' || bare.front() == '+') bare.remove_prefix(1);
  if (absl::StartsWithIgnoreCase(bare, "nan") || absl::StartsWithIgnoreCase(bare, "inf") ||
      absl::EqualsIgnoreCase(bare, "na")) {
    return absl::StrCat(what, " is ", word, "; fill it in or drop the row");
  }
  double v;
  const char* after = ParseNumber(p, &v);
  if (after != nullptr && (*after == '\0' || absl::StrContains(separators, *after))) {
    return absl::StrCat(what, " ", word, " is too large for the element type; rescale the data");
  }
  return absl::StrCat(what, " '", word, "' is not a number; write it as a decimal number");
}

}  // namespace gyre::io
