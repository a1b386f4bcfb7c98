// Mesh: sums over processes by messages from neighbour to neighbour, merged on the way.
//
//   kRing    2 (N - 1) messages a process: the numbers are cut into N chunks, and each goes round
//   once
//            to be summed and once to be told. Every link carries 2 (N - 1) / N of the numbers.
//   kHalton  log2 N messages a process, for N a power of two: neighbours at the distances N/2, N/4,
//   ...,
//            1, the first of each level of the Halton sequence of base two (Li et al., 2015, take
//            the sequence as it comes, whose first log2 N distances are all even for N = 16). Both
//            ends of an exchange add the same two numbers, so all have the same sum.
//
// In both every process ends with the same bits, in an order of addition that is not that of the
// workers. A stage is summed after the one before it. The messages of a process to a neighbour are
// parcels of a stream of their own, numbered as its stages, exactly once as all parcels.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/cluster/encoding.h"
#include "runtime/cluster/inbox.h"
#include "runtime/cluster/parcel_receiver.h"
#include "runtime/mutex.h"

namespace gyre {

class Mesh final : public ParcelReceiver, private ContributionSink {
 public:
  enum class Topology : uint8_t { kRing, kHalton };
  struct Options {
    Topology topology = Topology::kRing;
    int process = 0, processes = 1;
    uint32_t epoch = 1;
    int window = 1;  // stages that a neighbour may be ahead
  };
  // One exchange: a chunk goes to `to`, another comes from `from` and is added, or replaces.
  struct Step {
    int to = 0, from = 0;
    int sends = 0, takes = 0;  // chunks
    bool adds = true;
  };
  static std::vector<Step> StepsOf(Topology topology, int process, int processes);
  // "" or why there is no such mesh.
  static const char* Illegal(Topology topology, int processes);

  // `encodings` are of the stages of a clock: sums alone, as they are. They outlive the mesh.
  Mesh(const Options& options, const std::vector<StageEncoding>* encodings);

  // Message `number` to `process`.
  using Send = std::function<void(int process, Stage number, std::shared_ptr<const void> owner,
                                  const std::vector<WireSegment>& segments)>;
  // The sum of a stage over all processes; stages in order, by one thread at a time.
  using Sum = std::function<void(Stage stage, std::shared_ptr<const AlignedArray<double>> sum)>;
  void Start(Send send, Sum sum);
  // This process's numbers, which are copied. Stages in order.
  void Contribute(Stage stage, const double* numbers);
  const std::vector<int>& neighbours() const { return neighbours_; }  // that are sent to

  absl::StatusOr<wire::Header> Admit(int /*shard*/, const wire::Header& hello) override {
    return inbox_.Admit(hello);
  }
  absl::StatusOr<Ledger::Verdict> Receive(int shard, const ReceivedFrame& frame) override;
  uint64_t Next(int /*shard*/, int process) override { return inbox_.Next(process); }
  Stage Done(int process) override { return inbox_.Done(process); }
  uint64_t version() const override { return started_.load() ? 1 : 0; }

 private:
  using Key = std::pair<int, Stage>;  // process, number of its message
  absl::StatusOr<Contribution*> Open(int process, Stage number) override;
  void Arrived(int shard, int process, Stage done) override;
  void Advance();
  bool Turn();
  Stage NextGather(Stage stage) const;
  KeyRange Chunk(Stage stage, int chunk) const;
  // Of the messages from one process to another: how many a stage has, and which of them `step` is.
  struct Stream {
    Stage each = 0;
    std::vector<int> step;
  };
  Stream StreamOf(int from, int to) const;

  const Options options_;
  const std::vector<StageEncoding>* const encodings_;
  const std::vector<Step> steps_;
  std::vector<Stream> to_, from_;  // by process
  std::vector<int> neighbours_;
  std::vector<std::vector<StageEncoding>> messages_;  // by process: of its messages to this one
  Inbox inbox_;
  std::atomic<bool> started_{false};
  Send send_;
  Sum sum_;

  Mutex mutex_;
  bool turning_ ABSL_GUARDED_BY(mutex_) = false, again_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<Stage, std::shared_ptr<AlignedArray<double>>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, std::unique_ptr<Contribution>> received_ ABSL_GUARDED_BY(mutex_);
  std::vector<Stage> whole_ ABSL_GUARDED_BY(mutex_);  // by process: messages below it are whole
  Stage stage_ ABSL_GUARDED_BY(mutex_) = 0;           // at hand
  // Of whoever turns.
  std::shared_ptr<AlignedArray<double>> numbers_;  // null: this process has not contributed yet
  size_t step_ = 0;
  bool sent_ = false;
};

}  // namespace gyre
