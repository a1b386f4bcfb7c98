// Coordinate methods: the columns of the data (or its rows, for the dual) against a linear predictor
// that is kept up to date, on the parameters themselves.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "ops/coordinate/delayed.h"
#include "ops/coordinate/dual.h"
#include "ops/coordinate/rounds.h"
#include "ops/coordinate/solver.h"
#include "runtime/archive.h"
#include "runtime/columns.h"
#include "runtime/data/layout.h"
#include "runtime/fold.h"
#include "runtime/penalty.h"
#include "runtime/predictor_loss.h"

namespace gyre {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class CoordinateFold final : public Fold {
 public:
  CoordinateFold(const FoldSetup& setup, const Statement& statement, const Rule& rule)
      : setup_(setup), statement_(statement), predictor_(statement.predictor), rule_(rule) {
    rows_ = setup.extent[static_cast<size_t>(predictor_.row_axis)];
    outputs_ = predictor_.output_axis < 0
                   ? 1
                   : setup.extent[static_cast<size_t>(predictor_.output_axis)];
  }

  absl::Status Start(ParamState* state) override {
    started_ = false;
    absl::Status status;
    // A hyper-parameter of the predictor itself makes another one.
    if (method_ != nullptr && loss_->Offset() == offset_ && Scales() == scale_) {
      status = Penalise();
    } else {
      method_.reset();
      part_.clear(), row_part_.clear(), owned_.clear();
      status = Make(state);
    }
    if (!status.ok() || !method_->runs_ahead()) return status;
    started_ = true;
    measured_ = 0;
    return method_->Start();
  }

  // The first clock prepares: norms, the predictor, scores. That is work, and is timed as such.
  void Work(int worker) override {
    if (!started_) return;
    method_->Work(worker);
    if (worker == setup_.workers - 1) method_->DrawNext();  // while others still work
  }
  void Apply(const PostContext& context, ParamState* /*state*/) override {
    if (!started_) {
      status_ = method_->Start();
      started_ = true;
      measured_ = method_->measured();
      return;
    }
    measured_ = method_->measured();
    method_->Turn();
    if ((std::llround(context.epoch) + 1) % setup_.boundary == 0) method_->Rest();
  }

  // Known after the clocks that measured it.
  double objective() const override {
    return started_ && method_->measured() > measured_ ? method_->objective() : kNone;
  }
  double gap() const override {
    return started_ && method_->measured() > 0 ? method_->gap() : kNone;
  }
  bool converged() const override { return started_ && method_->converged(); }
  absl::Status status() const override { return status_.ok() ? method_->status() : status_; }
  std::string certificate() const override { return method_->certificate(); }
  int64_t schedule_ns() const override { return method_->counters().schedule_ns; }

  // The parameters are all there is: the rest is computed from them.
  std::string Save() const override {
    std::string bytes, name = rule_.name;
    Archive archive(&bytes);
    archive(name);
    return bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    std::string name;
    Archive archive(bytes);
    archive(name);
    if (!archive.complete() || name != rule_.name)
      return absl::InvalidArgumentError("state of another update rule");
    started_ = method_->runs_ahead();  // its first clock prepares as well, but by itself
    return absl::OkStatus();
  }

 private:
  absl::Status Make(ParamState* state) {
    loss_ = std::make_unique<PredictorLoss>(&setup_.context, &predictor_, rows_, outputs_,
                                            setup_.type);
    offset_ = loss_->Offset();
    scale_ = Scales();
    part_.reserve(predictor_.part.size());
    row_part_.reserve(predictor_.part.size());
    for (const PredictorPart& in : predictor_.part)
      if (absl::Status status = AddPart(in, state); !status.ok()) return status;
    const double* offset = offset_.empty() ? nullptr : offset_.data();
    if (Dual()) {
      DualSolver::Options options;
      options.tolerance = rule_.tolerance;
      options.workers = setup_.workers;
      options.seed = setup_.seed;
      scalar_ = std::make_unique<PredictorScalarLoss>(loss_.get());
      method_ = std::make_unique<DualSolver>(options, &row_part_, scalar_.get(), offset, rows_);
    } else if (rule_.name == "mspg") {
      DelayedSolver::Options options;
      options.tolerance = rule_.tolerance;
      options.workers = setup_.workers;
      options.staleness = setup_.lag - 1;
      method_ = std::make_unique<DelayedSolver>(options, &part_, loss_.get(), offset, rows_, outputs_);
    } else if (rule_.select != "sets" && !rule_.select.empty()) {
      absl::StatusOr<RoundsSolver::Options> options = RoundsOptions();
      if (!options.ok()) return options.status();
      method_ = std::make_unique<RoundsSolver>(*options, &part_, loss_.get(), offset, rows_, outputs_);
    } else {
      CoordinateSolver::Options options;
      options.tolerance = rule_.tolerance;
      options.workers = setup_.workers;
      method_ = std::make_unique<CoordinateSolver>(options, &part_, loss_.get(), offset, rows_,
                                                   outputs_);
    }
    return Penalise();
  }

