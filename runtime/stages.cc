#include "runtime/stages.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/graph/index.h"
#include "compiler/graph/tape.h"
#include "runtime/executable.h"

namespace gyre {
namespace {

using Path = std::vector<int>;

struct Leaf {
  const Statement* statement;
  Path path;
};

template <class... Words>
absl::Status Misfit(const Words&... words) {
  return absl::FailedPreconditionError(
      absl::StrCat("plan: ", words..., "; plan this program again"));
}

// The statements that do something, in the order in which one clock runs them. The clock is the
// loop of a Repeat or an Until at the root.
absl::Status Flatten(const Statement& s, const Path& path, std::vector<Leaf>* leaves) {
  if (s.child.empty()) {
    leaves->push_back({&s, path});
    return absl::OkStatus();
  }
  if (s.kind == StatementKind::kUntil && !path.empty())
    return absl::UnimplementedError(
        "Until inside a sequence is not supported yet: it may only be outermost; use Repeat(n)");
  const int64_t times = s.kind == StatementKind::kRepeat && !path.empty() ? s.repeat : 1;
  for (int64_t t = 0; t < times; ++t)
    for (size_t i = 0; i < s.child.size(); ++i) {
      Path next = path;
      next.push_back(static_cast<int>(i));
      if (absl::Status status = Flatten(s.child[i], next, leaves); !status.ok()) return status;
    }
  return absl::OkStatus();
}

std::string Words(const Path& path) { return absl::StrCat("[", absl::StrJoin(path, " "), "]"); }

// The statement that a task belongs to; null when the program has none there that does something.
const Statement* StatementOf(const Program& program, const Path& path) {
  const Statement* at = &program.root;
  for (const int step : path) {
    if (step < 0 || step >= static_cast<int>(at->child.size())) return nullptr;
    at = &at->child[static_cast<size_t>(step)];
  }
  return at->child.empty() ? at : nullptr;
}

Rule RuleOf(const Task& task) {
  const auto& u = task.update();
  return {u.rule(),  u.step(),  u.momentum(), u.schedule(), u.decay(),          u.memory(),
          u.beta1(), u.beta2(), u.epsilon(),  u.restart(),  u.staleness_scale(),
          0,         0,         u.select(),   u.coupling(), u.sampler(),
          u.cut_by()};
}

const Table* FindTable(const Plan& plan, const std::string& id) {
  for (const Table& t : plan.table())
    if (t.id() == id) return &t;
  return nullptr;
}

absl::Status BindGather(const Plan& plan, const Program& program, StagePlan* stage) {
  const Task& task = plan.task(stage->gather);
  stage->pass = &program.pass[static_cast<size_t>(stage->statement->pass)];
  if (task.every() != plan.task(stage->fold).every())
    return absl::UnimplementedError(
        absl::StrCat("plan: \"", task.id(), "\" and \"", plan.task(stage->fold).id(),
                     "\" run in different clocks, which this build does not do"));
  if (!task.pass().empty() && task.pass() != stage->pass->id)
    return Misfit("task \"", task.id(), "\" runs the pass \"", task.pass(),
                  "\", its statement has \"", stage->pass->id, "\"");
  stage->batch = stage->rule.batch = task.batch();
  bool any = false;
  int lag = 0;
  for (const Read& r : task.read()) {
    const Table* table = FindTable(plan, r.table());
    if (table == nullptr || table->role() != Table::PARAM) continue;
    if (any && r.lag() != lag && (r.lag() > 1 || lag > 1 || r.lag() < 0 || lag < 0))
      return absl::UnimplementedError(absl::StrCat("task \"", task.id(),
                                                   "\" reads parameters at lags ", lag, " and ",
                                                   r.lag(), "; one process runs them at one lag"));
    lag = any ? std::max(lag, r.lag()) : r.lag();
    any = true;
  }
  stage->lag = lag;
  return absl::OkStatus();
}

// Proximal steps of slices of the model, from a predictor that may be some clocks old.
absl::Status BindSlices(const Plan& plan, StagePlan* stage) {
  const Task& push = plan.task(stage->gather);
  if (stage->schedule >= 0)
    return Misfit("\"", push.id(), "\" moves all of its coordinates; there is nothing to schedule");
  if (push.every() != plan.task(stage->fold).every())
    return Misfit("\"", push.id(), "\" runs in other clocks than its fold");
  for (const Read& r : push.read()) {
    if (r.lag() != push.read(0).lag())
      return Misfit("\"", push.id(), "\" reads at lags ", push.read(0).lag(), " and ", r.lag());
    stage->lag = r.lag();
  }
  if (stage->lag < 1) return Misfit("\"", push.id(), "\" reads at lag ", stage->lag);
  if (stage->lag > 1 && plan.stop().decision_lag() != 0)
    return Misfit("the gap is measured at boundaries, where \"", push.id(),
                  "\" must rest: decision_lag is ", plan.stop().decision_lag(), ", not 0");
  return absl::OkStatus();
}

// Visits of rows in blocks of keys, in place.
absl::Status BindVisits(const Plan& plan, StagePlan* bound) {
  StagePlan& stage = *bound;
  const Task& visit = plan.task(stage.gather);
  if (stage.schedule >= 0)
    return Misfit("\"", visit.id(), "\" visits all rows; there is nothing to schedule");
  if (visit.every() != plan.task(stage.fold).every())
    return Misfit("\"", visit.id(), "\" runs in other clocks than its fold");
  stage.moves = std::any_of(visit.write().begin(), visit.write().end(),
                            [](const Write& w) { return w.payload() == Write::MOVES; });
  if (stage.moves && stage.rule.name != "dsgd")
    return Misfit("\"", visit.id(), "\" is of ", stage.rule.name, ", which moves no copies");
  if (!stage.moves && plan.cluster().processes() > 1)
    return Misfit("\"", visit.id(), "\" is for one process, and the plan for ",
                  plan.cluster().processes());
  if (stage.moves) stage.lag = visit.read(0).lag();
  for (const Read& r : visit.read())
    if (r.lag() != stage.lag) return Misfit("\"", visit.id(), "\" reads \"", r.table(), "\" at lag ", r.lag(), ", not ", stage.lag);
  return absl::OkStatus();
}

// schedule -> push -> pull: the push takes what the schedule gives.
absl::Status BindCoordinates(const Plan& plan, const StagePlan& stage) {
  const Task& push = plan.task(stage.gather);
  if (stage.schedule < 0) return Misfit("no task schedules the coordinates of \"", push.id(), "\"");
  if (push.take().empty() || push.take() != plan.task(stage.schedule).give())
    return Misfit("\"", push.id(), "\" does not take what \"", plan.task(stage.schedule).id(),
                  "\" gives");
  for (const int task : {stage.schedule, stage.gather})
    if (plan.task(task).every() != plan.task(stage.fold).every())
      return Misfit("\"", plan.task(task).id(), "\" runs in other clocks than its fold");
  for (const Read& r : push.read())
    if (r.lag() > 1 || r.lag() < 0)
      return absl::UnimplementedError(absl::StrCat("task \"", push.id(), "\" reads \"", r.table(),
                                                   "\" at lag ", r.lag(),
                                                   "; coordinates are pushed from lag 1"));
  return absl::OkStatus();
}

bool IsLinear(const Plan& plan, int fold) {
  bool any = false;
  for (const Write& w : plan.task(fold).write()) {
    const Table* t = FindTable(plan, w.table());
    if (t == nullptr || t->role() != Table::PARAM) continue;
    if (t->fold() != Table::LINEAR) return false;
    any = true;
  }
  return any;
}

// A fold sees the totals of its own clock.
absl::Status CheckFoldReads(const Plan& plan, const Task& fold) {
  for (const Read& r : fold.read()) {
    const Table* table = FindTable(plan, r.table());
    if (table != nullptr && table->total() >= 0 && table->has_total() && r.lag() != 0 &&
        table->role() != Table::DERIVED)
      return absl::UnimplementedError(
          absl::StrCat("plan: \"", fold.id(), "\" reads \"", r.table(), "\" at lag ", r.lag(),
                       "; this build folds contributions in the clock that made them"));
  }
  return absl::OkStatus();
}

// Walks the tape: gathers wait for the fold of their statement.
class Binder {
 public:
  Binder(const Plan& plan, const Program& program) : plan_(plan), program_(program) {}

