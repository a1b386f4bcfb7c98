#include "runtime/data/names.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/data/text.h"

namespace gyre::io {

absl::StatusOr<std::vector<std::string>> ReadNames(const std::string& path) {
  const auto bytes = FileBytes::Open(path);
  if (!bytes.ok()) return bytes.status();
  std::vector<std::string> names;
  for (const char *p = (*bytes)->begin(), *end = (*bytes)->end(); p < end;) {
    const char* const next = SkipLine(p, end);
    const absl::string_view name =
        absl::StripAsciiWhitespace(absl::string_view(p, static_cast<size_t>(next - p)));
    if (!IsUtf8(name)) {
      return LineError(**bytes, p, "the name is not UTF-8; convert the file, as by iconv -t UTF-8");
    }
    names.emplace_back(name);
    p = next;
  }
  return names;
}

std::string VocabularyBeside(const std::string& path) {
  namespace fs = std::filesystem;
  std::string name = fs::path(path).filename().string();
  absl::string_view stem = name;
  if (!absl::ConsumeSuffix(&stem, ".gz")) absl::ConsumeSuffix(&stem, ".xz");
  if (!absl::ConsumePrefix(&stem, "docword.") || !absl::EndsWith(stem, ".txt")) return "";
  for (const char* packed : {"", ".gz", ".xz"}) {
    const fs::path beside = fs::path(path).parent_path() / absl::StrCat("vocab.", stem, packed);
    std::error_code none;
    if (fs::exists(beside, none)) return beside.string();
  }
  return "";
}

std::string ListedNames(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  if (names.size() <= kShown + 1) return absl::StrJoin(names, ", ");
  return absl::StrCat(absl::StrJoin(names.begin(), names.begin() + kShown, ", "), ", ... (",
                      names.size(), " values)");
}

// RFC 3629, section 4.
bool IsUtf8(absl::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p < end) {
    const unsigned char lead = *p++;
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || end - p < more) return false;
    const unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (*p < least || *p > most) return false;
    for (int i = 1; i < more; ++i) {
      if ((p[i] & 0xc0) != 0x80) return false;
    }
    p += more;
  }
  return true;
}

}  // namespace gyre::io
