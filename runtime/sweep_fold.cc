// A sweep: every item of an axis once, on the parameters themselves, with the let that it reads
// kept up to date in between.
//
// Where the data says which items depend on each other (rows that join two items by their keys,
// entries of a sparse table) they are visited colour by colour. Items of one colour never read each
// other, so several workers visit them at once, and the numbers are the same for any number of
// workers.
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/archive.h"
#include "runtime/columns.h"
#include "runtime/fold.h"
#include "runtime/sweep_rounds.h"

namespace gyre {
namespace {

// Maintained views drift from their definition by one rounding an update; every so many sweeps they
// are computed afresh. A refresh costs about one sweep, so it takes 2 % of the time. A parameter
// that another statement moved makes them stale at once.
constexpr Clock kRefreshEvery = 50;

class SweepFold final : public Fold {
 public:
  SweepFold(const FoldSetup& setup, const Statement& statement)
      : setup_(setup), statement_(statement) {
    items_ = setup.extent[static_cast<size_t>(statement.sweep_axis)];
  }

  absl::Status Start(ParamState* state) override {
    if (statement_.maintained.size() > 1)
      return absl::UnimplementedError(
          "a sweep that keeps more than one let up to date is not supported yet");
    state_ = state;
    own_ = std::vector<Own>(static_cast<size_t>(setup_.workers));
    arrived_ = 0;
    sweeps_ = 0;
    if (data_.empty())
      if (absl::Status status = BindData(); !status.ok()) return status;
    view_pointer_.assign(static_cast<size_t>(setup_.program->graph.let.size), nullptr);
    if (statement_.view_pass >= 0) StartView();
    return absl::OkStatus();
  }

  // The next round's share of a worker, once all have done the rounds before.
  Turn WorkTurn(int worker, double epoch) override {
    if (rounds_->rounds() == 0) return Turn::kLast;
    Own& own = own_[static_cast<size_t>(worker)];
    if (arrived_.load() < own.done * setup_.workers) return Turn::kWaits;
    const auto round = static_cast<int>(own.done % rounds_->rounds());
    const SweepRounds::Share share = rounds_->share(round, worker);
    own.change += Visit(setup_.context, epoch, share.item, share.items);
    ++own.done;
    arrived_.fetch_add(1);
    setup_.env->Wake();
    return round + 1 == rounds_->rounds() ? Turn::kLast : Turn::kMore;
  }

  void Apply(const PostContext& context, ParamState* state) override {
    if (statement_.view_pass >= 0 && (OthersMoved(*state) || sweeps_ % kRefreshEvery == 0))
      Refresh(context, state);
    ++sweeps_;
    double change = 0;
    if (rounds_ == nullptr) {
      change = Visit(context, context.epoch, nullptr, items_);
    } else if (setup_.workers == 1) {
      for (int r = 0; r < rounds_->rounds(); ++r) {
        const SweepRounds::Share share = rounds_->share(r, 0);
        change += Visit(context, context.epoch, share.item, share.items);
      }
    } else {
      for (Own& own : own_) change += std::exchange(own.change, 0);
    }
    change_ = RelativeChange(change, *state);
  }

  double change() const override { return change_; }

  // The view too: computed afresh, it would differ by the roundings of the sweeps since.
  std::string Save() const override {
    std::string bytes;
    Archive archive(&bytes);
    const_cast<SweepFold*>(this)->Visit(archive);  // saving only reads
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    Archive archive(bytes);
    Visit(archive);
    return archive.complete() ? absl::OkStatus()
                              : absl::InvalidArgumentError("state of another sweep");
  }

 private:
  void Visit(Archive& a) {
    a(sweeps_), a(change_);
    a.Array(view_.data(), view_.size());
    a.Array(seen_.data(), seen_.size());
  }

  // The sum of squared changes of a visit to `items` items in turn; null: the first ones.
  double Visit(const PostContext& context, double epoch, const int64_t* item, int64_t items) const {
    SweepArgs args;
    args.data = setup_.sweep_data != nullptr ? setup_.sweep_data : data_.data();
    args.rows_of = rows_of_.data();
    args.single = setup_.type == Type::kFloat32;
    args.param = state_->by_symbol();
    args.view = view_pointer_.data();
    args.total = context.total.data();
    args.hyper = context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = context.extent;
    args.item = item;
    args.items = items;
    args.epoch = epoch;
    statement_.sweep(args);
    return args.change;
  }

