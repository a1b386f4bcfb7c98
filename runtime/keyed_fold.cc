// Stochastic gradients on a predictor of keyed rows, in place: factorisations at the speed of a
// loop by hand.
//
// A clock visits every row once, block by block (keyed_grid.h), in the order that rotation.h gives.
// Blocks of a stratum share nothing, so the numbers are the same for any number of workers. Numbers
// that all rows share move once a clock, by a Newton step from what the rows add up.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/archive.h"
#include "runtime/data/memory.h"
#include "runtime/fold.h"
#include "runtime/keyed_grid.h"
#include "runtime/ordered_rows.h"
#include "runtime/penalty.h"
#include "runtime/rotation.h"

namespace gyre {
namespace {

constexpr double kStep = 0.25;        // of a row whose history is the start's
constexpr int64_t kSample = 1 << 14;  // rows that the start of the history is taken from

class KeyedFold final : public Fold {
 public:
  KeyedFold(const FoldSetup& setup, const Statement& statement, const Rule& rule)
      : setup_(setup),
        predictor_(statement.predictor),
        statement_(statement),
        rule_(rule),
        rows_(setup.extent[static_cast<size_t>(predictor_.row_axis)]),
        single_(setup.type == Type::kFloat32),
        element_(SizeOf(setup.type)) {}

  absl::Status Start(ParamState* state) override {
    if (grid_ == nullptr)
      if (absl::Status status = Bind(); !status.ok()) return status;
    if (absl::Status status = Penalise(); !status.ok()) return status;
    LoadParams(*state);
    StartHistory();
    chain_ = std::vector<Chain>(static_cast<size_t>(grid_->cuts()));
    rotation_ = std::make_unique<Rotation>(*grid_, setup_.workers, setup_.seed, setup_.env);
    view_.clear();
    for (int w = 0; w < setup_.workers; ++w)
      view_.emplace_back(std::min(grid_->largest(), kInOrder) * element_);
    for (Chain& c : chain_)
      c.slope.assign(factor_.size(), 0), c.curvature.assign(factor_.size(), 0);
    return absl::OkStatus();
  }

  Turn WorkTurn(int worker, double /*epoch*/) override {
    return rotation_->Next(worker, [&](int stratum, int c) { Visit(stratum, c, worker); });
  }

  void Apply(const PostContext& /*context*/, ParamState* state) override {
    MoveShared();
    StoreParams(state);
  }

  std::string Save() const override {
    std::string bytes;
    Archive archive(&bytes);
    const_cast<KeyedFold*>(this)->Visit(archive);  // saving only reads
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    Archive archive(bytes);
    Visit(archive);
    return archive.complete() ? absl::OkStatus()
                              : absl::InvalidArgumentError("state of another update rule");
  }

 private:
  struct Factor {
    int param = -1, map = -1;                   // position in maps_; -1: all rows share it
    int64_t keys = 1, places = 1, numbers = 1;  // of a key
    int64_t key_stride = 0, rank_stride = 0;    // in the parameter
    int64_t width = 1;                          // numbers of a key with their padding
    const Post* visit_l2 = nullptr;
    bool decays = false;
    Prox prox;
    AlignedArray<char> value, history, decay, l1;
  };
  struct Map {
    int symbol = -1;
    int64_t keys = 0;
    RowArray<int32_t> key;       // by row, in the order of the grid: the place of its key
    std::vector<int64_t> count;  // rows of each key
    std::vector<int64_t> place;  // of each key: those of a group together, on lines of their own
    int64_t places = 0;

    void Place(const std::vector<int32_t>& group, int cuts) {
      std::vector<int64_t> next(static_cast<size_t>(cuts) + 1);
      for (const int32_t g : group) ++next[static_cast<size_t>(g) + 1];
      for (size_t g = 1; g < next.size(); ++g)
        next[g] = next[g - 1] + (next[g] + kLine - 1) / kLine * kLine;
      places = next.back();
      place.resize(group.size());
      for (size_t k = 0; k < group.size(); ++k) place[k] = next[static_cast<size_t>(group[k])]++;
    }
  };
  struct alignas(64) Chain {
    std::vector<double> slope, curvature;  // of numbers that all rows share
  };

  int64_t PlaceOf(const Factor& f, int64_t key) const {
    return f.map < 0 ? 0 : maps_[static_cast<size_t>(f.map)].place[static_cast<size_t>(key)];
  }

  // ---- Data.

