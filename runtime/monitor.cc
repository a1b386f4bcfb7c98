#include "runtime/monitor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

constexpr size_t kMostTracePoints = 4096;  // then every other one is dropped and the stride doubles
constexpr size_t kMostCopies = size_t{256} << 20;  // bytes, likewise
constexpr int64_t kShowEveryNs = 100'000'000;      // progress, ten times a second
// Tolerance is about the last quarter of the run: single steps of a slow rule are always small. What is
// measured in pauses belongs to rules that do not descend at every step: a third of the run, then. Too
// few values say nothing.
constexpr double kWindow = 4.0 / 3, kPausedWindow = 1.5;
constexpr int kFew = 8, kFewPaused = 4;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

const char* Name(StopReason reason) {
  switch (reason) {
    case StopReason::kClocks:
      return "clocks";
    case StopReason::kSeconds:
      return "seconds";
    case StopReason::kTolerance:
      return "tolerance";
    case StopReason::kTarget:
      return "target";
    case StopReason::kRequested:
      return "requested";
    case StopReason::kConverged:
      return "converged";
  }
  return "unknown";
}

Monitor::Monitor(const Options& options, const Job& job, StageFolds* stages, ParamState* state,
                 Evaluator* evaluator, Env* env)
    : options_(options),
      job_(job),
      stages_(stages),
      state_(state),
      evaluator_(evaluator),
      env_(env),
      model_(static_cast<size_t>(state->layout().size)) {
  trace_.reserve(kMostTracePoints);
}

// Boundaries are at multiples of `boundary`, wherever the run begins.
void Monitor::Start() {
  start_ns_ = env_->Nanos() - train_ns_ - paused_ns_;
  const Clock most = options_.stop.max_clocks > 0 ? options_.stop.max_clocks : kNever;
  const Clock boundary = options_.stop.boundary, first = (done_ / boundary + 1) * boundary;
  next_ = std::min(most, first);
  if (done_ >= most) Stop(StopReason::kClocks, absl::StrCat("all ", done_, " clocks are done"));
  pause_wanted_ = pause_left_;
  const Clock limit = stopping_ || pause_wanted_
                          ? done_
                          : std::min(most, first + boundary * options_.stop.decision_lag);
  limit_.store(limit, std::memory_order_seq_cst);
  if (limit == done_) BeginPause();
}

// Known with the contributions of the clock, and so of the point that the clock before left. Trials
// that a rule takes back say nothing: their objective is NaN.
void Monitor::TakeByProduct(Clock clock) {
  if (!options_.evaluation.by_product) return;
  const Fold& fold = *stages_->front()->fold;
  if (std::isnan(fold.objective())) return;
  CheckObjective(clock - 1, fold.objective());
  Measured({clock - 1, Seconds(train_ns_), fold.best_objective(), kNone});
}

void Monitor::Boundary(Clock clock) {
  const int64_t now = env_->Nanos();
  done_ = clock;
  train_ns_ = now - start_ns_ - paused_ns_;
  next_ = clock + options_.stop.boundary;
  if (options_.stop.max_clocks > 0)
    next_ = std::max(clock, std::min(next_, options_.stop.max_clocks));
  TakeByProduct(clock);
  if (!stopping_) stopping_ = Stops(clock, train_ns_);
  if (!stopping_ && EvaluationIsDue(clock)) {
    if (options_.evaluation.deferred)
      KeepCopy(clock);
    else
      pause_wanted_ = true;
  }
  if (!stopping_ && options_.checkpoint.at_pauses && CheckpointIsDue(clock)) pause_wanted_ = true;
  if (now - shown_ns_ > kShowEveryNs)
    Show({clock, Seconds(train_ns_), has_objective_ ? last_objective_ : kNone,
          has_objective_ ? kNone : last_metric_},
         now);
  if (!stopping_ && !pause_wanted_) return GoOn(clock);
  if (clock >= limit_.load(std::memory_order_relaxed)) BeginPause();
}

// The state is that of a whole clock, and the next one is about to be allowed.
void Monitor::GoOn(Clock clock) {
  if (CheckpointIsDue(clock)) Save(false);
  if (!stopping_) return Raise(clock);
  if (clock >= limit_.load(std::memory_order_relaxed)) BeginPause();
}

void Monitor::Raise(Clock clock) {
  Clock limit = clock + options_.stop.boundary * (1 + options_.stop.decision_lag);
  if (options_.stop.max_clocks > 0) limit = std::min(limit, options_.stop.max_clocks);
  limit_.store(std::max(limit, limit_.load(std::memory_order_relaxed)), std::memory_order_seq_cst);
}

