// Raw text: a document a line, cut into words. docs/data.md has the rules.
#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/bags.h"
#include "runtime/data/names.h"
#include "runtime/data/word_table.h"

namespace gyre::io {
namespace {

constexpr int kShortest = 3;  // characters of a word

// Bytes of characters beyond ASCII are letters.
constexpr std::array<bool, 256> kLetter = [] {
  std::array<bool, 256> letter{};
  for (size_t c = 0; c < 256; ++c)
    letter[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
  return letter;
}();
bool IsLetter(char c) { return kLetter[static_cast<unsigned char>(c)]; }

// What follows the word at `p`, a letter.
const char* SkipWord(const char* p) {
  do {
    while (IsLetter(*p)) ++p;
  } while (*p == '\'' && IsLetter(*++p));
  return p[-1] == '\'' ? p - 1 : p;
}

bool IsShort(const char* begin, const char* end) {
  constexpr int kWidest = 4;  // bytes of a character
  if (end - begin >= kShortest * kWidest) return false;
  return std::count_if(begin, end, [](char c) { return (c & 0xc0) != 0x80; }) < kShortest;
}

class Corpus {
 public:
  Corpus(const FileBytes& bytes, const KeyedOptions& options) : bytes_(bytes), options_(options) {}

  absl::Status Read() {
    // A word and what ends it take four bytes: more than enough, and what is not used costs
    // nothing.
    word_.reserve(static_cast<size_t>(bytes_.size() / (kShortest + 1) + 1));
    if (options_.known[1]) {
      for (const std::string& name : options_.known[1]->name) {
        number_.Add(LowerWord::Of(name), static_cast<int32_t>(seen_.size()));
        seen_.emplace_back();
      }
    } else {
      const auto& stop = options_.stop_words ? *options_.stop_words : EnglishStopWords();
      for (const std::string& name : stop) number_.Add(LowerWord::Of(name), kDropped);
    }
    const char* p = bytes_.begin();
    if (absl::string_view(p, 3) == "\xef\xbb\xbf") p += 3;  // the mark that some editors put
    while (p < bytes_.end()) {
      const char* const next = SkipLine(p, bytes_.end());
      const absl::Status status = ReadLine(p, next);
      if (!status.ok()) return status;
      p = next;
    }
    end_.shrink_to_fit();
    return absl::OkStatus();
  }

  absl::StatusOr<KeyedRows> Rows() {
    KeyedRows out;
    const absl::Status named = NameDocuments(&out.key[0]);
    if (!named.ok()) return named;
    NameWords(&out.key[1]);
    const absl::Status status = Gather(
        options_, [&](const auto& each) { return Entries(each); }, &out);
    if (!status.ok()) return status;
    if (out.rows > 0) return out;
    return LineError(
        bytes_, bytes_.begin(),
        options_.known[1]
            ? absl::StrCat("no word is among those", SaidBy(options_, 1), "; give text like it")
            : absl::StrCat("no word is left: each is short, a stop word, occurs fewer than ",
                           options_.min_count,
                           " times or in over half of the documents; lower --min_count"));
  }

 private:
  static constexpr int32_t kDropped = -1;

  struct Word {
    int64_t places = 0;
    int32_t documents = 0, last = -1;  // documents that have it; the last of them
  };

  absl::Status ReadLine(const char* p, const char* end) {
    const char* const tab =
        static_cast<const char*>(std::memchr(p, '\t', static_cast<size_t>(end - p)));
    if (tab != nullptr && tab > p && std::find(p, tab, ' ') == tab) {
      const std::string label(p, tab);
      if (!IsUtf8(label)) return NotUtf8(p);
      label_.emplace(documents(), label);
      p = tab + 1;
    }
    if (documents() == kMostRows)
      return LineError(bytes_, p, "there are too many documents; give a part of them");
    while (p < end) {
      if (!IsLetter(*p)) {
        ++p;
        continue;
      }
      const char* const begin = p;
      p = SkipWord(p);
      if (IsShort(begin, p)) continue;
      buffer_.Assign(begin, static_cast<size_t>(p - begin));
      int32_t id = number_.Find(buffer_);
      if (id == WordTable::kNone) {
        if (options_.known[1]) continue;
        if (!IsUtf8(buffer_.text())) return NotUtf8(begin);
        id = number_.Add(buffer_, static_cast<int32_t>(seen_.size()));
        seen_.emplace_back();
      }
      if (id == kDropped) continue;
      Word& word = seen_[static_cast<size_t>(id)];
      const int32_t document = static_cast<int32_t>(documents());
      ++word.places;
      word.documents += word.last != document;
      word.last = document;
      word_.push_back(id);
    }
    end_.push_back(static_cast<int64_t>(word_.size()));
    return absl::OkStatus();
  }

  absl::Status NotUtf8(const char* at) const {
    return LineError(bytes_, at, "the text is not UTF-8; convert the file, as by iconv -t UTF-8");
  }

  int64_t documents() const { return static_cast<int64_t>(end_.size()); }

  // Labels where all are different, and numbers of lines.
  std::vector<std::string> DocumentNames() const {
    absl::flat_hash_set<std::string> names;
    for (const auto& [document, label] : label_) names.insert(label);
    const bool by_label = names.size() == label_.size();
    std::vector<std::string> out;
    for (int64_t d = 0; d < documents(); ++d) {
      const auto label = label_.find(d);
      out.push_back(by_label && label != label_.end() ? label->second : absl::StrCat(d + 1));
    }
    return out;
  }

  // Where names are known a document is the one of its name; else they are in the file's order.
  absl::Status NameDocuments(Key* key) {
    const std::vector<std::string> own = DocumentNames();
    position_.resize(own.size());
    std::iota(position_.begin(), position_.end(), 0);
    key->extent = documents();
    key->names = own;
    if (!options_.known[0]) return absl::OkStatus();
    const KnownNames& known = *options_.known[0];
    key->extent = MostOf(options_, 0);
    key->names = known.name;
    if (known.exact) {
      if (key->extent == documents()) return absl::OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat(bytes_.path(), ": has ", documents(), " documents, where ", known.origin,
                       " names ", known.name.size(), "; give the names of this corpus"));
    }
    absl::flat_hash_map<std::string, int32_t> at;
    for (size_t i = 0; i < known.name.size(); ++i)
      at.emplace(known.name[i], static_cast<int32_t>(i));
    for (size_t d = 0; d < own.size(); ++d) {
      const auto found = at.find(own[d]);
      if (found == at.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat(bytes_.path(), ":", d + 1, ": document '", own[d], "' is not among ",
                         ListedNames(known.name), "; use documents of ", known.origin));
      }
      position_[d] = found->second;
    }
    return absl::OkStatus();
  }

