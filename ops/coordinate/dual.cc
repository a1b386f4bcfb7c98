#include "ops/coordinate/dual.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace gyre {
namespace {

using Vector = Eigen::Map<const Eigen::ArrayXd>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kRefreshEvery = 64;       // epochs before theta is computed afresh
constexpr int kMostNewton = 60;             // evaluations of a loss in one step
constexpr double kNewtonReduction = 0.05;   // of a step's residual: what is left is next epoch's
constexpr double kRounding = 4e-16;
constexpr double kMeasured = 0.03;          // of the last gap, to be measured again
constexpr double kWorth = 4;                // numbers visited for each that an extrapolation goes over
constexpr double kNear = 0.05;              // of the objective: above it most rows have yet to find a place
constexpr int kMostSearches = 4;            // of a step: each goes up to four times as far
constexpr double kFound = 0.05;             // of a line's first slope: what is left is next epoch's
constexpr double kProbe = 1e-6;             // how far from a kink its one-sided slopes are taken
constexpr double kMargin = 1.1;             // of what an epoch says about the workers' changes
constexpr double kDecay = 0.8;              // of what it said before, an epoch later
constexpr int64_t kTrusted = 500;           // changes of a worker that say something about the next ones
constexpr double kConcave = 1e-4;           // relative fall of a slope at a kink that is no rounding
constexpr int64_t kLine = 64;               // bytes
constexpr int64_t kMostLines = 16;          // of a row to fetch ahead; the hardware sees the rest come

// Uniform bits of a counter (Steele, Lea and Flood 2014).
uint64_t SplitMix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void Shuffle(uint64_t key, std::vector<int64_t>* order) {
  const auto n = static_cast<uint64_t>(order->size());
  for (uint64_t k = 0; k + 1 < n; ++k) {
    const uint64_t pick = k + (SplitMix(key + k) >> 32) * (n - k) / (uint64_t{1} << 32);
    std::swap((*order)[k], (*order)[pick]);
  }
}

// The step, from zero on, where a falling slope is about zero: between kinks it is linear.
template <class Slope>
double LineMaximum(const Slope& slope) {
  const double first = slope(0);
  double low = 0, at_low = first, step = 1;
  for (int n = 0; at_low > kFound * first && n < kMostSearches; ++n) {
    const double s = slope(step);
    const double zero = s < at_low ? low + (step - low) * at_low / (at_low - s) : kInfinity;
    if (s <= 0) return zero;
    low = step, at_low = s;
    step = std::min(zero, 4 * step);
  }
  return low;
}

void PrefetchLines(const void* begin, int64_t bytes) {
  const char* at = static_cast<const char*>(begin);
  const int64_t lines = std::min(bytes / kLine + 1, kMostLines);
  for (int64_t l = 0; l < lines; ++l) __builtin_prefetch(at + l * kLine);
}

void PrefetchRow(const Columns& rows, int64_t i) {
  if (rows.ones) return;
  const Block& b = rows.block;
  const char* const values = static_cast<const char*>(b.values);
  const int64_t size = SizeOf(b.type);
  if (!rows.sparse()) {
    PrefetchLines(values + i * b.stride * size, rows.rows * size);
    return;
  }
  const int64_t begin = b.offset[i], n = b.offset[i + 1] - begin;
  PrefetchLines(b.index + begin, n * static_cast<int64_t>(sizeof(int32_t)));
  PrefetchLines(values + begin * size, n * size);
}

}  // namespace

DualSolver::DualSolver(const Options& options, std::vector<RowPart>* parts, ScalarLoss* loss,
                       const double* offset, int64_t rows)
    : options_(options), parts_(parts), loss_(loss), offset_(offset), rows_(rows) {}