  void StartView() {
    const Pass& pass = setup_.program->pass[static_cast<size_t>(statement_.view_pass)];
    rows_ = setup_.extent[static_cast<size_t>(pass.row_axis)];
    row_size_ = 1;
    for (const int axis : pass.row_axes) row_size_ *= setup_.extent[static_cast<size_t>(axis)];
    view_ = AlignedArray<double>(rows_ * row_size_);
    fresh_ = AlignedArray<char>(rows_ * row_size_ * SizeOf(state_->type()));
    param_.assign(static_cast<size_t>(setup_.program->graph.symbol.size), nullptr);
    published_ = AlignedArray<char>(state_->published_bytes());
    const int64_t bytes = pass.scratch ? pass.scratch(setup_.context.data, setup_.extent.data(),
                                                      SizeOf(state_->type()))
                                       : 0;
    scratch_ = AlignedArray<char>(bytes);
    for (const int let : statement_.maintained)
      view_pointer_[static_cast<size_t>(let)] = view_.data();
    WatchOthers(pass);
  }

  // What the data has of each item: columns of matrices (dense ones transposed, sparse ones as CSC),
  // rows of tables, rows by key; and who depends on whom.
  absl::Status BindData() {
    const ir::Graph& graph = setup_.program->graph;
    rows_of_.assign(static_cast<size_t>(graph.symbol.size), {});
    data_.assign(setup_.context.data, setup_.context.data + graph.symbol.size);
    std::vector<int64_t> cost(static_cast<size_t>(items_), 1);
    for (const SweepSum& sum : statement_.live) {
      const auto symbol = static_cast<size_t>(sum.symbol);
      Block& block = data_[symbol];
      const int64_t rows =
          setup_.extent[static_cast<size_t>(graph.symbol[sum.symbol].axis[0])];
      if (block.format != Format::kCsc && block.rows != rows)
        return absl::UnimplementedError(absl::StrCat("a sweep needs all rows of \"",
                                                     std::string(graph.symbol[sum.symbol].name),
                                                     "\" in one process"));
      if (sum.form == SweepForm::kKeyed) {
        if (rows_of_[symbol].offset != nullptr) continue;
        key_index_.push_back(std::make_unique<KeyIndex>(block.data<int32_t>(), rows, items_));
        rows_of_[symbol] = key_index_.back()->rows_of();
        AddEntries(rows_of_[symbol].offset, &cost);
      } else if (sum.form == SweepForm::kColumn && setup_.sweep_data == nullptr) {
        block = ByColumns(block, &owned_);
      } else if (sum.form == SweepForm::kRow && block.format == Format::kCsc) {
        return absl::UnimplementedError("a sweep over the rows of a table needs it by rows");
      }
      if (sum.form != SweepForm::kKeyed && block.format != Format::kDense)
        AddEntries(block.offset, &cost);
    }
    if (KnowsCouplings()) {
      rounds_ = std::make_unique<SweepRounds>(Couplings().Colour(), cost, setup_.workers);
    } else if (setup_.workers > 1) {
      return absl::UnimplementedError(
          "the items of this sweep are all coupled: one worker visits them");
    }
    return absl::OkStatus();
  }
  void AddEntries(const int64_t* offset, std::vector<int64_t>* cost) const {
    for (int64_t i = 0; i < items_; ++i) (*cost)[static_cast<size_t>(i)] += offset[i + 1] - offset[i];
  }

