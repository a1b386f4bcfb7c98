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

// A map of all rows to keys.
struct Keys {
  const int32_t* of;
  int64_t rows;
  int32_t operator[](int64_t r) const { return of[r]; }
  void Release() const { ReleasePages(of, of + rows); }
};

// The rows at [begin, end) of `from` in order of their buckets, stable, to the same places of `to`;
// where the buckets end in `ends`, one more than there are. `release`: what `bucket` reads.
template <class Bucket, class Release>
void SortByBucket(const RowArray<int64_t>& from, int64_t begin, int64_t end, int64_t buckets,
                  const Bucket& bucket, const Release& release, RowArray<int64_t>* to,
                  std::vector<int64_t>* ends) {
  ends->assign(static_cast<size_t>(buckets) + 1, 0);
  (*ends)[0] = begin;
  InStretches(begin, end, kHereAndThere, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) ++(*ends)[static_cast<size_t>(bucket(from[i])) + 1];
    from.Release(b, e), release();
  });
  std::partial_sum(ends->begin(), ends->end(), ends->begin());
  std::vector<int64_t> next(ends->begin(), ends->end() - 1);
  InStretches(begin, end, kHereAndThere, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) (*to)[next[static_cast<size_t>(bucket(from[i]))]++] = from[i];
    from.Release(b, e), to->Release(begin, end), release();
  });
}

// The same by key.
void SortByKey(const Keys& key, int64_t keys, int64_t begin, int64_t end,
               const RowArray<int64_t>& from, RowArray<int64_t>* to) {
  if (keys <= 4 * (end - begin)) {
    std::vector<int64_t> ends;
    return SortByBucket(
        from, begin, end, keys, [&](int64_t r) { return key[r]; }, [&] { key.Release(); }, to,
        &ends);
  }
  std::copy(from.data() + begin, from.data() + end, to->data() + begin);
  std::stable_sort(to->data() + begin, to->data() + end,
                   [&](int64_t a, int64_t b) { return key[a] < key[b]; });
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
  std::vector<Keys> of;
  for (const int32_t* k : key) of.push_back({k, rows});
  RowArray<int64_t> by_block(rows);
  order_ = RowArray<int64_t>(rows);
  InStretches(0, rows, kInOrder, [&](int64_t b, int64_t e) {
    std::iota(order_.data() + b, order_.data() + e, b);
    order_.Release(b, e);
  });
  SortByBucket(
      order_, 0, rows, int64_t{strata_} * cuts,
      [&](int64_t r) {
        const int chain = group_[0][static_cast<size_t>(of[0][r])];
        int64_t stratum = 0;
        for (size_t m = 1; m < group_.size(); ++m) {
          const int g = group_[m][static_cast<size_t>(of[m][r])];
          stratum = stratum * cuts_ + (g - chain + cuts_) % cuts_;
        }
        return stratum * cuts_ + chain;
      },
      [&] {
        for (const Keys& k : of) k.Release();
      },
      &by_block, &begin_);
  const size_t inner = by >= 0 ? static_cast<size_t>(by) : widest;
  for (size_t b = 0; b + 1 < begin_.size(); ++b)
    SortByKey(of[inner], keys[inner], begin_[b], begin_[b + 1], by_block, &order_);
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
  InStretches(0, rows_, kInOrder, [&](int64_t b, int64_t e) {
    for (int64_t r = b; r < e; ++r) ++count[static_cast<size_t>(key[r])];
    ReleasePages(key + b, key + e);
  });
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
