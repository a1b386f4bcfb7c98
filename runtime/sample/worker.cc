#include "runtime/sample/worker.h"

#include <algorithm>
#include <cmath>

#include "dsl/random.h"
#include "ops/simd_math.h"

namespace gyre::sample {
namespace {

constexpr int64_t kAhead = 3;   // rows from one that is fetched to the one at hand
constexpr int64_t kAlone = 24;  // topics hoisted in the time of one that is hoisted alone

}  // namespace

Worker::Worker(State& shared, const ParamState& state)
    : s_(shared),
      state_(state),
      rows_of_(shared),
      draw_(shared.topics()),
      tree_(shared.sparse() ? shared.topics() : 1),
      hoisted_(Padded(shared.topics())),
      sloped_(shared.sparse() ? Padded(shared.topics()) : 0),
      slope_(sloped_.size()),
      base_(sloped_.size()),
      exponent_(shared.form().exponent != nullptr ? Padded(shared.topics()) : 0),
      param_(static_cast<size_t>(shared.graph().symbol.size)),
      typed_(param_.size()),
      published_(rows_of_.any() ? state.published_bytes() : 0),
      at_(shared.graph().symbol.size),
      cell_(static_cast<int64_t>(shared.counts().size())),
      merged_(shared.cut() ? Padded(shared.topics()) : 0) {
  args_ = shared.Args();
  args_.param = param_.data();
  args_.count = at_.data();
  for (const int symbol : shared.sampler().param) {
    values_.emplace_back(state.layout().Find(symbol)->size);
    param_[static_cast<size_t>(symbol)] = values_.back().data();
  }
  if (rows_of_.any()) state.Point(published_.data(), typed_.data());
  own_.resize(shared.counts().size());
  for (size_t i = 0; i < own_.size(); ++i) {
    Count& c = shared.counts()[i];
    if (shared.Copied(c)) own_[i] = c.table.Twin();
    table_.push_back(shared.Copied(c) ? &own_[i] : &c.table);
  }
  for (const Count& c : shared.counts()) {
    const bool own = c.is_total() || (shared.Outer(c) && c.table.sparse());
    row_.emplace_back(own ? Padded(shared.topics()) : 0);
    before_.emplace_back(c.is_total() ? Padded(shared.topics()) : 0);
    const size_t i = row_.size() - 1;
    cell_[static_cast<int64_t>(i)] = own ? row_.back().data() : nullptr;
    at_[c.symbol] = row_.back().data();
    if (shared.sparse() && c.symbol == shared.form().count) inner_ = i;
  }
}

void Worker::Visit(int64_t begin, int64_t end, int64_t clock, double epoch) {
  args_.epoch = epoch;
  if (clock != loaded_) Load(clock);
  TakeTotals();
  const rng::Stream draws(s_.setup().seed, rng::Hash("topics"), static_cast<uint64_t>(clock));
  rng::Words words = {};
  int32_t outer = -1;
  const int32_t* const key = s_.outer() == nullptr ? nullptr : s_.outer()->key.data();
  InStretches(begin, end, kInOrder, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; ++r) {
      args_.row = r;
      if (key == nullptr ? r == begin : key[r] != outer) {
        Leave(outer);
        const int32_t before = outer;
        outer = key == nullptr ? 0 : key[r];
        Enter(before);
      }
      if (const int64_t i = r - begin; i % 4 == 0) words = draws.Bits(static_cast<uint64_t>(r));
      const float u =
          static_cast<float>(words[static_cast<size_t>((r - begin) % 4)] >> 8) * 0x1p-24f;
      int32_t& topic = s_.topic(r);
      if (r + kAhead < end) Fetch(r + kAhead);
      const int32_t was = topic;
      if (rows_of_.any()) factor_ = rows_of_.At(r, end);
      Point();
      topic = s_.sparse() ? Sparse(topic, u) : Dense(topic, u);
      if (topic < 0) {
        topic = was;
        failed_ = s_.grid().order()[r];
      }
    }
    s_.Release(from, to);
  });
  Leave(outer);
  if (!s_.cut()) GiveTotals();  // else others still begin from those of the clock before
}

