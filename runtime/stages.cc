#include "runtime/stages.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

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

bool BelongsTo(const Task& task, const Path& path) {
  return std::equal(task.statement().begin(), task.statement().end(), path.begin(), path.end());
}

// The next task of a kind that belongs to the statement: rounds of an inner Repeat have tasks of
// their own, under the same path. When all are taken, the first again.
class TaskFinder {
 public:
  explicit TaskFinder(const Plan& plan)
      : plan_(plan), taken_(static_cast<size_t>(plan.task_size()), false) {}
  int Find(const Path& path, std::initializer_list<Task::Kind> kinds) {
    int first = -1;
    for (int t = 0; t < plan_.task_size(); ++t) {
      if (std::count(kinds.begin(), kinds.end(), plan_.task(t).kind()) == 0 ||
          !BelongsTo(plan_.task(t), path))
        continue;
      if (first < 0) first = t;
      if (taken_[static_cast<size_t>(t)]) continue;
      taken_[static_cast<size_t>(t)] = true;
      return t;
    }
    return first;
  }

 private:
  const Plan& plan_;
  std::vector<bool> taken_;
};

Rule RuleOf(const Task& task) {
  const auto& u = task.update();
  return {u.rule(),  u.step(),  u.momentum(), u.schedule(), u.decay(),          u.memory(),
          u.beta1(), u.beta2(), u.epsilon(),  u.restart(),  u.staleness_scale()};
}

const Table* FindTable(const Plan& plan, const std::string& id) {
  for (const Table& t : plan.table())
    if (t.id() == id) return &t;
  return nullptr;
}

absl::Status BindGather(const Plan& plan, const Program& program, StagePlan* stage) {
  const Task& task = plan.task(stage->gather);
  stage->pass = &program.pass[static_cast<size_t>(stage->statement->pass)];
  if (!task.pass().empty() && task.pass() != stage->pass->id)
    return Misfit("task \"", task.id(), "\" runs the pass \"", task.pass(),
                  "\", its statement has \"", stage->pass->id, "\"");
  stage->batch = task.batch();
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

}  // namespace

absl::StatusOr<std::vector<StagePlan>> BindStages(const Plan& plan, const Program& program) {
  std::vector<Leaf> leaves;
  if (absl::Status status = Flatten(program.root, {}, &leaves); !status.ok()) return status;
  std::vector<StagePlan> stages;
  TaskFinder tasks(plan);
  for (const Leaf& leaf : leaves) {
    StagePlan stage;
    stage.statement = leaf.statement;
    stage.fold = tasks.Find(leaf.path, {Task::FOLD, Task::SWEEP});
    if (stage.fold < 0)
      return Misfit("no task applies the statement at [", absl::StrJoin(leaf.path, " "), "]");
    stage.rule = RuleOf(plan.task(stage.fold));
    stage.linear = IsLinear(plan, stage.fold);
    const bool sweep = leaf.statement->kind == StatementKind::kSweep;
    if (sweep != (plan.task(stage.fold).kind() == Task::SWEEP))
      return Misfit("task \"", plan.task(stage.fold).id(), "\" is a ",
                    Task::Kind_Name(plan.task(stage.fold).kind()), " and its statement is not");
    stage.gather = tasks.Find(leaf.path, {Task::GATHER});
    const bool needs_rows = !sweep && leaf.statement->pass >= 0;
    if (needs_rows && stage.gather < 0)
      return Misfit("no task gathers for \"", plan.task(stage.fold).id(), "\"");
    if (needs_rows)
      if (absl::Status status = BindGather(plan, program, &stage); !status.ok()) return status;
    stages.push_back(std::move(stage));
  }
  const bool ahead = std::any_of(stages.begin(), stages.end(), [](const StagePlan& s) {
    return s.pass != nullptr && (s.lag > 1 || s.lag < 0);
  });
  if (ahead && stages.size() > 1)
    return absl::UnimplementedError(
        "plan: a clock of several statements is read at lag 0 and 1 only: what one statement "
        "leaves is what the next one sees");
  return stages;
}

}  // namespace gyre