  absl::Status Bind() {
    for (const KeyedTerm& term : predictor_.term) {
      const int64_t numbers =
          term.rank_axis < 0 ? 1 : setup_.extent[static_cast<size_t>(term.rank_axis)];
      for (const KeyedFactor& in : term.factor) factor_.push_back(FactorOf(in, numbers));
      const int64_t lanes = kKeyedAlignment / element_;
      rank_.push_back(numbers), width_.push_back((numbers + lanes - 1) / lanes * lanes);
    }
    std::vector<const int32_t*> key;
    std::vector<int64_t> keys;
    for (Map& map : maps_) {
      const absl::StatusOr<const int32_t*> found = KeysOf(setup_, map.symbol, rows_, map.keys);
      if (!found.ok()) return found.status();
      key.push_back(*found), keys.push_back(map.keys);
    }
    grid_ =
        std::make_unique<KeyedGrid>(key, keys, rows_, KeyedGrid::CutsFor(keys, rows_), setup_.seed);
    for (size_t m = 0; m < maps_.size(); ++m) {
      maps_[m].Place(grid_->groups(m), grid_->cuts());
      maps_[m].key = RowArray<int32_t>(rows_);
      maps_[m].count.assign(static_cast<size_t>(maps_[m].keys), 0);
      InStretches(0, rows_, kHereAndThere, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) {
          const auto k = static_cast<size_t>(key[m][grid_->order()[at]]);
          maps_[m].key[at] = static_cast<int32_t>(maps_[m].place[k]);
          ++maps_[m].count[k];
        }
        ReleasePages(key[m], key[m] + rows_);
        grid_->order().Release(begin, end), maps_[m].key.Release(begin, end);
      });
    }
    for (Factor& f : factor_) {
      f.places = f.map < 0 ? 1 : maps_[static_cast<size_t>(f.map)].places;
      f.value = AlignedArray<char>(f.places * f.width * element_);
    }
    ordered_.Order(setup_, predictor_.data, predictor_.row_axis, grid_->order());
    return absl::OkStatus();
  }

  Factor FactorOf(const KeyedFactor& in, int64_t numbers) {
    const ir::Symbol& symbol = setup_.program->graph.symbol[in.param];
    Factor f;
    f.param = in.param;
    f.visit_l2 = &in.visit_l2;
    if (in.rank_at >= 0) f.numbers = numbers;
    if (in.map >= 0) {
      f.keys = setup_.extent[static_cast<size_t>(symbol.axis[in.key_at])];
      size_t m = 0;
      while (m < maps_.size() && maps_[m].symbol != in.map) ++m;
      if (m == maps_.size()) maps_.push_back({in.map, f.keys, {}, {}, {}, 0});
      f.map = static_cast<int>(m);
    }
    f.key_stride = in.rank_at > in.key_at ? f.numbers : 1;
    f.rank_stride = in.rank_at > in.key_at ? 1 : f.keys;
    const int64_t lanes = kKeyedAlignment / element_;
    f.width = in.rank_at >= 0 ? (f.numbers + lanes - 1) / lanes * lanes : 1;
    return f;
  }

  RowArgs Rows(int64_t begin, int64_t end) const {
    RowArgs args;
    args.data = ordered_.data();
    args.single = single_;
    args.total = setup_.context.total.data();
    args.hyper = setup_.context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = setup_.context.extent;
    args.begin = begin, args.end = end;
    return args;
  }

  // ---- Parameters.

  template <class F>
  void WithType(F f) const {
    if (single_) {
      f(float{});
    } else {
      f(double{});
    }
  }

  absl::Status Penalise() {
    weights_.clear();
    for (Factor& f : factor_) {
      absl::StatusOr<Prox> prox =
          ProxOf(setup_.context, setup_.extent, statement_.penalty, f.param, &weights_);
      if (!prox.ok()) return prox.status();
      f.prox = *prox;
      if (f.prox.lower.each != nullptr || f.prox.upper.each != nullptr)
        return absl::UnimplementedError(
            "bounds of keyed rows are one number for a whole parameter");
      if (f.map < 0) continue;
      f.history = AlignedArray<char>(2 * f.places * element_);
      double each = 0;  // of a visit, whatever the key
      if (f.visit_l2->fn != nullptr) setup_.context.Run(*f.visit_l2, &each);
      f.decays = each != 0 || f.prox.l2.given();
      absl::Status status = Share(f, f.prox.l2, 2, 2 * each, &f.decay);
      if (status.ok()) status = Share(f, f.prox.l1, 1, 0, &f.l1);
      if (!status.ok()) return status;
    }
    offset_ = {};
    if (predictor_.offset != nullptr) {
      offset_ = RowArray<double>(rows_);
      InStretches(0, rows_, kInOrder, [&](int64_t begin, int64_t end) {
        RowArgs args = Rows(begin, end);
        args.out = offset_.data() + begin;
        predictor_.offset(args);
        offset_.Release(begin, end), ordered_.Release(begin, end);
      });
    }
    scale_.assign(predictor_.term.size(), 1);
    for (size_t t = 0; t < scale_.size(); ++t)
      setup_.context.Run(predictor_.term[t].scale, &scale_[t]);
    rows_of_.clear();
    for (Factor& f : factor_) {
      KeyedRows rows;
      rows.value = f.value.data(), rows.history = f.history.data();
      rows.decay = f.decays ? f.decay.data() : nullptr;
      rows.l1 = f.prox.l1.given() && f.map >= 0 ? f.l1.data() : nullptr;
      rows.lower = f.prox.lower.value, rows.upper = f.prox.upper.value;
      rows.proximal = f.prox.l1.given() || f.prox.bounded();
      rows.key = f.map >= 0 ? maps_[static_cast<size_t>(f.map)].key.data() : nullptr;
      rows_of_.push_back(rows);
    }
    return absl::OkStatus();
  }

