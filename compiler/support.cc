#include "compiler/support.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "compiler/candidate.h"

namespace gyre {
namespace {

// What several processes cannot share yet: a program they cannot cut by the rows of one axis.
std::string NotBetweenProcesses(const Problem& p) {
  const char* fix = "; run it with --cluster=embedded";
  int row_axis = -1;
  for (const Leaf& leaf : p.leaf) {
    if (leaf.statement->kind == StatementKind::kSweep) {
      return std::string("a Sweep needs all its rows in one process") + fix;
    }
    const Pass* pass = PassOf(*p.program, leaf);
    if (pass == nullptr) continue;
    if (row_axis >= 0 && pass->row_axis != row_axis) {
      return std::string("sums over several data axes need one process") + fix;
    }
    row_axis = pass->row_axis;
  }
  if (PassOf(*p.program, p.leaf.front()) == nullptr) {
    return std::string("a clock that does not begin with a sum over rows needs one process") + fix;
  }
  return "";
}

}  // namespace

std::string NotInThisBuild(const Problem& problem, const Strategy& s) {
  if (!problem.embedded) {
    std::string reason = NotBetweenProcesses(problem);
    if (!reason.empty()) return reason;
  }
  if (!problem.embedded && s.update.coordinates) {
    return absl::StrCat(s.update.update.rule(), " needs the predictor of all rows in one process; run "
                        "it with --cluster=embedded");
  }
  if (s.partitioning == Partitioning::kModel && !s.update.coordinates) {
    return "needs block scheduling, which this build does not have";
  }
  if (s.partitioning == Partitioning::kHybrid && !s.update.keyed) {
    return "needs blocks that rotate, which dsgd, als and gibbs have";
  }
  const bool replicas = s.storage == Table::REPLICA;
  if (replicas && problem.program->start_pass >= 0 && problem.program->build >= 0) {
    return "the program starts from a sum that reads other sums, which a replica cannot make alone";
  }
  if (problem.request->shards > 1 && (replicas || s.payload != Write::DENSE)) {
    return absl::StrCat(replicas ? "replicas have" : "rows, factors and moves go to one owner whole: they have",
                        " no shards; leave out --shards");
  }
  if (s.payload != Write::DENSE && !s.moves() && s.apart.empty()) {
    return "no contribution is cheaper so than as its sum, at the rows of a clock";
  }
  return "";
}

}  // namespace gyre
