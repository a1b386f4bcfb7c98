#include "runtime/executable.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace gyre {
namespace {

template <class... Words>
absl::Status Lacking(const Words&... words) {
  return absl::UnimplementedError(
      absl::StrCat("plan: ", words..., ", which this build does not do"));
}

absl::Status CheckTables(const Plan& plan) {
  for (const Table& t : plan.table()) {
    const bool counts = t.role() == Table::LATENT || t.dtype() == "i32";
    if (!t.dtype().empty() && t.dtype() != (counts ? "i32" : "f64"))
      return Lacking("\"", t.id(), "\" is kept as ", t.dtype(), " in place of ",
                     counts ? "i32" : "f64");
    if (!t.format().empty() && t.format() != "dense")
      return Lacking("\"", t.id(), "\" is kept as ", t.format(), " in place of dense");
    if (t.storage() == Table::OWNED_BLOCKS)
      return Lacking("\"", t.id(), "\" is kept as blocks that workers own");
  }
  return absl::OkStatus();
}

absl::Status CheckPartitions(const Plan& plan) {
  for (const Partition& p : plan.partition()) {
    if (p.permutation() != 0) return Lacking("partition \"", p.id(), "\" permutes its axis");
    const bool used = std::any_of(plan.task().begin(), plan.task().end(),
                                  [&](const Task& t) { return t.over() == p.id(); });
    if (used && p.cut_size() != plan.cluster().workers() + 1)
      return Lacking("partition \"", p.id(), "\" has ", p.cut_size() - 1, " parts for ",
                     plan.cluster().workers(), " workers");
  }
  return absl::OkStatus();
}

absl::Status CheckSlice(const Task& task, const std::string& table, const Slice& slice) {
  if (slice.has_mine() || slice.has_token() || slice.has_keys())
    return Lacking("task \"", task.id(), "\" touches a slice of \"", table, "\"");
  return absl::OkStatus();
}

absl::Status CheckTask(const Task& task, int workers) {
  const bool schedules = task.kind() == Task::SCHEDULE;
  if (schedules && (task.place() != Task::ONE || task.give().empty()))
    return Lacking("task \"", task.id(), "\" schedules in more places than one, or nothing");
  if ((!task.take().empty() && task.kind() != Task::GATHER) ||
      (!task.give().empty() && !schedules) || !task.tile().empty())
    return Lacking("task \"", task.id(), "\" works on tokens");
  if (task.filler()) return Lacking("task \"", task.id(), "\" fills waits");
  if (task.kind() == Task::GATHER && task.place() != Task::EACH_WORKER && workers > 1)
    return Lacking("task \"", task.id(), "\" gathers on one worker of ", workers);
  for (const Read& r : task.read())
    if (absl::Status s = CheckSlice(task, r.table(), r.slice()); !s.ok()) return s;
  for (const Write& w : task.write()) {
    if (absl::Status s = CheckSlice(task, w.table(), w.slice()); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckExecutable(const Plan& plan) {
  for (const Phase& phase : plan.phase())
    if (!phase.fold_subset().empty())
      return Lacking("phase \"", phase.id(), "\" runs on a subset of the rows");
  for (const Channel& channel : plan.channel())
    if (channel.kind() != Channel::QUEUE)
      return Lacking("channel \"", channel.id(), "\" passes blocks round");
  if (plan.recovery().kind() != Recovery::RESUME)
    return Lacking("recovery is ", Recovery::Class_Name(plan.recovery().kind()));
  absl::Status status = CheckTables(plan);
  if (status.ok()) status = CheckPartitions(plan);
  for (const Task& task : plan.task())
    if (status.ok()) status = CheckTask(task, plan.cluster().workers());
  return status;
}

absl::Status CheckEmbedded(const Plan& plan) {
  if (plan.cluster().processes() > 1)
    return absl::FailedPreconditionError(
        absl::StrCat("plan: it is for ", plan.cluster().processes(),
                     " processes; run it with --cluster=local, or plan again for one"));
  for (const Table& t : plan.table())
    if (t.storage() == Table::REPLICA)
      return Lacking("\"", t.id(), "\" is kept as replicas within one process");
  for (const Task& task : plan.task())
    for (const Write& w : task.write())
      if (!w.codec().empty()) {
        return Lacking("\"", w.table(), "\" travels as ", w.codec(), " within one process");
      } else if (w.payload() != Write::DENSE)
        return Lacking("\"", w.table(), "\" is added as ", Write::Payload_Name(w.payload()),
                       " within one process");
  return absl::OkStatus();
}

}  // namespace gyre
