#include "ops/coordinate/rounds.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

constexpr int64_t kEntriesOfAWorker = 4096;  // that pay for the barriers of a round
constexpr int64_t kMostPerWorker = 16, kMostPerRound = 256;
constexpr int64_t kCheckEvery = 8;      // entries visited, as a multiple of the rows' numbers
constexpr double kExhausted = 0.01;     // of the priority at the last score: time for another
constexpr int64_t kLeastShare = 32;     // ... once one in this many entries was visited
constexpr double kDiverged = 1e3;       // of the objective at the start
constexpr double kRecovery = 1.2;       // growth of the share that moves, by check
constexpr double kRounding = 1e-12;     // of the objective, that it may rise
constexpr int kMostHalvings = 30;
constexpr int kIdle = 4;                // scores without a move between before giving up on the gap

int64_t Since(std::chrono::steady_clock::time_point start) {
  return (std::chrono::steady_clock::now() - start) / std::chrono::nanoseconds(1);
}

CoordinateSolver::Options GaugeOptions(double tolerance, int workers) {
  CoordinateSolver::Options options;
  options.tolerance = tolerance;
  options.workers = workers;
  options.measure_only = true;
  options.screening = false;
  return options;
}

}  // namespace

RoundsSolver::RoundsSolver(const Options& options, std::vector<Part>* parts, RowLoss* loss,
                           const double* offset, int64_t rows, int64_t outputs, UnitCoupling* coupling)
    : options_(options),
      parts_(parts),
      loss_(loss),
      rows_(rows),
      outputs_(outputs),
      gauge_(GaugeOptions(options.tolerance, options.workers), parts, loss, offset, rows, outputs),
      given_coupling_(coupling) {}

// ---- Start.

absl::Status RoundsSolver::Start() {
  if (options_.workers < 1) return absl::InvalidArgumentError("rounds need a worker");
  if (absl::Status status = gauge_.Start(); !status.ok()) return status;
  const auto numbers = static_cast<size_t>(rows_ * outputs_);
  slope_.resize(numbers);
  loss_of_.resize(static_cast<size_t>(rows_));
  view_ = gauge_.view();
  weight_.resize(numbers);
  loss_->Curvatures(view_.data(), weight_.data());
  const auto [least, most] = std::minmax_element(weight_.begin(), weight_.end());
  uniform_ = loss_->quadratic() && (numbers == 0 || *least == *most);
  uniform_weight_ = uniform_ && numbers > 0 ? *most : 0;
  converged_ = false;
  status_ = absl::OkStatus();
  share_ = 1;
  idle_ = 0, measured_ = 0, scores_ = 0;
  updates_ = visits_ = rounds_ = shortened_ = schedule_ns_ = pull_ns_ = most_busy_ = 0;
  start_value_ = std::numeric_limits<double>::quiet_NaN();
  MakeScheduler();
  BeginScore();
  return absl::OkStatus();
}

void RoundsSolver::MakeScheduler() {
  unit_.clear(), work_.clear();
  width_ = 1, entries_ = 0;
  for (size_t p = 0; p < parts_->size(); ++p) {
    const Part& part = (*parts_)[p];
    width_ = std::max(width_, part.numbers());
    for (int64_t u = 0; u < part.units(); ++u) {
      unit_.emplace_back(static_cast<int>(p), u);
      work_.push_back(std::max<int64_t>(part.entries(u), 1));
      entries_ += work_.back();
    }
  }
  const auto units = static_cast<int64_t>(unit_.size());
  const auto workers = static_cast<size_t>(options_.workers);
  curvature_.assign(unit_.size(), 0.0);
  curvature_of_.assign(unit_.size(), -1);
  renewal_ = 0;
  priority_.assign(unit_.size(), 0.0);
  mark_.assign(unit_.size(), -1);
  check_ = 0;
  busy_.assign(workers, 0), busy_ns_.assign(workers, 0);
  scratch_.assign(workers, std::vector<double>(static_cast<size_t>(3 * width_)));
  // Slices of even work.
  slice_.assign(workers + 1, unit_.size());
  slice_[0] = 0;
  int64_t done = 0;
  for (size_t k = 0, next = 1; k < unit_.size() && next < workers; ++k) {
    if (done * options_.workers >= entries_ * static_cast<int64_t>(next)) slice_[next++] = k;
    done += work_[k];
  }

  Scheduler::Options options;
  options.schedule = options_.schedule;
  options.rho = options_.rho, options.eta = options_.eta;
  options.workers = options_.workers;
  options.seed = options_.seed;
  options.per_worker = options_.per_worker;
  if (options.per_worker <= 0) {
    // Without a filter every unit more is a risk.
    const int64_t mean = units > 0 ? std::max<int64_t>(entries_ / units, 1) : 1;
    const int64_t most = std::min({kMostPerWorker, kMostPerRound / options_.workers,
                                   units / (4 * options_.workers)});
    options.per_worker = 1;
    if (Filtered(options_.schedule))
      options.per_worker = std::max<int64_t>(std::min(kEntriesOfAWorker / mean, most), 1);
  }
  if (given_coupling_ == nullptr && Filtered(options_.schedule)) {
    // Weights that will change are left out: equal ones stand for them.
    const bool weighted = loss_->quadratic() && !uniform_;
    if (weighted) {
      coupling_weight_.assign(static_cast<size_t>(rows_), 0.0);
      for (size_t i = 0; i < weight_.size(); ++i)
        coupling_weight_[i / static_cast<size_t>(outputs_)] += weight_[i];
    }
    coupling_ = std::make_unique<ColumnCoupling>(
        parts_, weighted ? coupling_weight_.data() : nullptr, rows_);
  }
  scheduler_ = std::make_unique<Scheduler>(
      options, unit_, work_, given_coupling_ != nullptr ? given_coupling_ : coupling_.get());
}