  absl::Status Add(int t) {
    const Task& task = plan_.task(t);
    const Path path(task.statement().begin(), task.statement().end());
    const Statement* statement = StatementOf(program_, path);
    if (statement == nullptr)
      return Misfit("task \"", task.id(), "\" is for the statement ", Words(path),
                    ", which the program does not have");
    if (task.kind() == Task::SCHEDULE) {
      if (!schedule_.emplace(path, t).second)
        return Misfit("task \"", task.id(), "\" schedules a second time before a fold");
      return absl::OkStatus();
    }
    if (task.kind() == Task::GATHER) {
      if (!gather_.emplace(path, t).second)
        return Misfit("task \"", task.id(), "\" gathers a second time before a fold");
      return absl::OkStatus();
    }
    return AddStage(t, path, *statement);
  }

  // Every statement as often as the program runs it in a clock.
  absl::Status CheckComplete(const std::vector<Leaf>& leaves) const {
    std::map<Path, int64_t> wanted;
    for (const Leaf& leaf : leaves) ++wanted[leaf.path];
    for (const auto& [path, times] : wanted) {
      const auto at = times_.find(path);
      const int64_t found = at == times_.end() ? 0 : at->second;
      if (found == 0) return Misfit("no task applies the statement at ", Words(path));
      if (found != times)
        return Misfit("its tasks apply the statement at ", Words(path), " ", found,
                      " times a clock, the program ", times, " times");
    }
    if (!schedule_.empty())
      return Misfit("nothing works on what \"", plan_.task(schedule_.begin()->second).id(),
                    "\" schedules");
    if (!gather_.empty())
      return Misfit("nothing folds what \"", plan_.task(gather_.begin()->second).id(),
                    "\" gathers");
    return absl::OkStatus();
  }

