// Ratings: `user item rating`, more fields are left alone; # and % begin comments.
//
// What separates fields is read off the first line: ::, else a tab, else a comma, else blanks.
// Users and items are whole numbers or words.
#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/bags.h"
#include "runtime/data/names.h"

namespace gyre::io {
namespace {

using absl::string_view;

// Whether `text` is a whole number as it would be printed; 007 and +7 are words.
bool IsNumber(string_view text, int64_t* value) {
  const char* const end = text.data() + text.size();
  const size_t sign = !text.empty() && text[0] == '-';
  if (text.size() <= sign || text.size() > sign + 18) return false;
  if (text[sign] == '0' && text.size() > 1) return false;
  const auto result = std::from_chars(text.data(), end, *value);
  return result.ec == std::errc() && result.ptr == end;
}

// Numbers the ids of a key in the order in which they come, and knows their names. While all are
// numbers they are kept, and later ordered, as such.
class Ids {
 public:
  static constexpr int32_t kUnknown = -1;

  explicit Ids(const std::optional<KnownNames>& known) {
    if (!known) return;
    for (const std::string& name : known->name) Position(name);
    closed_ = true;
  }

  int32_t Position(string_view id) {
    int64_t value;
    if (numbers_ && IsNumber(id, &value)) return In(&number_, value);
    if (numbers_) ToWords();
    return In(&word_, id);
  }

  // The names in their order; `to` is where each id goes.
  std::vector<std::string> Sorted(std::vector<int32_t>* to) const {
    std::vector<std::string> names;
    to->resize(static_cast<size_t>(size_));
    const auto put = [&](auto ids, const auto& name) {
      std::sort(ids.begin(), ids.end());
      for (const auto& [id, at] : ids) {
        (*to)[static_cast<size_t>(at)] = static_cast<int32_t>(names.size());
        names.push_back(name(id));
      }
    };
    using Number = std::pair<int64_t, int32_t>;
    using Word = std::pair<std::string, int32_t>;
    if (numbers_) {
      put(std::vector<Number>(number_.begin(), number_.end()),
          [](int64_t id) { return absl::StrCat(id); });
    } else {
      put(std::vector<Word>(word_.begin(), word_.end()), [](const std::string& id) { return id; });
    }
    return names;
  }

 private:
  template <class Map, class Id>
  int32_t In(Map* map, const Id& id) {
    const auto found = map->find(id);
    if (found != map->end()) return found->second;
    if (closed_) return kUnknown;
    map->emplace(id, static_cast<int32_t>(size_));
    return static_cast<int32_t>(size_++);
  }

  // The first id that is no number.
  void ToWords() {
    for (const auto& [id, at] : number_) word_.emplace(absl::StrCat(id), at);
    number_.clear();
    numbers_ = false;
  }

  bool numbers_ = true, closed_ = false;
  int64_t size_ = 0;
  absl::flat_hash_map<int64_t, int32_t> number_;
  absl::flat_hash_map<std::string, int32_t> word_;
};

class RatingsParser {
 public:
  RatingsParser(const FileBytes& bytes, const KeyedOptions& options)
      : bytes_(bytes), options_(options), ids_{Ids(options.known[0]), Ids(options.known[1])} {}

  absl::StatusOr<KeyedRows> Run() {
    const char* p = NextText(bytes_.begin());
    if (p >= bytes_.end()) {
      return LineError(bytes_, bytes_.begin(),
                       "there is no rating in the file; give at least one line of data");
    }
    Look(p);
    const int64_t lines = CountLines({p, bytes_.end()}, '\n').lines;
    if (lines > kMostRows) {
      return LineError(bytes_, p,
                       absl::StrCat("there are more than ", kMostRows, " ratings; give a part"));
    }
    KeyedRows out;
    out.has_value = valued_;
    for (Key& key : out.key) key.at = MakeDense(Type::kInt32, lines, 1);
    if (valued_) out.value = MakeDense(options_.type, lines, 1);
    const absl::Status status =
        options_.type == Type::kFloat32 ? Parse<float>(p, &out) : Parse<double>(p, &out);
    if (!status.ok()) return status;
    for (size_t k = 0; k < 2; ++k) Finish(k, &out);
    if (valued_) out.value.block.rows = out.rows;
    return out;
  }

 private:
  const char* NextText(const char* p) const {
    while (p < bytes_.end()) {
      while (IsBlank(*p) || *p == '\r') ++p;
      if (*p == '#' || *p == '%') {
        p = SkipLine(p, bytes_.end());
      } else if (*p == '\n') {
        ++p;
      } else {
        return p;
      }
    }
    return bytes_.end();
  }

  // What the first line says of all: its separator, and whether it has a rating.
  void Look(const char* p) {
    const string_view line(p, static_cast<size_t>(SkipLine(p, bytes_.end()) - p));
    separator_ = absl::StrContains(line, "::")   ? ':'
                 : absl::StrContains(line, '\t') ? '\t'
                 : absl::StrContains(line, ',')  ? ','
                                                 : ' ';
    for (int i = 0; i < 2 && p != nullptr; ++i) p = Next(FieldEnd(p));
    valued_ = options_.values == KeyedValues::kRequired ||
              (options_.values == KeyedValues::kWhenThere && p != nullptr);
  }