// ---- What one unit does.

double RoundsSolver::Curvature(uint32_t item) {
  if (curvature_of_[item] == renewal_) return curvature_[item];
  const Part& part = PartOf(item);
  // Of all columns together, a bound for a group; of outputs the most.
  double sum = 0;
  WithColumns(part.columns, [&](const auto& view) {
    for (int64_t k = 0; k < part.unit_columns(); ++k) {
      const int64_t j = part.column(unit_[item].unit(), k);
      if (uniform_) {
        sum += uniform_weight_ * view.SquaredNorm(j);
        continue;
      }
      double most = 0;
      for (int64_t c = 0; c < outputs_; ++c) {
        const double* const weight = weight_.data() + c;
        double a = 0;
        view.ForEach(j, [&](int64_t i, double x) { a += weight[i * outputs_] * x * x; });
        most = std::max(most, a);
      }
      sum += most;
    }
  });
  curvature_[item] = sum;
  curvature_of_[item] = renewal_;
  return sum;
}

// By how much the unit's move changes the view, which no scale of its column alters.
double RoundsSolver::Priority(uint32_t item, double norm2) const {
  const double squared = curvature_[item] * norm2;
  return options_.squared ? squared : std::sqrt(squared);
}

double RoundsSolver::Target(uint32_t item, double* z, double* now, double* to) {
  const Part& part = PartOf(item);
  const int64_t unit = unit_[item].unit();
  const double a = Curvature(item);
  double* at = now;
  for (int64_t k = 0; k < part.unit_columns(); ++k) {
    const int64_t j = part.column(unit, k);
    for (int64_t c = 0; c < outputs_; ++c) *at++ = part.theta[part.element(j, c)];
  }
  part.Gradient(unit, slope_.data(), z);
  for (int64_t i = 0; i < part.numbers(); ++i) z[i] = a * now[i] - z[i];
  part.Minimizer(unit, a, z, now, to);
  double norm2 = 0;
  for (int64_t i = 0; i < part.numbers(); ++i) norm2 += (to[i] - now[i]) * (to[i] - now[i]);
  return norm2;
}

// ---- Push.

void RoundsSolver::Work(int worker) {
  if (converged_ || !status_.ok()) return;
  if (phase_ == Phase::kScore) return ScoreSlice(worker);
  const auto start = std::chrono::steady_clock::now();
  const auto w = static_cast<size_t>(worker);
  double* const z = scratch_[w].data();
  double* const now = z + width_;
  double* const to = now + width_;
  for (size_t k = 0; k < block_[w].size(); ++k) {
    const uint32_t item = block_[w][k];
    const size_t slot = slot_[w] + k;
    double* const change = change_.data() + static_cast<int64_t>(slot) * width_;
    size_[slot] = Target(item, z, now, to);
    for (int64_t i = 0; i < PartOf(item).numbers(); ++i) change[i] = share_ * (to[i] - now[i]);
    busy_[w] += work_[item];
  }
  busy_ns_[w] += Since(start);
}

void RoundsSolver::DrawNext() {
  if (phase_ == Phase::kScore || drawn_ || converged_ || !status_.ok()) return;
  const auto start = std::chrono::steady_clock::now();
  scheduler_->Draw(&next_);
  drawn_ = true;
  schedule_ns_ += Since(start);
}

// ---- Pull.