absl::Status DualSolver::Start() {
  const bool again = row_.size() == static_cast<size_t>(rows_) && Unchanged();
  if (absl::Status status = MakeViews(); !status.ok()) return status;
  if (absl::Status status = MakeLosses(); !status.ok()) return status;

  row_.resize(static_cast<size_t>(rows_));
  const bool zero = !again && !LoadTheta();
  for (int64_t i = 0; i < rows_; ++i) {
    Row& row = row_[static_cast<size_t>(i)];
    double u = again ? row.u : 0;
    if (!again && !zero) u = loss_->At(i, ViewOf(i, theta_.data())).slope;
    row = Row{};
    row.u = std::isfinite(u) ? u : 0;
    for (const View& view : view_) {
      WithColumns(view.rows, [&](const auto& x) {
        if (view.uniform) {
          row.q += x.SquaredNorm(i) * view.inverse;
        } else {
          const double* const inverse = inverse_.data() + view.begin;
          x.ForEach(i, [&](int64_t j, double a) { row.q += a * a * inverse[j]; });
        }
      });
    }
  }
  view_of_.resize(static_cast<size_t>(rows_)), loss_of_.resize(static_cast<size_t>(rows_));
  Slice();
  Refresh();
  StoreTheta();
  active_.resize(static_cast<size_t>(rows_));
  std::iota(active_.begin(), active_.end(), int64_t{0});
  phase_ = Phase::kEpoch;
  converged_ = false;
  epochs_ = 0, measured_ = 0, updates_ = 0, visits_ = 0, visits_since_ = 0;
  before_.clear(), entries_since_ = 0;
  best_dual_ = -kInfinity, violation_ = kInfinity;
  safety_ = options_.workers, careful_ = false;
  primal_ = std::numeric_limits<double>::quiet_NaN(), gap_ = kInfinity;
  Deal();
  return absl::OkStatus();
}

absl::Status DualSolver::MakeViews() {
  if (parts_->empty()) return absl::InvalidArgumentError("the dual method needs a parameter");
  view_.clear();
  int64_t size = 0;
  const auto entries = [&](const RowPart& part) {
    if (part.ones) return rows_;
    if (part.block.format == Format::kDense) return rows_ * part.size;
    return part.block.offset[rows_] - part.block.offset[0];
  };
  for (RowPart& part : *parts_) {
    const Prox& prox = part.prox;
    if (!prox.separable() || prox.bounded())
      return absl::UnimplementedError("the dual method knows no penalties but l1 and l2");
    if (part.block.format == Format::kCsc && !part.ones)
      return absl::UnimplementedError("the dual method reads rows: dense or CSR data");
    View view;
    view.rows.ones = part.ones;
    view.rows.rows = part.ones ? 1 : part.size;
    view.rows.size = rows_;
    if (!part.ones) {
      view.rows.block = part.block;
      if (part.block.format == Format::kCsr) view.rows.block.format = Format::kCsc;
    }
    view.sign = part.sign;
    view.begin = size, view.size = part.ones ? 1 : part.size;
    view.uniform = prox.l2.each == nullptr;
    view.threshold = prox.l1.given();
    view.part = &part;
    size += (view.size + 7) / 8 * 8;  // on lines of their own
    view_.push_back(view);
  }
  theta_.assign(static_cast<size_t>(size), 0);
  z_.assign(static_cast<size_t>(size), 0);
  l1_.assign(static_cast<size_t>(size), 0);
  inverse_.assign(static_cast<size_t>(size), 0);
  for (View& view : view_) {
    for (int64_t j = 0; j < view.size; ++j) {
      const int64_t element = j * view.part->column_stride;
      const double l1 = view.part->prox.l1.at(element), l2 = view.part->prox.l2.at(element);
      if (!(l2 > 0) || !(l1 >= 0) || std::isinf(l1) || std::isinf(l2))
        return absl::InvalidArgumentError("the dual method needs l2 > 0 for every number");
      l1_[static_cast<size_t>(view.begin + j)] = l1;
      inverse_[static_cast<size_t>(view.begin + j)] = 1 / (2 * l2);
    }
    if (view.size > 0) view.inverse = inverse_[static_cast<size_t>(view.begin)];
  }
  std::stable_sort(view_.begin(), view_.end(), [&](const View& a, const View& b) {
    return entries(*a.part) > entries(*b.part);
  });
  return absl::OkStatus();
}

