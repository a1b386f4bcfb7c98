// Gibbs sampling of a latent by its derived weights: every datum in turn leaves the tables of counts,
// draws a topic from its conditional, and is counted again.
//
// A clock visits every row once, block by block (keyed_grid.h), in the order that rotation.h gives; in
// a block the rows lie by the key whose factors are hoisted. Tables by keys belong to the block at
// hand. Totals, which no key names, every worker has to itself for a block: it adds what it moved
// when the block is done. With one worker they are those of every moment, and sampling is exact; with
// more they are short of what other workers moved during the block.
//
// In the first clock a datum that has no topic yet draws one from the counts of those that have.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dsl/random.h"
#include "ops/sample/categorical.h"
#include "ops/sample/count_table.h"
#include "ops/sample/sum_tree.h"
#include "runtime/archive.h"
#include "runtime/fold.h"
#include "runtime/kernel_call.h"
#include "runtime/keyed_grid.h"
#include "runtime/ordered_rows.h"
#include "runtime/rotation.h"

namespace gyre {
namespace {

using sample::Categorical;
using sample::CountTable;
using sample::SparseRow;
using sample::SumTree;

constexpr int64_t kChunk = 64;  // rows of a pass that computes factors by row
constexpr int64_t kAhead = 3;   // rows from one that is fetched to the one at hand

class SampleFold final : public Fold {
 public:
  SampleFold(const FoldSetup& setup, const Statement& statement, const Rule& rule)
      : setup_(setup),
        graph_(setup.program->graph),
        sampler_(statement.sampler),
        sparse_(rule.sampler == "sparse"),
        rows_(setup.extent[static_cast<size_t>(sampler_.row_axis)]),
        topics_(setup.extent[static_cast<size_t>(sampler_.topic_axis)]),
        alone_(setup.program->root.child.empty()) {}

  absl::Status Start(ParamState* state) override {
    if (grid_ == nullptr)
      if (absl::Status status = Bind(); !status.ok()) return status;
    rotation_ = std::make_unique<Rotation>(*grid_, setup_.workers, setup_.seed, setup_.env);
    std::fill(topic_.begin(), topic_.end(), -1);
    StoreLatent();
    for (Count& c : count_) c.table.Clear(), c.Reset();
    worker_.clear();
    for (int w = 0; w < setup_.workers; ++w)
      worker_.push_back(std::make_unique<Worker>(*this, *state));
    StoreState(state->layout(), state->master());
    return absl::OkStatus();
  }

  Turn WorkTurn(int worker, double epoch) override {
    return rotation_->Next(worker, [&](int stratum, int c) {
      worker_[static_cast<size_t>(worker)]->Visit(grid_->begin(stratum, c), grid_->end(stratum, c),
                                                  rotation_->clocks(worker), epoch);
    });
  }

  void Apply(const PostContext& /*context*/, ParamState* state) override {
    StoreLatent();
    if (alone_) return;
    StoreState(state->layout(), state->master());  // other statements read the counts
  }
  void Model(const ParamState& state, double* model) const override {
    StoreState(state.layout(), model);
  }

  absl::Status status() const override {
    const int64_t row = failed_.load();
    if (row < 0) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "the weights of row ", row, " have no positive, finite sum: a hyper-parameter or a "
        "parameter that they read makes them so; they must be positive for some topic"));
  }
  std::string certificate() const override {
    return setup_.workers == 1 || !HasTotals()
               ? absl::StrCat("exact: each of ", rows_, " rows is drawn from its conditional")
               : std::string("counts by key exact at every draw; totals without what other workers "
                              "move during a block, exact in sum after it");
  }

  std::string Save() const override {
    std::string bytes;
    Archive archive(&bytes);
    const_cast<SampleFold*>(this)->Exchange(archive);  // saving only reads
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    Archive archive(bytes);
    Exchange(archive);
    return archive.complete() ? absl::OkStatus()
                              : absl::InvalidArgumentError("state of another update rule");
  }

