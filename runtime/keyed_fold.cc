#include "runtime/keyed_fold.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/local_copy.h"

namespace gyre {
namespace {

constexpr int64_t kSample = 1 << 14;  // rows that the start of the history is taken from

}  // namespace

KeyedFold::KeyedFold(const FoldSetup& setup, const Statement& statement, const Rule& rule)
    : setup_(setup),
      predictor_(statement.predictor),
      rows_(setup.extent[static_cast<size_t>(predictor_.row_axis)]),
      element_(SizeOf(setup.type)),
      statement_(statement),
      rule_(rule),
      single_(setup.type == Type::kFloat32) {}

absl::Status KeyedFold::Start(ParamState* state) {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  LoadParams(*state);
  StartHistory();
  return absl::OkStatus();
}

absl::Status KeyedFold::Prepare() {
  if (grid_ == nullptr)
    if (absl::Status status = Bind(); !status.ok()) return status;
  if (absl::Status status = Penalise(); !status.ok()) return status;
  chain_ = std::vector<Chain>(static_cast<size_t>(grid_->cuts()));
  rotation_ = std::make_unique<Rotation>(*grid_, setup_.workers, setup_.seed, setup_.env);
  view_.clear();
  for (int w = 0; w < setup_.workers; ++w)
    view_.emplace_back(std::min(grid_->largest(), kInOrder) * element_);
  for (Chain& c : chain_) c.slope.assign(factor_.size(), 0), c.curvature.assign(factor_.size(), 0);
  return absl::OkStatus();
}

Fold::Turn KeyedFold::WorkTurn(int worker, double /*epoch*/) {
  return rotation_->Next(worker, [&](int stratum, int c) { Visit(stratum, c, worker); });
}

void KeyedFold::Apply(const PostContext& /*context*/, ParamState* state) {
  MoveShared(1);
  StoreParams(state);
}

std::string KeyedFold::Save() const {
  std::string bytes;
  Archive archive(&bytes);
  const_cast<KeyedFold*>(this)->Exchange(archive);  // saving only reads
  return bytes;
}

absl::Status KeyedFold::Load(absl::string_view bytes) {
  Archive archive(bytes);
  Exchange(archive);
  return archive.complete() ? absl::OkStatus()
                            : absl::InvalidArgumentError("state of another update rule");
}

void KeyedFold::Map::Place(const std::vector<int32_t>& group, int cuts) {
  std::vector<int64_t> next(static_cast<size_t>(cuts) + 1);
  for (const int32_t g : group) ++next[static_cast<size_t>(g) + 1];
  for (size_t g = 1; g < next.size(); ++g)
    next[g] = next[g - 1] + (next[g] + kLine - 1) / kLine * kLine;
  places = next.back();
  place.resize(group.size());
  for (size_t k = 0; k < group.size(); ++k) place[k] = next[static_cast<size_t>(group[k])]++;
}

// ---- Data.

absl::Status KeyedFold::Bind() {
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
  if (setup_.between.processes > 1) TakeOwnRows(&key);
  grid_ =
      std::make_unique<KeyedGrid>(key, keys, rows_, KeyedGrid::CutsFor(keys, rows_), setup_.seed);
  for (size_t m = 0; m < maps_.size(); ++m) {
    maps_[m].Place(grid_->groups(m), grid_->cuts());
    maps_[m].key = RowArray<int32_t>(rows_);
    maps_[m].mine.assign(static_cast<size_t>(maps_[m].keys), 0);
    InStretches(0, rows_, kHereAndThere, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; ++at) {
        const auto k = static_cast<size_t>(key[m][grid_->order()[at]]);
        maps_[m].key[at] = static_cast<int32_t>(maps_[m].place[k]);
        ++maps_[m].mine[k];
      }
      ReleasePages(key[m], key[m] + rows_);
      grid_->order().Release(begin, end), maps_[m].key.Release(begin, end);
    });
    if (maps_[m].holders.empty()) maps_[m].count = maps_[m].mine;
  }
  for (Factor& f : factor_) {
    f.places = f.map < 0 ? 1 : maps_[static_cast<size_t>(f.map)].places;
    f.value = AlignedArray<char>(f.places * f.width * element_);
  }
  if (own_.empty()) {
    ordered_.Order(setup_, predictor_.data, predictor_.row_axis, grid_->order());
    return absl::OkStatus();
  }
  RowArray<int64_t> order(rows_);
  for (int64_t at = 0; at < rows_; ++at) order[at] = own_[grid_->order()[at]];
  ordered_.Order(setup_, predictor_.data, predictor_.row_axis, order);
  own_ = {}, own_key_.clear();
  return absl::OkStatus();
}