void Monitor::Stop(StopReason reason, std::string detail) {
  stopping_ = true;
  reason_ = reason;
  detail_ = std::move(detail);
}

// Whether the best objective fell by less than the tolerance since the start of the window.
bool Monitor::HoldsStill(Clock clock) {
  const int few = options_.evaluation.by_product ? kFew : kFewPaused;
  const double window = options_.evaluation.by_product ? kWindow : kPausedWindow;
  if (window_values_++ == 0) {
    window_start_ = clock;
    window_best_ = best_;
  }
  if (window_values_ <= few ||
      static_cast<double>(clock) < window * static_cast<double>(window_start_))
    return false;
  const bool still = window_best_ - best_ <= options_.stop.tolerance * std::fabs(best_);
  window_values_ = 1;
  window_start_ = clock;
  window_best_ = best_;
  return still && options_.stop.tolerance > 0;
}

// While a rule looks for its step the parameters stay where they are.
bool Monitor::Measuring() const {
  return std::any_of(stages_->begin(), stages_->end(),
                     [](const auto& stage) { return stage->fold->measuring(); });
}

// A rule that knows how far it is from the minimum says itself when that is within the tolerance.
bool Monitor::Bounded() const {
  return std::any_of(stages_->begin(), stages_->end(),
                     [](const auto& stage) { return !std::isnan(stage->fold->gap()); });
}

// Target and tolerance, at an exact value of the objective.
void Monitor::CheckObjective(Clock clock, double objective) {
  const StopRules& stop = options_.stop;
  best_ = has_objective_ ? std::min(best_, objective) : objective;
  has_objective_ = true;
  last_objective_ = objective;
  const bool still = !Measuring() && !Bounded() && HoldsStill(clock);
  if (stopping_) return;
  if (stop.has_target && objective <= stop.target)
    Stop(StopReason::kTarget,
         absl::StrCat("the objective reached ", objective, ", the target is ", stop.target));
  else if (still)
    Stop(StopReason::kTolerance, absl::StrCat("the objective fell by less than ", stop.tolerance,
                                              " of itself in the last ",
                                              options_.evaluation.by_product ? "quarter" : "third",
                                              " of the clocks"));
}

bool Monitor::Stops(Clock clock, int64_t train_ns) {
  const StopRules& stop = options_.stop;
  if (stopping_) return true;
  if (job_.stop_requested != nullptr && job_.stop_requested->load(std::memory_order_relaxed)) {
    Stop(StopReason::kRequested, "stopped on request");
    return true;
  }
  bool converged = true, measured = false;
  double change = 0;
  for (const auto& stage : *stages_) {
    if (status_.ok()) status_ = stage->fold->status();
    converged = converged && stage->fold->converged();
    if (const double c = stage->fold->change(); !std::isnan(c))
      change = std::max(change, c), measured = true;
  }
  // What was read may be as old as the lag: for that long the same step may come again.
  unmoved_ = measured && change <= stop.tolerance ? unmoved_ + 1 : 0;
  if (!status_.ok()) {
    stopping_ = true;
  } else if (converged) {
    const double gap = stages_->front()->fold->gap();
    Stop(StopReason::kConverged,
         std::isnan(gap) ? "the update found nothing left to gain"
                         : absl::StrCat("the minimum lies at most ", gap, " below"));
  } else if (stop.tolerance > 0 && unmoved_ >= std::max(1, options_.lag)) {
    Stop(StopReason::kTolerance, absl::StrCat("the parameters moved by ", change,
                                              " of themselves, the tolerance is ", stop.tolerance));
  } else if (stop.max_clocks > 0 && clock >= stop.max_clocks) {
    Stop(StopReason::kClocks, absl::StrCat("all ", clock, " clocks are done"));
  } else if (stop.max_seconds > 0 && Seconds(train_ns) >= stop.max_seconds) {
    Stop(StopReason::kSeconds, absl::StrCat(stop.max_seconds, " s are over"));
  }
  return stopping_;
}

// At the boundaries that the plan names; where it names none, by time.
bool Monitor::EvaluationIsDue(Clock clock) const {
  const EvaluationRules& e = options_.evaluation;
  const Clock boundary = clock / options_.stop.boundary;
  const auto due = [&](bool wanted, int64_t every) {
    return wanted && (every > 0 ? boundary % every == 0 : DueByTime());
  };
  return due(evaluator_->has_objective() && !e.by_product, e.objective_every) ||
         due(evaluator_->has_measures(), e.measures_every);
}