 private:
  struct Map {
    int symbol = -1;
    int64_t keys = 0;
    // Keys of a group are neighbours: what one worker writes is not beside what another does.
    std::vector<int32_t> key;     // by row, in the order of the grid: the place of its key
    std::vector<int64_t> count;   // by place: rows
    std::vector<int64_t> key_at;  // by place

    void Place(const std::vector<int32_t>& group) {
      key_at.resize(group.size());
      std::iota(key_at.begin(), key_at.end(), int64_t{0});
      std::stable_sort(key_at.begin(), key_at.end(), [&](int64_t a, int64_t b) {
        return group[static_cast<size_t>(a)] < group[static_cast<size_t>(b)];
      });
      std::vector<int64_t> by_key(count);
      for (size_t p = 0; p < key_at.size(); ++p) count[p] = by_key[static_cast<size_t>(key_at[p])];
    }
  };
  struct Key {
    size_t map = 0;
    int64_t stride = 1;  // of the table's rows
  };
  // A table of counts. Its rows are numbered by the keys of its maps.
  struct Count {
    int symbol = -1;
    int latent_at = -1;  // position of the latent among its keys; -1: not among them
    std::vector<Key> key;
    int64_t rows = 1;
    CountTable table;
    std::vector<int32_t> others;              // no latent: by row, data there less one
    std::vector<std::atomic<int32_t>> total;  // no map: by topic, of blocks done

    bool is_total() const { return key.empty() && latent_at >= 0; }
    void Reset() {
      for (auto& t : total) t.store(0, std::memory_order_relaxed);
    }
  };

  // The factors that a pass over rows computes, some rows at a time.
  class RowFactors {
   public:
    explicit RowFactors(SampleFold& fold)
        : f_(fold),
          pass_(fold.sampler_.row_pass < 0
                    ? nullptr
                    : &fold.setup_.program->pass[static_cast<size_t>(fold.sampler_.row_pass)]),
          log_(any() ? kChunk * fold.topics_ * SizeOf(fold.setup_.type) : 0),
          factor_(any() ? kChunk * fold.topics_ : 0) {
      if (any())
        scratch_ = AlignedArray<char>(
            pass_->scratch(f_.setup_.context.data, f_.setup_.context.extent, SizeOf(f_.setup_.type)));
    }
    bool any() const { return pass_ != nullptr; }
    // The parameters to compute with, by symbol, as passes read them; others than before.
    void Use(const void* const* param) { param_ = param, end_ = begin_; }
    // Of the row at `r` in the order of the grid, which rows up to `end` follow.
    const float* At(int64_t r, int64_t end) {
      if (r < begin_ || r >= end_) Compute(r, end);
      return factor_.data() + (r - begin_) * f_.topics_;
    }

   private:
    void Compute(int64_t r, int64_t end) {
      begin_ = r, end_ = std::min(r + kChunk, end);
      const std::vector<int64_t>& order = f_.grid_->order();
      for (int64_t from = r; from < end_;) {  // rows that follow each other in the data
        const int64_t first = order[static_cast<size_t>(from)];
        int64_t to = from + 1;
        while (to < end_ && order[static_cast<size_t>(to)] == first + to - from) ++to;
        Run(first, to - from, (from - r) * f_.topics_);
        from = to;
      }
    }
    void Run(int64_t row, int64_t rows, int64_t at) {
      WorkerData data;
      data.data = f_.setup_.context.data;
      data.row_begin = row, data.row_end = row + rows;
      KernelArgs args = ArgsOf(f_.setup_.context, data);
      args.param = param_;
      args.scratch = scratch_.data();
      args.out = log_.data();
      KernelOf(*pass_, f_.setup_.type)(args);
      if (f_.setup_.type == Type::kFloat32) {
        Exponentiate(reinterpret_cast<const float*>(log_.data()), rows, at);
      } else {
        Exponentiate(reinterpret_cast<const double*>(log_.data()), rows, at);
      }
    }
    // Over the largest of each row: a constant factor moves no draw.
    template <class T>
    void Exponentiate(const T* log, int64_t rows, int64_t at) {
      for (int64_t r = 0; r < rows; ++r, log += f_.topics_, at += f_.topics_) {
        const T most = *std::max_element(log, log + f_.topics_);
        for (int64_t k = 0; k < f_.topics_; ++k)
          factor_[at + k] = static_cast<float>(std::exp(log[k] - most));
      }
    }