  absl::StatusOr<RoundsSolver::Options> RoundsOptions() const {
    RoundsSolver::Options options;
    if (rule_.select == "uniform") {
      options.schedule = Schedule::kUniform;
    } else if (rule_.select == "dependency") {
      options.schedule = Schedule::kDependency;
    } else if (rule_.select == "priority") {
      options.schedule = Schedule::kPriority;
    } else if (rule_.select == "sap") {
      options.schedule = Schedule::kSap;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("plan: there is no schedule \"", rule_.select, "\""));
    }
    if (rule_.coupling > 0) options.rho = rule_.coupling;
    options.workers = setup_.workers;
    options.tolerance = rule_.tolerance;
    options.seed = setup_.seed;
    return options;
  }

  bool Dual() const { return rule_.name == "sdca"; }

  absl::Status AddPart(const PredictorPart& in, ParamState* state) {
    const ir::Graph& graph = setup_.program->graph;
    Part part;
    part.columns.rows = rows_;
    part.columns.size = 1;
    part.outputs = outputs_;
    part.theta = state->master(in.param);
    const double scale = scale_[part_.size() + row_part_.size()];
    part.sign = scale;
    const ir::Symbol& symbol = graph.symbol[in.param];
    for (int i = 0; i < symbol.rank; ++i)
      if (i != in.output) part.columns.size *= setup_.extent[static_cast<size_t>(symbol.axis[i])];
    const bool output_last = in.output > 0;
    part.column_stride = output_last ? outputs_ : 1;
    part.output_stride = output_last || in.output < 0 ? 1 : part.columns.size;
    part.columns.ones = in.matrix < 0;
    const Block* rows = in.matrix < 0 ? nullptr : &setup_.context.data[in.matrix];
    if (rows != nullptr && rows->rows != rows_)
      return absl::UnimplementedError(absl::StrCat(
          "coordinate methods need all rows of \"", std::string(graph.symbol[in.matrix].name),
          "\" in one process"));
    if (Dual()) {
      RowPart row;
      if (rows != nullptr) row.block = ByRows(*rows);
      row.ones = part.columns.ones;
      row.size = part.columns.size;
      row.sign = scale;
      row.theta = part.theta;
      row_part_.push_back(row);
      return absl::OkStatus();
    }
    if (rows != nullptr)
      part.columns.block = setup_.sweep_data != nullptr ? setup_.sweep_data[in.matrix]
                                                        : ByColumns(*rows, &owned_);
    part_.push_back(part);
    return absl::OkStatus();
  }

  std::vector<double> Scales() const {
    std::vector<double> scale(predictor_.part.size());
    for (size_t i = 0; i < scale.size(); ++i)
      setup_.context.Run(predictor_.part[i].scale, &scale[i]);
    return scale;
  }

  Block ByRows(const Block& block) {
    if (block.format != Format::kCsc) return block;
    owned_.push_back(ToCsr(block));
    return owned_.back().block;
  }

  // Omega from the hyper-parameters at hand.
  absl::Status Penalise() {
    weights_.clear();
    for (size_t i = 0; i < predictor_.part.size(); ++i) {
      absl::StatusOr<Prox> prox = ProxOf(setup_.context, setup_.extent, statement_.penalty,
                                         predictor_.part[i].param, &weights_);
      if (!prox.ok()) return prox.status();
      (Dual() ? row_part_[i].prox : part_[i].prox) = *prox;
    }
    return absl::OkStatus();
  }

  const FoldSetup setup_;
  const Statement& statement_;
  const Predictor& predictor_;
  const Rule rule_;
  int64_t rows_ = 0, outputs_ = 1, measured_ = 0;
  std::unique_ptr<PredictorLoss> loss_;
  std::vector<double> offset_, scale_;  // of rows, of parts
  std::vector<OwnedBlock> owned_;
  std::vector<AlignedArray<double>> weights_;
  std::vector<Part> part_;         // by columns ...
  std::vector<RowPart> row_part_;  // ... or rows, of sdca
  std::unique_ptr<PredictorScalarLoss> scalar_;
  std::unique_ptr<CoordinateMethod> method_;
  bool started_ = false;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Fold>> MakeCoordinateFold(const FoldSetup& setup,
                                                         const Statement& statement,
                                                         const Rule& rule) {
  if (statement.predictor.row_axis < 0)
    return absl::FailedPreconditionError(absl::StrCat(
        "\"", rule.name, "\" needs rows that see the parameters through one linear predictor"));
  return std::unique_ptr<Fold>(std::make_unique<CoordinateFold>(setup, statement, rule));
}

}  // namespace gyre