// Of all rows those whose key of the widest map is one of this process's: what the others never
// have is most of the parameters. `key` is then of those rows alone.
void KeyedFold::TakeOwnRows(std::vector<const int32_t*>* key) {
  const int process = setup_.between.process, processes = setup_.between.processes;
  size_t by = 0;
  for (size_t m = 1; m < maps_.size(); ++m)
    if (maps_[m].keys > maps_[by].keys) by = m;
  const KeyedGrid cut({(*key)[by]}, {maps_[by].keys}, rows_, processes, setup_.seed);
  const std::vector<int32_t>& owner = cut.groups(0);
  for (size_t m = 0; m < maps_.size(); ++m) {
    const auto keys = static_cast<size_t>(maps_[m].keys);
    maps_[m].count.assign(keys, 0), maps_[m].holders.assign(keys, 0);
    std::vector<bool> seen(keys * static_cast<size_t>(processes));
    for (int64_t r = 0; r < rows_; ++r) {
      const auto k = static_cast<size_t>((*key)[m][r]);
      ++maps_[m].count[k];
      const auto at = k * static_cast<size_t>(processes) +
                      static_cast<size_t>(owner[static_cast<size_t>((*key)[by][r])]);
      if (!seen[at]) seen[at] = true, ++maps_[m].holders[k];
    }
    ReleasePages((*key)[m], (*key)[m] + rows_);
  }
  const int64_t begin = cut.begin(0, process);
  rows_ = cut.end(0, process) - begin;
  own_ = RowArray<int64_t>(rows_);
  std::copy_n(cut.order().data() + begin, rows_, own_.data());
  for (size_t m = 0; m < maps_.size(); ++m) {
    own_key_.emplace_back(rows_);
    for (int64_t r = 0; r < rows_; ++r) own_key_[m][r] = (*key)[m][own_[r]];
    (*key)[m] = own_key_[m].data();
  }
}

KeyedFold::Factor KeyedFold::FactorOf(const KeyedFactor& in, int64_t numbers) {
  const ir::Symbol& symbol = setup_.program->graph.symbol[in.param];
  Factor f;
  f.param = in.param;
  f.visit_l2 = &in.visit_l2;
  f.row = in.rank_at >= 0;
  if (f.row) f.numbers = numbers;
  if (in.map >= 0) {
    f.keys = setup_.extent[static_cast<size_t>(symbol.axis[in.key_at])];
    size_t m = 0;
    while (m < maps_.size() && maps_[m].symbol != in.map) ++m;
    if (m == maps_.size()) maps_.push_back({in.map, f.keys, {}, {}, {}, {}, {}, 0});
    f.map = static_cast<int>(m);
  }
  f.key_stride = in.rank_at > in.key_at ? f.numbers : 1;
  f.rank_stride = in.rank_at > in.key_at ? 1 : f.keys;
  const int64_t lanes = kKeyedAlignment / element_;
  f.width = f.row ? (f.numbers + lanes - 1) / lanes * lanes : 1;
  return f;
}