    SampleFold& f_;
    const Pass* const pass_;
    AlignedArray<char> log_, scratch_;
    AlignedArray<float> factor_;
    const void* const* param_ = nullptr;
    int64_t begin_ = 0, end_ = 0;
  };

  // What one worker has at hand while it visits a block.
  class alignas(64) Worker {
   public:
    Worker(SampleFold& fold, const ParamState& state)
        : f_(fold),
          state_(state),
          rows_of_(fold),
          draw_(fold.topics_),
          tree_(fold.sparse_ ? fold.topics_ : 1),
          hoisted_(sample::Padded(fold.topics_)),
          sloped_(fold.sparse_ ? sample::Padded(fold.topics_) : 0),
          slope_(sloped_.size()),
          base_(sloped_.size()),
          param_(static_cast<size_t>(fold.graph_.symbol.size)),
          typed_(param_.size()),
          published_(rows_of_.any() ? state.published_bytes() : 0),
          at_(fold.graph_.symbol.size),
          cell_(static_cast<int64_t>(fold.count_.size())) {
      args_ = fold.Args();
      args_.param = param_.data();
      args_.count = at_.data();
      for (const int symbol : fold.sampler_.param) {
        values_.emplace_back(state.layout().Find(symbol)->size);
        param_[static_cast<size_t>(symbol)] = values_.back().data();
      }
      if (rows_of_.any()) state.Point(published_.data(), typed_.data());
      for (const Count& c : fold.count_) {
        const bool own = c.is_total() || (fold.Outer(c) && c.table.sparse());
        row_.emplace_back(own ? sample::Padded(fold.topics_) : 0);
        before_.emplace_back(c.is_total() ? sample::Padded(fold.topics_) : 0);
        const size_t i = row_.size() - 1;
        cell_[static_cast<int64_t>(i)] = own ? row_.back().data() : nullptr;
        at_[c.symbol] = row_.back().data();
        if (fold.sparse_ && c.symbol == fold.form_->count) inner_ = i;
      }
    }

    void Visit(int64_t begin, int64_t end, int64_t clock, double epoch) {
      args_.epoch = epoch;
      if (clock != loaded_) Load(clock);
      TakeTotals();
      const rng::Stream draws(f_.setup_.seed, rng::Hash("topics"),
                              static_cast<uint64_t>(clock));
      rng::Words words = {};
      int32_t outer = -1;
      const int32_t* const key =
          f_.outer_ < 0 ? nullptr : f_.maps_[static_cast<size_t>(f_.outer_)].key.data();
      for (int64_t r = begin; r < end; ++r) {
        args_.row = r;
        if (key == nullptr ? r == begin : key[r] != outer) {
          Leave(outer);
          outer = key == nullptr ? 0 : key[r];
          Enter();
        }
        if (const int64_t i = r - begin; i % 4 == 0) words = draws.Bits(static_cast<uint64_t>(r));
        const float u = static_cast<float>(words[static_cast<size_t>((r - begin) % 4)] >> 8) * 0x1p-24f;
        int32_t& topic = f_.topic_[static_cast<size_t>(r)];
        if (r + kAhead < end) Fetch(r + kAhead);
        const int32_t was = topic;
        if (rows_of_.any()) factor_ = rows_of_.At(r, end);
        Point();
        topic = f_.sparse_ ? Sparse(topic, u) : Dense(topic, u);
        if (topic < 0) {
          topic = was;
          f_.failed_.store(f_.grid_->order()[static_cast<size_t>(r)]);
        }
      }
      Leave(outer);
      GiveTotals();
    }

