// A sum over all keys, rows of data or not, in what als solves (AllKeys of dsl/program.h):
//
//   weight * sum over keys x, y, ... of sq(view),   view = sum_f z_f a_f(x) b_f(y) ...
//
// A feature f is one product of a term (one for each k of its sum, and a constant for the offset):
// what each map names of it, and z_f, which no key changes. Then
//
//   sum over all keys of sq(view) = sum_{f, g} z_f z_g product over maps of G(f, g),
//   G(f, g) = sum_x a_f(x) a_g(x),
//
// so that what it adds to the normal equations of a key is known from the Gram matrices of the
// other maps, and is the same for all keys of a map: O(keys * features^2), however many
// combinations there are.
//
// Gram matrices are added up in pieces of keys, by any number of workers at once, and put together
// in their order. Bind allocates; nothing else does.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "dsl/program.h"
#include "ops/aligned.h"
#include "ops/normal_equations.h"
#include "runtime/post.h"

namespace gyre {

template <class T>
class AllKeysSum {
 public:
  static constexpr int64_t kPanel = 64;  // keys whose features are gathered at once

  // What a map names in a term, or what all rows share there.
  struct Factor {
    int map = -1;  // symbol; -1: all rows share it
    size_t term = 0;
    bool is_row = false;  // a number for each product of the term, else one for all
    int64_t numbers = 1;  // products of the term
    int64_t keys = 1, width = 1;
    const T* value = nullptr;  // by key, `width` numbers each
    int64_t at = 0;            // of its first number among all that its map names
  };

  // What is the same for all keys of a block: 1/2 x'Ax - b'x + c, for the numbers x of one key.
  struct Share {
    AlignedArray<T> a, b;  // as ops/normal_equations.h has them, all of A
    double c = 0;          // for each key; for all, where the block is not summed over
  };

  // `factor`: of all terms of the predictor.
  void Bind(const AllKeys& all, const std::vector<Factor>& factor) {
    all_ = &all;
    if (!given()) return;
    scale_.assign(all.scale.size(), 0);
    for (const Factor& f : factor) {
      if (all.scale[f.term].fn == nullptr) continue;
      Add(f);
    }
    feature_.push_back({});
    width_ = NormalWidth<T>(size());
    for (Map& map : map_) {
      if (map.symbol < 0) continue;
      const int64_t pieces = PiecesOf(map);
      map.part = AlignedArray<T>(pieces * width_ * width_);
      map.gram.resize(static_cast<size_t>(size() * size()));
    }
    weight_of_.resize(static_cast<size_t>(size())), place_.resize(static_cast<size_t>(size()));
  }

  // Whether the program has such a sum; whether its weight is above zero.
  bool given() const { return all_ != nullptr && all_->weight.fn != nullptr; }
  bool active() const { return weight_ > 0; }
  // Of panels of kPanel keys.
  int64_t width() const { return width_; }

  absl::Status Settle(const PostContext& context) {
    if (!given()) return absl::OkStatus();
    context.Run(all_->weight, &weight_);
    if (!(weight_ >= 0))
      return absl::InvalidArgumentError(
          "als solves for where the objective is least, and the weight of its sum over all keys is "
          "below zero: make it zero or more, or follow gradients (--update=lbfgs)");
    offset_ = 0;
    if (all_->offset.fn != nullptr) context.Run(all_->offset, &offset_);
    for (size_t t = 0; t < scale_.size(); ++t)
      if (all_->scale[t].fn != nullptr) context.Run(all_->scale[t], &scale_[t]);
    return absl::OkStatus();
  }

  // Whether the sum is over the keys of `symbol`, and in how many pieces.
  bool over(int symbol) const { return symbol >= 0 && Find(symbol) < map_.size(); }
  int64_t pieces(int symbol) const { return over(symbol) ? PiecesOf(map_[Find(symbol)]) : 0; }

  // Adds up one piece of the Gram matrix of a map; `panel`: scratch, kPanel rows of width()
  // numbers.
  void AddPiece(int symbol, int64_t piece, T* panel) {
    Map& map = map_[Find(symbol)];
    const int64_t pieces = PiecesOf(map), end = map.keys * (piece + 1) / pieces;
    T* const part = map.part.data() + piece * width_ * width_;
    std::fill_n(part, width_ * width_, T{0});
    for (int64_t from = map.keys * piece / pieces; from < end; from += kPanel) {
      const int64_t to = std::min(end, from + kPanel);
      for (int64_t key = from; key < to; ++key) Features(map, key, panel + (key - from) * width_);
      AddGram(panel, to - from, width_, part);
    }
  }
  // Puts the pieces together.
  void Combine(int symbol) {
    Map& map = map_[Find(symbol)];
    for (int64_t f = 0; f < size(); ++f) {
      for (int64_t g = f; g < size(); ++g) {
        double sum = 0;
        for (int64_t p = 0; p < PiecesOf(map); ++p)
          sum += static_cast<double>(map.part[(p * width_ + f) * width_ + g]);
        At(map, f, g) = At(map, g, f) = sum;
      }
    }
  }

