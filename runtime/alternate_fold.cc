// Exact minimisation over blocks of keyed rows in turn: alternating least squares.
//
// A block is what one map names (a user's row of factors and the user's bias), or what all rows
// share. While the others stand, the view of a row is affine in it and the loss is a square, so
// that each key's numbers solve the normal equations of its own rows (Zhou et al. 2008), with
// penalties and bounds by coordinates of those. Keys of a block touch nothing in common: workers
// take pieces of them as they come. Pieces, and the order of sums within them, depend on the data
// alone, so that the numbers are the same for any number of workers.
//
// A sum over all keys beside the rows (implicit feedback; Hu, Koren and Volinsky 2008) adds the
// same to the equations of every key of a block. It is known from Gram matrices of the other blocks
// (all_keys.h), each made anew when its block was solved.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ops/normal_equations.h"
#include "runtime/all_keys.h"
#include "runtime/data/memory.h"
#include "runtime/fold.h"
#include "runtime/ordered_rows.h"
#include "runtime/penalty.h"

namespace gyre {
namespace {

constexpr int64_t kPanel = 64;       // rows whose coefficients are gathered at once
constexpr int64_t kPieces = 256;     // of a block, about: enough that workers end together
constexpr double kTolerance = 1e-6;  // of solves by coordinates

template <class T>
class AlternateFold final : public Fold {
 public:
  AlternateFold(const FoldSetup& setup, const Statement& statement)
      : setup_(setup),
        predictor_(statement.predictor),
        statement_(statement),
        rows_(setup.extent[static_cast<size_t>(predictor_.row_axis)]) {}

  absl::Status Start(ParamState* state) override {
    if (block_.empty())
      if (absl::Status status = Bind(); !status.ok()) return status;
    if (absl::Status status = Penalise(); !status.ok()) return status;
    for (size_t t = 0; t < predictor_.term.size(); ++t)
      setup_.context.Run(predictor_.term[t].scale, &scale_[t]);
    for (Block& block : block_)
      if (absl::Status status = Settle(&block); !status.ok()) return status;
    for (const Factor& f : factor_) {
      const double* const from = state->by_symbol()[f.param];
      for (int64_t k = 0; k < f.keys; ++k) {
        for (int64_t i = 0; i < f.numbers; ++i) f.at(k)[i] = static_cast<T>(from[f.index(k, i)]);
      }
    }
    worker_ = std::vector<Worker>(static_cast<size_t>(setup_.workers));
    for (Worker& w : worker_) w.Fit(block_, all_.width());
    if (absl::Status status = SettleAllKeys(); !status.ok()) return status;
    for (Stage& stage : stage_)
      stage.taken->store(0), stage.done->store(0), stage.left->store(stage.pieces);
    now_ = before_ = std::numeric_limits<double>::quiet_NaN();
    return absl::OkStatus();
  }

  Turn WorkTurn(int worker, double /*epoch*/) override {
    Worker& own = worker_[static_cast<size_t>(worker)];
    for (Stage& stage : stage_) {
      const int64_t until = (own.clocks + 1) * stage.pieces;
      if (stage.done->load() >= until) continue;
      int64_t at = stage.taken->load();
      while (at < until && !stage.taken->compare_exchange_weak(at, at + 1)) {
      }
      if (at >= until) return Turn::kWaits;
      if (stage.sums) {
        SumAllKeys(&stage, at % stage.pieces, &own);
      } else {
        Work(&block_[stage.block], at % stage.pieces, &own);
      }
      if (stage.done->fetch_add(1) + 1 == until && setup_.workers > 1) setup_.env->Wake();
      return Turn::kMore;
    }
    ++own.clocks;
    return Turn::kLast;
  }

  void Apply(const PostContext& /*context*/, ParamState* state) override {
    before_ = std::exchange(now_, Objective());
    for (const Factor& f : factor_) {
      double* const to = state->by_symbol()[f.param];
      for (int64_t k = 0; k < f.keys; ++k) {
        for (int64_t i = 0; i < f.numbers; ++i) to[f.index(k, i)] = static_cast<double>(f.at(k)[i]);
      }
    }
  }