  bool KnowsCouplings() const {
    if (!statement_.maintained.empty() || statement_.live.empty()) return false;
    for (const Coupling& c : statement_.coupling) {
      const bool keys = c.form == CouplingForm::kKeys;
      const bool table = c.form == CouplingForm::kTable &&
                         data_[static_cast<size_t>(c.first)].format != Format::kDense;
      if (!keys && !table) return false;
    }
    return true;
  }
  ItemGraph Couplings() const {
    ItemGraph graph(items_);
    for (const Coupling& c : statement_.coupling) {
      const Block& first = data_[static_cast<size_t>(c.first)];
      if (c.form == CouplingForm::kTable) {
        graph.JoinEntries(first);
      } else {
        graph.JoinKeys(first.data<int32_t>(),
                       data_[static_cast<size_t>(c.second)].data<int32_t>(), first.rows);
      }
    }
    return graph;
  }

  void WatchOthers(const Pass& pass) {
    std::vector<int> others;
    for (const int p : pass.param) {
      bool mine = false;
      for (const int m : statement_.param) mine = mine || m == p;
      if (!mine) others.push_back(p);
    }
    others_ = ParamLayout(*setup_.program, others, setup_.extent);
    seen_ = AlignedArray<double>(others_.size);
  }

  // Whether a parameter that the view reads, other than those swept, has changed; remembers them.
  bool OthersMoved(const ParamState& state) {
    bool moved = false;
    for (const Field& f : others_.field) {
      const size_t bytes = static_cast<size_t>(f.size) * sizeof(double);
      const double* now = state.by_symbol()[f.id];
      moved = moved || std::memcmp(now, seen_.data() + f.offset, bytes) != 0;
      std::memcpy(seen_.data() + f.offset, now, bytes);
    }
    return moved;
  }

  void Refresh(const PostContext& context, ParamState* state) {
    state->Publish(published_.data());
    state->Point(published_.data(), param_.data());
    const Pass& pass = setup_.program->pass[static_cast<size_t>(statement_.view_pass)];
    KernelArgs args;
    args.data = context.data;
    args.param = param_.data();
    args.total = context.total.data();
    args.hyper = context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = context.extent;
    args.row_end = rows_;
    args.out = fresh_.data();
    args.scratch = scratch_.data();
    args.seed = context.seed;
    args.epoch = context.epoch;
    const bool single = state->type() == Type::kFloat32;
    (single ? pass.f32 : pass.f64)(args);
    for (int64_t i = 0; i < view_.size(); ++i)
      view_[i] = single ? static_cast<double>(reinterpret_cast<const float*>(fresh_.data())[i])
                        : reinterpret_cast<const double*>(fresh_.data())[i];
  }

  double RelativeChange(double squared, const ParamState& state) const {
    double size = 0;
    for (const int p : statement_.param) {
      const Field* s = state.layout().Find(p);
      const double* x = state.by_symbol()[p];
      for (int64_t i = 0; s != nullptr && i < s->size; ++i) size += x[i] * x[i];
    }
    return size > 0 ? std::sqrt(squared / size) : std::sqrt(squared);
  }

  struct alignas(64) Own {  // of one worker
    int64_t done = 0;       // rounds, of all clocks together
    double change = 0;      // of the clock at hand
  };

  const FoldSetup setup_;
  const Statement& statement_;
  ParamState* state_ = nullptr;
  std::unique_ptr<SweepRounds> rounds_;  // null: one item after another
  std::vector<Own> own_;
  std::atomic<int64_t> arrived_{0};  // rounds done, of all workers and clocks together
  int64_t items_ = 0, rows_ = 0, row_size_ = 1;
  Clock sweeps_ = 0;
  double change_ = std::numeric_limits<double>::quiet_NaN();
  AlignedArray<double> view_;
  AlignedArray<char> fresh_, published_, scratch_;
  std::vector<double*> view_pointer_;  // by let
  std::vector<const void*> param_;     // by symbol
  std::vector<Block> data_;            // by symbol
  std::vector<RowsOfKey> rows_of_;     // by symbol
  std::vector<std::unique_ptr<KeyIndex>> key_index_;
  std::vector<OwnedBlock> owned_;
  Layout others_;              // parameters of the view that are not swept ...
  AlignedArray<double> seen_;  // ... as they were when it was last used
};

}  // namespace

std::unique_ptr<Fold> MakeSweepFold(const FoldSetup& setup, const Statement& statement) {
  return std::make_unique<SweepFold>(setup, statement);
}

}  // namespace gyre
