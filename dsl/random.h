// Counter-based randomness: a draw is a pure function of (seed, name, index tuple, clock).
//
// So a draw does not depend on the number of workers, on the order of visits or on what was drawn
// before, and any process can repeat it. The generator is Philox 4x32-10 (Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011), keyed by seed and name, counting index and clock.
// No state, no allocation: usable inside kernels.
//
//   rng::Stream s(seed, rng::Hash("U"), clock);
//   double x = s.Normal(rng::Fold({u, k}));        // standard normal of element (u, k)
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace gyre::rng {

using Words = std::array<uint32_t, 4>;

// One block of Philox 4x32-10.
constexpr Words Philox(Words counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = kMultiplier0 * counter[0], p1 = kMultiplier1 * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

// A bijection of 64 bits that spreads every input bit over all output bits (SplitMix64's
// finaliser).
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

// 64-bit FNV-1a of a name.
constexpr uint64_t Hash(std::string_view name) {
  uint64_t h = 0xCBF29CE484222325;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return h;
}

// An index tuple as one counter: the index itself for one, well-spread for several.
constexpr uint64_t Fold(const int64_t* index, int rank) {
  uint64_t h = 0;
  for (int i = 0; i < rank; ++i)
    h = (i == 0 ? 0 : Mix(h + 0x9E3779B97F4A7C15)) + static_cast<uint64_t>(index[i]);
  return h;
}
constexpr uint64_t Fold(std::initializer_list<int64_t> index) {
  return Fold(index.begin(), static_cast<int>(index.size()));
}

// 53 random bits as a double in [0, 1).
constexpr double ToUnit(uint32_t high, uint32_t low) {
  const uint64_t bits = (static_cast<uint64_t>(high) << 32 | low) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

// The draws of one name at one clock; `counter` is a folded index tuple.
class Stream {
 public:
  constexpr Stream(uint64_t seed, uint64_t name, uint64_t clock)
      : key_(Mix(seed + 0x9E3779B97F4A7C15) ^ name), clock_(clock) {}

  constexpr Words Bits(uint64_t counter) const {
    return Philox({Low(counter), High(counter), Low(clock_), High(clock_)},
                  {Low(key_), High(key_)});
  }

  // Uniform in [0, 1).
  constexpr double Uniform(uint64_t counter) const {
    const Words w = Bits(counter);
    return ToUnit(w[0], w[1]);
  }

  // Standard normal, by Box and Muller; 1 - u keeps the logarithm finite.
  double Normal(uint64_t counter) const {
    constexpr double kTwoPi = 6.283185307179586476925;
    const Words w = Bits(counter);
    return std::sqrt(-2 * std::log(1 - ToUnit(w[0], w[1]))) * std::cos(kTwoPi * ToUnit(w[2], w[3]));
  }

  // 1 with probability p, else 0.
  constexpr double Bernoulli(uint64_t counter, double p) const { return Uniform(counter) < p; }

 private:
  static constexpr uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
  static constexpr uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

  uint64_t key_;
  uint64_t clock_;
};

// The category that a uniform draw `u` selects from n weights (>= 0, not all 0; total: their sum).
// Rounding can push u * total past the last step, hence the last weight that is not zero.
template <class Weight>
constexpr int64_t Category(double u, double total, int64_t n, Weight weight) {
  int64_t last = 0;
  double left = u * total;
  for (int64_t k = 0; k < n; ++k) {
    const double w = weight(k);
    if (!(w > 0)) continue;
    last = k;
    left -= w;
    if (left < 0) return k;
  }
  return last;
}

// The place of `row` in a random permutation of `rows` rows that only `seed` determines: a Feistel
// network on the next power of four, walked until it lands inside. Any process knows its rows'
// places without the others'.
constexpr int64_t Shuffled(uint64_t seed, int64_t row, int64_t rows) {
  int half = 1;
  while ((int64_t{1} << 2 * half) < rows) ++half;
  const uint64_t mask = (uint64_t{1} << half) - 1;
  auto x = static_cast<uint64_t>(row);
  do {
    uint64_t left = x >> half, right = x & mask;
    for (uint64_t round = 0; round < 4; ++round) {
      const uint64_t next = left ^ (Mix((right + round * 0x9E3779B97F4A7C15) ^ seed) & mask);
      left = right;
      right = next;
    }
    x = left << half | right;
  } while (x >= static_cast<uint64_t>(rows));
  return static_cast<int64_t>(x);
}

}  // namespace gyre::rng
