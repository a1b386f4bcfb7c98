// Words to numbers, for cutting text: a table whose slots hold words of up to 16 bytes whole, so
// that a word seen before costs one line of cache and two comparisons. Longer words are in a map.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gyre::io {

// A word in lower case (ASCII's letters). Short ones are padded with NULs, which no word has.
class LowerWord {
 public:
  static constexpr size_t kShort = 16;
  using Key = std::array<uint64_t, 2>;

  // REQUIRES: kShort bytes may be read at `begin`.
  void Assign(const char* begin, size_t size) {
    size_ = size;
    if (size > kShort) {
      long_ = absl::AsciiStrToLower(absl::string_view(begin, size));
      return;
    }
    std::memcpy(key_.data(), begin, kShort);
    key_[0] = Lower(key_[0] & Mask(std::min<size_t>(size, 8)));
    key_[1] = Lower(key_[1] & Mask(size - std::min<size_t>(size, 8)));
  }
  static LowerWord Of(absl::string_view text) {
    LowerWord word;
    word.Assign(absl::StrCat(text, std::string(kShort, '\0')).data(), text.size());
    return word;
  }

  bool is_short() const { return size_ <= kShort; }
  const Key& key() const { return key_; }  // when short
  std::string text() const { return is_short() ? TextOf(key_) : long_; }

  static std::string TextOf(const Key& key) {
    char text[kShort];
    std::memcpy(text, key.data(), kShort);
    return {text, strnlen(text, kShort)};
  }

 private:
  static uint64_t Mask(size_t bytes) { return bytes == 0 ? 0 : ~uint64_t{0} >> (64 - 8 * bytes); }
  // Eight bytes at once: adds 0x20 to those from A to Z. Sums stay within their bytes, as the high
  // bits are off.
  static uint64_t Lower(uint64_t v) {
    constexpr uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes;
    const uint64_t low = v & ~kHigh;
    const uint64_t from_a = low + (0x80 - 'A') * kOnes, past_z = low + (0x80 - 'Z' - 1) * kOnes;
    return v + ((from_a & ~past_z & ~v & kHigh) >> 2);
  }

  Key key_ = {};
  size_t size_ = 0;
  std::string long_;
};

class WordTable {
 public:
  static constexpr int32_t kNone = -2;  // no number is it

  WordTable() : slot_(1 << 12) {}

  int32_t Find(const LowerWord& word) const {
    if (word.is_short()) return slot_[Place(word.key())].number;
    const auto found = long_.find(word.text());
    return found == long_.end() ? kNone : found->second;
  }

  // The number of `word`: the one it has, else `number`.
  int32_t Add(const LowerWord& word, int32_t number) {
    if (!word.is_short()) return long_.try_emplace(word.text(), number).first->second;
    if (2 * used_ >= slot_.size()) Grow();
    const Key key = word.key();
    Slot& slot = slot_[Place(key)];
    if (slot.number == kNone) {
      slot = {key, number};
      ++used_;
    }
    return slot.number;
  }

  // Calls `each(word, number)`, in no order.
  template <class Each>
  void ForEach(const Each& each) const {
    for (const auto& [word, number] : long_) each(word, number);
    for (const Slot& slot : slot_) {
      if (slot.number != kNone) each(LowerWord::TextOf(slot.key), slot.number);
    }
  }

 private:
  using Key = LowerWord::Key;
  struct Slot {
    Key key = {};
    int32_t number = kNone;
  };

  // Where `key` is, or would be.
  size_t Place(const Key& key) const {
    const auto mixed =
        static_cast<unsigned __int128>(key[0] ^ 0x9e3779b97f4a7c15) * (key[1] ^ 0xe7037ed1a0b428db);
    size_t at =
        static_cast<size_t>(static_cast<uint64_t>(mixed) ^ static_cast<uint64_t>(mixed >> 64));
    for (at ^= at >> 32;; ++at) {
      const Slot& slot = slot_[at & (slot_.size() - 1)];
      if (slot.number == kNone || slot.key == key) return at & (slot_.size() - 1);
    }
  }

  void Grow() {
    std::vector<Slot> old(slot_.size() * 2);
    old.swap(slot_);
    for (const Slot& slot : old) {
      if (slot.number != kNone) slot_[Place(slot.key)] = slot;
    }
  }

  std::vector<Slot> slot_;  // a power of two of them, at most half in use
  size_t used_ = 0;
  absl::flat_hash_map<std::string, int32_t> long_;
};

}  // namespace gyre::io
