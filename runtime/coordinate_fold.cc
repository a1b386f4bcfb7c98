// Coordinate methods: the columns of the data (or its rows, for the dual) against a linear predictor
// that is kept up to date, on the parameters themselves.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "ops/coordinate/solver.h"
#include "runtime/archive.h"
#include "runtime/columns.h"
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
    return method_ == nullptr ? Make(state) : Penalise();
  }

  // The first clock prepares: norms, the predictor, scores. That is work, and is timed as such.
  void Work(int worker) override {
    if (started_) method_->Work(worker);
  }
  void Apply(const PostContext& /*context*/, ParamState* /*state*/) override {
    if (!started_) {
      status_ = method_->Start();
      started_ = true;
      measured_ = method_->measured();
      return;
    }
    measured_ = method_->measured();
    method_->Turn();
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
    started_ = false;
    return absl::OkStatus();
  }

 private:
  absl::Status Make(ParamState* state) {
    loss_ = std::make_unique<PredictorLoss>(&setup_.context, &predictor_, rows_, outputs_,
                                            setup_.type);
    offset_ = loss_->Offset();
    part_.reserve(predictor_.part.size());
    for (const PredictorPart& in : predictor_.part)
      if (absl::Status status = AddPart(in, state); !status.ok()) return status;
    if (absl::Status status = Penalise(); !status.ok()) return status;
    CoordinateSolver::Options options;
    options.tolerance = rule_.tolerance;
    options.workers = setup_.workers;
    method_ = std::make_unique<CoordinateSolver>(
        options, &part_, loss_.get(), offset_.empty() ? nullptr : offset_.data(), rows_, outputs_);
    return absl::OkStatus();
  }

  absl::Status AddPart(const PredictorPart& in, ParamState* state) {
    const ir::Graph& graph = setup_.program->graph;
    Part part;
    part.columns.rows = rows_;
    part.columns.size = 1;
    part.outputs = outputs_;
    part.theta = state->master(in.param);
    double scale = 1;
    setup_.context.Run(in.scale, &scale);
    part.sign = scale;
    const ir::Symbol& symbol = graph.symbol[in.param];
    for (int i = 0; i < symbol.rank; ++i)
      if (i != in.output) part.columns.size *= setup_.extent[static_cast<size_t>(symbol.axis[i])];
    const bool output_last = in.output > 0;
    part.column_stride = output_last ? outputs_ : 1;
    part.output_stride = output_last || in.output < 0 ? 1 : part.columns.size;
    if (in.matrix < 0) {
      part.columns.ones = true;
    } else {
      const auto matrix = static_cast<size_t>(in.matrix);
      part.columns.block = setup_.sweep_data != nullptr
                               ? setup_.sweep_data[matrix]
                               : ByColumns(setup_.context.data[matrix], &owned_);
      const Block& block = part.columns.block;
      if ((block.format == Format::kDense ? block.cols : block.rows) != rows_)
        return absl::UnimplementedError(absl::StrCat(
            "coordinate methods need all rows of \"", std::string(graph.symbol[in.matrix].name),
            "\" in one process"));
    }
    part_.push_back(part);
    return absl::OkStatus();
  }

  // Omega from the hyper-parameters at hand.
  absl::Status Penalise() {
    weights_.clear();
    for (size_t i = 0; i < part_.size(); ++i) {
      absl::StatusOr<Prox> prox = ProxOf(setup_.context, setup_.extent, statement_.penalty,
                                         predictor_.part[i].param, &weights_);
      if (!prox.ok()) return prox.status();
      part_[i].prox = *prox;
    }
    return absl::OkStatus();
  }

  const FoldSetup setup_;
  const Statement& statement_;
  const Predictor& predictor_;
  const Rule rule_;
  int64_t rows_ = 0, outputs_ = 1, measured_ = 0;
  std::unique_ptr<PredictorLoss> loss_;
  std::vector<double> offset_;
  std::vector<OwnedBlock> owned_;
  std::vector<AlignedArray<double>> weights_;
  std::vector<Part> part_;
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