void RoundsSolver::Turn() {
  if (converged_ || !status_.ok()) return;
  if (phase_ == Phase::kScore) {
    EndScore();
    return;
  }
  DrawNext();  // from what was known before this round, whoever draws it
  Pull();
  const bool due = ScoreIsDue();
  if ((due || since_check_ >= interval_) && !Check()) return;
  if (due) {
    BeginScore();
    return;
  }
  block_.swap(next_);
  BeginRound();
}

bool RoundsSolver::ScoreIsDue() const {
  if (since_score_ >= entries_) return true;
  return Prioritised(options_.schedule) && since_score_ * kLeastShare >= entries_ &&
         scheduler_->total() <= kExhausted * scored_total_;
}

// Of block_: drawn now if all units were out when it was to be drawn.
void RoundsSolver::BeginRound() {
  drawn_ = false;
  const auto count = [&] {
    size_t slots = 0;
    slot_.clear();
    for (const auto& block : block_) slot_.push_back(slots), slots += block.size();
    return slots;
  };
  size_t slots = block_.empty() ? 0 : count();
  if (slots == 0) {
    const auto start = std::chrono::steady_clock::now();
    scheduler_->Draw(&block_);
    schedule_ns_ += Since(start);
    slots = count();
  }
  change_.resize(slots * static_cast<size_t>(width_));
  size_.resize(slots);
  int64_t most = 0;
  for (const auto& block : block_) {
    int64_t work = 0;
    for (const uint32_t item : block) work += work_[item];
    most = std::max(most, work);
  }
  most_busy_ += most;
}

void RoundsSolver::Pull() {
  const auto start = std::chrono::steady_clock::now();
  for (size_t w = 0; w < block_.size(); ++w) {
    for (size_t k = 0; k < block_[w].size(); ++k) {
      const uint32_t item = block_[w][k];
      const size_t slot = slot_[w] + k;
      const Part& part = PartOf(item);
      const int64_t unit = unit_[item].unit();
      const double* const change = change_.data() + static_cast<int64_t>(slot) * width_;
      ++visits_;
      since_check_ += work_[item], since_score_ += work_[item];
      if (size_[slot] == 0) continue;
      ++updates_;
      moved_any_ = true;
      const bool first = mark_[item] != check_;
      if (first) {
        mark_[item] = check_;
        moved_.push_back({item, before_.size()});
      }
      omega_ -= part.Value(unit);
      const double* at = change;
      for (int64_t b = 0; b < part.unit_columns(); ++b) {
        for (int64_t c = 0; c < outputs_; ++c) {
          double& t = part.theta[part.element(part.column(unit, b), c)];
          if (first) before_.push_back(t);
          t += *at++;
        }
      }
      omega_ += part.Value(unit);
      AddColumns(item, change);
    }
  }
  ++rounds_;
  pull_ns_ += Since(start);

  const auto pulled = std::chrono::steady_clock::now();
  for (size_t w = 0; w < block_.size(); ++w) {
    for (size_t k = 0; k < block_[w].size(); ++k)
      scheduler_->Return(block_[w][k], Priority(block_[w][k], size_[slot_[w] + k]));
  }
  schedule_ns_ += Since(pulled);
}

void RoundsSolver::AddColumns(uint32_t item, const double* change) {
  const Part& part = PartOf(item);
  WithColumns(part.columns, [&](const auto& columns) {
    for (int64_t k = 0; k < part.unit_columns(); ++k, change += outputs_) {
      const int64_t j = part.column(unit_[item].unit(), k);
      if (outputs_ == 1 && uniform_) {
        columns.Add(j, part.sign * *change, view_.data());
        columns.Add(j, part.sign * *change * uniform_weight_, slope_.data());
        continue;
      }
      columns.ForEach(j, [&](int64_t row, double x) {
        for (int64_t c = 0; c < outputs_; ++c) {
          const auto i = static_cast<size_t>(row * outputs_ + c);
          const double dv = part.sign * x * change[c];
          view_[i] += dv;
          slope_[i] += weight_[i] * dv;
        }
      });
    }
  });
}

// ---- Checks.

double RoundsSolver::Loss(const double* view) {
  loss_->Losses(view, loss_of_.data());
  double sum = 0;
  for (const double l : loss_of_) sum += l;
  return sum;
}

double RoundsSolver::Objective() { return Loss(view_.data()) + omega_; }

bool RoundsSolver::Check() {
  since_check_ = 0;
  double value = Objective();
  if (Filtered(options_.schedule)) {
    if (value <= check_value_ + kRounding * std::abs(check_value_)) {
      share_ = std::min(1.0, share_ * kRecovery);
    } else {
      value = Shorten();
    }
  } else if (!std::isfinite(value) || value > kDiverged * std::abs(start_value_)) {
    status_ = absl::AbortedError(absl::StrCat("diverged after ", updates_,
                                              " updates; schedule sap or dependency does not"));
    return false;
  }
  check_value_ = value;
  check_view_ = view_;
  ++check_;
  moved_.clear(), before_.clear();
  if (!loss_->quadratic()) Renew();
  return true;
}

