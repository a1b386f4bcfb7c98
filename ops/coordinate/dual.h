// Minimises sum_i loss_i(view_i) + Omega(theta), Omega(theta) = sum_j l1_j |theta_j| + l2_j theta_j^2
// with every l2_j > 0, by stochastic dual coordinate ascent (Shalev-Shwartz and Zhang 2013, 2014) to a
// duality gap.
//
//   view_i = offset_i + sum over parts: sign x_i.theta
//
// Every row has a dual variable u_i, and theta = grad Omega*(z) with z = -X'u all the while. A step
// maximises the dual over one u_i (with l1: a lower bound of it that is tight at u_i). That is a
// proximal step of the loss:
//   v + q loss_i'(v)  contains  view_i + q u_i,   u_i <- the slope at v,   q = sum_j x_ij^2 / (2 l2_j)
// exact at kinks and where the loss is quadratic, else by a safeguarded Newton iteration. The
// first visit needs no feasible u_i, so all start at zero.
//
// The gap. loss_i*(u_i) = u_i v_i - loss_i(v_i) at the v_i of the last step, so no conjugate has to be
// known:
//   gap = sum_i loss_i(view_i) - loss_i(v_i) - u_i (view_i - v_i);
// Omega and Omega* add nothing, as theta = grad Omega*(z).
//
// Shrinking, as in Hsieh et al. 2008: a row whose step is zero and whose view lies within a linear
// piece of its loss, by more than any view was off in the last epoch, is left out. The gap is always
// that of all rows, and measuring it brings back those that would move.
//
// Several workers move the rows of a random block each against their own copy of theta, as if the others
// moved it some of the same way (sigma', Ma et al. 2015: the number of workers is always safe; the last
// epoch says how much was needed, and a dual that falls ends that trust); what they did is added up. The
// blocks are drawn again for every epoch.
//
// Extrapolation. Where every loss is quadratic between its kinks, u and z are taken on along the change of the last
// epochs, to where the dual is highest on that line.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "ops/coordinate/columns.h"
#include "ops/coordinate/method.h"
#include "ops/coordinate/scalar_loss.h"
#include "ops/prox.h"
#include "ops/view.h"

namespace gyre {

// One parameter of the predictor and its matrix by rows.
struct RowPart {
  Block block;        // kDense or kCsr, rows x size; unused for `ones`
  bool ones = false;  // the matrix is one column of ones: an intercept
  int64_t size = 0;   // columns
  double sign = 1;
  int64_t column_stride = 1;  // of theta
  Prox prox;                  // l1 and l2 alone
  double* theta = nullptr;
};

class DualSolver final : public CoordinateMethod {
 public:
  struct Options {
    double tolerance = 1e-6;  // of the gap, relative to the objective
    uint64_t seed = 1;        // of the order in which rows are visited
    int workers = 1;
    bool shrinking = true;
  };
  // `offset`: the view at theta = 0, by row; null: zero. All must live as long as this.
  DualSolver(const Options& options, std::vector<RowPart>* parts, ScalarLoss* loss,
             const double* offset, int64_t rows);

  // From the dual variables of the last run, if theta is what that run left; else from the slopes at
  // theta; from zero if theta is zero. Again whenever theta, the penalties or the losses were changed.
  absl::Status Start() override;

  // One round: Work by every worker, in any order or at once; then Turn by one, which leaves theta.
  void Work(int worker) override;
  void Turn() override;

  bool converged() const override { return converged_; }
  int64_t measured() const override { return measured_; }
  // At the last measurement.
  double objective() const override { return primal_; }
  double dual() const { return primal_ - gap_; }
  double gap() const override { return gap_; }
  CoordinateWork counters() const override { return {updates_, 0}; }
  int64_t iterations() const { return epochs_; }
  int64_t active() const { return static_cast<int64_t>(active_.size()); }  // not left out

 private:
  enum class Phase { kEpoch, kMeasure };

