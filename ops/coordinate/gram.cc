#include "ops/coordinate/gram.h"

#include <Eigen/Dense>
#include <algorithm>
#include <utility>

namespace gyre {
namespace {

constexpr double kDense = 1.0 / 6;      // of a multiply-add along lists: one in a matrix product
constexpr double kCommon = 0.08;        // share of the rows from which on a panel beats lists
constexpr int64_t kProductRows = 2048;  // of dense columns that are multiplied at a time
constexpr size_t kTile = 32;            // of which so many at a time
constexpr int64_t kGroupRows = 2048;    // rows that are laid out at a time: they stay in the cache
constexpr int64_t kPanelRows = 4096;    // rows of a panel that stay in the cache
constexpr int64_t kAhead = 6;           // lists that are fetched before they are needed
constexpr int64_t kFew = 8;             // new columns that are multiplied with every other one by one

using Floats = float __attribute__((vector_size(32), aligned(4), may_alias));
using Doubles = double __attribute__((vector_size(64)));

}  // namespace

// Sparse columns meet in rows: a row with s of the columns costs s per column in it. About the square
// of the mean row length, taken as even. A dense column is multiplied with every other.
double Gram::CostOf(const std::vector<Column>& columns) const {
  double sparse = 0, fresh_sparse = 0, dense = 0, all = 0;
  for (const Column& c : columns) {
    const Part& part = (*parts_)[static_cast<size_t>(c.part)];
    const double entries = static_cast<double>(part.columns.entries(c.column));
    const bool fresh = stale_ || slot(c) < 0;
    all += entries;
    if (part.columns.sparse()) {
      sparse += entries;
      if (fresh) fresh_sparse += entries;
    } else if (fresh) {
      dense += 1;
    }
  }
  const double rows = static_cast<double>(std::max<int64_t>(1, rows_));
  return fresh_sparse * sparse / rows + kDense * dense * all;
}

void Gram::Reserve(int64_t size) {
  if (size <= stride_) return;
  const int64_t stride = std::max<int64_t>(64, (size + size / 2 + 7) / 8 * 8);
  std::vector<double> entry(static_cast<size_t>(stride * stride));
  for (size_t i = 0; i < column_.size(); ++i)
    std::copy_n(entry_.data() + static_cast<int64_t>(i) * stride_, column_.size(),
                entry.data() + static_cast<int64_t>(i) * stride);
  entry_.swap(entry);
  stride_ = stride;
}

void Gram::Begin(const std::vector<Column>& columns, const double* weight, int workers) {
  if (stale_) Forget(columns);
  from_ = stale_ ? 0 : size(), weight_ = weight, workers_ = workers, rounds_ = 0;
  stale_ = false;
  int64_t fresh = 0;
  for (const Column& c : columns) fresh += slot(c) < 0 ? 1 : 0;
  Reserve(size() + fresh);
  for (const Column& c : columns) {
    if (slot_.emplace(Key(c), static_cast<int32_t>(column_.size())).second) column_.push_back(c);
  }
  if (from_ == size()) return;
  fresh = 0;
  for (int64_t s = from_; s < size(); ++s) {
    std::fill_n(&entry(s, 0), s + 1, 0.0);
    fresh += sparse(s) ? 1 : 0;
  }
  by_dots_ = fresh <= kFew;
  rounds_ = 1;
  if (by_dots_ || grouped_ == size()) return;
  grouped_ = size();
  rounds_ = 2;
  ChoosePanels();
  PlanLists();
}

// Entries to be made anew. The columns stay, so that they need not be laid out again, unless many of them
// are no longer asked for.
void Gram::Forget(const std::vector<Column>& columns) {
  int64_t kept = 0;
  for (const Column& c : columns) kept += slot(c) >= 0 ? 1 : 0;
  if (size() - kept <= size() / 10) return;
  slot_.clear();
  column_.clear();
  grouped_ = 0;
}

// Slots in turn, for they stand in the order of the columns and neighbours are alike.
void Gram::Work(int round, int worker) {
  if (round + 2 == rounds_) return GroupByRow(worker);
  ByProduct(worker);
  if (!by_dots_) ByPanels(worker);
  for (int64_t s = worker; s < size(); s += workers_) {
    if (!sparse(s) || (by_dots_ && s >= from_)) {
      ByDots(s);
    } else if (s >= from_) {
      ByLists(s);
    }
  }
}

// ---- Sparse columns by rows.

// The most common columns, in panels that are full enough.
void Gram::ChoosePanels() {
  std::vector<int32_t> order;
  kind_.resize(column_.size());
  place_.assign(column_.size(), -1);
  panel_.clear();
  for (int64_t s = 0; s < size(); ++s) {
    kind_[static_cast<size_t>(s)] = sparse(s) ? Kind::kListed : Kind::kDense;
    if (sparse(s)) order.push_back(static_cast<int32_t>(s));
  }
  const auto entries = [&](int32_t s) { return PartOf(s).columns.entries(column(s)); };
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return entries(a) > entries(b); });
  for (size_t at = 0; at < order.size(); at += kPanel) {
    int64_t sum = 0;
    const size_t end = std::min(order.size(), at + kPanel);
    for (size_t k = at; k < end; ++k) sum += entries(order[k]);
    if (static_cast<double>(sum) < kCommon * kPanel * static_cast<double>(rows_)) break;
    for (size_t k = at; k < end; ++k) {
      kind_[static_cast<size_t>(order[k])] = Kind::kPanel;
      place_[static_cast<size_t>(order[k])] = static_cast<int32_t>(k);
      panel_.push_back(order[k]);
    }
    panel_.resize(at + kPanel, -1);
  }
  common_.resize(panel_.size() * static_cast<size_t>(rows_));
}