void Worker::TakeTables() {
  for (size_t i = 0; i < own_.size(); ++i)
    if (own(i) != nullptr) own_[i].Copy(s_.counts()[i].table);
}
void Worker::GiveTables() {
  std::vector<std::vector<const CountTable*>> alone;
  for (size_t i = 0; i < own_.size(); ++i) alone.push_back({own(i)});
  MergeTables(alone, 0, 1);
}
void Worker::MergeTables(const std::vector<std::vector<const CountTable*>>& copies, int64_t part,
                         int64_t parts) {
  for (size_t i = 0; i < own_.size(); ++i) {
    if (own(i) == nullptr) continue;
    CountTable& all = s_.counts()[i].table;
    for (int64_t r = all.keys() * part / parts; r < all.keys() * (part + 1) / parts; ++r)
      all.Merge(r, copies[i], merged_.data());
  }
}

// The parameters as the clock finds them: other statements may have moved them.
void Worker::Load(int64_t clock) {
  loaded_ = clock;
  for (size_t i = 0; i < values_.size(); ++i) {
    const double* const from = state_.by_symbol()[s_.sampler().param[i]];
    for (int64_t j = 0; j < values_[i].size(); ++j) values_[i][j] = static_cast<float>(from[j]);
  }
  if (rows_of_.any()) state_.Publish(published_.data()), rows_of_.Use(typed_.data());
  if (!s_.sparse()) return;
  args_.begin = 0, args_.end = s_.topics(), args_.given = nullptr;
  args_.out = slope_.data();
  s_.form().slope(args_);
  args_.out = base_.data();
  s_.form().base(args_);
}

int32_t Worker::Dense(int32_t topic, float u) {
  if (topic >= 0) Move(topic, -1), Hoist(topic, topic + 1);
  args_.begin = 0, args_.end = s_.topics();
  args_.given = hoisted_.data(), args_.out = draw_.weight();
  s_.form().rest(args_);
  if (s_.form().exponent != nullptr) {
    args_.given = nullptr, args_.out = exponent_.data();
    s_.form().exponent(args_);
    float most = exponent_[0];
    for (int64_t k = 1; k < s_.topics(); ++k) most = std::max(most, exponent_[k]);
    float* const weight = draw_.weight();
    for (int64_t k = 0; k < s_.topics(); ++k) weight[k] *= simd::Exp(exponent_[k] - most);
  }
  if (factor_ != nullptr) {
    float* const weight = draw_.weight();
    for (int64_t k = 0; k < s_.topics(); ++k) weight[k] *= factor_[k];
  }
  const float total = draw_.Sum(s_.topics());
  if (!(total > 0) || !std::isfinite(total)) return -1;
  const auto drawn = static_cast<int32_t>(draw_.At(u * total));
  Move(drawn, 1);
  Hoist(drawn, drawn + 1);
  return drawn;
}

int32_t Worker::Sparse(int32_t topic, float u) {
  SparseRow row = table_[inner_]->sparse(s_.RowOf(s_.counts()[inner_], args_.row));
  if (topic >= 0) Move(topic, -1), Rehoist(topic);
  // The row still counts the datum at hand: what it weighs there is taken back.
  const int64_t own = row.Weigh(sloped_.data(), topic, draw_.weight());
  if (own >= 0) draw_.weight()[own] = static_cast<float>(row.count()[own] - 1) * sloped_[topic];
  const float counted = row.used() > 0 ? draw_.Sum(row.used()) : 0, base = tree_.total();
  const float total = counted + base;
  if (!(total > 0) || !std::isfinite(total)) return -1;
  const float at = u * total;
  int32_t drawn = topic;
  if (at < counted || !(base > 0)) {
    const int64_t place = draw_.At(at);
    drawn = row.topic()[place];
    if (place != own) row.IncrementAt(place);
  } else {
    drawn = static_cast<int32_t>(tree_.At(at - counted));
    if (drawn != topic) row.Increment(drawn);
  }
  if (own >= 0 && drawn != topic) row.DecrementAt(own);
  Move(drawn, 1);
  Rehoist(drawn);
  return drawn;
}

// Counts the row at hand in, or out, of every table but the one that the sparse draw keeps
// itself.
void Worker::Move(int32_t topic, int32_t by) {
  for (size_t i = 0; i < s_.counts().size(); ++i) {
    if (cell_[static_cast<int64_t>(i)] != nullptr) {
      cell_[static_cast<int64_t>(i)][topic] += by;
    } else if (s_.counts()[i].latent_at >= 0 && !(s_.sparse() && i == inner_)) {
      table_[i]->Add(s_.RowOf(s_.counts()[i], args_.row), topic, by);
    }
  }
}