  // What a part looks like from here: row i is column i of the transposed matrix.
  struct View {
    Columns rows;
    double sign = 1;
    int64_t begin = 0, size = 0;  // of its numbers in theta_
    double inverse = 0;           // 1 / (2 l2), if one number
    bool uniform = false;         // it is
    bool threshold = false;       // l1 is given
    RowPart* part = nullptr;
  };
  // `place`: 2 s on the s-th smooth piece of the loss, 2 s + 1 at the kink after it, -1 unvisited.
  struct Row {
    double u = 0, v = 0;
    double q = 0;
    double curvature = 0;  // at v
    double before = 0;     // u at the last extrapolation, before it
    int place = -1;
    bool shrunk = false;
  };
  struct Kink {
    double at = 0;
    double low = 0, high = 0;  // slopes to the left and to the right
  };
  struct Piece {
    double slope = 0, curvature = 0;  // of the polynomial, at zero
  };
  struct Point {
    double u = 0, v = 0, curvature = 0;
    int place = 0;
  };
  struct alignas(64) Worker {
    std::vector<double> theta;       // its copy, if there are others
    int64_t from = 0, to = 0;        // of active_: the rows that it moves in this epoch
    int64_t kept = 0;                // the end of those that shrinking has not left out
    double violation = 0;            // the furthest that a view was off in the last epoch
    double estimate = 0;             // of the gap, row by row as it met them
    int64_t updates = 0;
    int64_t begin = 0, end = 0;      // rows that it measures
    double loss = 0, gap = 0;        // of those
    std::vector<int64_t> returning;  // those of them that shrinking should not have left out
  };

  absl::Status MakeViews();
  absl::Status MakeLosses();
  void Slice();
  void Deal();
  // theta_ and z_ from the dual variables.
  void Refresh();
  bool Unchanged() const;
  bool LoadTheta();
  void StoreTheta() const;

  void Epoch(int worker);
  template <class Rows>
  void VisitRows(const Rows& rows, int worker);
  void Measure(int worker);
  void EndEpoch();
  void AddUp(int64_t updates);
  void Extrapolate();
  void LinearState(std::vector<double>* at) const;
  void SetLinearState(const std::vector<double>& at);
  void AddLinear(int64_t row, double change, std::vector<double>* to) const;
  double BestStep(const std::vector<double>& way) const;
  void EndMeasure();

  double ViewOf(int64_t row, const double* theta) const;
  template <class Rows>
  void Add(const View& view, const Rows& rows, int64_t row, double scale, double* theta);
  Point Step(int64_t row, double view, double q) const;
  Point Newton(int64_t row, int piece, double view, double q) const;
  double Left(int64_t row, int piece) const;   // ends of a piece
  double Right(int64_t row, int piece) const;
  Point AtSlope(int64_t row, double u) const;  // of a quadratic loss, u clamped to what it can be
  double Violation(int64_t row, double view) const;
  double Divergence(int64_t row, double view) const;
  double Threshold(int64_t j) const;           // theta_j of z_j

  const Options options_;
  std::vector<RowPart>* const parts_;
  ScalarLoss* const loss_;
  const double* const offset_;
  const int64_t rows_;

  Phase phase_ = Phase::kEpoch;
  bool converged_ = false, quadratic_ = false, shrinking_ = false;
  bool still_ = false;    // nothing moves any more
  double safety_ = 1;     // what each worker multiplies its changes by
  bool careful_ = false;  // by the number of workers, whatever the last epoch says
  int kinks_ = 0;
  int64_t epochs_ = 0, measured_ = 0, updates_ = 0, visits_ = 0;
  int64_t visits_since_ = 0;  // the last measurement
  double entries_ = 0, entries_since_ = 0;  // of a row; visited since the last extrapolation
  double primal_ = std::numeric_limits<double>::quiet_NaN();
  double gap_ = std::numeric_limits<double>::infinity();
  double best_dual_ = 0, violation_ = 0;
  std::vector<View> view_;                 // that with the most entries first
  std::vector<double> theta_, z_, l1_, inverse_;  // of all parts; z_ where theta_ does not say it
  std::vector<double> here_, before_;      // the linear state; that at the last extrapolation, before it
  std::vector<int64_t> active_;            // rows, as the next epoch visits them
  std::vector<Row> row_;
  std::vector<Kink> kink_;                 // rows x kinks, ascending
  std::vector<Piece> piece_;               // rows x (kinks + 1)
  std::vector<Worker> worker_;
  std::vector<double> view_of_, loss_of_;  // by row, while the gap is measured
};

}  // namespace gyre