// Where the lists of each worker's rows begin.
void Gram::PlanLists() {
  base_.assign(static_cast<size_t>(workers_) + 1, 0);
  for (int64_t s = 0; s < size(); ++s) {
    if (kind(s) != Kind::kListed) continue;
    const Block& block = PartOf(s).columns.block;
    const int32_t* const begin = block.index + block.offset[column(s)];
    const int32_t* const end = block.index + block.offset[column(s) + 1];
    base_.back() += end - begin;
    for (int w = 1; w < workers_; ++w)
      base_[static_cast<size_t>(w)] += std::lower_bound(begin, end, RowBegin(w)) - begin;
  }
  start_.resize(static_cast<size_t>(rows_ + 1));
  start_.back() = base_.back();
  met_.resize(static_cast<size_t>(base_.back()));
}

// f(row, value) for the entries of a sparse column in rows [first, last); before that ahead(a later row).
template <class F, class Ahead>
void Gram::EachEntryOf(int64_t slot, int64_t first, int64_t last, F f, Ahead ahead) const {
  const Part& part = PartOf(slot);
  const Block& block = part.columns.block;
  const int64_t begin = block.offset[column(slot)], end = block.offset[column(slot) + 1];
  const int32_t* const index = block.index;
  const int64_t from = first == 0 ? begin : std::lower_bound(index + begin, index + end, first) - index;
  const auto each = [&](const auto* values) {
    for (int64_t e = from; e < end && index[e] < last; ++e) {
      if (e + kAhead < end) ahead(index[e + kAhead]);
      f(index[e], part.sign * static_cast<double>(values[e]));
    }
  };
  if (block.type == Type::kFloat32) {
    each(block.data<float>());
  } else {
    each(block.data<double>());
  }
}

void Gram::GroupByRow(int worker) {
  int64_t next = base_[static_cast<size_t>(worker)];
  const int64_t end = RowBegin(worker + 1);
  for (int64_t row = RowBegin(worker); row < end; row += kGroupRows)
    next = GroupRows(row, std::min(end, row + kGroupRows), next);
}