// The kinks of every row and what the loss is between and beside them.
absl::Status DualSolver::MakeLosses() {
  kinks_ = loss_->kinks();
  quadratic_ = loss_->quadratic();
  shrinking_ = options_.shrinking && quadratic_;
  const auto kinks = static_cast<size_t>(kinks_);
  kink_.assign(static_cast<size_t>(rows_) * kinks, Kink{});
  piece_.assign(quadratic_ ? static_cast<size_t>(rows_) * (kinks + 1) : 0, Piece{});
  const auto not_convex = [] { return absl::InvalidArgumentError("the losses are not convex"); };
  for (int64_t i = 0; i < rows_; ++i) {
    Kink* const kink = kink_.data() + i * kinks_;
    for (int k = 0; k < kinks_; ++k) {
      const double at = loss_->Kink(k, i);
      kink[k].at = std::isfinite(at) ? at : kInfinity;
    }
    std::sort(kink, kink + kinks_, [](const Kink& a, const Kink& b) { return a.at < b.at; });
    int count = 0;  // of distinct ones
    for (int k = 0; k < kinks_; ++k) {
      if (count == 0 || kink[k].at > kink[count - 1].at) kink[count++].at = kink[k].at;
    }
    for (int k = count; k < kinks_; ++k) kink[k].at = kInfinity;
    while (count > 0 && std::isinf(kink[count - 1].at)) --count;
    double size = 0;  // of what the slopes at kinks are computed from
    if (quadratic_) {
      Piece* const piece = piece_.data() + i * (kinks_ + 1);
      for (int s = 0; s <= count; ++s) {
        const double left = Left(i, s), right = Right(i, s);
        double at = 0;
        if (s > 0 && s < count) at = left + (right - left) / 2;
        if (s > 0 && s == count) at = left + 1 + std::abs(left);
        if (s == 0 && count > 0) at = right - 1 - std::abs(right);
        const ScalarLoss::Derivatives d = loss_->At(i, at);
        if (d.curvature < 0) return not_convex();
        piece[s] = {d.slope - d.curvature * at, d.curvature};
      }
      for (int k = 0; k < count; ++k) {
        const double low = piece[k].curvature * kink[k].at;
        const double high = piece[k + 1].curvature * kink[k].at;
        kink[k].low = piece[k].slope + low;
        kink[k].high = piece[k + 1].slope + high;
        size = std::max({size, std::abs(low), std::abs(high), std::abs(kink[k].low),
                         std::abs(kink[k].high)});
      }
    } else {
      for (int k = 0; k < count; ++k) {
        const double at = kink[k].at;
        double step = kProbe * (1 + std::abs(at));
        if (k > 0) step = std::min(step, (at - kink[k - 1].at) / 4);
        if (k + 1 < count) step = std::min(step, (kink[k + 1].at - at) / 4);
        const ScalarLoss::Derivatives low = loss_->At(i, at - step), high = loss_->At(i, at + step);
        kink[k].low = low.slope + low.curvature * step;
        kink[k].high = high.slope - high.curvature * step;
        size = std::max({size, std::abs(low.slope), std::abs(high.slope)});
      }
    }
    for (int k = 0; k < count; ++k) {
      if (kink[k].low - kink[k].high > kConcave * size) return not_convex();
      kink[k].high = std::max(kink[k].high, kink[k].low);
    }
  }
  return absl::OkStatus();
}

// Rows cut where their entries are shared evenly, to be measured.
void DualSolver::Slice() {
  const int64_t workers = options_.workers;
  worker_.assign(static_cast<size_t>(workers), Worker{});
  const auto cost = [&](int64_t i) {
    int64_t sum = 4;
    for (const View& view : view_) sum += view.rows.ones ? 1 : view.rows.entries(i);
    return sum;
  };
  int64_t all = 0, done = 0, row = 0;
  for (int64_t i = 0; i < rows_; ++i) all += cost(i);
  entries_ = static_cast<double>(all) / static_cast<double>(std::max<int64_t>(1, rows_));
  for (int64_t w = 0; w < workers; ++w) {
    Worker& worker = worker_[static_cast<size_t>(w)];
    worker.begin = row;
    const double until =
        static_cast<double>(all) * static_cast<double>(w + 1) / static_cast<double>(workers);
    while (row < rows_ && (w + 1 == workers || static_cast<double>(done) < until))
      done += cost(row++);
    worker.end = row;
    if (workers > 1) worker.theta.resize(theta_.size());
  }
}

// The rows of the next epoch, in its order, cut among the workers. Drawing the cut afresh matters: what
// one worker's rows are to take over from those of another would move by 1 / (rows of a worker) an
// epoch if each kept its rows, as the copies of theta see no part of it.
void DualSolver::Deal() {
  Shuffle(SplitMix(SplitMix(options_.seed) + static_cast<uint64_t>(epochs_)), &active_);
  const auto count = static_cast<int64_t>(active_.size());
  for (int64_t w = 0; w < options_.workers; ++w) {
    Worker& worker = worker_[static_cast<size_t>(w)];
    worker.from = count * w / options_.workers;
    worker.to = count * (w + 1) / options_.workers;
  }
}

