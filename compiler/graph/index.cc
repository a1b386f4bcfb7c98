#include "compiler/graph/index.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

absl::Status Unknown(absl::string_view where, absl::string_view kind, absl::string_view id) {
  return absl::InvalidArgumentError(absl::StrCat("plan: ", where, " names the ", kind, " \"", id,
                                                 "\", which the plan does not have"));
}

template <class Items, class Map>
absl::Status Fill(const Items& items, absl::string_view kind, Map* map) {
  int i = 0;
  for (const auto& item : items) {
    if (item.id().empty())
      return absl::InvalidArgumentError(absl::StrCat("plan: ", kind, " ", i, " has no id"));
    if (!map->emplace(item.id(), i++).second)
      return absl::InvalidArgumentError(
          absl::StrCat("plan: two ", kind, "s have the id \"", item.id(), "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PlanIndex> PlanIndex::Make(const Plan& plan) {
  PlanIndex index(&plan);
  absl::Status status = Fill(plan.table(), "table", &index.table_);
  if (status.ok()) status = Fill(plan.task(), "task", &index.task_);
  if (status.ok()) status = Fill(plan.channel(), "channel", &index.channel_);
  if (status.ok()) status = Fill(plan.partition(), "partition", &index.partition_);
  if (status.ok()) status = index.CheckReferences();
  if (!status.ok()) return status;
  return index;
}

absl::Status PlanIndex::CheckReferences() const {
  for (const Table& t : plan_->table()) {
    const std::string where = absl::StrCat("table \"", t.id(), "\"");
    if (!t.partition().empty() && partition(t.partition()) < 0)
      return Unknown(where, "partition", t.partition());
    for (const std::string& id : {t.fold_task(), t.rebuild_task()})
      if (!id.empty() && task(id) < 0) return Unknown(where, "task", id);
  }
  for (const Channel& c : plan_->channel()) {
    const std::string where = absl::StrCat("channel \"", c.id(), "\"");
    if (!c.table().empty() && table(c.table()) < 0) return Unknown(where, "table", c.table());
    if (!c.partition().empty() && partition(c.partition()) < 0)
      return Unknown(where, "partition", c.partition());
  }
  for (const Task& t : plan_->task())
    if (absl::Status status = CheckTask(t); !status.ok()) return status;
  for (const std::string& id : plan_->evaluation().task())
    if (task(id) < 0) return Unknown("evaluation", "task", id);
  return absl::OkStatus();
}

absl::Status PlanIndex::CheckTask(const Task& t) const {
  const std::string where = absl::StrCat("task \"", t.id(), "\"");
  for (const std::string& id : {t.over(), t.tile()})
    if (!id.empty() && partition(id) < 0) return Unknown(where, "partition", id);
  for (const std::string& id : {t.take(), t.give()})
    if (!id.empty() && channel(id) < 0) return Unknown(where, "channel", id);
  for (const Read& r : t.read()) {
    if (table(r.table()) < 0) return Unknown(where, "table", r.table());
    if (absl::Status status = CheckSlice(t, r.table(), r.slice()); !status.ok()) return status;
  }
  for (const Write& w : t.write()) {
    if (table(w.table()) < 0) return Unknown(where, "table", w.table());
    if (absl::Status status = CheckSlice(t, w.table(), w.slice()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PlanIndex::CheckSlice(const Task& t, absl::string_view of, const Slice& slice) const {
  const std::string where = absl::StrCat("the slice of \"", of, "\" in task \"", t.id(), "\"");
  if (slice.has_mine() && partition(slice.mine()) < 0)
    return Unknown(where, "partition", slice.mine());
  if (slice.has_token() && channel(slice.token()) < 0)
    return Unknown(where, "channel", slice.token());
  return absl::OkStatus();
}

}  // namespace gyre