   private:
    // The parameters as the clock finds them: other statements may have moved them.
    void Load(int64_t clock) {
      loaded_ = clock;
      for (size_t i = 0; i < values_.size(); ++i) {
        const double* const from = state_.by_symbol()[f_.sampler_.param[i]];
        for (int64_t j = 0; j < values_[i].size(); ++j)
          values_[i][j] = static_cast<float>(from[j]);
      }
      if (rows_of_.any()) state_.Publish(published_.data()), rows_of_.Use(typed_.data());
      if (!f_.sparse_) return;
      args_.begin = 0, args_.end = f_.topics_, args_.given = nullptr;
      args_.out = slope_.data();
      f_.form_->slope(args_);
      args_.out = base_.data();
      f_.form_->base(args_);
    }

    int32_t Dense(int32_t topic, float u) {
      if (topic >= 0) Move(topic, -1), Hoist(topic, topic + 1);
      args_.begin = 0, args_.end = f_.topics_;
      args_.given = hoisted_.data(), args_.out = draw_.weight();
      f_.form_->rest(args_);
      if (factor_ != nullptr) {
        float* const weight = draw_.weight();
        for (int64_t k = 0; k < f_.topics_; ++k) weight[k] *= factor_[k];
      }
      const float total = draw_.Sum(f_.topics_);
      if (!(total > 0) || !std::isfinite(total)) return -1;
      const auto drawn = static_cast<int32_t>(draw_.At(u * total));
      Move(drawn, 1);
      Hoist(drawn, drawn + 1);
      return drawn;
    }

