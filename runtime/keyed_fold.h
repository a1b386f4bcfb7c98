// Stochastic gradients on a predictor of keyed rows, in place: factorisations at the speed of a
// loop by hand.
//
// A clock visits every row once, block by block (keyed_grid.h), in the order that rotation.h gives.
// Blocks of a stratum share nothing, so the numbers are the same for any number of workers. Numbers
// that all rows share move once a clock, by a Newton step from what the rows add up.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/archive.h"
#include "runtime/data/memory.h"
#include "runtime/fold.h"
#include "runtime/keyed_grid.h"
#include "runtime/ordered_rows.h"
#include "runtime/penalty.h"
#include "runtime/rotation.h"

namespace gyre {

class KeyedFold : public Fold {
 public:
  KeyedFold(const FoldSetup& setup, const Statement& statement, const Rule& rule);

  absl::Status Start(ParamState* state) override;
  Turn WorkTurn(int worker, double epoch) override;
  void Apply(const PostContext& context, ParamState* state) override;
  std::string Save() const override;
  absl::Status Load(absl::string_view bytes) override;

 protected:
  struct Factor {
    int param = -1, map = -1;                   // position in maps_; -1: all rows share it
    int64_t keys = 1, places = 1, numbers = 1;  // of a key
    int64_t key_stride = 0, rank_stride = 0;    // in the parameter
    int64_t width = 1;                          // numbers of a key with their padding
    const Post* visit_l2 = nullptr;
    bool row = false;  // of numbers, with two histories; else one number
    bool decays = false;
    Prox prox;
    AlignedArray<char> value, history, decay, l1;
  };
  struct Map {
    int symbol = -1;
    int64_t keys = 0;
    RowArray<int32_t> key;         // by row, in the order of the grid: the place of its key
    std::vector<int64_t> mine;     // rows here of each key, ...
    std::vector<int64_t> count;    // ... and in all processes
    std::vector<int32_t> holders;  // between processes: those that have rows of the key
    std::vector<int64_t> place;    // of each key: those of a group together, on lines of their own
    int64_t places = 0;

    void Place(const std::vector<int32_t>& group, int cuts);
  };

  // All of Start that needs no parameters, and the rest.
  absl::Status Prepare();
  void StartHistory();
  // Of the losses towards the view, over the first `rows` in the order of the grid.
  struct Slopes {
    double mean_square = 0, mean_curvature = 0;
  };
  Slopes SlopesOf(int64_t rows);
  double step() const { return rule_.step > 0 ? rule_.step : kStep; }
  int64_t PlaceOf(const Factor& f, int64_t key) const {
    return f.map < 0 ? 0 : maps_[static_cast<size_t>(f.map)].place[static_cast<size_t>(key)];
  }
  // Keys that no row has lie where their penalty alone is least.
  bool Unseen(const Factor& f, int64_t key) const {
    return f.map >= 0 && (f.prox.l2.given() || f.prox.l1.given()) &&
           maps_[static_cast<size_t>(f.map)].count[static_cast<size_t>(key)] == 0;
  }
  double Rest(const Factor& f) const;
  // Gains on the numbers that all rows share what one Newton step does, from the slopes that the
  // rows met, which are `share` of all; `late`: clocks in which others move them as well, unseen.
  void MoveShared(double share, double late = 1);
  template <class F>
  void WithType(F f) const {
    if (single_) {
      f(float{});
    } else {
      f(double{});
    }
  }

  static constexpr double kStep = 0.25;  // of a row whose history is the start's

  const FoldSetup setup_;
  const Predictor& predictor_;
  int64_t rows_;  // here
  const int64_t element_;
  std::vector<Map> maps_;
  std::vector<Factor> factor_;  // of all terms in turn
  std::unique_ptr<Rotation> rotation_;

 private:
  struct alignas(64) Chain {
    std::vector<double> slope, curvature;  // of numbers that all rows share
  };

  absl::Status Bind();
  void TakeOwnRows(std::vector<const int32_t*>* key);
  Factor FactorOf(const KeyedFactor& in, int64_t numbers);
  RowArgs Rows(int64_t begin, int64_t end) const;
  absl::Status Penalise();
  absl::Status Share(const Factor& f, const Weights& weight, double times, double each,
                     AlignedArray<char>* out) const;
  void LoadParams(const ParamState& state);
  void StoreParams(ParamState* state);
  KeyedArgs Args(void* view) const;
  void Visit(int stratum, int c, int worker);
  void Exchange(Archive& a);

  const Statement& statement_;
  const Rule rule_;
  const bool single_;
  // While data are bound, between processes: the rows here among all, and their keys.
  RowArray<int64_t> own_;
  std::vector<RowArray<int32_t>> own_key_;
  std::vector<KeyedRows> rows_of_;
  std::vector<int64_t> rank_, width_;  // by term
  std::vector<double> scale_;
  RowArray<double> offset_;
  std::unique_ptr<KeyedGrid> grid_;
  OrderedRows ordered_;  // what the losses read, in the order of the grid
  std::vector<AlignedArray<double>> weights_;
  std::vector<Chain> chain_;
  std::vector<AlignedArray<char>> view_;  // by worker: scratch
};

}  // namespace gyre
