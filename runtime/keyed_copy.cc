// A process's copy of the parameters that keyed rows change in place.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "dsl/random.h"
#include "runtime/keyed_fold.h"
#include "runtime/local_copy.h"
#include "runtime/mutex.h"

namespace gyre {
namespace {

constexpr int64_t kLook = 1 << 12;     // rows that slopes are taken from, at most, ...
constexpr int64_t kPositionBytes = 4;  // of a row that travels
constexpr int64_t kStretch = 64;       // keys that go together, first in, first out
constexpr int64_t kLookShare = 16;     // ... and the share of all that they are at most

class KeyedCopy final : public LocalCopy, private KeyedFold {
 public:
  KeyedCopy(const FoldSetup& setup, const Statement& statement, const Rule& rule)
      : KeyedFold(setup, statement, rule), worker_(static_cast<size_t>(setup.workers)) {}

  absl::Status Begin() {
    if (absl::Status status = Prepare(); !status.ok()) return status;
    for (const Factor& f : factor_) {
      known_.emplace_back(f.keys * f.numbers * element_);
      met_.emplace_back(f.history.size());
      start_.emplace_back(holds() ? known_.back().size() : 0);
      effect_.emplace_back(static_cast<size_t>(f.keys));
      since_.emplace_back(holds() ? static_cast<size_t>(f.keys) : 0, Clock{-1});
    }
    mean_effect_.resize(factor_.size()), beside_.resize(factor_.size());
    left_.store(setup_.workers);
    return absl::OkStatus();
  }

  bool Taken(Clock clock) const override { return taken_.load() > clock; }

  Turn WorkTurn(int worker, const View& view) override {
    if (taken_.load() <= view.clock && !TakeTurn(view)) return Turn::kWaits;
    Worker& me = worker_[static_cast<size_t>(worker)];
    if (me.visited.load() <= view.clock) {
      const Turn turn = KeyedFold::WorkTurn(worker, 0);
      if (turn != Turn::kLast) return turn;
      me.visited.store(view.clock + 1);
      if (left_.fetch_sub(1) == 1) {
        left_.store(setup_.workers);
        MoveShared(ShareOfRows(), late_);
        WithType([&]<class T>(T) { MeetOthers<T>(); });
        met_others_.store(view.clock + 1);
      }
      setup_.env->Wake();
    }
    return met_others_.load() > view.clock ? Turn::kLast : Turn::kWaits;
  }

  void Give(int worker, Clock clock, double* const* moves) override {
    Worker& me = worker_[static_cast<size_t>(worker)];
    const auto workers = static_cast<int64_t>(worker_.size());
    WithType([&]<class T>(T) {
      for (size_t f = 0; f < factor_.size(); ++f) {
        const int64_t keys = factor_[f].keys;
        for (int64_t k = keys * worker / workers; k < keys * (worker + 1) / workers; ++k)
          Settle<T>(f, k, clock, &me);
      }
      Choose(clock, &me);
      for (const Row& row : me.chosen) Leave<T>(row, moves[row.factor]);
    });
    me.chosen.clear();
    me.given.store(clock + 1);
    setup_.env->Wake();
  }

 private:
  using KeyedFold::WorkTurn;

  struct Row {
    double urgency = 0;
    size_t factor = 0;
    int64_t key = 0;
  };
  struct alignas(64) Worker {
    std::atomic<Clock> visited{0}, given{0};  // clocks
    std::vector<Row> chosen, waiting;         // of the clock that ends: what leaves, what may wait
  };
  // What left with a clock and may not have come back yet.
  struct Sent {
    Clock clock = 0;
    std::vector<AlignedArray<char>> move;  // by factor, like known_
  };

  bool holds() const { return setup_.between.hold > 0; }
  double ShareOfRows() const {
    const auto axis = static_cast<size_t>(predictor_.row_axis);
    return static_cast<double>(rows_) / static_cast<double>(setup_.extent[axis]);
  }
  int Holders(const Factor& f, int64_t key) const {
    const int processes = setup_.between.processes;
    if (f.map < 0 || processes == 1) return processes;
    return maps_[static_cast<size_t>(f.map)].holders[static_cast<size_t>(key)];
  }
  bool Mine(const Factor& f, int64_t key) const {
    return f.map < 0 || maps_[static_cast<size_t>(f.map)].mine[static_cast<size_t>(key)] > 0;
  }
  // Whether the rows of others move it too.
  bool Shared(const Factor& f, int64_t key) const { return Mine(f, key) && Holders(f, key) > 1; }
  // The model is looked at after the clock.
  bool AtCut(Clock clock) const {
    return (clock + 1) % setup_.boundary == 0 || clock + 1 == setup_.between.clocks;
  }