double DualSolver::Threshold(int64_t j) const {
  const auto k = static_cast<size_t>(j);
  const double m = std::abs(z_[k]) - l1_[k];
  return m > 0 ? std::copysign(m, z_[k]) * inverse_[k] : 0;
}

void DualSolver::Refresh() {
  std::fill(z_.begin(), z_.end(), 0.0);
  for (const View& view : view_) {
    WithColumns(view.rows, [&](const auto& x) {
      for (int64_t i = 0; i < rows_; ++i) {
        const double u = row_[static_cast<size_t>(i)].u;
        if (u != 0) x.Add(i, -view.sign * u, z_.data() + view.begin);
      }
    });
  }
  for (int64_t j = 0; j < static_cast<int64_t>(theta_.size()); ++j)
    theta_[static_cast<size_t>(j)] = Threshold(j);
}

bool DualSolver::Unchanged() const {
  for (const View& view : view_) {
    for (int64_t j = 0; j < view.size; ++j) {
      if (view.part->theta[j * view.part->column_stride] !=
          theta_[static_cast<size_t>(view.begin + j)])
        return false;
    }
  }
  return true;
}

// Whether a number of theta is not zero.
bool DualSolver::LoadTheta() {
  bool any = false;
  for (const View& view : view_) {
    for (int64_t j = 0; j < view.size; ++j) {
      const double t = view.part->theta[j * view.part->column_stride];
      theta_[static_cast<size_t>(view.begin + j)] = t;
      any |= t != 0;
    }
  }
  return any;
}

void DualSolver::StoreTheta() const {
  for (const View& view : view_) {
    for (int64_t j = 0; j < view.size; ++j) {
      view.part->theta[j * view.part->column_stride] =
          theta_[static_cast<size_t>(view.begin + j)];
    }
  }
}

double DualSolver::ViewOf(int64_t row, const double* theta) const {
  double v = offset_ != nullptr ? offset_[row] : 0;
  for (const View& view : view_) {
    WithColumns(view.rows,
                [&](const auto& x) { v += view.sign * x.Dot(row, theta + view.begin); });
  }
  return v;
}

inline double DualSolver::Left(int64_t row, int piece) const {
  return piece > 0 ? kink_[static_cast<size_t>(row * kinks_ + piece - 1)].at : -kInfinity;
}

inline double DualSolver::Right(int64_t row, int piece) const {
  return piece < kinks_ ? kink_[static_cast<size_t>(row * kinks_ + piece)].at : kInfinity;
}

// How far the view lies from where the row's u would not move.
inline double DualSolver::Violation(int64_t i, double view) const {
  const Row& row = row_[static_cast<size_t>(i)];
  if (row.place < 0 || row.place % 2 != 0 || row.curvature != 0) return std::abs(view - row.v);
  const int piece = row.place / 2;
  return std::max({0.0, Left(i, piece) - view, view - Right(i, piece)});
}

// The divergence of the view from v: what the row adds to the gap.
inline double DualSolver::Divergence(int64_t i, double view) const {
  const Row& row = row_[static_cast<size_t>(i)];
  const double off = view - row.v;
  if (!quadratic_ || row.place < 0) return row.curvature * off * off / 2;
  const Piece* const piece = piece_.data() + i * (kinks_ + 1);
  double sum = 0, at = row.v;
  const auto until = [&](int s, double end) {
    const double step = end - at;
    sum += (piece[s].slope + piece[s].curvature * at - row.u) * step + piece[s].curvature * step * step / 2;
    at = end;
  };
  if (off > 0) {
    for (int s = (row.place + 1) / 2; at < view; ++s) until(s, std::min(view, Right(i, s)));
  } else {
    for (int s = row.place / 2; at > view; --s) until(s, std::max(view, Left(i, s)));
  }
  return sum;
}

