#include "compiler/graph/edges.h"

#include <algorithm>

#include "compiler/graph/clock.h"

namespace gyre {
namespace {

bool Writes(const Task& task, const std::string& table, Write::Mode mode) {
  return std::any_of(task.write().begin(), task.write().end(),
                     [&](const Write& w) { return w.table() == table && w.mode() == mode; });
}

// The lag at which a reader at position `reader` sees a writer at position `writer`.
int LagOf(const Read& read, int writer, int reader) {
  if (read.lag() != 0) return read.lag();
  return writer < reader ? 0 : 1;  // a later writer of the tape: its previous clock
}

void AddDataEdges(const PlanIndex& index, int reader, std::vector<Edge>* edges) {
  for (const Read& read : index.plan().task(reader).read()) {
    if (read.lag() == kAsync) continue;
    const int table = index.table(read.table());
    for (const int writer : Storers(index, table)) {
      const int lag = LagOf(read, writer, reader);
      if (writer == reader && lag == 0) continue;
      edges->push_back({Edge::kData, writer, reader, table, lag});
    }
  }
}

// Contributions to a table that names its fold reach it in the same clock.
void AddFoldEdges(const PlanIndex& index, std::vector<Edge>* edges) {
  const Plan& plan = index.plan();
  for (int t = 0; t < plan.table_size(); ++t) {
    const int fold = index.task(plan.table(t).fold_task());
    if (fold < 0) continue;
    for (int w = 0; w < plan.task_size(); ++w)
      if (w != fold && InClock(plan.task(w)) &&
          Writes(plan.task(w), plan.table(t).id(), Write::ADD))
        edges->push_back({Edge::kData, w, fold, t, 0});
  }
}

void AddChannelEdges(const PlanIndex& index, std::vector<Edge>* edges) {
  const Plan& plan = index.plan();
  for (int c = 0; c < plan.channel_size(); ++c) {
    const Channel& channel = plan.channel(c);
    const int lag = channel.kind() == Channel::QUEUE ? channel.lead()
                    : channel.tokens() > 0           ? 1
                                                     : 0;
    for (int from = 0; from < plan.task_size(); ++from)
      for (int to = 0; to < plan.task_size(); ++to)
        if (plan.task(from).give() == channel.id() && plan.task(to).take() == channel.id())
          edges->push_back({Edge::kChannel, from, to, c, lag});
  }
}

// Whether every worker that runs `from` runs `to` too, by itself and not when its inputs happen to
// be complete: then its tape orders them.
bool SameTape(const Task& from, const Task& to) {
  if (from.kind() == Task::FOLD || to.kind() == Task::FOLD || from.filler() || to.filler())
    return false;
  return to.place() == Task::EACH_WORKER || from.place() == to.place();
}

}  // namespace

bool InClock(const Task& task) {
  return task.kind() != Task::BUILD && task.kind() != Task::EVALUATE;
}

std::vector<int> Storers(const PlanIndex& index, int table) {
  const Plan& plan = index.plan();
  const Table& t = plan.table(table);
  std::vector<int> tasks;
  for (int i = 0; i < plan.task_size(); ++i) {
    const Task& task = plan.task(i);
    if (!InClock(task)) continue;
    const bool stores = task.id() == t.fold_task() || Writes(task, t.id(), Write::OWN) ||
                        (t.fold_task().empty() && Writes(task, t.id(), Write::ADD));
    if (stores) tasks.push_back(i);
  }
  return tasks;
}

std::vector<Edge> DeriveEdges(const PlanIndex& index) {
  std::vector<Edge> edges;
  for (int reader = 0; reader < index.plan().task_size(); ++reader)
    if (InClock(index.plan().task(reader))) AddDataEdges(index, reader, &edges);
  AddFoldEdges(index, &edges);
  AddChannelEdges(index, &edges);
  return edges;
}

std::vector<Edge> DeriveReverseEdges(const PlanIndex& index) {
  const Plan& plan = index.plan();
  std::vector<Edge> edges;
  for (int reader = 0; reader < plan.task_size(); ++reader) {
    if (!InClock(plan.task(reader))) continue;
    for (const Read& read : plan.task(reader).read()) {
      if (read.lag() == kAsync) continue;
      const int table = index.table(read.table());
      const int versions = std::max(1, plan.table(table).versions());
      for (const int writer : Storers(index, table)) {
        const bool in_place = plan.task(writer).id() == plan.table(table).fold_task() ||
                              Writes(plan.task(writer), read.table(), Write::OWN);
        if (!in_place || writer == reader) continue;
        edges.push_back(
            {Edge::kReverse, reader, writer, table, versions - LagOf(read, writer, reader)});
      }
    }
  }
  return edges;
}

std::vector<Edge> DeriveOrderEdges(const PlanIndex& index) {
  const Plan& plan = index.plan();
  std::vector<Edge> edges;
  for (int from = 0; from < plan.task_size(); ++from)
    for (int to = 0; to < plan.task_size(); ++to)
      if (from != to && InClock(plan.task(from)) && InClock(plan.task(to)) &&
          SameTape(plan.task(from), plan.task(to)))
        edges.push_back({Edge::kOrder, from, to, -1, from < to ? 0 : 1});
  return edges;
}

}  // namespace gyre