  // What the block of `symbol` (-1: what all rows share) has of it, in rows of `width` numbers.
  void ShareOf(int symbol, int64_t width, Share* out) {
    Place(symbol);
    std::fill_n(out->a.data(), out->a.size(), T{0});
    std::fill_n(out->b.data(), out->b.size(), T{0});
    out->c = 0;
    for (int64_t f = 0; f < size(); ++f) {
      for (int64_t g = 0; g < size(); ++g) {
        double product =
            weight_ * weight_of_[static_cast<size_t>(f)] * weight_of_[static_cast<size_t>(g)];
        for (Map& map : map_)
          if (map.symbol >= 0 && map.symbol != symbol) product *= At(map, f, g);
        const int64_t i = place_[static_cast<size_t>(f)], j = place_[static_cast<size_t>(g)];
        if (i < 0 && j < 0) {
          out->c += product;
        } else if (i >= 0 && j >= 0) {
          out->a[i * width + j] += static_cast<T>(2 * product);
        } else if (i >= 0) {  // the square has it twice, by f, g and by g, f
          out->b[i] -= static_cast<T>(2 * product);
        }
      }
    }
  }

 private:
  struct Map {
    int symbol = -1;  // -1: what all rows share
    int64_t keys = 1;
    std::vector<Factor> factor;  // at most one a term
    AlignedArray<T> part;        // by piece
    std::vector<double> gram;    // of all features
  };
  struct Feature {
    int64_t term = -1, k = 0;  // -1: the constant
  };

  int64_t size() const { return static_cast<int64_t>(feature_.size()); }
  // The position in map_, its size where there is none.
  size_t Find(int symbol) const {
    const auto found =
        std::find_if(map_.begin(), map_.end(), [&](const Map& m) { return m.symbol == symbol; });
    return static_cast<size_t>(found - map_.begin());
  }
  static int64_t PiecesOf(const Map& map) {
    constexpr int64_t kMost = 16;
    return std::clamp<int64_t>(map.keys / kPanel, 1, kMost);
  }
  double& At(Map& map, int64_t f, int64_t g) {
    return map.gram[static_cast<size_t>(f * size() + g)];
  }

  void Add(const Factor& f) {
    const size_t at = Find(f.map);
    if (at == map_.size()) {
      map_.emplace_back();
      map_.back().symbol = f.map, map_.back().keys = f.keys;
    }
    map_[at].factor.push_back(f);
    const auto term = static_cast<int64_t>(f.term);
    if (feature_.empty() || feature_.back().term != term)
      for (int64_t k = 0; k < f.numbers; ++k) feature_.push_back({term, k});
  }

  // What a map names in a term; null: nothing.
  static const Factor* FactorOf(const Map& map, int64_t term) {
    for (const Factor& f : map.factor)
      if (static_cast<int64_t>(f.term) == term) return &f;
    return nullptr;
  }
  const Factor* FactorOf(int symbol, int64_t term) const {
    const size_t at = Find(symbol);
    return at < map_.size() ? FactorOf(map_[at], term) : nullptr;
  }
  static T ValueOf(const Factor& f, int64_t key, int64_t k) {
    return f.value[key * f.width + (f.is_row ? k : 0)];
  }

  void Features(const Map& map, int64_t key, T* out) const {
    std::fill_n(out, width_, T{0});
    const Factor* factor = nullptr;
    for (int64_t f = 0; f < size(); ++f) {
      const Feature& feature = feature_[static_cast<size_t>(f)];
      if (feature.k == 0) factor = FactorOf(map, feature.term);
      out[f] = factor == nullptr ? T{1} : ValueOf(*factor, key, feature.k);
    }
  }

  // For the block of `symbol`: by feature z, and the place of the block's number in it, -1: it has
  // none.
  void Place(int symbol) {
    for (int64_t f = 0; f < size(); ++f) {
      const Feature& feature = feature_[static_cast<size_t>(f)];
      double& weight = weight_of_[static_cast<size_t>(f)];
      weight = feature.term < 0 ? offset_ : scale_[static_cast<size_t>(feature.term)];
      if (const Factor* const shared = FactorOf(-1, feature.term); shared != nullptr && symbol >= 0)
        weight *= static_cast<double>(ValueOf(*shared, 0, 0));
      const Factor* const mine = FactorOf(symbol, feature.term);
      place_[static_cast<size_t>(f)] =
          mine == nullptr ? -1 : mine->at + (mine->is_row ? feature.k : 0);
    }
  }

  const AllKeys* all_ = nullptr;
  double weight_ = 0, offset_ = 0;
  std::vector<double> scale_;  // by term
  std::vector<Feature> feature_;
  int64_t width_ = 0;
  std::vector<Map> map_;
  std::vector<double> weight_of_;  // by feature, of the block at hand
  std::vector<int64_t> place_;
};

}  // namespace gyre
