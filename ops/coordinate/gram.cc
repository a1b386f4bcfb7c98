#include "ops/coordinate/gram.h"

#include <algorithm>

namespace gyre {

void Gram::Clear() {
  slot_.clear();
  column_.clear();
}

// Sparse columns meet in rows: a row with s of the columns costs s per column in it. About the square
// of the mean row length, taken as even. A dense column is multiplied with every other.
double Gram::CostOf(const std::vector<Column>& columns) const {
  double sparse = 0, fresh_sparse = 0, dense = 0, all = 0;
  for (const Column& c : columns) {
    const Part& part = (*parts_)[static_cast<size_t>(c.part)];
    const double entries = static_cast<double>(part.columns.entries(c.column));
    const bool fresh = slot(c) < 0;
    all += entries;
    if (part.columns.sparse()) {
      sparse += entries;
      if (fresh) fresh_sparse += entries;
    } else if (fresh) {
      dense += 1;
    }
  }
  const double rows = static_cast<double>(std::max<int64_t>(1, rows_));
  return fresh_sparse * sparse / rows + dense * all;
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

// Rows of the slots from `from` on whose columns are sparse, against every sparse column: by way of
// the rows of the matrix, so that only pairs that meet cost.
void Gram::SparseRows(int64_t from, const double* weight) {
  std::vector<int64_t> start(static_cast<size_t>(rows_ + 1));
  const auto each_sparse = [&](auto f) {
    for (int64_t s = 0; s < size(); ++s) {
      const Column& c = column_[static_cast<size_t>(s)];
      const Part& part = (*parts_)[static_cast<size_t>(c.part)];
      if (part.columns.sparse()) f(s, part, c.column);
    }
  };
  int64_t fresh = 0;
  each_sparse([&](int64_t s, const Part& part, int64_t column) {
    fresh += s >= from ? 1 : 0;
    WithColumns(part.columns, [&](const auto& view) {
      view.ForEach(column, [&](int64_t i, double) { ++start[static_cast<size_t>(i + 1)]; });
    });
  });
  if (fresh == 0) return;
  for (int64_t i = 0; i < rows_; ++i) start[static_cast<size_t>(i + 1)] += start[static_cast<size_t>(i)];
  struct Entry {
    int32_t slot;
    float value;
  };
  std::vector<Entry> entry(static_cast<size_t>(start.back()));
  std::vector<int64_t> end(start.begin(), start.end() - 1);
  each_sparse([&](int64_t s, const Part& part, int64_t column) {
    WithColumns(part.columns, [&](const auto& view) {
      view.ForEach(column, [&](int64_t i, double x) {
        entry[static_cast<size_t>(end[static_cast<size_t>(i)]++)] = {
            static_cast<int32_t>(s), static_cast<float>(part.sign * x)};
      });
    });
  });
  // Slots ascend within a row, so a row's entries up to slot s come first.
  each_sparse([&](int64_t s, const Part& part, int64_t column) {
    if (s < from) return;
    double* const to = entry_.data() + s * stride_;
    WithColumns(part.columns, [&](const auto& view) {
      view.ForEach(column, [&](int64_t i, double x) {
        const double scale = part.sign * x * (weight != nullptr ? weight[i] : 1);
        const Entry* e = entry.data() + start[static_cast<size_t>(i)];
        const Entry* const last = entry.data() + start[static_cast<size_t>(i + 1)];
        for (; e != last && e->slot <= s; ++e) to[e->slot] += scale * static_cast<double>(e->value);
      });
    });
  });
}

// A dense column against every other; pairs of two old columns are there already.
void Gram::DenseRow(int64_t slot, int64_t from, const double* weight) {
  const Column& c = column_[static_cast<size_t>(slot)];
  const Part& mine = (*parts_)[static_cast<size_t>(c.part)];
  dense_.assign(static_cast<size_t>(rows_), 0);
  WithColumns(mine.columns, [&](const auto& view) {
    view.ForEach(c.column, [&](int64_t i, double x) {
      dense_[static_cast<size_t>(i)] = mine.sign * x * (weight != nullptr ? weight[i] : 1);
    });
  });
  for (int64_t s = slot < from ? from : 0; s < size(); ++s) {
    const Column& d = column_[static_cast<size_t>(s)];
    const Part& other = (*parts_)[static_cast<size_t>(d.part)];
    if (s > slot && !other.columns.sparse()) continue;  // from its own side
    entry_[static_cast<size_t>(std::max(s, slot) * stride_ + std::min(s, slot))] =
        other.sign * WithColumns(other.columns, [&](const auto& view) {
          return view.Dot(d.column, dense_.data());
        });
  }
}

void Gram::Extend(const std::vector<Column>& columns, const double* weight) {
  const int64_t from = size();
  int64_t fresh = 0;
  for (const Column& c : columns) fresh += slot(c) < 0 ? 1 : 0;
  if (fresh == 0) return;
  Reserve(from + fresh);
  for (const Column& c : columns) {
    if (slot_.emplace(Key(c), static_cast<int32_t>(column_.size())).second) column_.push_back(c);
  }
  for (int64_t s = from; s < size(); ++s)
    std::fill_n(entry_.data() + s * stride_, s + 1, 0.0);
  SparseRows(from, weight);
  for (int64_t s = 0; s < size(); ++s) {
    const Column& c = column_[static_cast<size_t>(s)];
    if (!(*parts_)[static_cast<size_t>(c.part)].columns.sparse()) DenseRow(s, from, weight);
  }
  for (int64_t s = from; s < size(); ++s) {
    for (int64_t t = 0; t < s; ++t)
      entry_[static_cast<size_t>(t * stride_ + s)] = entry_[static_cast<size_t>(s * stride_ + t)];
  }
}

}  // namespace gyre