    int32_t Sparse(int32_t topic, float u) {
      Count& inner = f_.count_[inner_];
      SparseRow row = inner.table.sparse(RowOf(inner));
      if (topic >= 0) Move(topic, -1), Rehoist(topic);
      // The row still counts the datum at hand: what it weighs there is taken back.
      const int64_t own = row.Weigh(sloped_.data(), topic, draw_.weight());
      if (own >= 0)
        draw_.weight()[own] = static_cast<float>(row.count()[own] - 1) * sloped_[topic];
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

    // Counts the row at hand in, or out, of every table but the one that the sparse draw keeps itself.
    void Move(int32_t topic, int32_t by) {
      for (size_t i = 0; i < f_.count_.size(); ++i) {
        if (cell_[static_cast<int64_t>(i)] != nullptr) {
          cell_[static_cast<int64_t>(i)][topic] += by;
        } else if (f_.count_[i].latent_at >= 0 && !(f_.sparse_ && i == inner_)) {
          f_.count_[i].table.Add(RowOf(f_.count_[i]), topic, by);
        }
      }
    }

    void Hoist(int64_t begin, int64_t end) {
      args_.begin = begin, args_.end = end;
      args_.given = nullptr, args_.out = hoisted_.data();
      f_.form_->hoist(args_);
    }
    void Rehoist(int32_t k) {
      Hoist(k, k + 1);
      sloped_[k] = slope_[k] * hoisted_[k];
      tree_.Set(k, base_[k] * hoisted_[k]);
    }

    int64_t RowOf(const Count& c) const {
      int64_t row = 0;
      for (const Key& k : c.key) row += f_.maps_[k.map].key[static_cast<size_t>(args_.row)] * k.stride;
      return row;
    }

    // The rows of tables by the key that is visited in turn.
    void Enter() {
      for (size_t i = 0; i < f_.count_.size(); ++i) {
        Count& c = f_.count_[i];
        if (!f_.Outer(c) || c.is_total()) continue;
        const int32_t* at = nullptr;
        if (c.latent_at < 0) {
          at = &c.others[static_cast<size_t>(RowOf(c))];
        } else if (c.table.sparse()) {
          c.table.Load(RowOf(c), row_[i].data());
          continue;
        } else {
          at = cell_[static_cast<int64_t>(i)] = c.table.dense(RowOf(c));
        }
        at_[c.symbol] = at;
      }
      Hoist(0, f_.topics_);
      if (!f_.sparse_) return;
      float* const leaf = tree_.weight();
      for (int64_t k = 0; k < f_.topics_; ++k) {
        sloped_[k] = slope_[k] * hoisted_[k];
        leaf[k] = base_[k] * hoisted_[k];
      }
      tree_.Build();
    }
    void Leave(int32_t outer) {
      if (outer < 0) return;
      for (size_t i = 0; i < f_.count_.size(); ++i) {
        Count& c = f_.count_[i];
        if (f_.Outer(c) && c.table.sparse()) c.table.Store(outer, row_[i].data());
      }
    }
    // Brings the rows that a row will read nearer: where they lie says no pattern.
    void Fetch(int64_t r) const {
      for (const size_t i : f_.inner_) {
        const Count& c = f_.count_[i];
        if (c.latent_at < 0 || c.key.size() != 1) continue;
        c.table.Fetch(f_.maps_[c.key[0].map].key[static_cast<size_t>(r)]);
      }
    }
    // Those by other keys, of the row at hand.
    void Point() {
      for (const size_t i : f_.inner_) {
        Count& c = f_.count_[i];
        const int64_t row = RowOf(c);
        const int32_t* at = nullptr;
        if (c.latent_at < 0) {
          at = &c.others[static_cast<size_t>(row)];
        } else if (!c.table.sparse()) {
          at = cell_[static_cast<int64_t>(i)] = c.table.dense(row);
        }
        at_[c.symbol] = at;
      }
    }

    void TakeTotals() {
      for (size_t i = 0; i < f_.count_.size(); ++i) {
        if (!f_.count_[i].is_total()) continue;
        for (int64_t k = 0; k < f_.topics_; ++k)
          before_[i][k] = row_[i][k] =
              f_.count_[i].total[static_cast<size_t>(k)].load(std::memory_order_relaxed);
      }
    }
    void GiveTotals() {
      for (size_t i = 0; i < f_.count_.size(); ++i) {
        if (!f_.count_[i].is_total()) continue;
        for (int64_t k = 0; k < f_.topics_; ++k) {
          const int32_t moved = row_[i][k] - before_[i][k];
          if (moved != 0)
            f_.count_[i].total[static_cast<size_t>(k)].fetch_add(moved, std::memory_order_relaxed);
        }
      }
    }

    SampleFold& f_;
    const ParamState& state_;
    WeightArgs args_;
    RowFactors rows_of_;
    const float* factor_ = nullptr;  // by topic, of the row at hand; null: one
    Categorical draw_;
    SumTree tree_;
    AlignedArray<float> hoisted_, sloped_;  // by topic
    AlignedArray<float> slope_, base_;      // sparse: by topic
    // Parameters by symbol, of the clock `loaded_`: as weights read them, and as passes do.
    std::vector<const float*> param_;
    std::vector<const void*> typed_;
    std::vector<AlignedArray<float>> values_;
    AlignedArray<char> published_;
    int64_t loaded_ = -1;
    // On lines of their own: they change with every row. By symbol, rows of tables as the weights read
    // them; by table the row at hand, null where it is sparse.
    AlignedArray<const int32_t*> at_;
    AlignedArray<int32_t*> cell_;
    // By table: rows that are this worker's own copy.
    std::vector<AlignedArray<int32_t>> row_, before_;
    size_t inner_ = 0;  // sparse: the table that the rest is a line of
  };

  // ---- Data.