  // One worker takes what has arrived, for all of them, when all have given what they moved before.
  bool TakeTurn(const View& view) {
    for (const Worker& each : worker_)
      if (each.given.load() < view.clock) return false;
    if (taking_.exchange(true)) return false;
    if (taken_.load() <= view.clock) {
      WithType([&]<class T>(T) { Take<T>(view); });
      if (view.clock == 0) StartHistory();
      if (setup_.lag != 1) Remember(view.clock);
      slopes_ =
          SlopesOf(std::clamp<int64_t>(rows_ / kLookShare, std::min(rows_, kLookShare), kLook));
      taken_ns_ = setup_.env->Nanos();
      late_ = static_cast<double>(1 + std::max<Clock>(0, view.clock - view.stamp.complete));
      for (size_t f = 0; f < factor_.size(); ++f)
        std::copy_n(factor_[f].history.data(), met_[f].size(), met_[f].data());
      taken_.store(view.clock + 1);
      setup_.env->Wake();
    }
    taking_.store(false);
    return true;
  }

  // The parameters as they are elsewhere, with what this process sent that is not among them, and
  // with what it has moved and not sent.
  template <class T>
  void Take(const View& view) {
    while (!sent_.empty() && sent_.front().clock < view.stamp.own) {
      free_.push_back(std::move(sent_.front().move));
      sent_.pop_front();
    }
    for (size_t at = 0; at < factor_.size(); ++at) {
      Factor& f = factor_[at];
      const T* const from = static_cast<const T*>(view.param[f.param]);
      T* const known = reinterpret_cast<T*>(known_[at].data());
      for (int64_t k = 0; k < f.keys; ++k) {
        if (view.clock > 0 && !Shared(f, k)) continue;
        T* const value = ValueOf<T>(f, k);
        for (int64_t i = 0; i < f.numbers; ++i) {
          const int64_t n = k * f.numbers + i;
          const T unsent = view.clock > 0 ? value[i] - known[n] : T{0};
          T now = from[k * f.key_stride + i * f.rank_stride];
          for (const Sent& sent : sent_) now += reinterpret_cast<const T*>(sent.move[at].data())[n];
          known[n] = now;
          value[i] = now + unsent;
          if (holds()) reinterpret_cast<T*>(start_[at].data())[n] = value[i];
        }
      }
    }
  }

  // Room for what the clock will send. At lag 1 all has come back before the next clock.
  void Remember(Clock clock) {
    std::vector<AlignedArray<char>> move;
    if (free_.empty()) {
      for (const auto& known : known_) move.emplace_back(known.size());
    } else {
      move = std::move(free_.back());
      free_.pop_back();
      for (auto& each : move) std::fill_n(each.data(), each.size(), char{0});
    }
    sent_.push_back({clock, std::move(move)});
  }

  template <class T>
  T* ValueOf(Factor& f, int64_t key) const {
    return reinterpret_cast<T*>(f.value.data()) + PlaceOf(f, key) * f.width;
  }

  // What a row has moved in the clock: with others' moves it comes to the share of it that is
  // right, and whether it is to leave is settled by Choose, or at once where nothing may wait.
  template <class T>
  void Settle(size_t at, int64_t key, Clock clock, Worker* me) {
    Factor& f = factor_[at];
    T* const value = ValueOf<T>(f, key);
    if (clock == 0 && setup_.between.process == 0 && Unseen(f, key))
      std::fill_n(value, f.numbers, static_cast<T>(Rest(f)));
    const bool shared = Shared(f, key);
    const T* const known = reinterpret_cast<const T*>(known_[at].data()) + key * f.numbers;
    if (shared && f.map >= 0) {
      const T* const start =
          holds() ? reinterpret_cast<const T*>(start_[at].data()) + key * f.numbers : known;
      if (const auto part = static_cast<T>(ShareOf(at, key)); part < 1)
        for (int64_t i = 0; i < f.numbers; ++i) value[i] = start[i] + part * (value[i] - start[i]);
    }
    if (!shared && !AtCut(clock)) return;
    if (!holds() || !shared || AtCut(clock)) return me->chosen.push_back({0, at, key});
    double moved = 0, size = 0;
    for (int64_t i = 0; i < f.numbers; ++i) {
      const auto by = static_cast<double>(value[i] - known[i]), is = static_cast<double>(value[i]);
      moved += by * by, size += is * is;
    }
    if (moved == 0) return;
    Clock& since = since_[at][static_cast<size_t>(key)];
    if (since < 0) since = clock;
    if (clock - since >= setup_.between.hold) return me->chosen.push_back({0, at, key});
    me->waiting.push_back(
        {Urgency(moved / std::max(size, 1e-30), clock - since, key, clock), at, key});
  }

