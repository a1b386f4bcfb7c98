// A stable 64-bit hash: the same bytes give the same number on every machine and in every version,
// because fingerprints are stored in plans. FNV-1a with a final mix (Stafford's variant 13), which
// spreads the last bytes over all bits. Not for untrusted keys.
#pragma once
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace gyre {

class StableHash {
 public:
  StableHash& Add(absl::string_view bytes) {
    Add(static_cast<uint64_t>(bytes.size()));
    for (const char c : bytes) Byte(static_cast<uint8_t>(c));
    return *this;
  }
  StableHash& Add(uint64_t value) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  StableHash& Add(int64_t value) { return Add(static_cast<uint64_t>(value)); }
  StableHash& Add(int value) { return Add(static_cast<uint64_t>(value)); }
  StableHash& Add(double value) {
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return Add(bits);
  }

  // Never 0, which means "no fingerprint" in a plan.
  uint64_t Finish() const {
    uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return x == 0 ? 1 : x;
  }

 private:
  void Byte(uint8_t b) { state_ = (state_ ^ b) * 0x100000001b3u; }
  uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace gyre