  absl::Status Bind() {
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
      for (int64_t r = 0; r < rows_; ++r) ++map.count[static_cast<size_t>((*found)[r])];
    }
    if (absl::Status status = ChooseForm(); !status.ok()) return status;
    std::vector<int32_t> ranges;  // in place of keys: rows that name nothing in common
    if (maps_.empty()) {
      for (int64_t r = 0; r < rows_; ++r)
        ranges.push_back(static_cast<int32_t>(r * setup_.workers / rows_));
      key.push_back(ranges.data()), keys.push_back(setup_.workers);
    }
    int cuts = setup_.workers;
    for (const int64_t n : keys) cuts = static_cast<int>(std::min<int64_t>(cuts, n));
    grid_ = std::make_unique<KeyedGrid>(key, keys, rows_, cuts, setup_.seed, std::max(0, outer_));
    for (size_t m = 0; m < maps_.size(); ++m) {
      maps_[m].Place(grid_->groups(m));
      std::vector<int32_t> place(maps_[m].key_at.size());
      for (size_t p = 0; p < place.size(); ++p)
        place[static_cast<size_t>(maps_[m].key_at[p])] = static_cast<int32_t>(p);
      for (const int64_t r : grid_->order())
        maps_[m].key.push_back(place[static_cast<size_t>(key[m][r])]);
    }
    for (Count& c : count_) MakeTable(&c);
    topic_.assign(static_cast<size_t>(rows_), -1);
    ordered_.Order(setup_, sampler_.data, sampler_.row_axis, grid_->order());
    return absl::OkStatus();
  }