int64_t Gram::GroupRows(int64_t first, int64_t last, int64_t next) {
  std::vector<int64_t> at(static_cast<size_t>(last - first));
  for (int64_t s = 0; s < size(); ++s) {
    if (kind(s) == Kind::kListed)
      EachEntryOf(s, first, last, [&](int64_t i, double) { ++at[static_cast<size_t>(i - first)]; });
  }
  for (int64_t i = first; i < last; ++i) {
    start_[static_cast<size_t>(i)] = next;
    next += std::exchange(at[static_cast<size_t>(i - first)], next);
  }
  for (size_t p = 0; p < panel_.size(); p += kPanel)
    std::fill_n(Common(p, first), (last - first) * kPanel, 0.0F);
  for (int64_t s = 0; s < size(); ++s) {
    if (kind(s) == Kind::kListed) {
      EachEntryOf(s, first, last, [&](int64_t i, double x) {
        met_[static_cast<size_t>(at[static_cast<size_t>(i - first)]++)] = {static_cast<int32_t>(s),
                                                                          static_cast<float>(x)};
      });
    } else if (kind(s) == Kind::kPanel) {
      const auto place = static_cast<size_t>(place_[static_cast<size_t>(s)]), lane = place % kPanel;
      float* const to = Common(place - lane, 0) + lane;
      EachEntryOf(s, first, last, [&](int64_t i, double x) { to[i * kPanel] = static_cast<float>(x); });
    }
  }
  return next;
}

// New sparse columns against those of the panels: the rows of one panel that fit in the cache, by all.
void Gram::ByPanels(int worker) {
  constexpr int kVectors = kPanel / 8;
  std::vector<int64_t> mine;
  for (int64_t s = worker; s < size(); s += workers_)
    if (s >= from_ && sparse(s)) mine.push_back(s);
  std::vector<Doubles> sums(mine.size() * kVectors);
  for (size_t p = 0; p < panel_.size(); p += kPanel) {
    const float* const common = Common(p, 0);
    std::fill(sums.begin(), sums.end(), Doubles{});
    for (int64_t first = 0; first < rows_; first += kPanelRows) {
      for (size_t k = 0; k < mine.size(); ++k) {
        Doubles sum[kVectors];
        std::copy_n(&sums[k * kVectors], kVectors, sum);
        EachEntryOf(mine[k], first, std::min(rows_, first + kPanelRows), [&](int64_t i, double x) {
          const double scale = x * (weight_ != nullptr ? weight_[i] : 1);
          const auto* const row = reinterpret_cast<const Floats*>(common + i * kPanel);
          for (int v = 0; v < kVectors; ++v) sum[v] += scale * __builtin_convertvector(row[v], Doubles);
        });
        std::copy_n(sum, kVectors, &sums[k * kVectors]);
      }
    }
    for (size_t k = 0; k < mine.size(); ++k) {
      const int64_t slot = mine[k];
      for (int c = 0; c < kPanel; ++c) {
        const int64_t other = panel_[p + static_cast<size_t>(c)];
        if (other < 0) continue;
        const double value = sums[k * kVectors + static_cast<size_t>(c / 8)][c % 8];
        entry(slot, other) = value;
        // Another new column of a panel finds the same by itself.
        if (other < from_ || kind(slot) != Kind::kPanel) entry(other, slot) = value;
      }
    }
  }
}

// A new sparse column against the listed ones before it, or, if it stands in a panel itself, the old ones.
// Slots ascend within a list.
void Gram::ByLists(int64_t slot) {
  const int64_t limit = kind(slot) == Kind::kListed ? slot : from_ - 1;
  double* const to = &entry(slot, 0);
  EachEntryOf(
      slot, 0, limit < 0 ? 0 : rows_,
      [&](int64_t i, double x) {
        const double scale = x * (weight_ != nullptr ? weight_[i] : 1);
        const Met* m = met_.data() + start_[static_cast<size_t>(i)];
        const Met* const last = met_.data() + start_[static_cast<size_t>(i + 1)];
        for (; m != last && m->slot <= limit; ++m) to[m->slot] += scale * static_cast<double>(m->value);
      },
      [&](int64_t i) { __builtin_prefetch(met_.data() + start_[static_cast<size_t>(i)]); });
  for (int64_t t = 0; t <= std::min(limit, slot - 1); ++t)
    if (kind(t) == Kind::kListed) entry(t, slot) = to[t];
}