  // A penalty's weight by key, shared out among the visits of a clock.
  absl::Status Share(const Factor& f, const Weights& weight, double times, double each,
                     AlignedArray<char>* out) const {
    if (!weight.given() && each == 0) return absl::OkStatus();
    *out = AlignedArray<char>(f.places * element_);
    bool even = true;
    WithType([&]<class T>(T) {
      for (int64_t k = 0; k < f.keys; ++k) {
        const double w = weight.at(k * f.key_stride);
        for (int64_t i = 1; i < f.numbers; ++i)
          even = even && weight.at(k * f.key_stride + i * f.rank_stride) == w;
        const int64_t visits = maps_[static_cast<size_t>(f.map)].count[static_cast<size_t>(k)];
        reinterpret_cast<T*>(out->data())[PlaceOf(f, k)] =
            static_cast<T>(each + times * w / static_cast<double>(std::max<int64_t>(1, visits)));
      }
    });
    return even ? absl::OkStatus()
                : absl::UnimplementedError(
                      "the penalty of a keyed row weighs all of its numbers alike");
  }

  void LoadParams(const ParamState& state) {
    WithType([&]<class T>(T) {
      for (Factor& f : factor_) {
        const double* const from = state.by_symbol()[f.param];
        T* const to = reinterpret_cast<T*>(f.value.data());
        for (int64_t k = 0; k < f.keys; ++k) {
          for (int64_t i = 0; i < f.numbers; ++i)
            to[PlaceOf(f, k) * f.width + i] =
                static_cast<T>(from[k * f.key_stride + i * f.rank_stride]);
        }
      }
    });
  }
  // Keys without rows lie where their penalty alone is least.
  void StoreParams(ParamState* state) {
    WithType([&]<class T>(T) {
      for (Factor& f : factor_) {
        double* const to = state->by_symbol()[f.param];
        T* const from = reinterpret_cast<T*>(f.value.data());
        const bool penalised = f.map >= 0 && (f.prox.l2.given() || f.prox.l1.given());
        for (int64_t k = 0; k < f.keys; ++k) {
          const bool unseen =
              penalised && maps_[static_cast<size_t>(f.map)].count[static_cast<size_t>(k)] == 0;
          for (int64_t i = 0; i < f.numbers; ++i) {
            T& x = from[PlaceOf(f, k) * f.width + i];
            if (unseen) x = static_cast<T>(std::clamp(0.0, f.prox.lower.value, f.prox.upper.value));
            to[k * f.key_stride + i * f.rank_stride] = static_cast<double>(x);
          }
        }
      }
    });
  }

  // The history of every row as if it had seen the slopes of the start: with it a first step is
  // kStep of what the other factors are, whatever the scale of losses and data. The last factor
  // brings the scale of the parameters in: products of them are as large as the view is off.
  void StartHistory() {
    const int64_t rows = std::min(rows_, kSample);
    std::vector<double> view(static_cast<size_t>(rows)), slope(view), curvature(view);
    AlignedArray<char> typed(rows * element_);
    KeyedArgs args = Args(typed.data());
    args.end = rows;
    predictor_.visit(args);
    WithType([&]<class T>(T) {
      const T* const v = reinterpret_cast<const T*>(typed.data());
      for (int64_t r = 0; r < rows; ++r) view[static_cast<size_t>(r)] = static_cast<double>(v[r]);
    });
    RowArgs in = Rows(0, rows);
    in.view = view.data(), in.out = slope.data();
    predictor_.slope(in);
    in.out = curvature.data();
    predictor_.curvature(in);
    double squares = 0, curved = 0;
    for (size_t r = 0; r < slope.size(); ++r)
      squares += slope[r] * slope[r], curved += std::abs(curvature[r]);
    const double n = static_cast<double>(std::max<int64_t>(1, rows)), size = std::sqrt(squares / n);
    const double off = curved > 0 ? size * n / curved : 1;
    const double start = size > 0 && std::isfinite(size) ? size * size * std::max(off, 1e-30) : 1;
    WithType([&]<class T>(T) {
      for (Factor& f : factor_) {
        if (f.map >= 0)
          std::fill_n(reinterpret_cast<T*>(f.history.data()), 2 * f.places, static_cast<T>(start));
      }
    });
  }