  // Of the clock before, as those who sum gradients know it.
  double objective() const override { return before_; }
  double objective_now() const override { return now_; }
  // A sum over all keys, one after another, takes users times items.
  bool has_last_word() const override { return all_.active(); }

 private:
  struct Factor {
    int param = -1, term = -1, map = -1;  // map: symbol; -1: all rows share it
    int64_t keys = 1, numbers = 1, width = 1;
    int64_t products = 1;                     // that its term sums
    int64_t key_stride = 0, rank_stride = 0;  // in the parameter
    bool is_row = false;
    std::shared_ptr<AlignedArray<T>> value;
    const Post* visit_l2 = nullptr;
    double each_l2 = 0;  // what every row of the data adds to the curvature of what it names
    Prox prox;

    T* at(int64_t key) const { return value->data() + key * width; }
    int64_t index(int64_t key, int64_t i) const { return key * key_stride + i * rank_stride; }
  };
  struct Piece {
    int64_t begin = 0, end = 0;  // keys; or rows, of a key that is in several parts
    int part = -1;               // among those of the block; -1: whole keys
  };
  // A key with so many rows that workers share them.
  struct Heavy {
    int64_t key = 0;
    int first = 0, parts = 0;
    std::shared_ptr<std::atomic<int>> left;
  };
  struct Block {
    int map = -1;  // symbol; -1: of what all rows share
    int64_t keys = 1;
    int64_t n = 0, width = 0;               // numbers of a key
    std::vector<int> own;                   // factors
    std::vector<int64_t> at;                // of each of them: the position of its first number
    std::vector<int64_t> offset;            // by key: the first of its rows, which lie by key
    std::vector<RowArray<int32_t>> key_of;  // by factor of other blocks: its key, in that order
    OrderedRows data;
    RowArray<double> base;  // the view where all parameters are zero
    RowArray<T> curvature;  // by row; empty: `even`
    double even = 0;
    std::vector<Piece> piece;
    std::vector<Heavy> heavy;
    std::vector<int> heavy_of;   // by part
    std::vector<double> value;   // of the last block, by piece: its rows' part of the objective ...
    std::vector<double> solved;  // ... and by heavy key what its solution takes off
    AlignedArray<T> gram, moment;       // by part
    bool coordinates = false;           // L1 or bounds
    typename AllKeysSum<T>::Share all;  // what a sum over all keys has for each key
  };
  // What all workers do, in pieces, before they go on: a block is solved, or its part in a sum over
  // all keys is made anew.
  struct Stage {
    size_t block = 0;
    bool sums = false;
    int64_t pieces = 0;
    std::unique_ptr<std::atomic<int64_t>> taken = std::make_unique<std::atomic<int64_t>>(0),
                                          done = std::make_unique<std::atomic<int64_t>>(0),
                                          left = std::make_unique<std::atomic<int64_t>>(0);
  };
  struct alignas(64) Worker {
    int64_t clocks = 0;
    AlignedArray<T> panel, gram, moment, x, target, l1, lower, upper;
    std::vector<double> view, slope, loss;

    void Fit(const std::vector<Block>& blocks, int64_t all_width) {
      int64_t width = 0;
      for (const Block& b : blocks) width = std::max(width, b.width);
      panel = AlignedArray<T>(std::max(kPanel * width, AllKeysSum<T>::kPanel * all_width));
      gram = AlignedArray<T>(width * width);
      for (AlignedArray<T>* numbers : {&moment, &x, &l1, &lower, &upper})
        *numbers = AlignedArray<T>(width);
      target = AlignedArray<T>(kPanel);
      for (std::vector<double>* rows : {&view, &slope, &loss})
        rows->resize(static_cast<size_t>(kPanel));
    }
  };

  // ---- Data.

