// Snapshots: the parameters as an owner hands them out, and the memory they are reused in.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "compiler/graph/clock.h"
#include "ops/aligned.h"
#include "runtime/mutex.h"

namespace gyre {

// The parameters as readers get them: in the run's element type. Immutable once handed out.
struct Snapshot {
  AlignedArray<char> bytes;
  int64_t element = 8;  // bytes of one
  Stage complete = 0;
  std::vector<Stage> own;       // by process: its stages that are recorded
  std::vector<Stage> included;  // by process: its stages that are in the parameters
  uint64_t version = 0;
};

// Snapshots that nobody reads any more, to be filled again: theirs is the largest memory of an
// owner, and touching fresh pages would cost more than the copy. A snapshot comes back when its
// last reader, often gRPC's, lets it go. Thread-safe; outlives the owner as long as readers do.
class SnapshotPool : public std::enable_shared_from_this<SnapshotPool> {
 public:
  std::unique_ptr<Snapshot> Take();
  std::shared_ptr<const Snapshot> Share(std::unique_ptr<Snapshot> snapshot);

 private:
  static constexpr size_t kMost = 3;  // one is current, one on its way, one being filled
  void Return(std::unique_ptr<Snapshot> snapshot);

  Mutex mutex_;
  std::vector<std::unique_ptr<Snapshot>> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
