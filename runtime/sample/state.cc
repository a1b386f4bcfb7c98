#include "runtime/sample/state.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gyre::sample {
namespace {

bool OnlyBy(const Count& c, int map) {
  return std::all_of(c.key.begin(), c.key.end(),
                     [&](const Key& k) { return static_cast<int>(k.map) == map; });
}

}  // namespace

void Map::Place(const std::vector<int32_t>& group) {
  key_at.resize(group.size());
  std::iota(key_at.begin(), key_at.end(), int64_t{0});
  std::stable_sort(key_at.begin(), key_at.end(), [&](int64_t a, int64_t b) {
    return group[static_cast<size_t>(a)] < group[static_cast<size_t>(b)];
  });
  std::vector<int64_t> by_key(count);
  for (size_t p = 0; p < key_at.size(); ++p) count[p] = by_key[static_cast<size_t>(key_at[p])];
}

State::State(const FoldSetup& setup, const Sampler& sampler, bool sparse, std::string cut_by)
    : setup_(setup),
      graph_(setup.program->graph),
      sampler_(sampler),
      sparse_(sparse),
      cut_by_(std::move(cut_by)),
      cut_(!cut_by_.empty() && setup.workers > 1),
      rows_(setup.extent[static_cast<size_t>(sampler.row_axis)]),
      topics_(setup.extent[static_cast<size_t>(sampler.topic_axis)]) {}

void State::Clear() {
  InStretches(0, rows_, kInOrder, [&](int64_t begin, int64_t end) {
    std::fill(topic_.begin() + begin, topic_.begin() + end, -1);
    Release(begin, end);
  });
  for (Count& c : count_) c.Clear();
}
void State::Release(int64_t begin, int64_t end) const {
  topic_.Release(begin, end), ordered_.Release(begin, end);
  for (const Map& map : maps_) map.key.Release(begin, end);
}
void State::CountRows() {
  for (Count& c : count_) {
    if (c.latent_at < 0) continue;
    // Rows that lie by the key of a sparse row: it is laid out once for all of them.
    const bool laid = !c.is_total() && c.table.sparse() && Outer(c);
    std::vector<int32_t> row(laid ? static_cast<size_t>(Padded(topics_)) : 0);
    int64_t at = -1;
    const auto count = [&](int64_t r, int32_t topic) {
      if (c.is_total()) {
        c.total[static_cast<size_t>(topic)].fetch_add(1, std::memory_order_relaxed);
        return;
      }
      const int64_t next = RowOf(c, r);
      if (laid && next != at) {
        if (at >= 0) c.table.Store(at, row.data());
        c.table.Load(next, row.data());
      }
      at = next;
      if (laid) {
        ++row[static_cast<size_t>(topic)];
      } else {
        c.table.Add(at, topic, 1);
      }
    };
    InStretches(0, rows_, kInOrder, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        if (topic(r) >= 0) count(r, topic(r));
      Release(begin, end);
    });
    if (laid && at >= 0) c.table.Store(at, row.data());
  }
}

// The map that rows are cut by is the first.
absl::Status State::BindCut() {
  for (int s = 0; s < graph_.symbol.size; ++s) {
    const ir::Symbol& symbol = graph_.symbol[s];
    if (symbol.kind == ir::Kind::kMap && symbol.rank == 1 && symbol.axis[0] == sampler_.row_axis &&
        symbol.name == cut_by_) {
      MapOf(s);
      return absl::OkStatus();
    }
  }
  if (graph_.axis[sampler_.row_axis].name == cut_by_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("plan: rows are cut by \"", cut_by_,
                   "\", which is no key of theirs; plan this program again"));
}