// Pauses take at most `pause_share` of the time; before the first, its cost is guessed as that of
// the clocks that visit every row once.
bool Monitor::DueByTime() const {
  if (Measuring()) return false;
  const double per_epoch =
      static_cast<double>(train_ns_) / (static_cast<double>(done_) * options_.epochs_per_clock);
  const double cost = pause_cost_ns_ > 0 ? static_cast<double>(pause_cost_ns_) : per_epoch;
  return static_cast<double>(train_ns_ - last_pause_train_ns_) * options_.evaluation.pause_share >=
         cost;
}

void Monitor::KeepCopy(Clock clock) {
  last_pause_train_ns_ = train_ns_;
  if (++copy_skip_ < copy_stride_) return;
  copy_skip_ = 0;
  Copy copy{clock, Seconds(train_ns_), model_};
  std::memcpy(copy.model.data(), state_->master(), model_.size() * sizeof(double));
  for (const auto& stage : *stages_) stage->fold->Model(*state_, copy.model.data());
  copy_.push_back(std::move(copy));
  if (copy_.size() * model_.size() * sizeof(double) < kMostCopies &&
      copy_.size() < kMostTracePoints)
    return;
  for (size_t i = 0; 2 * i < copy_.size(); ++i) copy_[i] = std::move(copy_[2 * i]);
  copy_.resize((copy_.size() + 1) / 2);
  copy_stride_ *= 2;
}

void Monitor::EvaluateCopies() {
  std::vector<TracePoint> last;
  last.swap(trace_);
  for (const Copy& copy : copy_) {
    const double epoch = static_cast<double>(copy.clock) * options_.epochs_per_clock;
    evaluator_->Set(copy.model.data());
    for (int w = 0; w < options_.workers; ++w) evaluator_->Part(w, epoch);
    evaluator_->Combine(epoch);
    const double metric = evaluator_->measure().empty() ? kNone : evaluator_->measure().front();
    trace_.push_back({copy.clock, copy.seconds, evaluator_->objective(), metric});
  }
  trace_.insert(trace_.end(), last.begin(), last.end());
  std::stable_sort(trace_.begin(), trace_.end(),
                   [](const TracePoint& a, const TracePoint& b) { return a.clock < b.clock; });
  if (copy_.empty()) return;
  copy_.clear();
  evaluator_->Set(model_.data());  // the final model again: what Report tells
  const double epoch = static_cast<double>(done_) * options_.epochs_per_clock;
  for (int w = 0; w < options_.workers; ++w) evaluator_->Part(w, epoch);
  evaluator_->Combine(epoch);
}

// ---- Checkpoints.

bool Monitor::CheckpointIsDue(Clock clock) const {
  const CheckpointRules& c = options_.checkpoint;
  if (!c.save || clock == saved_) return false;
  if (c.every > 0) return clock / c.every > saved_ / c.every;
  return Seconds(train_ns_ - saved_ns_) >= c.seconds;
}

// A disk that is full ends the run: what it would still do could not be kept.
void Monitor::Save(bool pause_left) {
  const int64_t begin = env_->Nanos();
  pause_left_ = pause_left;
  saved_ = done_;
  saved_ns_ = train_ns_;
  std::string bytes;
  Archive archive(&bytes);
  Visit(archive);
  pause_left_ = false;
  absl::Status status = options_.checkpoint.save(done_, std::move(bytes));
  if (!status.ok() && status_.ok()) {
    status_ = std::move(status);
    stopping_ = true;
  }
  paused_ns_ += env_->Nanos() - begin;
}

void Monitor::Visit(Archive& a) {
  a(train_ns_), a(paused_ns_), a(last_pause_train_ns_), a(pause_cost_ns_), a(pause_left_);
  a(last_objective_), a(has_objective_), a(best_), a(window_best_), a(window_start_);
  a(window_values_), a(unmoved_), a(trace_), a(trace_stride_), a(trace_skip_);
}

absl::Status Monitor::Resume(Clock clock, absl::string_view bytes) {
  Archive archive(bytes);
  Visit(archive);
  if (!archive.complete()) return absl::InvalidArgumentError("state of another kind of run");
  trace_.reserve(kMostTracePoints);
  done_ = resumed_ = saved_ = clock;
  resumed_ns_ = saved_ns_ = train_ns_;
  return absl::OkStatus();
}

// ---- Pauses.