// The objective is convex, and every unit alone descends: so does a small share of all moves.
double RoundsSolver::Shorten() {
  ++shortened_;
  std::vector<double> after;
  for (const Moved& m : moved_) {
    const Part& part = PartOf(m.item);
    omega_ -= part.Value(unit_[m.item].unit());
    for (int64_t b = 0; b < part.unit_columns(); ++b) {
      for (int64_t c = 0; c < outputs_; ++c)
        after.push_back(part.theta[part.element(part.column(unit_[m.item].unit(), b), c)]);
    }
  }
  const double omega = omega_;  // of the units that did not move
  const std::vector<double> view = view_;
  double value = check_value_;
  double t = 1;
  for (int halvings = 1;; ++halvings) {
    t = halvings <= kMostHalvings ? t / 2 : 0;
    for (size_t i = 0; i < view_.size(); ++i)
      view_[i] = t > 0 ? check_view_[i] + t * (view[i] - check_view_[i]) : check_view_[i];
    omega_ = omega;
    for (const Moved& m : moved_) {
      const Part& part = PartOf(m.item);
      size_t at = m.before;
      for (int64_t b = 0; b < part.unit_columns(); ++b) {
        for (int64_t c = 0; c < outputs_; ++c, ++at)
          part.theta[part.element(part.column(unit_[m.item].unit(), b), c)] =
              t > 0 ? before_[at] + t * (after[at] - before_[at]) : before_[at];
      }
      omega_ += part.Value(unit_[m.item].unit());
    }
    value = Objective();
    if (t == 0 || value <= check_value_) break;
  }
  size_t most = 1;
  for (const auto& block : block_) most += block.size();
  share_ = std::max(share_ / 2, 1 / static_cast<double>(most));
  Renew();
  return value;
}

void RoundsSolver::Renew() {
  loss_->Slopes(view_.data(), slope_.data());
  if (loss_->quadratic()) return;
  loss_->Curvatures(view_.data(), weight_.data());
  for (double& h : weight_) h = std::max(h, 0.0);
  ++renewal_;
}

// ---- Scores.

void RoundsSolver::BeginScore() {
  phase_ = Phase::kScore;
  // The parts were fit at the start; the view is computed afresh.
  gauge_.Start().IgnoreError();
  view_ = gauge_.view();
  Renew();
}

void RoundsSolver::ScoreSlice(int worker) {
  gauge_.Work(worker);
  if (!Prioritised(options_.schedule)) return;
  const auto w = static_cast<size_t>(worker);
  double* const z = scratch_[w].data();
  for (size_t k = slice_[w]; k < slice_[w + 1]; ++k) {
    const auto item = static_cast<uint32_t>(k);
    const double norm2 = Target(item, z, z + width_, z + 2 * width_);
    priority_[k] = Priority(item, norm2);
  }
}

void RoundsSolver::EndScore() {
  gauge_.Turn();
  ++scores_, ++measured_;
  primal_ = gauge_.objective();
  gap_ = gauge_.gap();
  if (std::isnan(start_value_)) start_value_ = primal_;
  idle_ = moved_any_ || scores_ == 1 ? 0 : idle_ + 1;
  if (gauge_.converged() || idle_ >= kIdle) {
    converged_ = true;
    return;
  }
  omega_ = primal_ - Loss(view_.data());
  check_value_ = primal_;
  check_view_ = view_;
  ++check_;
  moved_.clear(), before_.clear();
  moved_any_ = false;
  since_check_ = since_score_ = 0;
  interval_ = kCheckEvery * rows_ * outputs_;
  const auto start = std::chrono::steady_clock::now();
  scheduler_->Reset(priority_);
  scored_total_ = scheduler_->total();
  scheduler_->Draw(&block_);
  schedule_ns_ += Since(start);
  phase_ = Phase::kVisit;
  BeginRound();
}

int64_t RoundsSolver::work_ns() const {
  int64_t sum = 0;
  for (const int64_t ns : busy_ns_) sum += ns;
  return sum;
}

double RoundsSolver::imbalance() const {
  int64_t sum = 0;
  for (const int64_t busy : busy_) sum += busy;
  if (sum == 0) return 1;
  return static_cast<double>(most_busy_) * options_.workers / static_cast<double>(sum);
}

}  // namespace gyre