absl::Status State::Bind() {
  if (cut_)
    if (absl::Status status = BindCut(); !status.ok()) return status;
  const bool by_map = !maps_.empty();
  for (const int symbol : sampler_.count) AddCount(symbol);
  for (const SamplerForm& form : sampler_.form) {
    if (form.map >= 0) MapOf(form.map);  // hoisted for each of its keys, though it may key no count
  }
  std::vector<const int32_t*> key;
  std::vector<int64_t> keys;
  for (Map& map : maps_) {
    const absl::StatusOr<const int32_t*> found = KeysOf(setup_, map.symbol, rows_, map.keys);
    if (!found.ok()) return found.status();
    key.push_back(*found), keys.push_back(map.keys);
    map.count.assign(static_cast<size_t>(map.keys), 0);
    InStretches(0, rows_, kInOrder, [&, of = *found](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) ++map.count[static_cast<size_t>(of[r])];
      ReleasePages(of + begin, of + end);
    });
  }
  if (absl::Status status = ChooseForm(); !status.ok()) return status;
  if (cut_ && !by_map && !maps_.empty())
    return absl::FailedPreconditionError(absl::StrCat(
        "plan: rows are cut by \"", cut_by_, "\" and not by a key; plan this program again"));
  RowArray<int32_t> ranges;  // in place of keys: rows that name nothing in common
  if (maps_.empty()) {
    ranges = RowArray<int32_t>(rows_);
    for (int64_t r = 0; r < rows_; ++r)
      ranges[r] = static_cast<int32_t>(r * setup_.workers / rows_);
    key.push_back(ranges.data()), keys.push_back(setup_.workers);
  }
  int cuts = setup_.workers;
  const size_t cut = cut_ ? 1 : keys.size();  // maps
  for (size_t m = 0; m < cut; ++m) cuts = static_cast<int>(std::min<int64_t>(cuts, keys[m]));
  grid_ = std::make_unique<KeyedGrid>(key, keys, rows_, cuts, setup_.seed, std::max(0, outer_),
                                      static_cast<int>(cut));
  for (size_t m = 0; m < maps_.size(); ++m) {
    maps_[m].Place(m < cut ? grid_->groups(m)
                           : std::vector<int32_t>(static_cast<size_t>(maps_[m].keys)));
    std::vector<int32_t> place(maps_[m].key_at.size());
    for (size_t p = 0; p < place.size(); ++p)
      place[static_cast<size_t>(maps_[m].key_at[p])] = static_cast<int32_t>(p);
    maps_[m].key = RowArray<int32_t>(rows_);
    InStretches(0, rows_, kHereAndThere, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at)
        maps_[m].key[at] = place[static_cast<size_t>(key[m][grid_->order()[at]])];
      ReleasePages(key[m], key[m] + rows_);
      grid_->order().Release(begin, end), maps_[m].key.Release(begin, end);
    });
  }
  for (Count& c : count_) MakeTable(&c);
  hoists_counts_ = outer_ >= 0 && !TellsApart(sampler_.weight_node);
  topic_ = RowArray<int32_t>(rows_);
  ordered_.Order(setup_, sampler_.data, sampler_.row_axis, grid_->order());
  return absl::OkStatus();
}

void State::AddCount(int symbol) {
  const ir::Symbol& s = graph_.symbol[symbol];
  Count c;
  c.symbol = symbol;
  for (int i = s.rank - 1; i >= 0; --i) {
    const ir::Node& key = graph_.node[s.key[i]];
    if (key.symbol == sampler_.latent) {
      c.latent_at = i;
      continue;
    }
    c.key.push_back({MapOf(key.symbol), c.rows});
    c.rows *= setup_.extent[static_cast<size_t>(s.axis[i])];
  }
  count_.push_back(std::move(c));
}
// Its position in maps_.
size_t State::MapOf(int symbol) {
  size_t m = 0;
  while (m < maps_.size() && maps_[m].symbol != symbol) ++m;
  if (m == maps_.size()) {
    const int target = graph_.symbol[symbol].target;
    maps_.push_back({symbol, setup_.extent[static_cast<size_t>(target)], {}, {}, {}});
  }
  return m;
}

// Sparse rows are those of tables by one key.
bool State::HasRows(int count) const {
  return std::any_of(count_.begin(), count_.end(),
                     [&](const Count& c) { return c.symbol == count && c.key.size() == 1; });
}