void Monitor::BeginPause() {
  // Before the final evaluation: a run that goes on from here has not paused here.
  if (stopping_ && status_.ok() && options_.checkpoint.save && saved_ != done_)
    Save(!options_.evaluation.deferred && EvaluationIsDue(done_));
  pause_begin_ns_ = env_->Nanos();
  last_pause_train_ns_ = train_ns_;
  std::memcpy(model_.data(), state_->master(), model_.size() * sizeof(double));
  for (const auto& stage : *stages_) stage->fold->Model(*state_, model_.data());
  if (!evaluator_->any()) return EndPause();
  // The last word is not the fold's own, unless another would cost too much.
  const Fold& fold = *stages_->front()->fold;
  const bool known = options_.evaluation.by_product && (!stopping_ || fold.has_last_word());
  evaluator_->Set(model_.data(), known ? fold.objective_now() : kNone);
  parts_left_.store(options_.workers, std::memory_order_relaxed);
  pause_.store(pause_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  env_->Wake();
}

void Monitor::TakePart(int worker) {
  evaluator_->Part(worker, static_cast<double>(done_) * options_.epochs_per_clock);
  if (parts_left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  EndPause();
}

void Monitor::EndPause() {
  if (evaluator_->any()) {
    evaluator_->Combine(static_cast<double>(done_) * options_.epochs_per_clock);
    const double metric = evaluator_->measure().empty() ? kNone : evaluator_->measure().front();
    last_metric_ = metric;
    if (evaluator_->has_objective() && !options_.evaluation.by_product)
      CheckObjective(done_, evaluator_->objective());
    const TracePoint point{done_, Seconds(train_ns_), evaluator_->objective(), metric};
    Measured(point);
    // Pauses may follow each other by microseconds.
    const int64_t now = env_->Nanos();
    if (stopping_ || now - shown_ns_ > kShowEveryNs) Show(point, now);
  }
  pause_cost_ns_ = env_->Nanos() - pause_begin_ns_;
  paused_ns_ += pause_cost_ns_;
  pause_wanted_ = false;
  // A target met by what was just measured ends the run here: the measure is that of the final
  // model.
  if (stopping_) {
    if (status_.ok() && options_.checkpoint.save && saved_ != done_) Save(false);
    return Finish();
  }
  if (CheckpointIsDue(done_)) Save(false);
  if (stopping_) return Finish();
  Raise(done_);
  env_->Wake();
}

void Monitor::Finish() {
  finished_.store(true, std::memory_order_seq_cst);
  env_->Wake();
}

void Monitor::Abort() { Finish(); }

void Monitor::Measured(const TracePoint& point) {
  if (!std::isnan(point.metric) || trace_.size() < 2 || ++trace_skip_ >= trace_stride_) {
    trace_skip_ = 0;
    trace_.push_back(point);
  }
  if (trace_.size() < kMostTracePoints) return;
  size_t kept = 0;
  for (size_t i = 0; i < trace_.size(); i += 2) trace_[kept++] = trace_[i];
  trace_.resize(kept);
  trace_stride_ *= 2;
}

void Monitor::Show(const TracePoint& point, int64_t now) {
  shown_ns_ = now;
  if (!job_.progress || table_ == nullptr) return;
  job_.progress({point, table_->Slowest(), table_->Fastest()});
}

void Monitor::Report(RunResult* result) const {
  result->clocks = done_;
  result->stop_reason = reason_;
  result->detail = detail_;
  result->trace = trace_;
  for (const auto& stage : *stages_)
    if (!std::isnan(stage->fold->gap())) result->gap = stage->fold->gap();
  result->certificate = stages_->front()->fold->certificate();
  result->train_seconds = Seconds(train_ns_);
  result->evaluate_seconds = Seconds(paused_ns_);
  result->resumed_clocks = resumed_;
  result->resumed_seconds = Seconds(resumed_ns_);
  result->evaluated = options_.evaluation.by_product ? "by-product"
                      : !evaluator_->any()           ? "none"
                      : options_.evaluation.deferred ? "deferred"
                                                     : "paused";
  result->objective = evaluator_->objective();
  result->measure = evaluator_->measure();
  result->measured_on_test = evaluator_->on_test();
  result->parameter.assign(static_cast<size_t>(job_.program->graph.symbol.size), {});
  for (const Field& f : state_->layout().field) {
    const auto from = model_.begin() + f.offset;
    result->parameter[static_cast<size_t>(f.id)].assign(from, from + f.size);
  }
}

}  // namespace gyre