void Worker::Hoist(int64_t begin, int64_t end) {
  args_.begin = begin, args_.end = end;
  args_.given = nullptr, args_.out = hoisted_.data();
  s_.form().hoist(args_);
}
void Worker::Rehoist(int32_t k) {
  Hoist(k, k + 1);
  sloped_[k] = slope_[k] * hoisted_[k];
  tree_.Set(k, base_[k] * hoisted_[k]);
}

// The rows of tables by the key that is visited in turn, after that of key `before`; -1: the first
// of a block.
void Worker::Enter(int32_t before) {
  for (size_t i = 0; i < s_.counts().size(); ++i) {
    Count& c = s_.counts()[i];
    if (!s_.Outer(c) || c.is_total()) continue;
    const int32_t* at = nullptr;
    if (c.latent_at < 0) {
      at = &c.others[static_cast<size_t>(s_.RowOf(c, args_.row))];
    } else if (table_[i]->sparse()) {
      table_[i]->Load(s_.RowOf(c, args_.row), row_[i].data());
      continue;
    } else {
      at = cell_[static_cast<int64_t>(i)] = table_[i]->dense(s_.RowOf(c, args_.row));
    }
    at_[c.symbol] = at;
  }
  if (before >= 0 && s_.hoists_counts() && Follows(before)) return;
  Hoist(0, s_.topics());
  if (!s_.sparse()) return;
  float* const leaf = tree_.weight();
  for (int64_t k = 0; k < s_.topics(); ++k) {
    sloped_[k] = slope_[k] * hoisted_[k];
    leaf[k] = base_[k] * hoisted_[k];
  }
  tree_.Build();
}
// Hoists what differs from the key `before`, if it is little.
bool Worker::Follows(int32_t before) {
  int64_t topics = 0;
  for (size_t i = 0; i < table_.size(); ++i) {
    const Count& c = s_.counts()[i];
    if (s_.Outer(c) && table_[i]->sparse())
      topics += table_[i]->used(before) + table_[i]->used(s_.RowOf(c, args_.row));
  }
  if (topics * kAlone > s_.topics()) return false;
  const auto hoist = [&](int32_t k, int32_t) { s_.sparse() ? Rehoist(k) : Hoist(k, k + 1); };
  for (size_t i = 0; i < table_.size(); ++i) {
    const Count& c = s_.counts()[i];
    if (!s_.Outer(c) || !table_[i]->sparse()) continue;
    table_[i]->ForRow(before, hoist);
    table_[i]->ForRow(s_.RowOf(c, args_.row), hoist);
  }
  return true;
}
void Worker::Leave(int32_t outer) {
  if (outer < 0) return;
  for (size_t i = 0; i < s_.counts().size(); ++i) {
    const Count& c = s_.counts()[i];
    if (s_.Outer(c) && table_[i]->sparse()) table_[i]->Store(outer, row_[i].data());
  }
}
// Brings the rows that a row will read nearer: where they lie says no pattern.
void Worker::Fetch(int64_t r) const {
  for (const size_t i : s_.inner()) {
    const Count& c = s_.counts()[i];
    if (c.latent_at < 0 || c.key.size() != 1) continue;
    table_[i]->Fetch(s_.map(c.key[0].map).key[r]);
  }
}
// Those by other keys, of the row at hand.
void Worker::Point() {
  for (const size_t i : s_.inner()) {
    Count& c = s_.counts()[i];
    const int64_t row = s_.RowOf(c, args_.row);
    const int32_t* at = nullptr;
    if (c.latent_at < 0) {
      at = &c.others[static_cast<size_t>(row)];
    } else if (!table_[i]->sparse()) {
      at = cell_[static_cast<int64_t>(i)] = table_[i]->dense(row);
    }
    at_[c.symbol] = at;
  }
}

void Worker::TakeTotals() {
  for (size_t i = 0; i < s_.counts().size(); ++i) {
    if (!s_.counts()[i].is_total()) continue;
    for (int64_t k = 0; k < s_.topics(); ++k)
      before_[i][k] = row_[i][k] =
          s_.counts()[i].total[static_cast<size_t>(k)].load(std::memory_order_relaxed);
  }
}
void Worker::GiveTotals() {
  for (size_t i = 0; i < s_.counts().size(); ++i) {
    if (!s_.counts()[i].is_total()) continue;
    for (int64_t k = 0; k < s_.topics(); ++k) {
      const int32_t moved = row_[i][k] - before_[i][k];
      if (moved != 0)
        s_.counts()[i].total[static_cast<size_t>(k)].fetch_add(moved, std::memory_order_relaxed);
    }
  }
}

}  // namespace gyre::sample