  void AddCount(int symbol) {
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
  size_t MapOf(int symbol) {
    size_t m = 0;
    while (m < maps_.size() && maps_[m].symbol != symbol) ++m;
    if (m == maps_.size()) {
      const int target = graph_.symbol[symbol].target;
      maps_.push_back({symbol, setup_.extent[static_cast<size_t>(target)], {}, {}, {}});
    }
    return m;
  }

  // What is hoisted: dense, the key of the most tables, so that what is read at random is small;
  // sparse, that which leaves rows with few topics.
  absl::Status ChooseForm() {
    double least = std::numeric_limits<double>::infinity();
    for (const SamplerForm& form : sampler_.form) {
      if (sparse_ && form.count < 0) continue;
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
  static bool OnlyBy(const Count& c, int map) {
    return std::all_of(c.key.begin(), c.key.end(),
                       [&](const Key& k) { return static_cast<int>(k.map) == map; });
  }
  // Whether its row is one for all rows with one key of what is hoisted.
  bool Outer(const Count& c) const { return OnlyBy(c, outer_); }

  void MakeTable(Count* c) {
    if (c->latent_at < 0) {
      c->others.assign(static_cast<size_t>(c->rows), -1);
      for (int64_t r = 0; r < rows_; ++r) {
        int64_t row = 0;
        for (const Key& k : c->key) row += maps_[k.map].key[static_cast<size_t>(r)] * k.stride;
        ++c->others[static_cast<size_t>(row)];
      }
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

  bool HasTotals() const {
    return std::any_of(count_.begin(), count_.end(), [](const Count& c) { return c.is_total(); });
  }

  // ---- State.

  WeightArgs Args() const {
    WeightArgs args;
    args.data = ordered_.data();
    args.single = setup_.type == Type::kFloat32;
    args.total = setup_.context.total.data();
    args.hyper = setup_.context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = setup_.context.extent;
    return args;
  }

  // Where passes read the latent: as of the last clock; before the first, the first topic.
  void StoreLatent() {
    if (setup_.latent.empty()) return;
    int32_t* const to = setup_.latent[static_cast<size_t>(sampler_.latent)];
    if (to == nullptr) return;
    for (size_t at = 0; at < topic_.size(); ++at) to[grid_->order()[at]] = std::max(0, topic_[at]);
  }

  // Counts and tallies of them into the fields of `layout`.
  void StoreState(const Layout& layout, double* to) const {
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
  // The row of a table by keys, for one by their places.
  int64_t KeysAt(const Count& c, int64_t row) const {
    int64_t out = 0;
    for (const Key& k : c.key) {
      const Map& map = maps_[k.map];
      out += map.key_at[static_cast<size_t>(row / k.stride % map.keys)] * k.stride;
    }
    return out;
  }
  template <class Visit>
  void ForCells(const Count& c, const Visit& visit) const {  // (row, topic, count) where not zero
    if (c.latent_at < 0) {
      for (int64_t r = 0; r < c.rows; ++r)
        visit(KeysAt(c, r), 0, c.others[static_cast<size_t>(r)] + 1);
    } else if (c.is_total()) {
      for (size_t k = 0; k < c.total.size(); ++k)
        visit(int64_t{0}, static_cast<int64_t>(k), c.total[k].load(std::memory_order_relaxed));
    } else {
      for (int64_t r = 0; r < c.rows; ++r)
        c.table.ForRow(r, [&, row = KeysAt(c, r)](int32_t topic, int32_t count) {
          visit(row, topic, count);
        });
    }
  }
  // In the order of its keys as declared.
  void StoreCount(const Count& c, double* to, int64_t size) const {
    std::fill_n(to, size, 0.0);
    int64_t after = 1;  // rows that one step of the latent passes over
    const ir::Symbol& s = graph_.symbol[c.symbol];
    for (int i = c.latent_at + 1; i < s.rank; ++i) after *= setup_.extent[static_cast<size_t>(s.axis[i])];
    if (c.latent_at < 0) after = 1;
    const int64_t topics = c.latent_at < 0 ? 1 : topics_;
    ForCells(c, [&](int64_t row, int64_t topic, int32_t count) {
      to[(row / after * topics + topic) * after + row % after] = count;
    });
  }
  void StoreTally(int symbol, double* value, double* cells, int64_t size) const {
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

  // The topics by the data's own order: they mean the same whatever the grid.
  void Exchange(Archive& a) {
    int64_t clocks = rotation_->clocks(0);
    a(clocks);
    std::vector<int32_t> topic(topic_.size());
    for (size_t at = 0; at < topic_.size(); ++at)
      topic[static_cast<size_t>(grid_->order()[at])] = topic_[at];
    a(topic);
    if (a.saving() || topic.size() != topic_.size()) return;
    rotation_->StartAt(clocks);
    for (Count& c : count_) c.table.Clear(), c.Reset();
    for (size_t at = 0; at < topic_.size(); ++at) {
      topic_[at] = topic[static_cast<size_t>(grid_->order()[at])];
      if (topic_[at] >= topics_) topic_[at] = -1;
      if (topic_[at] < 0) continue;
      for (Count& c : count_) {
        if (c.latent_at < 0) continue;
        int64_t row = 0;
        for (const Key& k : c.key) row += maps_[k.map].key[at] * k.stride;
        if (c.is_total()) {
          c.total[static_cast<size_t>(topic_[at])].fetch_add(1, std::memory_order_relaxed);
        } else {
          c.table.Add(row, topic_[at], 1);
        }
      }
    }
    StoreLatent();
  }

  const FoldSetup setup_;
  const ir::Graph& graph_;
  const Sampler& sampler_;
  const bool sparse_;
  const int64_t rows_, topics_;
  const bool alone_;  // the program's only statement
  std::vector<Map> maps_;
  std::vector<Count> count_;
  const SamplerForm* form_ = nullptr;
  int outer_ = -1;                // position in maps_ of what is hoisted
  std::vector<size_t> inner_;     // tables by other keys
  std::unique_ptr<KeyedGrid> grid_;
  OrderedRows ordered_;
  std::vector<int32_t> topic_;    // by row, in the order of the grid; -1: none yet
  std::unique_ptr<Rotation> rotation_;
  std::vector<std::unique_ptr<Worker>> worker_;
  std::atomic<int64_t> failed_{-1};  // a row whose weights have no sum
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeSampleFold(const FoldSetup& setup,
                                                     const Statement& statement, const Rule& rule) {
  if (statement.sampler.weight == nullptr)
    return absl::FailedPreconditionError("\"gibbs\" needs a Resample");
  return std::unique_ptr<Fold>(std::make_unique<SampleFold>(setup, statement, rule));
}

}  // namespace gyre