// ---- Dense columns, and few sparse ones.

// New dense columns against the dense ones before them, as products of matrices: tiles of some columns
// and some rows, the same whatever the workers, so that these change no rounding.
void Gram::ByProduct(int worker) {
  std::vector<int64_t> all;
  for (int64_t s = 0; s < size(); ++s)
    if (!sparse(s)) all.push_back(s);
  const auto old = static_cast<size_t>(std::lower_bound(all.begin(), all.end(), from_) - all.begin());
  const auto step = kTile * static_cast<size_t>(workers_);
  for (size_t at = old + kTile * static_cast<size_t>(worker); at < all.size(); at += step)
    Tile(all, at, std::min(all.size(), at + kTile));
}

// all[begin, end) against all[0, end).
void Gram::Tile(const std::vector<int64_t>& all, size_t begin, size_t end) {
  const auto rows = static_cast<Eigen::Index>(std::min(rows_, kProductRows)),
             lefts = static_cast<Eigen::Index>(end), rights = static_cast<Eigen::Index>(end - begin);
  Eigen::MatrixXd left(rows, lefts), right(rows, rights), product = Eigen::MatrixXd::Zero(lefts, rights);
  for (int64_t first = 0; first < rows_; first += rows) {
    const int64_t count = std::min<int64_t>(rows, rows_ - first);
    for (Eigen::Index k = 0; k < lefts; ++k)
      Load(all[static_cast<size_t>(k)], first, count, nullptr, left.col(k).data());
    for (Eigen::Index k = 0; k < rights; ++k)
      Load(all[begin + static_cast<size_t>(k)], first, count, weight_, right.col(k).data());
    product.noalias() += left.topRows(count).transpose() * right.topRows(count);
  }
  for (size_t k = begin; k < end; ++k) {
    for (size_t j = 0; j <= k; ++j)
      entry(all[k], all[j]) = entry(all[j], all[k]) =
          product(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(k - begin));
  }
}

// Some rows of a dense column.
void Gram::Load(int64_t slot, int64_t first, int64_t count, const double* weight, double* to) const {
  const Part& part = PartOf(slot);
  const Block& block = part.columns.block;
  const auto copy = [&](auto at) {
    for (int64_t i = 0; i < count; ++i) to[i] = part.sign * at(i) * (weight != nullptr ? weight[first + i] : 1);
  };
  const int64_t begin = column(slot) * block.stride + first;
  if (part.columns.ones) {
    copy([](int64_t) { return 1.0; });
  } else if (block.type == Type::kFloat32) {
    copy([x = block.data<float>() + begin](int64_t i) { return static_cast<double>(x[i]); });
  } else {
    copy([x = block.data<double>() + begin](int64_t i) { return x[i]; });
  }
}

// A column against the sparse ones, one by one: those that are new, or, if it is new and dense, all, or
// new and sparse, those before it.
void Gram::ByDots(int64_t slot) {
  std::vector<double> spread;
  const int64_t end = sparse(slot) ? slot + 1 : size();
  for (int64_t s = slot < from_ ? from_ : 0; s < end; ++s) {
    if (!sparse(s)) continue;
    if (spread.empty()) {
      spread.resize(static_cast<size_t>(rows_));
      WithColumns(PartOf(slot).columns, [&](const auto& view) {
        view.ForEach(column(slot), [&](int64_t i, double x) {
          spread[static_cast<size_t>(i)] =
              PartOf(slot).sign * x * (weight_ != nullptr ? weight_[i] : 1);
        });
      });
    }
    entry(s, slot) = entry(slot, s) =
        PartOf(s).sign * WithColumns(PartOf(s).columns, [&](const auto& view) {
          return view.Dot(column(s), spread.data());
        });
  }
}

}  // namespace gyre
