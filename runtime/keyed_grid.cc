#include "runtime/keyed_grid.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <utility>

#include "dsl/random.h"

namespace gyre {
namespace {

constexpr int kMostCuts = 16;
constexpr double kRowsPerBlock = 256;
constexpr int64_t kKeysPerGroup = 4;

// order[k] sorted by bucket(order[k]), stable; the buckets' ends in `begin`, one more than there
// are.
template <class Bucket>
void SortByBucket(int64_t buckets, const Bucket& bucket, std::vector<int64_t>* order,
                  std::vector<int64_t>* begin) {
  begin->assign(static_cast<size_t>(buckets) + 1, 0);
  for (const int64_t r : *order) ++(*begin)[static_cast<size_t>(bucket(r)) + 1];
  std::partial_sum(begin->begin(), begin->end(), begin->begin());
  std::vector<int64_t> next(begin->begin(), begin->end() - 1), sorted(order->size());
  for (const int64_t r : *order)
    sorted[static_cast<size_t>(next[static_cast<size_t>(bucket(r))]++)] = r;
  order->swap(sorted);
}

}  // namespace

int KeyedGrid::CutsFor(const std::vector<int64_t>& keys, int64_t rows) {
  const auto maps = static_cast<double>(keys.size());
  int64_t cuts = std::llround(std::pow(static_cast<double>(rows) / kRowsPerBlock, 1 / maps));
  for (const int64_t k : keys) cuts = std::min(cuts, k / kKeysPerGroup);
  return static_cast<int>(std::clamp<int64_t>(cuts, 1, kMostCuts));
}

KeyedGrid::KeyedGrid(const std::vector<const int32_t*>& key, const std::vector<int64_t>& keys,
                     int64_t rows, int cuts, uint64_t seed, int by, int cut)
    : rows_(rows), cuts_(cuts), maps_(cut < 0 ? static_cast<int>(key.size()) : cut) {
  size_t widest = 0;
  for (size_t m = 0; m < key.size(); ++m) {
    if (keys[m] > keys[widest]) widest = m;
    if (static_cast<int>(m) >= maps_) continue;
    group_.push_back(Deal(key[m], keys[m], seed, m));
    if (m > 0) strata_ *= cuts;
  }
  order_.resize(static_cast<size_t>(rows));
  std::iota(order_.begin(), order_.end(), int64_t{0});
  const size_t inner = by >= 0 ? static_cast<size_t>(by) : widest;
  SortByBucket(
      keys[inner], [&](int64_t r) { return key[inner][r]; }, &order_, &begin_);
  SortByBucket(
      int64_t{strata_} * cuts,
      [&](int64_t r) {
        const int chain = group_[0][static_cast<size_t>(key[0][r])];
        int64_t stratum = 0;
        for (size_t m = 1; m < group_.size(); ++m) {
          const int g = group_[m][static_cast<size_t>(key[m][r])];
          stratum = stratum * cuts_ + (g - chain + cuts_) % cuts_;
        }
        return stratum * cuts_ + chain;
      },
      &order_, &begin_);
  for (size_t b = 0; b + 1 < begin_.size(); ++b)
    largest_ = std::max(largest_, begin_[b + 1] - begin_[b]);
}

int KeyedGrid::group(int stratum, int chain, int map) const {
  if (map == 0) return chain;
  for (int m = maps_ - 1; m > map; --m) stratum /= cuts_;  // the last map varies fastest
  return (chain + stratum) % cuts_;
}

// Heavy keys first, each to the group with the fewest rows (Graham 1969).
std::vector<int32_t> KeyedGrid::Deal(const int32_t* key, int64_t keys, uint64_t seed, size_t map) {
  std::vector<int64_t> count(static_cast<size_t>(keys));
  for (int64_t r = 0; r < rows_; ++r) ++count[static_cast<size_t>(key[r])];
  // Of equals in any order: keys come in that of the file.
  const rng::Stream draws(seed, rng::Hash("deal"), map);
  std::vector<std::pair<int64_t, double>> heavy(static_cast<size_t>(keys));
  std::vector<int32_t> by(static_cast<size_t>(keys));
  for (int64_t k = 0; k < keys; ++k)
    heavy[static_cast<size_t>(k)] = {-count[static_cast<size_t>(k)],
                                     draws.Uniform(static_cast<uint64_t>(k))};
  std::iota(by.begin(), by.end(), 0);
  std::sort(by.begin(), by.end(), [&](int32_t a, int32_t b) {
    return heavy[static_cast<size_t>(a)] < heavy[static_cast<size_t>(b)];
  });
  std::vector<int32_t> group(static_cast<size_t>(keys));
  using Load = std::pair<int64_t, int32_t>;  // rows, group
  std::priority_queue<Load, std::vector<Load>, std::greater<>> lightest;
  for (int g = 0; g < cuts_; ++g) lightest.emplace(0, g);
  for (const int32_t k : by) {
    Load load = lightest.top();
    lightest.pop();
    group[static_cast<size_t>(k)] = load.second;
    load.first += count[static_cast<size_t>(k)];
    lightest.push(load);
  }
  int64_t most = 0;
  for (; !lightest.empty(); lightest.pop()) most = std::max(most, lightest.top().first);
  if (rows_ > 0)
    imbalance_ =
        std::max(imbalance_, static_cast<double>(most) * cuts_ / static_cast<double>(rows_));
  return group;
}

}  // namespace gyre