  bool EndsLine(const char* p) const { return *p == '\n' || *p == '\0'; }
  bool Separates(const char* p) const {
    return separator_ == ' ' ? IsBlank(*p) : *p == separator_ && (separator_ != ':' || p[1] == ':');
  }
  const char* FieldEnd(const char* p) const {
    while (!EndsLine(p) && !Separates(p)) ++p;
    return p;
  }
  // The field after the one that ends at `p`; null when it is the last.
  const char* Next(const char* p) const {
    if (separator_ == ' ') {
      while (IsBlank(*p) || *p == '\r') ++p;
      return EndsLine(p) ? nullptr : p;
    }
    if (EndsLine(p)) return nullptr;
    p += separator_ == ':' ? 2 : 1;
    while (*p == ' ') ++p;
    return p;
  }

  absl::Status TooFew(const char* line) const {
    return LineError(
        bytes_, line,
        absl::StrCat("'", WordAt(line, "\r\n"), "' has too few fields; write user item",
                     valued_ ? " rating" : ""));
  }

  // Puts the position of key `k`, whose field begins at `p`, at `to`; returns the field's end.
  absl::StatusOr<const char*> ParseKey(const char* p, size_t k, int32_t* to) {
    const char* const end = FieldEnd(p);
    const string_view id =
        absl::StripTrailingAsciiWhitespace(string_view(p, static_cast<size_t>(end - p)));
    const char* const what = k == 0 ? "user" : "item";
    if (id.empty())
      return LineError(bytes_, p, absl::StrCat("the ", what, " is missing; drop the line"));
    if (!IsUtf8(id)) {
      return LineError(
          bytes_, p,
          absl::StrCat("the ", what, " is not UTF-8; convert the file, as by iconv -t UTF-8"));
    }
    *to = ids_[k].Position(id);
    if (*to == Ids::kUnknown) {
      return LineError(
          bytes_, p,
          absl::StrCat(what, " ", WordAt(std::string(id).c_str(), ""), " is not among ",
                       ListedNames(options_.known[k]->name), "; use data with the ", what, "s of ",
                       options_.known[k]->origin));
    }
    return end;
  }

  template <class T>
  absl::Status ParseValue(const char* p, T* to) const {
    double v = 0;
    const char* const number = ParseNumber(p, &v);
    const char* after = number == nullptr ? p : number;
    while (*after == ' ' || *after == '\r') ++after;
    const bool ends = number != nullptr && (EndsLine(after) || Separates(after) ||
                                            (separator_ == ' ' && after > number));
    if (!ends || !Fits<T>(v)) {
      const std::string separators =
          separator_ == ' ' ? " \t\r\n" : std::string("\r\n") + separator_;
      return LineError(bytes_, p, NumberProblem(p, "the rating", separators));
    }
    *to = static_cast<T>(v);
    return absl::OkStatus();
  }

  template <class T>
  absl::Status Parse(const char* p, KeyedRows* out) {
    int32_t* const user = out->key[0].at.mutable_values<int32_t>();
    int32_t* const item = out->key[1].at.mutable_values<int32_t>();
    T* const value = out->value.mutable_values<T>();
    for (; p < bytes_.end(); p = NextText(p)) {
      const char* const line = p;
      const int64_t r = out->rows++;
      auto end = ParseKey(p, 0, user + r);
      if (!end.ok()) return end.status();
      p = Next(*end);
      if (p == nullptr) return TooFew(line);
      end = ParseKey(p, 1, item + r);
      if (!end.ok()) return end.status();
      if (valued_) {
        p = Next(*end);
        if (p == nullptr) return TooFew(line);
        const absl::Status status = ParseValue(p, value + r);
        if (!status.ok()) return status;
      }
      p = SkipLine(p, bytes_.end());
    }
    return absl::OkStatus();
  }

  void Finish(size_t k, KeyedRows* out) {
    Key& key = out->key[k];
    key.at.block.rows = out->rows;
    if (options_.known[k]) return SetExtent(options_, k, 0, &key);
    std::vector<int32_t> to;
    key.names = ids_[k].Sorted(&to);
    key.extent = static_cast<int64_t>(key.names.size());
    int32_t* const at = key.at.mutable_values<int32_t>();
    for (int64_t r = 0; r < out->rows; ++r) at[r] = to[static_cast<size_t>(at[r])];
  }

  const FileBytes& bytes_;
  const KeyedOptions& options_;
  std::array<Ids, 2> ids_;
  char separator_ = ' ';
  bool valued_ = false;
};

}  // namespace

absl::StatusOr<KeyedRows> ReadRatings(const FileBytes& bytes, const KeyedOptions& options) {
  return RatingsParser(bytes, options).Run();
}

}  // namespace gyre::io