// What is hoisted: dense, the key of the most tables, so that what is read at random is small;
// sparse, that which leaves rows with few topics.
absl::Status State::ChooseForm() {
  double least = std::numeric_limits<double>::infinity();
  for (const SamplerForm& form : sampler_.form) {
    if (sparse_ && !HasRows(form.count)) continue;
    int outer = -1;
    for (size_t m = 0; m < maps_.size(); ++m) {
      if (maps_[m].symbol == form.map) outer = static_cast<int>(m);
    }
    double cost = 0;
    for (const Count& c : count_) {
      if (c.latent_at < 0 || c.key.empty() || OnlyBy(c, outer)) continue;
      if (!sparse_) {
        cost += static_cast<double>(c.rows);
      } else if (c.symbol == form.count) {
        for (const int64_t n : maps_[c.key[0].map].count)
          cost += static_cast<double>(n) * static_cast<double>(std::min(n, topics_));
      }
    }
    if (cost >= least) continue;
    least = cost, form_ = &form, outer_ = outer;
  }
  if (form_ == nullptr)
    return absl::InvalidArgumentError(
        "the sparse sampler needs weights that are, but for what one key names, a line in one "
        "table of counts; use --sampler=dense");
  for (size_t i = 0; i < count_.size(); ++i) {
    if (!Outer(count_[i]) && !count_[i].is_total()) inner_.push_back(i);
  }
  return absl::OkStatus();
}
bool State::Outer(const Count& c) const { return OnlyBy(c, outer_); }

// Whether the value of a node names the hoisted key elsewhere than in sparse rows of counts.
bool State::TellsApart(int node) const {
  if (node < 0) return false;
  const ir::Node& n = graph_.node[node];
  if (n.op == ir::Op::kKey && n.symbol == maps_[static_cast<size_t>(outer_)].symbol) return true;
  for (const Count& c : count_) {
    if (n.op == ir::Op::kParam && n.symbol == c.symbol && OnlyBy(c, outer_) && c.table.sparse())
      return false;
  }
  for (int i = 0; i < n.subs; ++i) {
    if (TellsApart(n.sub[i].node)) return true;
  }
  return TellsApart(n.a) || TellsApart(n.b) || TellsApart(n.c);
}

void State::MakeTable(Count* c) {
  if (c->latent_at < 0) {
    c->others.assign(static_cast<size_t>(c->rows), -1);
    InStretches(0, rows_, kInOrder, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) ++c->others[static_cast<size_t>(RowOf(*c, r))];
      Release(begin, end);
    });
    return;
  }
  if (c->is_total()) {
    c->total = std::vector<std::atomic<int32_t>>(static_cast<size_t>(topics_));
    return;
  }
  int64_t counted = rows_;
  if (c->key.size() == 1) {
    counted = 0;
    for (const int64_t n : maps_[c->key[0].map].count) counted += std::min(n, topics_);
  }
  // A dense row is read without a search; a sparse one has two numbers for each topic in use.
  const bool small = c->rows * topics_ <= 4 * counted;
  const bool line = sparse_ && c->symbol == form_->count;
  if (c->key.size() == 1 && (line || (Outer(*c) && !small))) {
    c->table = CountTable(maps_[c->key[0].map].count, topics_);
  } else {
    c->table = CountTable(c->rows, topics_);
  }
}

bool State::Copied(const Count& c) const {
  return cut_ && c.latent_at >= 0 && !c.is_total() &&
         std::none_of(c.key.begin(), c.key.end(), [](const Key& k) { return k.map == 0; });
}
bool State::has_totals() const {
  return std::any_of(count_.begin(), count_.end(), [](const Count& c) { return c.is_total(); });
}

WeightArgs State::Args() const {
  WeightArgs args;
  args.data = ordered_.data();
  args.single = setup_.type == Type::kFloat32;
  args.total = setup_.context.total.data();
  args.hyper = setup_.context.hyper;
  args.literal = setup_.program->literal.data();
  args.extent = setup_.context.extent;
  return args;
}

}  // namespace gyre::sample