  // Known words keep their positions; else those that are neither rare nor everywhere, in
  // alphabetical order.
  void NameWords(Key* key) {
    if (options_.known[1]) return SetExtent(options_, 1, 0, key);
    std::vector<std::pair<std::string, int32_t>> kept;
    number_.ForEach([&](absl::string_view name, int32_t id) {
      if (id == kDropped) return;
      const Word& word = seen_[static_cast<size_t>(id)];
      if (word.places >= options_.min_count && 2 * int64_t{word.documents} <= documents())
        kept.emplace_back(name, id);
    });
    std::sort(kept.begin(), kept.end());
    std::vector<int32_t> to(seen_.size(), kDropped);
    for (size_t i = 0; i < kept.size(); ++i) {
      to[static_cast<size_t>(kept[i].second)] = static_cast<int32_t>(i);
      key->names.push_back(std::move(kept[i].first));
    }
    key->extent = static_cast<int64_t>(kept.size());
    for (int32_t& id : word_) id = to[static_cast<size_t>(id)];
  }

  // With counts a word is an entry of its document once.
  template <class Each>
  absl::Status Entries(const Each& each) {
    const bool counts = options_.values != KeyedValues::kNone;
    int64_t begin = 0;
    for (size_t d = 0; d < end_.size(); begin = end_[d++]) {
      int32_t *word = word_.data() + begin, *const last = word_.data() + end_[d];
      if (counts) std::sort(word, last);
      while (word < last) {
        const int32_t id = *word;
        int64_t count = 0;
        do {
          ++count, ++word;
        } while (counts && word < last && *word == id);
        if (id != kDropped && !each(position_[d], id, count))
          return TooManyRows(bytes_, bytes_.end());
      }
    }
    return absl::OkStatus();
  }

  const FileBytes& bytes_;
  const KeyedOptions& options_;
  LowerWord buffer_;  // the word at hand
  WordTable number_;
  std::vector<Word> seen_;                           // by id
  std::vector<int32_t> word_;                        // ids, document after document
  std::vector<int64_t> end_;                         // of each document in word_
  absl::flat_hash_map<int64_t, std::string> label_;  // by document
  std::vector<int32_t> position_;                    // of each document
};

}  // namespace

absl::StatusOr<KeyedRows> ReadText(const FileBytes& bytes, const KeyedOptions& options) {
  Corpus corpus(bytes, options);
  const absl::Status status = corpus.Read();
  if (!status.ok()) return status;
  return corpus.Rows();
}

}  // namespace gyre::io
