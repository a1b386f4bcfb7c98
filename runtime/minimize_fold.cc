#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/update/update.h"
#include "runtime/archive.h"
#include "runtime/fold.h"
#include "runtime/penalty.h"

namespace gyre {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

UpdateOptions OptionsOf(const Rule& rule) {
  UpdateOptions options;
  options.rule = rule.name;
  options.step = rule.step;
  options.momentum = rule.momentum;
  if (!rule.schedule.empty()) options.schedule = rule.schedule;
  options.decay = rule.decay;
  if (rule.memory > 0) options.memory = rule.memory;
  if (rule.beta1 > 0) options.beta1 = rule.beta1;
  if (rule.beta2 > 0) options.beta2 = rule.beta2;
  if (rule.epsilon > 0) options.epsilon = rule.epsilon;
  options.restart = rule.restart;
  if (rule.staleness_scale > 0) options.staleness_scale = rule.staleness_scale;
  options.tolerance = rule.tolerance;
  return options;
}

// One flat vector of all parameters of the statement, moved by an update rule. When the statement
// moves everything the run has, that vector is the state's own.
class MinimizeFold final : public Fold {
 public:
  MinimizeFold(const FoldSetup& setup, const Statement& statement, const Rule& rule,
               std::unique_ptr<UpdateRule> update)
      : setup_(setup),
        statement_(statement),
        rule_(std::move(update)),
        layout_(ParamLayout(*setup.program, statement.param, setup.extent)),
        gradient_(layout_.size),
        clocks_behind_(rule.staleness_scale > 0
                           ? static_cast<int>(std::lround(1 / rule.staleness_scale)) - 1
                           : 0),
        mean_of_(BatchesOf(setup, statement, rule)) {
    if (FoldOf(rule.name) != UpdateFold::kComplete) mean_ = AlignedArray<double>(layout_.size);
    for (const Post& p : statement.smooth_gradient)
      if (p.fn != nullptr) smooth_ = AlignedArray<double>(layout_.size);
  }

  absl::Status Start(ParamState* state) override {
    in_place_ = SameLayout(state->layout());
    last_ = {};
    late_ = averaged_ = 0;
    mean_f_ = 0;
    std::fill_n(mean_.data(), mean_.size(), 0.0);
    if (!in_place_) {
      point_ = AlignedArray<double>(layout_.size);
      for (const Field& f : layout_.field)
        Copy(state->master(f.id), point_.data() + f.offset, f.size);
    }
    std::vector<gyre::Segment> segments;
    absl::Status status = MakeSegments(&segments);
    if (status.ok()) status = rule_->Start(Span(Point(state)), segments);
    if (status.ok()) Spread(state);
    return status;
  }

  void Apply(const PostContext& context, ParamState* state) override { Move(context, 1, state); }
  void ApplyShare(const PostContext& context, double share, ParamState* state) override {
    Move(context, share, state);
  }

  double objective() const override { return last_.accepted ? last_.objective : kNone; }
  double best_objective() const override {
    return std::isnan(last_.best_objective) ? last_.objective : last_.best_objective;
  }
  bool converged() const override { return last_.converged; }
  bool measuring() const override { return rule_->probing() || late_ > 0; }
  absl::Status status() const override { return last_.status; }

  void Model(const ParamState& state, double* model) const override {
    if (in_place_) return rule_->Best({model, static_cast<size_t>(layout_.size)});
    AlignedArray<double> best(layout_.size);  // at a pause, not in a clock
    rule_->Best({best.data(), static_cast<size_t>(layout_.size)});
    for (const Field& f : layout_.field)
      Copy(best.data() + f.offset, model + state.layout().Find(f.id)->offset, f.size);
  }

  std::string Save() const override {
    std::string bytes;
    Archive archive(&bytes);
    std::string rule = rule_->Save();
    const_cast<MinimizeFold*>(this)->Visit(archive, rule);  // saving only reads
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    std::string rule;
    Archive archive(bytes);
    Visit(archive, rule);
    if (!archive.complete()) return absl::InvalidArgumentError("state of another update rule");
    return rule_->Load(rule);
  }

 private:
  // `rule`: the state of the rule as its own bytes.
  void Visit(Archive& a, std::string& rule) {
    a(rule);
    a(last_.objective), a(last_.best_objective), a(last_.stationarity);
    a(last_.converged), a(last_.accepted), a(late_), a(averaged_), a(mean_f_);
    if (mean_.size() > 0) a.Array(mean_.data(), layout_.size);
    if (!in_place_) a.Array(point_.data(), layout_.size);
  }

