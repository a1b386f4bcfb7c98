// Ids of a plan resolved to positions, once, for everything that walks its graph.
//
// Ids are strings in the proto because people read and edit plans; the rest of the library speaks
// positions. The index keeps a pointer to the plan, which must outlive it. Thread-safe when const.
#pragma once
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/plan.pb.h"

namespace gyre {

class PlanIndex {
 public:
  // Fails by name on an id that is empty, is used twice, or is referred to and does not exist.
  static absl::StatusOr<PlanIndex> Make(const Plan& plan);

  const Plan& plan() const { return *plan_; }
  // Positions by id; -1 when there is none.
  int table(absl::string_view id) const { return Find(table_, id); }
  int task(absl::string_view id) const { return Find(task_, id); }
  int channel(absl::string_view id) const { return Find(channel_, id); }
  int partition(absl::string_view id) const { return Find(partition_, id); }

 private:
  using Map = absl::flat_hash_map<std::string, int>;
  explicit PlanIndex(const Plan* plan) : plan_(plan) {}
  static int Find(const Map& map, absl::string_view id) {
    const auto it = map.find(id);
    return it == map.end() ? -1 : it->second;
  }
  absl::Status CheckReferences() const;
  absl::Status CheckTask(const Task& task) const;
  absl::Status CheckSlice(const Task& task, absl::string_view table, const Slice& slice) const;

  const Plan* plan_;
  Map table_, task_, channel_, partition_;
};

}  // namespace gyre