  // What one Newton step gains on the numbers that all rows share, from the slopes that the rows
  // met.
  void MoveShared() {
    WithType([&]<class T>(T) {
      for (size_t i = 0; i < factor_.size(); ++i) {
        if (factor_[i].map >= 0) continue;
        double slope = 0, curvature = 0;
        for (Chain& c : chain_) {
          slope += std::exchange(c.slope[i], 0), curvature += std::exchange(c.curvature[i], 0);
        }
        T& number = *reinterpret_cast<T*>(factor_[i].value.data());
        const Prox& prox = factor_[i].prox;
        const double now = static_cast<double>(number), scale = curvature + 2 * prox.l2.at(0);
        if (!(scale > 0)) continue;
        const double z = curvature * now - slope, m = std::max(std::abs(z) - prox.l1.at(0), 0.0);
        number = static_cast<T>(
            std::clamp(std::copysign(m, z) / scale, prox.lower.value, prox.upper.value));
      }
    });
  }

  // ---- Blocks.

  KeyedArgs Args(void* view) const {
    KeyedArgs args;
    args.data = ordered_.data();
    args.single = single_;
    args.total = setup_.context.total.data();
    args.hyper = setup_.context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = setup_.context.extent;
    args.offset = offset_.empty() ? nullptr : offset_.data();
    args.scale = scale_.data();
    args.rank = rank_.data(), args.width = width_.data();
    args.factor = rows_of_.data();
    args.view = view;
    return args;
  }

  void Visit(int stratum, int c, int worker) {
    Chain* const chain = &chain_[static_cast<size_t>(c)];
    KeyedArgs args = Args(view_[static_cast<size_t>(worker)].data());
    args.step = rule_.step > 0 ? rule_.step : kStep;
    args.first = rotation_->clocks(worker) == 0;
    args.slope = chain->slope.data(), args.curvature = chain->curvature.data();
    InStretches(grid_->begin(stratum, c), grid_->end(stratum, c), kInOrder,
                [&](int64_t begin, int64_t end) {
                  args.begin = begin, args.end = end;
                  predictor_.visit(args);
                  ordered_.Release(begin, end), offset_.Release(begin, end);
                  for (const Map& map : maps_) map.key.Release(begin, end);
                });
  }

  void Visit(Archive& a) {
    int64_t clocks = rotation_->clocks(0);
    a(clocks);
    if (!a.saving()) rotation_->StartAt(clocks);
    for (Factor& f : factor_) {
      if (f.map < 0) continue;
      std::vector<char> history(f.history.data(), f.history.data() + f.history.size());
      a(history);
      if (static_cast<int64_t>(history.size()) == f.history.size())
        std::copy(history.begin(), history.end(), f.history.data());
    }
  }

  const FoldSetup setup_;
  const Predictor& predictor_;
  const Statement& statement_;
  const Rule rule_;
  const int64_t rows_;
  const bool single_;
  const int64_t element_;
  std::vector<Map> maps_;
  std::vector<Factor> factor_;  // of all terms in turn
  std::vector<KeyedRows> rows_of_;
  std::vector<int64_t> rank_, width_;  // by term
  std::vector<double> scale_;
  RowArray<double> offset_;
  std::unique_ptr<KeyedGrid> grid_;
  OrderedRows ordered_;  // what the losses read, in the order of the grid
  std::vector<AlignedArray<double>> weights_;
  std::vector<Chain> chain_;
  std::unique_ptr<Rotation> rotation_;
  std::vector<AlignedArray<char>> view_;  // by worker: scratch
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeKeyedFold(const FoldSetup& setup,
                                                    const Statement& statement, const Rule& rule) {
  if (statement.predictor.visit == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(
        "\"", rule.name, "\" needs rows that name the parameters by keys, one predictor for all"));
  return std::unique_ptr<Fold>(std::make_unique<KeyedFold>(setup, statement, rule));
}

}  // namespace gyre