inline DualSolver::Point DualSolver::AtSlope(int64_t i, double u) const {
  const Kink* const kink = kink_.data() + i * kinks_;
  const Piece* const piece = piece_.data() + i * (kinks_ + 1);
  int s = 0;
  for (; s < kinks_ && !std::isinf(kink[s].at); ++s) {
    const bool bounded = s == 0 && piece[0].curvature == 0;
    if (u < kink[s].low && !bounded) break;
    if (u <= kink[s].high) return {std::max(u, kink[s].low), kink[s].at, 0, 2 * s + 1};
  }
  if (piece[s].curvature > 0) return {u, (u - piece[s].slope) / piece[s].curvature, piece[s].curvature, 2 * s};
  if (s > 0) return {kink[s - 1].high, kink[s - 1].at, 0, 2 * s - 1};
  return {piece[0].slope, row_[static_cast<size_t>(i)].v, 0, 0};
}

// The v with v + q loss'(v) = view + q u, and the slope there.
inline DualSolver::Point DualSolver::Step(int64_t i, double view, double q) const {
  const Row& row = row_[static_cast<size_t>(i)];
  const double t = view + q * row.u;
  const Kink* const kink = kink_.data() + i * kinks_;
  int s = 0;
  for (; s < kinks_; ++s) {
    if (t < kink[s].at + q * kink[s].low || std::isinf(kink[s].at)) break;
    if (t > kink[s].at + q * kink[s].high) continue;
    const double u = q > 0 ? row.u + (view - kink[s].at) / q : row.u;
    return {std::clamp(u, kink[s].low, kink[s].high), kink[s].at, 0, 2 * s + 1};
  }
  if (!quadratic_) return Newton(i, s, view, q);
  const Piece& piece = piece_[static_cast<size_t>(i * (kinks_ + 1) + s)];
  const double v = (t - q * piece.slope) / (1 + q * piece.curvature);
  return {piece.slope + piece.curvature * v, v, piece.curvature, 2 * s};
}

// F(v) = v + q loss'(v) - t has a derivative of at least one: the root lies between v and v - F(v).
// Whatever v it ends at, the slope there is feasible.
DualSolver::Point DualSolver::Newton(int64_t i, int s, double view, double q) const {
  const Row& row = row_[static_cast<size_t>(i)];
  const double t = view + q * row.u;
  double low = Left(i, s), high = Right(i, s);
  Point at{row.u, row.v, row.curvature, 2 * s};
  double f = row.v - view;  // u is the slope at v
  const auto evaluate = [&](double v) {
    const ScalarLoss::Derivatives d = loss_->At(i, v);
    at = {d.slope, v, d.curvature, 2 * s};
    f = v + q * d.slope - t;
  };
  if (row.place != 2 * s) {
    double v = view;
    if (!(v > low && v < high)) {
      if (std::isinf(low) || std::isinf(high)) {
        v = std::isinf(low) ? high - 1 : low + 1;
      } else {
        v = low + (high - low) / 2;
      }
    }
    evaluate(v);
  }
  const double enough = kNewtonReduction * std::abs(f);
  for (int n = 0; n < kMostNewton; ++n) {
    if (f > 0) {
      high = at.v, low = std::max(low, at.v - f);
    } else {
      low = at.v, high = std::min(high, at.v - f);
    }
    if (n > 0 && std::abs(f) <= enough) break;
    if (std::abs(f) <= kRounding * (std::abs(at.v) + std::abs(t))) break;
    double v = at.v - f / (1 + q * at.curvature);
    if (!(v > low && v < high)) {
      if (std::isinf(low)) {
        v = high - 1 - std::abs(high);
      } else if (std::isinf(high)) {
        v = low + 1 + std::abs(low);
      } else {
        v = low + (high - low) / 2;
        if (v == low || v == high) break;
      }
    }
    evaluate(v);
  }
  return at;
}

// z_j -= scale x_ij, and what theta follows from it.
template <class Rows>
inline void DualSolver::Add(const View& view, const Rows& x, int64_t i, double scale,
                            double* theta) {
  double* const to = theta + view.begin;
  if (view.threshold && options_.workers == 1) {
    double* const z = z_.data() + view.begin;
    x.ForEach(i, [&](int64_t j, double a) {
      z[j] -= scale * a;
      to[j] = Threshold(view.begin + j);
    });
  } else if (view.uniform) {
    x.Add(i, -scale * view.inverse, to);
  } else {
    const double* const inverse = inverse_.data() + view.begin;
    x.ForEach(i, [&](int64_t j, double a) { to[j] -= scale * a * inverse[j]; });
  }
}

