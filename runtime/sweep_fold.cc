// A sweep: every item of an axis once, on the parameters themselves, with the let that it reads
// kept up to date in between.
#include <cmath>
#include <cstring>

#include "runtime/archive.h"
#include "runtime/columns.h"
#include "runtime/fold.h"

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
    const ir::Graph& graph = setup_.program->graph;
    if (statement_.maintained.size() > 1)
      return absl::UnimplementedError(
          "a sweep that keeps more than one let up to date is not supported yet");
    view_pointer_.assign(static_cast<size_t>(graph.let.size), nullptr);
    if (statement_.view_pass < 0) return absl::OkStatus();
    const Pass& pass = setup_.program->pass[static_cast<size_t>(statement_.view_pass)];
    rows_ = setup_.extent[static_cast<size_t>(pass.row_axis)];
    row_size_ = 1;
    for (const int axis : pass.row_axes) row_size_ *= setup_.extent[static_cast<size_t>(axis)];
    view_ = AlignedArray<double>(rows_ * row_size_);
    fresh_ = AlignedArray<char>(rows_ * row_size_ * SizeOf(state->type()));
    param_.assign(static_cast<size_t>(graph.symbol.size), nullptr);
    published_ = AlignedArray<char>(state->published_bytes());
    const int64_t bytes = pass.scratch ? pass.scratch(setup_.context.data, setup_.extent.data(),
                                                      SizeOf(state->type()))
                                       : 0;
    scratch_ = AlignedArray<char>(bytes);
    for (const int let : statement_.maintained)
      view_pointer_[static_cast<size_t>(let)] = view_.data();
    if (setup_.sweep_data == nullptr) CutColumns(pass.row_axis);
    WatchOthers(pass);
    return absl::OkStatus();
  }

  void Apply(const PostContext& context, ParamState* state) override {
    if (statement_.view_pass >= 0 && (OthersMoved(*state) || sweeps_ % kRefreshEvery == 0))
      Refresh(context, state);
    ++sweeps_;
    SweepArgs args;
    args.data = setup_.sweep_data != nullptr ? setup_.sweep_data : columns_.data();
    args.param = state->by_symbol();
    args.view = view_pointer_.data();
    args.total = context.total.data();
    args.hyper = context.hyper;
    args.literal = setup_.program->literal.data();
    args.extent = context.extent;
    args.items = items_;
    args.epoch = context.epoch;
    statement_.sweep(args);
    change_ = RelativeChange(args.change, *state);
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

  // Matrices of rows by swept items, by columns: dense ones transposed, sparse ones as CSC.
  void CutColumns(int row_axis) {
    const ir::Graph& graph = setup_.program->graph;
    columns_.assign(setup_.context.data, setup_.context.data + graph.symbol.size);
    for (int s = 0; s < graph.symbol.size; ++s) {
      const ir::Symbol& symbol = graph.symbol[s];
      const bool matrix = symbol.kind == ir::Kind::kData && symbol.rank == 2 &&
                          symbol.axis[0] == row_axis && symbol.axis[1] == statement_.sweep_axis;
      Block& block = columns_[static_cast<size_t>(s)];
      if (matrix) block = ByColumns(block, &owned_);
    }
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

  const FoldSetup setup_;
  const Statement& statement_;
  int64_t items_ = 0, rows_ = 0, row_size_ = 1;
  Clock sweeps_ = 0;
  double change_ = std::numeric_limits<double>::quiet_NaN();
  AlignedArray<double> view_;
  AlignedArray<char> fresh_, published_, scratch_;
  std::vector<double*> view_pointer_;  // by let
  std::vector<const void*> param_;     // by symbol
  std::vector<Block> columns_;         // by symbol
  std::vector<OwnedBlock> owned_;
  Layout others_;              // parameters of the view that are not swept ...
  AlignedArray<double> seen_;  // ... as they were when it was last used
};

}  // namespace

std::unique_ptr<Fold> MakeSweepFold(const FoldSetup& setup, const Statement& statement) {
  return std::make_unique<SweepFold>(setup, statement);
}

}  // namespace gyre
