// The state of a sampler as others see it: counts and tallies as parameters, topics as data, and
// both as bytes of a checkpoint.
#include <algorithm>
#include <map>

#include "runtime/sample/state.h"

namespace gyre::sample {

// The row of a table by keys, for one by their places.
int64_t State::KeysAt(const Count& c, int64_t row) const {
  int64_t out = 0;
  for (const Key& k : c.key) {
    const Map& map = maps_[k.map];
    out += map.key_at[static_cast<size_t>(row / k.stride % map.keys)] * k.stride;
  }
  return out;
}
template <class Visit>
void State::ForCells(const Count& c,
                     const Visit& visit) const {  // (row, topic, count) where not zero
  if (c.latent_at < 0) {
    for (int64_t r = 0; r < c.rows; ++r)
      visit(KeysAt(c, r), 0, c.others[static_cast<size_t>(r)] + 1);
  } else if (c.is_total()) {
    for (size_t k = 0; k < c.total.size(); ++k)
      visit(int64_t{0}, static_cast<int64_t>(k), c.total[k].load(std::memory_order_relaxed));
  } else {
    for (int64_t r = 0; r < c.rows; ++r)
      c.table.ForRow(
          r, [&, row = KeysAt(c, r)](int32_t topic, int32_t count) { visit(row, topic, count); });
  }
}
// Counts and tallies of them into the fields of `layout`.
void State::Store(const Layout& layout, double* to) const {
  for (const Count& c : count_) {
    if (const Field* field = layout.Find(c.symbol); field != nullptr)
      StoreCount(c, to + field->offset, field->size);
  }
  for (int s = 0; s < graph_.symbol.size; ++s) {
    if (graph_.symbol[s].kind != ir::Kind::kTally || graph_.symbol[s].cells) continue;
    const Field *value = layout.Find(s), *cells = nullptr;
    for (int other = 0; other < graph_.symbol.size; ++other) {
      if (graph_.symbol[other].kind == ir::Kind::kTally && graph_.symbol[other].cells &&
          graph_.symbol[other].of == graph_.symbol[s].of)
        cells = layout.Find(other);
    }
    if (value != nullptr && cells != nullptr)
      StoreTally(graph_.symbol[s].of, to + value->offset, to + cells->offset, value->size);
  }
}
// In the order of its keys as declared.
void State::StoreCount(const Count& c, double* to, int64_t size) const {
  std::fill_n(to, size, 0.0);
  int64_t after = 1;  // rows that one step of the latent passes over
  const ir::Symbol& s = graph_.symbol[c.symbol];
  for (int i = c.latent_at + 1; i < s.rank; ++i)
    after *= setup_.extent[static_cast<size_t>(s.axis[i])];
  if (c.latent_at < 0) after = 1;
  const int64_t topics = c.latent_at < 0 ? 1 : topics_;
  ForCells(c, [&](int64_t row, int64_t topic, int32_t count) {
    to[(row / after * topics + topic) * after + row % after] = count;
  });
}
void State::StoreTally(int symbol, double* value, double* cells, int64_t size) const {
  std::map<int32_t, int64_t> tally;
  for (const Count& c : count_) {
    if (c.symbol != symbol) continue;
    int64_t all = c.rows * (c.latent_at < 0 ? 1 : topics_);
    std::vector<int64_t> small(1 << 12);
    ForCells(c, [&](int64_t, int64_t, int32_t count) {
      --all;
      if (static_cast<size_t>(count) < small.size()) {
        ++small[static_cast<size_t>(count)];
      } else {
        ++tally[count];
      }
    });
    small[0] += all;
    for (size_t n = 0; n < small.size(); ++n) {
      if (small[n] > 0) tally[static_cast<int32_t>(n)] = small[n];
    }
  }
  std::fill_n(value, size, 0.0);
  std::fill_n(cells, size, 0.0);
  int64_t at = 0;
  for (const auto& [count, n] : tally) {
    if (at == size) break;
    value[at] = count, cells[at] = static_cast<double>(n);
    ++at;
  }
}

// Where passes read the latent: as of the last clock; before the first, the first topic.
void State::StoreLatent() const {
  if (setup_.latent.empty()) return;
  int32_t* const to = setup_.latent[static_cast<size_t>(sampler_.latent)];
  if (to == nullptr) return;
  InStretches(0, rows_, kHereAndThere, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) to[grid_->order()[at]] = std::max(0, topic_[at]);
    topic_.Release(begin, end), grid_->order().Release(begin, end);
    ReleasePages(to, to + rows_);
  });
}

// The topics by the data's own order: they mean the same whatever the grid.
void State::Exchange(Archive& a) {
  std::vector<int32_t> topic(static_cast<size_t>(rows_));
  for (int64_t at = 0; at < rows_; ++at)
    topic[static_cast<size_t>(grid_->order()[at])] = topic_[at];
  grid_->order().Release(0, rows_), Release(0, rows_);
  a(topic);
  if (a.saving() || static_cast<int64_t>(topic.size()) != rows_) return;
  Clear();
  for (int64_t at = 0; at < rows_; ++at) {
    topic_[at] = topic[static_cast<size_t>(grid_->order()[at])];
    if (topic_[at] >= topics_) topic_[at] = -1;
  }
  CountRows();
}

}  // namespace gyre::sample
