#include "compiler/graph/verify.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/graph/clock.h"
#include "compiler/graph/edges.h"
#include "compiler/graph/index.h"

namespace gyre {
namespace {

template <class... Words>
absl::Status Illegal(const Words&... words) {
  return absl::FailedPreconditionError(absl::StrCat("plan: ", words...));
}

std::string Task_(const Plan& plan, int task) {
  return absl::StrCat("\"", plan.task(task).id(), "\"");
}

// Rule 1. A cycle of lag-0 edges, found by depth first search; lags are not negative here.
class ZeroLagCycle {
 public:
  ZeroLagCycle(const PlanIndex& index, const std::vector<Edge>& edges)
      : plan_(index.plan()),
        next_(static_cast<size_t>(plan_.task_size())),
        state_(next_.size(), kNew) {
    for (const Edge& e : edges)
      if (e.lag == 0) next_[static_cast<size_t>(e.from)].push_back(e.to);
  }
  absl::Status Check() {
    for (int t = 0; t < plan_.task_size(); ++t)
      if (absl::Status status = Visit(t); !status.ok()) return status;
    return absl::OkStatus();
  }

 private:
  enum State : uint8_t { kNew, kOpen, kDone };

  absl::Status Visit(int task) {
    State& state = state_[static_cast<size_t>(task)];
    if (state == kDone) return absl::OkStatus();
    if (state == kOpen) return Report(task);
    state = kOpen;
    path_.push_back(task);
    for (const int next : next_[static_cast<size_t>(task)])
      if (absl::Status status = Visit(next); !status.ok()) return status;
    path_.pop_back();
    state = kDone;
    return absl::OkStatus();
  }

  absl::Status Report(int task) const {
    std::vector<std::string> names;
    for (auto it = std::find(path_.begin(), path_.end(), task); it != path_.end(); ++it)
      names.push_back(Task_(plan_, *it));
    names.push_back(Task_(plan_, task));
    return Illegal(
        "the tasks ", absl::StrJoin(names, " -> "),
        " wait for each other within one clock (a cycle of lag 0); one read on it needs lag 1");
  }