  std::vector<StagePlan> stages;

 private:
  absl::Status AddStage(int t, const Path& path, const Statement& statement) {
    const Task& task = plan_.task(t);
    StagePlan stage;
    stage.statement = &statement;
    stage.fold = t;
    stage.rule = RuleOf(task);
    stage.linear = IsLinear(plan_, t);
    stage.every = std::max(1, task.every());
    const bool sweep = statement.kind == StatementKind::kSweep;
    if (sweep != (task.kind() == Task::SWEEP))
      return Misfit("task \"", task.id(), "\" is a ", Task::Kind_Name(task.kind()),
                    " and its statement is not");
    if (const auto visit = gather_.find(path); sweep && visit != gather_.end()) {
      stage.gather = visit->second;  // the share of each worker
      gather_.erase(visit);
      if (plan_.task(stage.gather).every() != task.every())
        return Misfit("\"", plan_.task(stage.gather).id(), "\" runs in other clocks than its sweep");
    }
    if (!sweep && (statement.pass >= 0 || statement.kind == StatementKind::kResample)) {
      const auto gather = gather_.find(path);
      if (gather == gather_.end())
        return Misfit("no task gathers for \"", task.id(), "\" before it");
      stage.gather = gather->second;
      gather_.erase(gather);
      const auto schedule = schedule_.find(path);
      if (schedule != schedule_.end()) {
        stage.schedule = schedule->second;
        schedule_.erase(schedule);
      }
      absl::Status status = stage.rule.by_key()            ? BindVisits(plan_, &stage)
                            : stage.rule.name == "mspg"      ? BindSlices(plan_, &stage)
                            : stage.rule.by_coordinate() ? BindCoordinates(plan_, stage)
                                                         : BindGather(plan_, program_, &stage);
      if (status.ok()) status = CheckFoldReads(plan_, task);
      if (!status.ok()) return status;
    }
    ++times_[path];
    stages.push_back(std::move(stage));
    return absl::OkStatus();
  }

  const Plan& plan_;
  const Program& program_;
  std::map<Path, int> gather_, schedule_;  // tasks whose fold has not come yet
  std::map<Path, int64_t> times_;
};

// The tasks of a clock in the order of the tape that has them all, worker 0's.
absl::StatusOr<std::vector<int>> TapeOrder(const Plan& plan) {
  const absl::StatusOr<PlanIndex> index = PlanIndex::Make(plan);
  if (!index.ok()) return index.status();
  const absl::StatusOr<Tape> tape = Tape::Compile(*index, {});
  if (!tape.ok()) return tape.status();
  std::vector<int> tasks;
  for (const Instr& i : tape->instr) tasks.push_back(i.task);
  return tasks;
}

}  // namespace

absl::StatusOr<std::vector<StagePlan>> BindStages(const Plan& plan, const Program& program) {
  if (absl::Status status = CheckExecutable(plan); !status.ok()) return status;
  std::vector<Leaf> leaves;
  if (absl::Status status = Flatten(program.root, {}, &leaves); !status.ok()) return status;
  const absl::StatusOr<std::vector<int>> order = TapeOrder(plan);
  if (!order.ok()) return order.status();
  Binder binder(plan, program);
  for (const int task : *order)
    if (absl::Status status = binder.Add(task); !status.ok()) return status;
  if (absl::Status status = binder.CheckComplete(leaves); !status.ok()) return status;
  const auto& stages = binder.stages;
  const bool ahead = std::any_of(stages.begin(), stages.end(), [](const StagePlan& s) {
    return s.lag > 1 || s.lag < 0;
  });
  if (ahead && stages.size() > 1)
    return absl::UnimplementedError(
        "plan: a clock of several statements is read at lag 0 and 1 only: what one statement "
        "leaves is what the next one sees");
  if (ahead && stages[0].every > 1)
    return absl::UnimplementedError("plan: a task that skips clocks is read at lag 0 and 1 only");
  return std::move(binder.stages);
}

}  // namespace gyre