RowArgs KeyedFold::Rows(int64_t begin, int64_t end) const {
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

absl::Status KeyedFold::Penalise() {
  weights_.clear();
  for (Factor& f : factor_) {
    absl::StatusOr<Prox> prox =
        ProxOf(setup_.context, setup_.extent, statement_.penalty, f.param, &weights_);
    if (!prox.ok()) return prox.status();
    f.prox = *prox;
    if (f.prox.lower.each != nullptr || f.prox.upper.each != nullptr)
      return absl::UnimplementedError("bounds of keyed rows are one number for a whole parameter");
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
absl::Status KeyedFold::Share(const Factor& f, const Weights& weight, double times, double each,
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

void KeyedFold::LoadParams(const ParamState& state) {
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

double KeyedFold::Rest(const Factor& f) const {
  return std::clamp(0.0, f.prox.lower.value, f.prox.upper.value);
}

void KeyedFold::StoreParams(ParamState* state) {
  WithType([&]<class T>(T) {
    for (Factor& f : factor_) {
      double* const to = state->by_symbol()[f.param];
      T* const from = reinterpret_cast<T*>(f.value.data());
      for (int64_t k = 0; k < f.keys; ++k) {
        const bool unseen = Unseen(f, k);
        for (int64_t i = 0; i < f.numbers; ++i) {
          T& x = from[PlaceOf(f, k) * f.width + i];
          if (unseen) x = static_cast<T>(Rest(f));
          to[k * f.key_stride + i * f.rank_stride] = static_cast<double>(x);
        }
      }
    }
  });
}

KeyedFold::Slopes KeyedFold::SlopesOf(int64_t rows) {
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
  const double n = static_cast<double>(std::max<int64_t>(1, rows));
  return {squares / n, curved / n};
}

// The history of every row as if it had seen the slopes of the start: with it a first step is
// kStep of what the other factors are, whatever the scale of losses and data. The last factor
// brings the scale of the parameters in: products of them are as large as the view is off.
void KeyedFold::StartHistory() {
  const Slopes slopes = SlopesOf(std::min(rows_, kSample));
  const double size = std::sqrt(slopes.mean_square);
  const double off = slopes.mean_curvature > 0 ? size / slopes.mean_curvature : 1;
  const double start = size > 0 && std::isfinite(size) ? size * size * std::max(off, 1e-30) : 1;
  WithType([&]<class T>(T) {
    for (Factor& f : factor_) {
      if (f.map >= 0)
        std::fill_n(reinterpret_cast<T*>(f.history.data()), 2 * f.places, static_cast<T>(start));
    }
  });
}

void KeyedFold::MoveShared(double share, double late) {
  WithType([&]<class T>(T) {
    for (size_t i = 0; i < factor_.size(); ++i) {
      if (factor_[i].map >= 0) continue;
      double slope = 0, curvature = 0;
      for (Chain& c : chain_) {
        slope += std::exchange(c.slope[i], 0), curvature += std::exchange(c.curvature[i], 0);
      }
      slope /= share, curvature /= share;
      T& number = *reinterpret_cast<T*>(factor_[i].value.data());
      const Prox& prox = factor_[i].prox;
      const double now = static_cast<double>(number), scale = curvature + 2 * prox.l2.at(0);
      if (!(scale > 0)) continue;
      const double z = curvature * now - slope, m = std::max(std::abs(z) - prox.l1.at(0), 0.0);
      const double there =
          std::clamp(std::copysign(m, z) / scale, prox.lower.value, prox.upper.value);
      number = static_cast<T>(share == late ? there : now + share / late * (there - now));
    }
  });
}

// ---- Blocks.

KeyedArgs KeyedFold::Args(void* view) const {
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

void KeyedFold::Visit(int stratum, int c, int worker) {
  Chain* const chain = &chain_[static_cast<size_t>(c)];
  KeyedArgs args = Args(view_[static_cast<size_t>(worker)].data());
  args.step = step();
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

void KeyedFold::Exchange(Archive& a) {
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

absl::StatusOr<std::unique_ptr<Fold>> MakeKeyedFold(const FoldSetup& setup,
                                                    const Statement& statement, const Rule& rule) {
  if (statement.predictor.visit == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(
        "\"", rule.name, "\" needs rows that name the parameters by keys, one predictor for all"));
  return std::unique_ptr<Fold>(std::make_unique<KeyedFold>(setup, statement, rule));
}

}  // namespace gyre