  const Plan& plan_;
  std::vector<std::vector<int>> next_;
  std::vector<State> state_;
  std::vector<int> path_;
};

// A fold may read, in the clock that made them, the contributions to its own table.
bool AddedToBefore(const Plan& plan, const Table& table, int task) {
  for (int t = 0; t < task; ++t)
    for (const Write& w : plan.task(t).write())
      if (w.table() == table.id() && w.mode() == Write::ADD) return true;
  return false;
}

// Rule 2.
absl::Status CheckSameClockReads(const PlanIndex& index) {
  const Plan& plan = index.plan();
  for (int t = 0; t < plan.task_size(); ++t) {
    if (!InClock(plan.task(t))) continue;
    for (const Read& read : plan.task(t).read()) {
      if (read.lag() != 0) continue;
      const Table& table = plan.table(index.table(read.table()));
      const std::vector<int> storers = Storers(index, index.table(read.table()));
      // Sums of data alone are made before the first clock, and written by no task of it.
      if (storers.empty() && table.role() != Table::PARAM) continue;
      if (table.fold_task() == plan.task(t).id() && AddedToBefore(plan, table, t)) continue;
      if (std::none_of(storers.begin(), storers.end(), [&](int w) { return w < t; }))
        return Illegal("task ", Task_(plan, t), " reads \"", read.table(),
                       "\" at lag 0 before any task of the clock writes it; move it behind the "
                       "writer, or read at lag 1");
    }
  }
  return absl::OkStatus();
}

// Rule 3.
absl::Status CheckRings(const Plan& plan) {
  for (const Channel& c : plan.channel()) {
    if (c.kind() != Channel::RING) continue;
    const int64_t slots = int64_t{plan.cluster().workers()} * c.capacity();
    if (slots < int64_t{c.tokens()} + 1)
      return Illegal("ring \"", c.id(), "\" is full: ", plan.cluster().workers(),
                     " workers x capacity ", c.capacity(), " hold ", slots, " tokens, ", c.tokens(),
                     " exist and one slot must stay free; it needs a capacity of ",
                     (c.tokens() + 1 + plan.cluster().workers() - 1) / plan.cluster().workers());
  }
  return absl::OkStatus();
}

// Rule 4, lags.
absl::Status CheckLag(const Plan& plan, int task, const Read& read, const Table& table) {
  if (read.lag() < kAsync)
    return Illegal("task ", Task_(plan, task), " reads \"", table.id(), "\" at lag ", read.lag(),
                   "; legal are -1 (async), 0 (the same clock), 1 (BSP) and s + 1 (SSP)");
  if (read.lag() == kAsync && table.fold() != Table::LINEAR)
    return Illegal("task ", Task_(plan, task), " reads \"", table.id(),
                   "\" without a bound (lag -1), but its fold is ", Table::Fold_Name(table.fold()),
                   "; asynchronous reads need LINEAR");
  if (read.lag() > 1 && table.fold() == Table::COMPLETE)
    return Illegal("task ", Task_(plan, task), " reads \"", table.id(), "\" at lag ", read.lag(),
                   ", but its fold is COMPLETE: the whole clock first, so lag 0 or 1");
  return absl::OkStatus();
}

// Rule 4, holders.
absl::Status CheckHolder(const PlanIndex& index, int task, const Write& write) {
  const Plan& plan = index.plan();
  const Task& t = plan.task(task);
  if (write.mode() != Write::OWN) return absl::OkStatus();
  const Slice& slice = write.slice();
  if (slice.has_token()) {
    const Channel& c = plan.channel(index.channel(slice.token()));
    if (c.kind() == Channel::RING && t.take() != c.id())
      return Illegal("task ", Task_(plan, task), " owns the block of \"", write.table(),
                     "\" that travels in \"", c.id(),
                     "\", but does not take from it, so another worker may hold it");
    return absl::OkStatus();
  }
  const bool everywhere = t.place() == Task::EACH_WORKER && plan.cluster().workers() > 1;
  if (everywhere && !slice.has_mine())
    return Illegal("the slice of \"", write.table(), "\" that task ", Task_(plan, task),
                   " writes in place has ", plan.cluster().workers(),
                   " holders: every worker owns ",
                   slice.has_keys() ? "the rows its data names" : "the whole",
                   "; cut it by a partition, or add instead");
  return absl::OkStatus();
}

absl::Status CheckPartitions(const Plan& plan) {
  for (const Partition& p : plan.partition()) {
    for (int i = 1; i < p.cut_size(); ++i)
      if (p.cut(i) < p.cut(i - 1))
        return Illegal("partition \"", p.id(), "\" has overlapping parts: cut ", i, " is ",
                       p.cut(i), ", below ", p.cut(i - 1));
    if (p.home_size() != 0 && p.home_size() + 1 != p.cut_size())
      return Illegal("partition \"", p.id(), "\" has ", p.cut_size() - 1, " parts and ",
                     p.home_size(), " homes");
    for (const int home : p.home())
      if (home < 0 || home >= plan.cluster().workers())
        return Illegal("partition \"", p.id(), "\" gives a part to worker ", home, " of ",
                       plan.cluster().workers());
  }
  return absl::OkStatus();
}

absl::Status CheckReadsAndWrites(const PlanIndex& index) {
  const Plan& plan = index.plan();
  for (int t = 0; t < plan.task_size(); ++t) {
    for (const Read& r : plan.task(t).read())
      if (absl::Status s = CheckLag(plan, t, r, plan.table(index.table(r.table()))); !s.ok())
        return s;
    for (const Write& w : plan.task(t).write())
      if (absl::Status s = CheckHolder(index, t, w); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// Rule 5. Least total lag over paths, by relaxation: plans have tens of tasks.
constexpr int kNoPath = 1 << 20;

std::vector<std::vector<int>> LeastLag(const PlanIndex& index, const std::vector<Edge>& edges) {
  const size_t n = static_cast<size_t>(index.plan().task_size());
  std::vector<std::vector<int>> lag(n, std::vector<int>(n, kNoPath));
  for (size_t i = 0; i < n; ++i) lag[i][i] = 0;
  for (const Edge& e : edges) {
    int& l = lag[static_cast<size_t>(e.from)][static_cast<size_t>(e.to)];
    l = std::min(l, e.lag);
  }
  for (size_t k = 0; k < n; ++k)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) lag[i][j] = std::min(lag[i][j], lag[i][k] + lag[k][j]);
  return lag;
}

absl::Status CheckReverse(const PlanIndex& index, const std::vector<Edge>& reverse,
                          std::vector<Edge> forward) {
  const Plan& plan = index.plan();
  for (const Edge& e : reverse)
    if (e.lag < 0)
      return Illegal(
          "table \"", plan.table(e.via).id(), "\" has too few versions: task ", Task_(plan, e.from),
          " reads it at lag ", std::max(1, plan.table(e.via).versions()) - e.lag, " and ",
          std::max(1, plan.table(e.via).versions()), " are kept; it needs as many as the lag");
  const std::vector<Edge> order = DeriveOrderEdges(index);
  forward.insert(forward.end(), order.begin(), order.end());
  const auto least = LeastLag(index, forward);
  for (const Edge& e : reverse)
    if (least[static_cast<size_t>(e.from)][static_cast<size_t>(e.to)] > e.lag)
      return Illegal("a reverse arc is missing: task ", Task_(plan, e.to), " overwrites \"",
                     plan.table(e.via).id(), "\" without waiting for its reader ",
                     Task_(plan, e.from),
                     "; give the reader a write that the overwriting task waits for, or the table "
                     "one version more");
  return absl::OkStatus();
}

}  // namespace

absl::Status Verify(const Plan& plan) {
  if (plan.cluster().workers() < 1)
    return Illegal("it is for ", plan.cluster().workers(), " workers; at least 1 is needed");
  absl::StatusOr<PlanIndex> index = PlanIndex::Make(plan);
  if (!index.ok()) return index.status();
  absl::Status status = CheckPartitions(plan);
  if (status.ok()) status = CheckRings(plan);
  if (status.ok()) status = CheckReadsAndWrites(*index);
  if (status.ok()) status = CheckSameClockReads(*index);
  if (!status.ok()) return status;
  const std::vector<Edge> edges = DeriveEdges(*index);
  status = ZeroLagCycle(*index, edges).Check();
  if (!status.ok()) return status;
  return CheckReverse(*index, DeriveReverseEdges(*index), edges);
}

}  // namespace gyre
