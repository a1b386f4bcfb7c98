#include "runtime/sweep_rounds.h"

#include <algorithm>

namespace gyre {

KeyIndex::KeyIndex(const int32_t* key, int64_t rows, int64_t keys)
    : offset_(static_cast<size_t>(keys) + 1), row_(static_cast<size_t>(rows)) {
  const auto known = [&](int64_t r) { return key[r] >= 0 && key[r] < keys; };
  for (int64_t r = 0; r < rows; ++r) {
    if (known(r)) ++offset_[static_cast<size_t>(key[r]) + 1];
  }
  for (size_t k = 1; k < offset_.size(); ++k) offset_[k] += offset_[k - 1];
  std::vector<int64_t> next(offset_.begin(), offset_.end());
  for (int64_t r = 0; r < rows; ++r) {
    if (!known(r)) continue;
    row_[static_cast<size_t>(next[static_cast<size_t>(key[r])]++)] = static_cast<int32_t>(r);
  }
}

void ItemGraph::Join(int64_t first, int64_t second) {
  const auto known = [&](int64_t item) { return item >= 0 && item < items_; };
  if (first == second || !known(first) || !known(second)) return;
  from_.push_back(static_cast<int32_t>(first));
  to_.push_back(static_cast<int32_t>(second));
}

void ItemGraph::JoinKeys(const int32_t* first, const int32_t* second, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) Join(first[r], second[r]);
}

void ItemGraph::JoinEntries(const Block& table) {
  const int64_t lines = table.format == Format::kCsc ? table.cols : table.rows;
  for (int64_t i = 0; i < lines; ++i) {
    for (int64_t e = table.offset[i]; e < table.offset[i + 1]; ++e) Join(i, table.index[e]);
  }
}

std::vector<int32_t> ItemGraph::Colour() const {
  std::vector<int64_t> offset(static_cast<size_t>(items_) + 1);
  for (size_t p = 0; p < from_.size(); ++p) {
    ++offset[static_cast<size_t>(from_[p]) + 1];
    ++offset[static_cast<size_t>(to_[p]) + 1];
  }
  for (size_t i = 1; i < offset.size(); ++i) offset[i] += offset[i - 1];
  std::vector<int32_t> other(from_.size() * 2);
  std::vector<int64_t> next(offset.begin(), offset.end());
  for (size_t p = 0; p < from_.size(); ++p) {
    other[static_cast<size_t>(next[static_cast<size_t>(from_[p])]++)] = to_[p];
    other[static_cast<size_t>(next[static_cast<size_t>(to_[p])]++)] = from_[p];
  }
  std::vector<int32_t> colour(static_cast<size_t>(items_), -1);
  std::vector<int64_t> taken;  // by colour: the last item that may not have it
  for (int64_t i = 0; i < items_; ++i) {
    const auto at = static_cast<size_t>(i);
    for (int64_t e = offset[at]; e < offset[at + 1]; ++e) {
      const int32_t c = colour[static_cast<size_t>(other[static_cast<size_t>(e)])];
      if (c >= 0) taken[static_cast<size_t>(c)] = i;
    }
    const auto first = std::find_if(taken.begin(), taken.end(), [&](int64_t t) { return t != i; });
    colour[at] = static_cast<int32_t>(first - taken.begin());
    if (first == taken.end()) taken.push_back(-1);
  }
  return colour;
}

SweepRounds::SweepRounds(const std::vector<int32_t>& colour, const std::vector<int64_t>& cost,
                         int workers)
    : workers_(workers) {
  if (!colour.empty()) rounds_ = 1 + *std::max_element(colour.begin(), colour.end());
  std::vector<std::vector<int64_t>> of(static_cast<size_t>(rounds_));
  for (size_t i = 0; i < colour.size(); ++i)
    of[static_cast<size_t>(colour[i])].push_back(static_cast<int64_t>(i));
  item_.reserve(colour.size());
  for (const std::vector<int64_t>& items : of) {
    int64_t all = 0, done = 0;
    for (const int64_t i : items) all += cost[static_cast<size_t>(i)];
    int next = 0;  // the worker whose share begins next
    for (const int64_t i : items) {
      // An item goes to the worker in whose part of the cost its middle lies.
      const int64_t middle = 2 * done + cost[static_cast<size_t>(i)];
      while (next < workers && middle * workers >= 2 * all * next) {
        begin_.push_back(static_cast<int64_t>(item_.size()));
        ++next;
      }
      item_.push_back(i);
      done += cost[static_cast<size_t>(i)];
    }
    for (; next < workers; ++next) begin_.push_back(static_cast<int64_t>(item_.size()));
  }
  begin_.push_back(static_cast<int64_t>(item_.size()));
}

SweepRounds::Share SweepRounds::share(int round, int worker) const {
  const auto at = static_cast<size_t>(round) * static_cast<size_t>(workers_) +
                  static_cast<size_t>(worker);
  return {item_.data() + begin_[at], begin_[at + 1] - begin_[at]};
}

}  // namespace gyre