  absl::Status Bind() {
    for (size_t t = 0; t < predictor_.term.size(); ++t) {
      const KeyedTerm& term = predictor_.term[t];
      const int64_t numbers =
          term.rank_axis < 0 ? 1 : setup_.extent[static_cast<size_t>(term.rank_axis)];
      for (const KeyedFactor& in : term.factor)
        factor_.push_back(FactorOf(in, static_cast<int>(t), numbers));
    }
    scale_.assign(predictor_.term.size(), 1);
    // What all rows share comes first: else every key would take its part of it, and at a small
    // penalty give it back slowly. Then blocks in the order in which the program names their
    // parameters.
    std::vector<int> maps = {-1};
    const auto add = [&](int param) {
      for (const Factor& f : factor_) {
        if (f.param == param && f.map >= 0 &&
            std::find(maps.begin(), maps.end(), f.map) == maps.end())
          maps.push_back(f.map);
      }
    };
    for (const int param : statement_.alternate) add(param);
    for (const Factor& f : factor_) add(f.param);
    for (const int map : maps) {
      Block block;
      block.map = map;
      for (size_t f = 0; f < factor_.size(); ++f) {
        if (factor_[f].map != map) continue;
        block.own.push_back(static_cast<int>(f)), block.at.push_back(block.n);
        block.n += factor_[f].numbers;
        block.keys = factor_[f].keys;
      }
      if (block.own.empty()) continue;
      block.width = NormalWidth<T>(block.n);
      if (absl::Status status = Order(&block); !status.ok()) return status;
      Cut(&block);
      block_.push_back(std::move(block));
    }
    BindAllKeys();
    for (size_t b = 0; b < block_.size(); ++b) {
      AddStage(b, false, static_cast<int64_t>(block_[b].piece.size()));
      if (all_.given()) AddStage(b, true, std::max<int64_t>(1, all_.pieces(block_[b].map)));
    }
    return absl::OkStatus();
  }

  void AddStage(size_t block, bool sums, int64_t pieces) {
    stage_.emplace_back();
    stage_.back().block = block, stage_.back().sums = sums, stage_.back().pieces = pieces;
  }

  void BindAllKeys() {
    std::vector<typename AllKeysSum<T>::Factor> factor;
    for (const Factor& f : factor_)
      factor.push_back(
          {f.map, static_cast<size_t>(f.term), f.is_row, f.products, f.keys, f.width, f.at(0)});
    for (Block& block : block_) {
      for (size_t i = 0; i < block.own.size(); ++i)
        factor[static_cast<size_t>(block.own[i])].at = block.at[i];
      block.all.a = AlignedArray<T>(block.n * block.width);
      block.all.b = AlignedArray<T>(block.width);
    }
    all_.Bind(predictor_.all_keys, factor);
  }

  Factor FactorOf(const KeyedFactor& in, int term, int64_t numbers) const {
    const ir::Symbol& symbol = setup_.program->graph.symbol[in.param];
    Factor f;
    f.param = in.param, f.term = term, f.map = in.map, f.visit_l2 = &in.visit_l2;
    f.is_row = in.rank_at >= 0;
    f.products = numbers;
    if (f.is_row) f.numbers = numbers;
    if (in.map >= 0) f.keys = setup_.extent[static_cast<size_t>(symbol.axis[in.key_at])];
    f.key_stride = in.rank_at > in.key_at ? f.numbers : 1;
    f.rank_stride = in.rank_at > in.key_at ? 1 : f.keys;
    f.width = f.is_row ? NormalWidth<T>(f.numbers) : 1;
    f.value = std::make_shared<AlignedArray<T>>(f.keys * f.width);
    return f;
  }

