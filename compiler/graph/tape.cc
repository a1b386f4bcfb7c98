#include "compiler/graph/tape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/graph/edges.h"

namespace gyre {
namespace {

bool RunsOn(const Task& task, int worker) { return task.place() != Task::ONE || worker == 0; }

// The groups of all tables, the stages of each, and the position of every storing task in them.
class Groups {
 public:
  Groups(const PlanIndex& index, bool merge, Tape* tape) : index_(index), tape_(tape) {
    const Plan& plan = index.plan();
    for (int t = 0; t < plan.table_size(); ++t) tape->group_of_table.push_back(GroupOf(t, merge));
    writers_.resize(tape->group.size());
    for (int t = 0; t < plan.table_size(); ++t)
      for (const int task : Storers(index, t)) writers_[Size(Group(t))].push_back(task);
    for (std::vector<int>& w : writers_) {
      std::sort(w.begin(), w.end());
      w.erase(std::unique(w.begin(), w.end()), w.end());
      tape->stages_per_clock.push_back(static_cast<int>(w.size()));
    }
  }

  int Group(int table) const { return tape_->group_of_table[Size(table)]; }

  // Writers of the group that stand before `task` in the tape.
  int WritersBefore(int group, int task) const {
    const std::vector<int>& w = writers_[Size(group)];
    return static_cast<int>(std::lower_bound(w.begin(), w.end(), task) - w.begin());
  }
  bool Stores(int group, int task) const {
    const std::vector<int>& w = writers_[Size(group)];
    return std::binary_search(w.begin(), w.end(), task);
  }

 private:
  static size_t Size(int i) { return static_cast<size_t>(i); }

  bool InPlace(int table) const {
    const Table& t = index_.plan().table(table);
    if (!t.fold_task().empty()) return true;
    for (const int task : Storers(index_, table))
      for (const Write& w : index_.plan().task(task).write())
        if (w.table() == t.id() && w.mode() == Write::OWN) return true;
    return false;
  }

  int GroupOf(int table, bool merge) {
    const Table& t = index_.plan().table(table);
    std::string name = merge                     ? (InPlace(table) ? "state" : "contributions")
                       : t.clock_group().empty() ? absl::StrCat("table ", t.id())
                                                 : t.clock_group();
    const auto it = std::find(tape_->group.begin(), tape_->group.end(), name);
    if (it != tape_->group.end()) return static_cast<int>(it - tape_->group.begin());
    tape_->group.push_back(std::move(name));
    return static_cast<int>(tape_->group.size()) - 1;
  }

  const PlanIndex& index_;
  Tape* tape_;
  std::vector<std::vector<int>> writers_;  // by group: tasks, ascending
};

void AddNeeds(const PlanIndex& index, const Groups& groups, int task, Tape* tape) {
  if (index.plan().cluster().workers() == 1) return;
  for (const Read& read : index.plan().task(task).read()) {
    const int table = index.table(read.table()), group = groups.Group(table);
    if (read.lag() == kAsync || Storers(index, table).empty()) continue;
    tape->need.push_back({table, read.lag(), tape->stages_per_clock[static_cast<size_t>(group)],
                          groups.WritersBefore(group, task)});
  }
}

void AddPosts(const PlanIndex& index, const Groups& groups, int task, Tape* tape) {
  if (index.plan().cluster().workers() == 1) return;
  for (int g = 0; g < static_cast<int>(tape->group.size()); ++g)
    if (groups.Stores(g, task)) tape->post.push_back({g, groups.WritersBefore(g, task)});
}

}  // namespace

absl::StatusOr<Tape> Tape::Compile(const PlanIndex& index, const Binding& binding) {
  const Plan& plan = index.plan();
  if (binding.worker < 0 || binding.worker >= plan.cluster().workers())
    return absl::InvalidArgumentError(absl::StrCat("plan: there is no worker ", binding.worker,
                                                   " among ", plan.cluster().workers()));
  Tape tape;
  tape.worker = binding.worker;
  const Groups groups(index, binding.merge_groups, &tape);
  for (int t = 0; t < plan.task_size(); ++t) {
    const Task& task = plan.task(t);
    if (task.kind() == Task::BUILD) tape.build.push_back(t);
    if (task.kind() == Task::EVALUATE) tape.evaluate.push_back(t);
    if (!InClock(task) || !RunsOn(task, binding.worker)) continue;
    Instr i;
    i.task = static_cast<int16_t>(t);
    i.first_need = static_cast<uint16_t>(tape.need.size());
    i.first_post = static_cast<uint16_t>(tape.post.size());
    AddNeeds(index, groups, t, &tape);
    AddPosts(index, groups, t, &tape);
    i.needs = static_cast<uint16_t>(tape.need.size() - i.first_need);
    i.posts = static_cast<uint16_t>(tape.post.size() - i.first_post);
    i.take = static_cast<int16_t>(index.channel(task.take()));
    i.give = static_cast<int16_t>(index.channel(task.give()));
    i.every = std::max(1, task.every());
    i.filler = task.filler();
    i.optional = task.kind() == Task::FOLD;
    tape.instr.push_back(i);
  }
  return tape;
}

Stage Tape::Needed(const Instr& i, int in_group, Clock clock) const {
  Stage stage = 0;
  for (int n = i.first_need; n < i.first_need + i.needs; ++n) {
    const Need& one = need[static_cast<size_t>(n)];
    if (group_of_table[static_cast<size_t>(one.table)] == in_group)
      stage = std::max(stage, NeededStage(one, clock));
  }
  return stage;
}

}  // namespace gyre
