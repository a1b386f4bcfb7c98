#include "runtime/cluster/snapshot.h"

#include <utility>

namespace gyre {

std::unique_ptr<Snapshot> SnapshotPool::Take() {
  MutexLock lock(&mutex_);
  if (free_.empty()) return std::make_unique<Snapshot>();
  std::unique_ptr<Snapshot> snapshot = std::move(free_.back());
  free_.pop_back();
  return snapshot;
}

void SnapshotPool::Return(std::unique_ptr<Snapshot> snapshot) {
  MutexLock lock(&mutex_);
  if (free_.size() < kMost) free_.push_back(std::move(snapshot));
}

std::shared_ptr<const Snapshot> SnapshotPool::Share(std::unique_ptr<Snapshot> snapshot) {
  return std::shared_ptr<const Snapshot>(
      snapshot.release(), [pool = shared_from_this()](const Snapshot* done) {
        pool->Return(std::unique_ptr<Snapshot>(const_cast<Snapshot*>(done)));
      });
}

}  // namespace gyre