  absl::Span<double> Span(double* x) const { return {x, static_cast<size_t>(layout_.size)}; }
  static void Copy(const double* from, double* to, int64_t n) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(double));
  }

  bool SameLayout(const Layout& other) const {
    if (other.field.size() != layout_.field.size()) return false;
    for (size_t i = 0; i < layout_.field.size(); ++i)
      if (other.field[i].id != layout_.field[i].id) return false;
    return true;
  }

  double* Point(ParamState* state) { return in_place_ ? state->master() : point_.data(); }
  void Spread(ParamState* state) {
    if (in_place_) return;
    for (const Field& f : layout_.field)
      Copy(point_.data() + f.offset, state->master(f.id), f.size);
  }

  // Parameters in order, the padding between them under no penalty.
  absl::Status MakeSegments(std::vector<gyre::Segment>* segments) {
    weights_.clear();
    for (size_t i = 0; i < layout_.field.size(); ++i) {
      const Field& f = layout_.field[i];
      absl::StatusOr<Prox> prox =
          ProxOf(setup_.context, setup_.extent, statement_.penalty, f.id, &weights_);
      if (!prox.ok()) return prox.status();
      segments->push_back({f.offset, f.size, *prox});
      const int64_t next =
          i + 1 < layout_.field.size() ? layout_.field[i + 1].offset : layout_.size;
      if (next > f.offset + f.size)
        segments->push_back({f.offset + f.size, next - f.offset - f.size, Prox{}});
    }
    return absl::OkStatus();
  }

  // Contributions that may still come from points handed out before the last one: of the clocks that
  // reads may lag behind; without a bound, one that each worker gathers and one that it has posted.
  int InFlight(double share) const {
    return share < 1 ? static_cast<int>(std::ceil(2 / share)) : clocks_behind_;
  }

  // While the rule measures, the mean of this many contributions stands for one: a step that was found
  // on noise is too long or, more often, far too short.
  static int BatchesOf(const FoldSetup& setup, const Statement& statement, const Rule& rule) {
    constexpr int64_t kMost = 16;
    if (rule.batch <= 0 || statement.pass < 0) return 1;
    const Pass& pass = setup.program->pass[static_cast<size_t>(statement.pass)];
    const int64_t rows = setup.extent[static_cast<size_t>(pass.row_axis)];
    return static_cast<int>(std::clamp<int64_t>((rows + rule.batch - 1) / rule.batch, 1, kMost));
  }

  // Whether `f` and the gradient are now the mean of enough contributions.
  bool Averaged(double share, double* f) {
    const int enough = share < 1 ? static_cast<int>(std::lround(mean_of_ / share)) : mean_of_;
    double* g = gradient_.data();
    if (share < 1) {  // one worker's rows stand for all
      *f /= share;
      for (int64_t i = 0; i < layout_.size; ++i) g[i] /= share;
    }
    if (enough <= 1) return true;
    const double weight = 1.0 / ++averaged_;
    mean_f_ += weight * (*f - mean_f_);
    double* mean = mean_.data();
    for (int64_t i = 0; i < layout_.size; ++i) mean[i] += weight * (g[i] - mean[i]);
    if (averaged_ < enough) return false;
    *f = mean_f_;
    Copy(mean, g, layout_.size);
    averaged_ = 0, mean_f_ = 0;
    std::fill(mean, mean + layout_.size, 0.0);
    return true;
  }

  void Move(const PostContext& context, double share, ParamState* state) {
    if (last_.converged || !last_.status.ok()) return;
    if (late_ > 0) {  // gathered at a probe, or at a point that was taken back
      --late_;
      return;
    }
    double f = 0;
    if (statement_.value.fn != nullptr) context.Run(statement_.value, &f);
    if (statement_.smooth_value.fn != nullptr) f += share * Smooth(context);
    for (size_t i = 0; i < statement_.gradient.size(); ++i)
      context.Run(statement_.gradient[i], gradient_.data() + layout_.field[i].offset);
    AddSmoothGradient(context, share);
    if (rule_->probing() && !Averaged(share, &f)) return;
    last_ = rule_->Step(f, Span(gradient_.data()), Span(Point(state)), context.epoch);
    if (!last_.accepted && rule_->fold() != UpdateFold::kComplete) late_ = InFlight(share);
    Spread(state);
  }

  double Smooth(const PostContext& context) const {
    double value = 0;
    context.Run(statement_.smooth_value, &value);
    return value;
  }

  void AddSmoothGradient(const PostContext& context, double share) {
    for (size_t i = 0; i < statement_.smooth_gradient.size(); ++i) {
      if (statement_.smooth_gradient[i].fn == nullptr) continue;
      const Field& field = layout_.field[i];
      double* to = gradient_.data() + field.offset;
      const double* from = smooth_.data() + field.offset;
      context.Run(statement_.smooth_gradient[i], smooth_.data() + field.offset);
      for (int64_t e = 0; e < field.size; ++e) to[e] += share * from[e];
    }
  }

  const FoldSetup setup_;
  const Statement& statement_;
  std::unique_ptr<UpdateRule> rule_;
  const Layout layout_;  // in the order of Statement::param
  bool in_place_ = false;
  AlignedArray<double> point_, gradient_, smooth_;
  std::vector<AlignedArray<double>> weights_;
  const int clocks_behind_;  // of reads, at most
  const int mean_of_;        // contributions that make one while the rule measures
  int late_ = 0;             // contributions still to be let go
  int averaged_ = 0;
  double mean_f_ = 0;
  AlignedArray<double> mean_;
  UpdateState last_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeMinimizeFold(const FoldSetup& setup,
                                                       const Statement& statement,
                                                       const Rule& rule) {
  absl::StatusOr<std::unique_ptr<UpdateRule>> update = MakeUpdateRule(OptionsOf(rule));
  if (!update.ok()) return update.status();
  return std::unique_ptr<Fold>(
      std::make_unique<MinimizeFold>(setup, statement, rule, *std::move(update)));
}

}  // namespace gyre