template <class Rows>
void DualSolver::VisitRows(const Rows& first, int w) {
  Worker& worker = worker_[static_cast<size_t>(w)];
  const bool alone = options_.workers == 1;
  const double safety = safety_;
  double* const theta = alone ? theta_.data() : worker.theta.data();
  const View& main = view_.front();
  int64_t* const order = active_.data();
  double violation = 0, estimate = 0;
  int64_t kept = worker.from;
  for (int64_t k = worker.from; k < worker.to; ++k) {
    const int64_t i = order[k];
    if (k + 1 < worker.to) {
      const int64_t next = order[k + 1];
      __builtin_prefetch(&row_[static_cast<size_t>(next)], 1);
      if (kinks_ > 0) __builtin_prefetch(&kink_[static_cast<size_t>(next * kinks_)]);
      if (quadratic_) __builtin_prefetch(&piece_[static_cast<size_t>(next * (kinks_ + 1))]);
      PrefetchRow(main.rows, next);
    }
    Row& row = row_[static_cast<size_t>(i)];
    double view = offset_ != nullptr ? offset_[i] : 0;
    view += main.sign * first.Dot(i, theta + main.begin);
    for (size_t p = 1; p < view_.size(); ++p) {
      const View& other = view_[p];
      WithColumns(other.rows, [&](const auto& x) {
        view += other.sign * x.Dot(i, theta + other.begin);
      });
    }
    estimate += Divergence(i, view);
    const Point to = Step(i, view, safety * row.q);
    const double change = to.u - row.u;
    if (shrinking_) {
      if (change == 0 && to.place % 2 == 0 && to.curvature == 0 &&
          view > Left(i, to.place / 2) + violation_ && view < Right(i, to.place / 2) - violation_) {
        row.v = to.v, row.curvature = 0, row.place = to.place;
        row.shrunk = true;
        continue;
      }
      violation = std::max(violation, Violation(i, view));
    }
    order[kept++] = i;
    row.u = to.u, row.v = to.v, row.curvature = to.curvature, row.place = to.place;
    if (change == 0) continue;
    ++worker.updates;
    if (row.q == 0) continue;
    Add(main, first, i, safety * main.sign * change, theta);
    for (size_t p = 1; p < view_.size(); ++p) {
      const View& other = view_[p];
      WithColumns(other.rows, [&](const auto& x) {
        Add(other, x, i, safety * other.sign * change, theta);
      });
    }
  }
  worker.violation = violation;
  worker.estimate = estimate;
  worker.kept = kept;
}

void DualSolver::Epoch(int w) {
  Worker& worker = worker_[static_cast<size_t>(w)];
  worker.updates = 0;
  if (options_.workers > 1) std::copy(theta_.begin(), theta_.end(), worker.theta.begin());
  WithColumns(view_.front().rows, [&](const auto& rows) { VisitRows(rows, w); });
}

void DualSolver::Measure(int w) {
  Worker& worker = worker_[static_cast<size_t>(w)];
  for (int64_t i = worker.begin; i < worker.end; ++i)
    view_of_[static_cast<size_t>(i)] = ViewOf(i, theta_.data());
  loss_->Losses(worker.begin, worker.end, view_of_.data(), loss_of_.data());
  worker.loss = 0, worker.gap = 0;
  worker.returning.clear();
  for (int64_t i = worker.begin; i < worker.end; ++i) {
    const auto k = static_cast<size_t>(i);
    Row& row = row_[k];
    worker.loss += loss_of_[k];
    worker.gap += loss_of_[k] - row.u * (view_of_[k] - row.v);
    if (!row.shrunk) continue;
    if (const double violation = Violation(i, view_of_[k]); violation > 0) {
      row.shrunk = false;
      worker.returning.push_back(i);
      worker.violation = std::max(worker.violation, violation);
    }
  }
  for (int64_t i = worker.begin; i < worker.end; ++i)
    view_of_[static_cast<size_t>(i)] = row_[static_cast<size_t>(i)].v;
  loss_->Losses(worker.begin, worker.end, view_of_.data(), loss_of_.data());
  for (int64_t i = worker.begin; i < worker.end; ++i) worker.gap -= loss_of_[static_cast<size_t>(i)];
}

void DualSolver::Work(int worker) {
  if (phase_ == Phase::kEpoch) {
    Epoch(worker);
  } else {
    Measure(worker);
  }
}