  // The higher the sooner; never NaN, also where a run diverges.
  double Urgency(double magnitude, Clock waited, int64_t key, Clock clock) const {
    switch (setup_.between.order) {
      case SendOrder::kMagnitude:
        return magnitude >= 0 ? magnitude : std::numeric_limits<double>::infinity();
      case SendOrder::kDeadline:
        return static_cast<double>(waited);
      case SendOrder::kFifo:  // a different stretch of keys in every clock
        return static_cast<double>((key + clock * kStretch) %
                                   (kStretch * (setup_.between.hold + 1)));
      case SendOrder::kRandom:
        break;
    }
    return rng::Stream(setup_.seed, rng::Hash("outbox"), static_cast<uint64_t>(clock))
        .Uniform(static_cast<uint64_t>(key));
  }

  // For all workers.
  int64_t Room(Clock clock) {
    MutexLock lock(&mutex_);
    if (room_of_ != clock) {
      room_of_ = clock;
      room_ = setup_.between.budget->Allowed(setup_.env->Nanos() - taken_ns_);
    }
    return room_;
  }

  // Of what may wait, as much as the budget leaves room for beside what may not.
  void Choose(Clock clock, Worker* me) {
    if (me->waiting.empty()) return;
    const auto bytes = [this](const Row& row) {
      return factor_[row.factor].numbers * setup_.between.number_bytes + kPositionBytes;
    };
    int64_t room = Room(clock) / static_cast<int64_t>(worker_.size());
    for (const Row& row : me->chosen) room -= bytes(row);
    std::sort(me->waiting.begin(), me->waiting.end(),
              [](const Row& a, const Row& b) { return a.urgency > b.urgency; });
    for (const Row& row : me->waiting) {
      if ((room -= bytes(row)) < 0) break;
      me->chosen.push_back(row);
    }
    me->waiting.clear();
  }

  template <class T>
  void Leave(const Row& row, double* moves) {
    Factor& f = factor_[row.factor];
    const T* const value = ValueOf<T>(f, row.key);
    T* const known = reinterpret_cast<T*>(known_[row.factor].data()) + row.key * f.numbers;
    T* const sent =
        sent_.empty() || !Shared(f, row.key)
            ? nullptr
            : reinterpret_cast<T*>(sent_.back().move[row.factor].data()) + row.key * f.numbers;
    for (int64_t i = 0; i < f.numbers; ++i) {
      const T move = value[i] - known[i];
      moves[row.key * f.key_stride + i * f.rank_stride] = static_cast<double>(move);
      known[i] = value[i];
      if (sent != nullptr) sent[i] = move;
    }
    if (holds()) since_[row.factor][static_cast<size_t>(row.key)] = -1;
  }

  // What the rows of other processes do to keys that they name as well, as if they were like those
  // here: their slopes belong to the history of a key. And how far the moves of this clock go:
  // steps of size eta on rows of curvature h leave exp(-E) of the way to the minimum of these rows,
  // E the sum of eta h, over all that a row names. Of n numbers of a key, whose curvatures together
  // are n h, the largest is taken for sqrt(n) h: they are neither alike nor one.
  template <class T>
  void MeetOthers() {
    double all = 0;
    for (size_t at = 0; at < factor_.size(); ++at) {
      mean_effect_[at] = 0;
      if (factor_[at].map < 0) continue;
      for (int64_t key = 0; key < factor_[at].keys; ++key) {
        if (!Shared(factor_[at], key)) continue;
        const double effect = MeetOthersAt<T>(at, key);
        effect_[at][static_cast<size_t>(key)] = effect;
        mean_effect_[at] += effect * static_cast<double>(RowsHere(at, key));
      }
      mean_effect_[at] /= static_cast<double>(rows_);
      all += mean_effect_[at];
    }
    for (size_t at = 0; at < factor_.size(); ++at) beside_[at] = all - mean_effect_[at];
  }