  absl::Status Order(Block* block) {
    std::vector<const int32_t*> key(factor_.size());
    for (size_t f = 0; f < factor_.size(); ++f) {
      if (factor_[f].map < 0) continue;
      const absl::StatusOr<const int32_t*> found =
          KeysOf(setup_, factor_[f].map, rows_, factor_[f].keys);
      if (!found.ok()) return found.status();
      key[f] = *found;
    }
    const int32_t* const own = key[static_cast<size_t>(block->own[0])];
    block->offset.assign(static_cast<size_t>(block->keys) + 1, 0);
    for (int64_t r = 0; r < rows_; ++r)
      ++block->offset[static_cast<size_t>(own != nullptr ? own[r] : 0) + 1];
    std::partial_sum(block->offset.begin(), block->offset.end(), block->offset.begin());
    std::vector<int64_t> next(block->offset.begin(), block->offset.end() - 1);
    RowArray<int64_t> order(rows_);
    InStretches(0, rows_, kHereAndThere, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        order[next[static_cast<size_t>(own != nullptr ? own[r] : 0)]++] = r;
      order.Release(0, rows_);
    });
    block->key_of.resize(factor_.size());
    for (size_t f = 0; f < factor_.size(); ++f) {
      if (key[f] == nullptr || factor_[f].map == block->map) continue;
      RowArray<int32_t>& to = block->key_of[f] = RowArray<int32_t>(rows_);
      InStretches(0, rows_, kHereAndThere, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; ++at) to[at] = key[f][order[at]];
        ReleasePages(key[f], key[f] + rows_);
        order.Release(begin, end), to.Release(begin, end);
      });
    }
    block->data.Order(setup_, predictor_.data, predictor_.row_axis, order);
    return absl::OkStatus();
  }

  // Into pieces of about as much work: products of pairs for every row, and a solve for every key.
  void Cut(Block* block) const {
    const double each = static_cast<double>(block->n) / 3 + 8;  // of a key, in rows
    const double all = static_cast<double>(rows_) + each * static_cast<double>(block->keys);
    const double most =
        std::max(all / static_cast<double>(kPieces), static_cast<double>(4 * kPanel));
    double work = 0;
    int64_t begin = 0;
    int parts = 0;
    const auto close = [&](int64_t end) {
      if (end > begin) block->piece.push_back({begin, end, -1});
      begin = end, work = 0;
    };
    for (int64_t k = 0; k < block->keys; ++k) {
      const int64_t from = block->offset[static_cast<size_t>(k)],
                    to = block->offset[static_cast<size_t>(k) + 1];
      if (static_cast<double>(to - from) > 2 * most) {
        close(k);
        const auto count = static_cast<int>(static_cast<double>(to - from) / most);
        block->heavy.push_back({k, parts, count, std::make_shared<std::atomic<int>>(count)});
        for (int p = 0; p < count; ++p) {
          block->piece.push_back(
              {from + (to - from) * p / count, from + (to - from) * (p + 1) / count, parts++});
          block->heavy_of.push_back(static_cast<int>(block->heavy.size()) - 1);
        }
        begin = k + 1;
        continue;
      }
      work += static_cast<double>(to - from) + each;
      if (work >= most) close(k + 1);
    }
    close(block->keys);
    block->value.resize(block->piece.size()), block->solved.resize(block->heavy.size());
    block->gram = AlignedArray<T>(parts * block->width * block->width);
    block->moment = AlignedArray<T>(parts * block->width);
  }

  // ---- What hyper-parameters decide.

  absl::Status Penalise() {
    weights_.clear();
    for (Factor& f : factor_) {
      absl::StatusOr<Prox> prox =
          ProxOf(setup_.context, setup_.extent, statement_.penalty, f.param, &weights_);
      if (!prox.ok()) return prox.status();
      f.prox = *prox;
      double each = 0;
      if (f.visit_l2->fn != nullptr) setup_.context.Run(*f.visit_l2, &each);
      f.each_l2 = 2 * each;
    }
    return absl::OkStatus();
  }

  // The offset and the curvature of every row, which no parameter changes.
  absl::Status Settle(Block* block) {
    block->coordinates = false;
    for (const int f : block->own) {
      const Prox& prox = factor_[static_cast<size_t>(f)].prox;
      block->coordinates |= prox.l1.given() || prox.bounded();
    }
    block->base = {}, block->curvature = {};
    if (predictor_.offset != nullptr) block->base = RowArray<double>(rows_);
    RowArray<T> curvature(rows_);
    double least = std::numeric_limits<double>::infinity(), most = -least;
    bool upwards = true;
    std::vector<double> view(static_cast<size_t>(std::min(rows_, kInOrder))), curved(view);
    InStretches(0, rows_, kInOrder, [&](int64_t begin, int64_t end) {
      RowArgs args = Rows(*block, begin, end);
      args.view = view.data();
      if (predictor_.offset != nullptr) {
        args.out = block->base.data() + begin;
        predictor_.offset(args);
      }
      args.out = curved.data();
      predictor_.curvature(args);
      for (int64_t r = begin; r < end; ++r) {
        const double c = curved[static_cast<size_t>(r - begin)];
        least = std::min(c, least), most = std::max(most, c);
        upwards = upwards && c >= 0;  // not where it is NaN
        curvature[r] = static_cast<T>(c);
      }
      Release(*block, begin, end), curvature.Release(begin, end);
    });
    if (rows_ == 0) return absl::OkStatus();
    if (!upwards)
      return absl::InvalidArgumentError(absl::StrCat(
          "als solves for where the losses are least, and in some row the loss does not curve "
          "upwards: ",
          all_.given() ? "give rows at least the weight that they take off the sum over all keys, "
                         "or follow gradients (--update=lbfgs)"
                       : "make its weight zero or more, or run --update=dsgd"));
    block->even = most;
    if (least != most) block->curvature = std::move(curvature);
    return absl::OkStatus();
  }

  // Rows that are not needed before the next clock.
  static void Release(const Block& block, int64_t begin, int64_t end) {
    block.data.Release(begin, end);
    for (const RowArray<int32_t>& key : block.key_of) key.Release(begin, end);
    block.base.Release(begin, end), block.curvature.Release(begin, end);
  }

  absl::Status SettleAllKeys() {
    const absl::Status status = all_.Settle(setup_.context);
    if (!status.ok() || !all_.active()) return status;
    for (const Block& block : block_) {
      if (!all_.over(block.map)) continue;
      for (int64_t p = 0; p < all_.pieces(block.map); ++p)
        all_.AddPiece(block.map, p, worker_[0].panel.data());
      all_.Combine(block.map);
    }
    ShareAllKeys(&block_[0]);
    return absl::OkStatus();
  }

  RowArgs Rows(const Block& block, int64_t begin, int64_t end) const {
    RowArgs args;
    args.data = block.data.data();
    args.single = setup_.type == Type::kFloat32;
    args.total = setup_.context.total.data();
    args.hyper = setup_.context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = setup_.context.extent;
    args.begin = begin, args.end = end;
    return args;
  }

  // ---- Work.

  void Work(Block* block, int64_t at, Worker* w) {
    const Piece& piece = block->piece[static_cast<size_t>(at)];
    double& value = block->value[static_cast<size_t>(at)] = 0;
    if (piece.part < 0) {
      for (int64_t k = piece.begin; k < piece.end; ++k) {
        Clear(*block, w->gram.data(), w->moment.data());
        value +=
            Gather(*block, block->offset[static_cast<size_t>(k)],
                   block->offset[static_cast<size_t>(k) + 1], w->gram.data(), w->moment.data(), w);
        value += Solve(*block, k, w);
      }
      Release(*block, block->offset[static_cast<size_t>(piece.begin)],
              block->offset[static_cast<size_t>(piece.end)]);
      return;
    }
    const int64_t square = block->width * block->width;
    T* const gram = block->gram.data() + piece.part * square;
    T* const moment = block->moment.data() + piece.part * block->width;
    Clear(*block, gram, moment);
    value = Gather(*block, piece.begin, piece.end, gram, moment, w);
    Release(*block, piece.begin, piece.end);
    const int of = block->heavy_of[static_cast<size_t>(piece.part)];
    const Heavy& heavy = block->heavy[static_cast<size_t>(of)];
    if (heavy.left->fetch_sub(1) > 1) return;
    heavy.left->store(heavy.parts);  // whoever ends last solves, from the parts in their order
    Clear(*block, w->gram.data(), w->moment.data());
    for (int p = heavy.first; p < heavy.first + heavy.parts; ++p) {
      for (int64_t i = 0; i < square; ++i) w->gram[i] += block->gram[p * square + i];
      for (int64_t i = 0; i < block->width; ++i)
        w->moment[i] += block->moment[p * block->width + i];
    }
    block->solved[static_cast<size_t>(of)] = Solve(*block, heavy.key, w);
  }

  // Behind a block: its Gram matrix, and with that what the next block has of the sum over all
  // keys.
  void SumAllKeys(Stage* stage, int64_t piece, Worker* w) {
    if (!all_.active()) return;
    const int map = block_[stage->block].map;
    if (all_.over(map)) all_.AddPiece(map, piece, w->panel.data());
    if (stage->left->fetch_sub(1) > 1) return;
    stage->left->store(stage->pieces);
    if (all_.over(map)) all_.Combine(map);
    ShareAllKeys(&block_[(stage->block + 1) % block_.size()]);
  }
  void ShareAllKeys(Block* block) { all_.ShareOf(block->map, block->width, &block->all); }

  // After a clock: losses, and the penalties of the last block, as its solutions know them; those
  // of the others.
  double Objective() const {
    const Block& last = block_.back();
    double sum = 0;
    for (const double value : last.value) sum += value;
    for (const double value : last.solved) sum += value;
    if (all_.active()) sum += last.all.c * static_cast<double>(all_.over(last.map) ? last.keys : 1);
    for (const Block& block : block_) {
      if (&block == &last) continue;
      for (const int f : block.own) sum += PenaltyOf(block, factor_[static_cast<size_t>(f)]);
    }
    return sum;
  }
  static double PenaltyOf(const Block& block, const Factor& f) {
    double sum = 0;
    for (int64_t k = 0; k < f.keys; ++k) {
      const auto rows = static_cast<double>(block.offset[static_cast<size_t>(k) + 1] -
                                            block.offset[static_cast<size_t>(k)]);
      for (int64_t i = 0; i < f.numbers; ++i) {
        const auto x = static_cast<double>(f.at(k)[i]);
        sum += (f.prox.l2.at(f.index(k, i)) + 0.5 * f.each_l2 * rows) * x * x;
        if (f.prox.l1.given()) sum += f.prox.l1.at(f.index(k, i)) * std::abs(x);
      }
    }
    return sum;
  }

  static void Clear(const Block& block, T* gram, T* moment) {
    std::fill_n(gram, block.width * block.width, T{0});
    std::fill_n(moment, block.width, T{0});
  }

  // Adds what the rows [begin, end) say of the block: with view = base + a'x, and s and c the slope
  // of the loss at the base and its curvature, A += c a a' and b -= s a.
  // Returns the losses at the base, if that block is the last.
  double Gather(const Block& block, int64_t begin, int64_t end, T* gram, T* moment,
                Worker* w) const {
    double losses = 0;
    for (int64_t from = begin; from < end; from += kPanel) {
      const int64_t to = std::min(end, from + kPanel);
      for (int64_t r = from; r < to; ++r)
        Coefficients(block, r, w->panel.data() + (r - from) * block.width,
                     &w->view[static_cast<size_t>(r - from)]);
      RowArgs args = Rows(block, from, to);
      args.view = w->view.data(), args.out = w->slope.data();
      predictor_.slope(args);
      if (&block == &block_.back()) {
        args.out = w->loss.data();
        predictor_.loss(args);
        for (int64_t r = 0; r < to - from; ++r) losses += w->loss[static_cast<size_t>(r)];
      }
      for (int64_t r = 0; r < to - from; ++r)
        w->target[r] = -static_cast<T>(w->slope[static_cast<size_t>(r)]);
      AddMoments(w->panel.data(), w->target.data(), to - from, block.width, moment);
      for (int64_t r = from; r < to && !block.curvature.empty(); ++r) {
        const T root = std::sqrt(block.curvature[r]);
        T* const row = w->panel.data() + (r - from) * block.width;
        for (int64_t i = 0; i < block.width; ++i) row[i] *= root;
      }
      AddGram(w->panel.data(), to - from, block.width, gram);
    }
    return losses;
  }

  // The coefficients of the block's numbers in the view of row r, and the view without them.
  void Coefficients(const Block& block, int64_t r, T* out, double* view) const {
    std::fill_n(out, block.width, T{0});
    double base = block.base.empty() ? 0 : block.base[r];
    size_t f = 0, own = 0;
    for (size_t t = 0; t < predictor_.term.size(); ++t) {
      auto numbers = static_cast<T>(scale_[t]);
      const T* row[5];
      int rows = 0;
      int64_t width = 0;
      const Factor* mine = nullptr;
      for (; f < factor_.size() && factor_[f].term == static_cast<int>(t); ++f) {
        const Factor& factor = factor_[f];
        if (factor.is_row) width = factor.width;
        if (factor.map == block.map) {
          mine = &factor;
          continue;
        }
        const int64_t key = factor.map < 0 ? 0 : block.key_of[f][r];
        if (factor.is_row) {
          row[rows++] = factor.at(key);
        } else {
          numbers *= *factor.at(key);
        }
      }
      if (mine != nullptr && mine->is_row) {
        T* const to = out + block.at[own++];
        for (int64_t i = 0; i < mine->numbers; ++i) {
          T product = numbers;
          for (int k = 0; k < rows; ++k) product *= row[k][i];
          to[i] = product;
        }
        continue;
      }
      T inner = rows == 0 ? T{1} : T{0};
      if (rows > 0) {
        for (int64_t i = 0; i < width; ++i) {
          T product = row[0][i];
          for (int k = 1; k < rows; ++k) product *= row[k][i];
          inner += product;
        }
      }
      if (mine != nullptr) {
        out[block.at[own++]] = numbers * inner;
      } else {
        base += static_cast<double>(numbers * inner);
      }
    }
    *view = base;
  }

  // Returns what the solution takes off the losses at the base, penalties of the key included.
  double Solve(const Block& block, int64_t key, Worker* w) const {
    T* const gram = w->gram.data();
    const int64_t rows =
        block.offset[static_cast<size_t>(key) + 1] - block.offset[static_cast<size_t>(key)];
    if (block.curvature.empty()) {
      for (int64_t i = 0; i < block.n * block.width; ++i) gram[i] *= static_cast<T>(block.even);
    }
    bool held = rows > 0 || (all_.active() && all_.over(block.map));
    if (all_.active()) {
      for (int64_t i = 0; i < block.n * block.width; ++i) gram[i] += block.all.a[i];
      for (int64_t i = 0; i < block.width; ++i) w->moment[i] += block.all.b[i];
    }
    for (size_t f = 0; f < block.own.size(); ++f) {
      const Factor& factor = factor_[static_cast<size_t>(block.own[f])];
      for (int64_t i = 0; i < factor.numbers; ++i) {
        const int64_t at = block.at[f] + i, index = factor.index(key, i);
        const double l2 = 2 * factor.prox.l2.at(index) + factor.each_l2 * static_cast<double>(rows);
        gram[at * block.width + at] += static_cast<T>(l2);
        w->x[at] = factor.at(key)[i];
        held |= l2 > 0;
        if (!block.coordinates) continue;
        w->l1[at] = factor.prox.l1.given() ? static_cast<T>(factor.prox.l1.at(index)) : T{0};
        w->lower[at] = static_cast<T>(factor.prox.lower.at(index));
        w->upper[at] = static_cast<T>(factor.prox.upper.at(index));
        held |= w->l1[at] > 0;
      }
    }
    if (!held) return 0;  // nothing says where it is
    double value = 0;
    if (block.coordinates) {
      value =
          SolveByCoordinates<T>(block.n, block.width, w->l1.data(), w->lower.data(),
                                w->upper.data(), kTolerance, gram, w->moment.data(), w->x.data());
    } else {
      value = SolveCholesky(block.n, block.width, gram, w->moment.data(), w->x.data());
    }
    for (size_t f = 0; f < block.own.size(); ++f) {
      const Factor& factor = factor_[static_cast<size_t>(block.own[f])];
      std::copy_n(w->x.data() + block.at[f], factor.numbers, factor.at(key));
    }
    return value;
  }

  const FoldSetup setup_;
  const Predictor& predictor_;
  const Statement& statement_;
  const int64_t rows_;
  std::vector<Factor> factor_;  // of all terms in turn
  std::vector<double> scale_;   // by term
  std::vector<Block> block_;
  std::vector<Stage> stage_;  // of a clock
  AllKeysSum<T> all_;
  std::vector<AlignedArray<double>> weights_;
  std::vector<Worker> worker_;
  double now_ = std::numeric_limits<double>::quiet_NaN(), before_ = now_;  // the objective
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeAlternateFold(const FoldSetup& setup,
                                                        const Statement& statement) {
  if (statement.predictor.term.empty())
    return absl::FailedPreconditionError(
        "\"als\" needs rows that name the parameters by keys, one predictor for all");
  if (setup.type == Type::kFloat32)
    return std::unique_ptr<Fold>(std::make_unique<AlternateFold<float>>(setup, statement));
  return std::unique_ptr<Fold>(std::make_unique<AlternateFold<double>>(setup, statement));
}

}  // namespace gyre