void DualSolver::Turn() {
  if (phase_ == Phase::kEpoch) {
    EndEpoch();
  } else {
    EndMeasure();
  }
}

void DualSolver::EndEpoch() {
  ++epochs_;
  const auto visits = static_cast<int64_t>(active_.size());
  int64_t updates = 0;
  double estimate = 0;
  violation_ = 0;
  for (const Worker& worker : worker_) {
    updates += worker.updates;
    estimate += worker.estimate;
    violation_ = std::max(violation_, worker.violation);
  }
  updates_ += updates, visits_ += visits, visits_since_ += visits;
  if (epochs_ % kRefreshEvery == 0) {
    Refresh();
  } else if (options_.workers > 1) {
    AddUp(updates);
  }
  entries_since_ += static_cast<double>(visits) * entries_;
  const double numbers = static_cast<double>(rows_) + static_cast<double>(theta_.size());
  if (quadratic_ && !careful_ && updates > 0 && gap_ <= kNear * std::abs(primal_) &&
      entries_since_ >= kWorth * numbers)
    Extrapolate();
  auto end = active_.begin();
  for (const Worker& worker : worker_)
    end = std::copy(active_.begin() + worker.from, active_.begin() + worker.kept, end);
  active_.erase(end, active_.end());
  StoreTheta();
  still_ = updates == 0;
  // A measurement is a visit to every row. It pays where the gap is much smaller than it was, or seems to be what is
  // asked for: rows that shrinking left out in error are of the problem again.
  const double enough = std::max(kMeasured * gap_, options_.tolerance * std::abs(primal_));
  const bool due = measured_ == 0 || !(estimate > enough) || visits_since_ >= std::max(4 * rows_, visits_ / 2);
  if (still_ || (due && visits_since_ >= rows_ / 2)) {
    phase_ = Phase::kMeasure;
  } else {
    Deal();
  }
}

// Adds the workers' changes. They were made as if the others would add as much again in the same direction
// (safety_ times), and ascent needs |sum d_w|^2 <= safety_ sum |d_w|^2: where the changes are many, the ratio
// of the two sides is about that of the next epoch, for its rows are drawn as these were.
void DualSolver::AddUp(int64_t updates) {
  constexpr int64_t kBlock = 1024;
  double together = 0, apart = 0;
  Eigen::ArrayXd change, squares, mine;
  for (const View& view : view_) {
    for (int64_t begin = view.begin; begin < view.begin + view.size; begin += kBlock) {
      const int64_t n = std::min(kBlock, view.begin + view.size - begin);
      Eigen::Map<Eigen::ArrayXd> theta(theta_.data() + begin, n), z(z_.data() + begin, n);
      const Vector inverse(inverse_.data() + begin, n);
      change.setZero(n), squares.setZero(n);
      for (const Worker& worker : worker_) {
        mine = Vector(worker.theta.data() + begin, n) - theta;
        change += mine, squares += mine.square();
      }
      together += (change.square() / inverse).sum(), apart += (squares / inverse).sum();
      theta += change / safety_;
      if (!view.threshold) continue;
      z += change / (safety_ * inverse);
      for (int64_t k = 0; k < n; ++k) theta[k] = Threshold(begin + k);
    }
  }
  const double most = options_.workers;
  if (careful_ || apart <= 0) return;
  safety_ = updates < kTrusted * options_.workers
                ? most
                : std::clamp(std::max(kMargin * together / apart, kDecay * safety_), 1.0, most);
}

// What is linear in the u, of every number: z, or theta where nothing thresholds it.
void DualSolver::LinearState(std::vector<double>* at) const {
  *at = theta_;
  for (const View& view : view_) {
    if (view.threshold) std::copy_n(z_.begin() + view.begin, view.size, at->begin() + view.begin);
  }
}

// The row's u grew by `change`.
void DualSolver::AddLinear(int64_t row, double change, std::vector<double>* to) const {
  for (const View& view : view_) {
    WithColumns(view.rows, [&](const auto& x) {
      x.ForEach(row, [&](int64_t j, double a) {
        const auto k = static_cast<size_t>(view.begin + j);
        (*to)[k] -= view.sign * change * a * (view.threshold ? 1 : inverse_[k]);
      });
    });
  }
}