  // The same for one key: E of its rows here.
  template <class T>
  double MeetOthersAt(size_t at, int64_t key) {
    Factor& f = factor_[at];
    T* const history = reinterpret_cast<T*>(f.history.data());
    const T* const met = reinterpret_cast<const T*>(met_[at].data());
    const int64_t parts = f.row ? 2 : 1, first = parts * PlaceOf(f, key);
    const int64_t head = std::min<int64_t>(f.numbers, kKeyedHead);
    const double others = OfAll(at, key) - 1;
    double effect = 0;
    for (int64_t h = 0; h < parts; ++h) {
      const auto squares = static_cast<double>(history[first + h] - met[first + h]);
      history[first + h] += static_cast<T>(others * squares);
      const auto numbers = static_cast<double>(h == 0 ? head : f.numbers - head);
      effect += std::sqrt(numbers) * squares / std::sqrt(static_cast<double>(history[first + h]));
    }
    return effect * step() * slopes_.mean_curvature / slopes_.mean_square;
  }

  int64_t RowsHere(size_t at, int64_t key) const {
    return maps_[static_cast<size_t>(factor_[at].map)].mine[static_cast<size_t>(key)];
  }
  // Rows of all processes that have the key, for one here.
  double OfAll(size_t at, int64_t key) const {
    const Map& map = maps_[static_cast<size_t>(factor_[at].map)];
    return static_cast<double>(map.count[static_cast<size_t>(key)]) /
           static_cast<double>(RowsHere(at, key));
  }

  // Of a key's move, what is to leave: processes that all come near the minimum of their own rows
  // would together go past that of all. Their moves, of as many clocks as reads may be late, are
  // to be 1 - exp(-E of all) of the way.
  double ShareOf(size_t at, int64_t key) const {
    const double effect = effect_[at][static_cast<size_t>(key)] + beside_[at];
    if (!(effect > 1e-6)) return 1;
    const double all = OfAll(at, key);
    const double others = static_cast<double>(Holders(factor_[at], key) - 1);
    const double moved = -std::expm1(-effect) - others * std::expm1(-effect * (all - 1) / others);
    return std::min(1.0, -std::expm1(-effect * all * late_) / (moved * late_));
  }

  std::vector<Worker> worker_;
  std::atomic<bool> taking_{false};
  std::atomic<Clock> taken_{0};            // clocks begun
  std::vector<AlignedArray<char>> known_;  // by factor: values as others know them, or will
  std::vector<AlignedArray<char>> met_;    // histories at the start of the clock
  // Where moves may wait: values at the start of the clock; by key the first clock whose move has
  // not left, -1: none.
  std::vector<AlignedArray<char>> start_;
  std::vector<std::vector<Clock>> since_;
  std::atomic<int> left_{0};                // workers that visit rows of the clock
  std::atomic<Clock> met_others_{0};        // clocks
  std::vector<std::vector<double>> effect_;   // by factor and key: E of the rows here
  std::vector<double> mean_effect_, beside_;  // by factor: E of a row, and of all other factors
  Slopes slopes_;                           // likewise
  double late_ = 1;                         // clocks that reads are behind, and this one
  int64_t taken_ns_ = 0;                    // when the clock began
  Mutex mutex_;
  Clock room_of_ ABSL_GUARDED_BY(mutex_) = -1;  // the clock whose budget is
  int64_t room_ ABSL_GUARDED_BY(mutex_) = 0;    // this
  std::deque<Sent> sent_;                       // in order
  std::vector<std::vector<AlignedArray<char>>> free_;
};

}  // namespace

std::vector<int> MovedBy(const Statement& statement) {
  std::vector<int> params;
  for (const KeyedTerm& term : statement.predictor.term)
    for (const KeyedFactor& f : term.factor) params.push_back(f.param);
  return params;
}

absl::StatusOr<std::unique_ptr<LocalCopy>> MakeKeyedCopy(const FoldSetup& setup,
                                                         const Statement& statement,
                                                         const Rule& rule) {
  auto copy = std::make_unique<KeyedCopy>(setup, statement, rule);
  if (absl::Status status = copy->Begin(); !status.ok()) return status;
  return copy;
}

}  // namespace gyre