void DualSolver::SetLinearState(const std::vector<double>& at) {
  for (const View& view : view_) {
    std::copy_n(at.begin() + view.begin, view.size, (view.threshold ? z_ : theta_).begin() + view.begin);
    for (int64_t j = view.begin; view.threshold && j < view.begin + view.size; ++j)
      theta_[static_cast<size_t>(j)] = Threshold(j);
  }
}

// Goes on in the direction of the epochs since the last time, and of what was added then, to where the dual is
// highest: rows that trade their u with each other take the same way for many epochs. Both u and z lie on a line;
// only rows whose u can go but a part of the way are visited.
void DualSolver::Extrapolate() {
  entries_since_ = 0;
  LinearState(&here_);
  if (before_.empty()) {
    for (Row& row : row_) row.before = row.u;
    before_ = here_;
    return;
  }
  std::vector<double>& to = before_;  // first the way from `here`, then what lies a step along it
  for (size_t k = 0; k < to.size(); ++k) to[k] = here_[k] - to[k];
  const double step = BestStep(to);
  for (size_t k = 0; k < to.size(); ++k) to[k] = here_[k] + step * to[k];
  for (int64_t i = 0; i < rows_; ++i) {
    Row& row = row_[static_cast<size_t>(i)];
    const double u = row.u + step * (row.u - row.before);
    row.before = row.u;
    if (u == row.u) continue;
    const Point at = AtSlope(i, u);
    if (at.u != row.u) row.u = at.u, row.v = at.v, row.curvature = at.curvature, row.place = at.place;
    if (at.u != u) AddLinear(i, at.u - u, &to);
  }
  if (step > 0) SetLinearState(to);
  before_.swap(here_);
}

// The step along u - before, which is `way` from here_, where the slope of the dual is about zero.
double DualSolver::BestStep(const std::vector<double>& way) const {
  double at_here = 0, along = 0;  // of what nothing thresholds, the slope is linear in the step
  for (const View& view : view_) {
    if (view.threshold) continue;
    const auto of = [&](const std::vector<double>& all) { return Vector(all.data() + view.begin, view.size); };
    at_here += (of(way) * of(here_) / of(inverse_)).sum();
    along += (of(way).square() / of(inverse_)).sum();
  }
  std::vector<int64_t> moved;
  for (int64_t i = 0; i < rows_; ++i) {
    if (row_[static_cast<size_t>(i)].u != row_[static_cast<size_t>(i)].before) moved.push_back(i);
  }
  return LineMaximum([&](double step) {
    double slope = -at_here - step * along;
    for (const int64_t i : moved) {
      const Row& row = row_[static_cast<size_t>(i)];
      const double d = row.u - row.before;
      slope -= d * AtSlope(i, row.u + step * d).v;
    }
    for (const View& view : view_) {
      if (!view.threshold) continue;
      for (size_t k = static_cast<size_t>(view.begin); k < static_cast<size_t>(view.begin + view.size); ++k) {
        const double z = here_[k] + step * way[k];
        slope -= way[k] * std::copysign(std::max(std::abs(z) - l1_[k], 0.0), z) * inverse_[k];
      }
    }
    return slope;
  });
}

void DualSolver::EndMeasure() {
  phase_ = Phase::kEpoch;
  double loss = 0, gap = 0, omega = 0;
  for (const Worker& worker : worker_) {
    loss += worker.loss, gap += worker.gap;
    violation_ = std::max(violation_, worker.violation);
    active_.insert(active_.end(), worker.returning.begin(), worker.returning.end());
    still_ = still_ && worker.returning.empty();
  }
  for (size_t k = 0; k < theta_.size(); ++k) {
    const double t = theta_[k];
    if (t != 0) omega += l1_[k] * std::abs(t) + t * t / (2 * inverse_[k]);
  }
  ++measured_;
  primal_ = loss + omega;
  // A dual that falls was promised too much.
  if (primal_ - gap < best_dual_) careful_ = true, safety_ = options_.workers;
  best_dual_ = std::max(best_dual_, primal_ - gap);
  gap_ = std::max(primal_ - best_dual_, 0.0);
  const double target = options_.tolerance * std::abs(primal_);
  // Where nothing moves and nothing is brought back, rounding is all that is left of the gap.
  converged_ = gap_ <= target || still_;
  visits_since_ = 0;
  Deal();
}

}  // namespace gyre
