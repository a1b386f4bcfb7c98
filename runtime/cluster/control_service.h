// The coordinator's side of the control streams: one worker process each.
//
// It keeps what is known of every process (registered, last heard, waiting for what, failed, done)
// and passes on what changes; whoever runs the cluster decides. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "compiler/graph/clock.h"
#include "runtime/cluster/cluster.grpc.pb.h"
#include "runtime/mutex.h"

namespace gyre {

class ControlService final : public wire::Coordinator::Service {
 public:
  struct Process {
    bool registered = false, finished = false, lost = false, started = false;
    int64_t pid = 0;
    absl::Status failure;  // what it said itself
    absl::Time heard;
    Clock clock = 0;
    std::string address;  // where it listens for other workers; empty: nowhere
    std::string waiting;  // empty: it computes
    wire::Finished report;
  };

  // `job` is the description for one process.
  ControlService(int processes, uint32_t epoch, std::string token, uint64_t program,
                 std::function<wire::JobDescription(int process)> job);

  grpc::Status Control(grpc::ServerContext* context,
                       grpc::ServerReaderWriter<wire::Order, wire::Report>* stream) override;

  Process process(int p) const;
  int processes() const { return static_cast<int>(slot_size_); }
  // Waits for any process's state to change, to `deadline` at most.
  void AwaitChange(absl::Time deadline);
  // Something outside changed that AwaitChange waits for.
  void Nudge();
  // Tells every process where the others listen.
  void SendPeers(const wire::Peers& peers);
  // Tells every process, and those still to come, to end.
  void End(const wire::End& end);

 private:
  using Stream = grpc::ServerReaderWriter<wire::Order, wire::Report>;
  struct Slot {
    Process state;
    Stream* stream = nullptr;
  };
  grpc::Status Admit(const grpc::ServerContext& context, const wire::Report& report, int* process)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Take(const grpc::ServerContext& context, int process, const wire::Report& report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AllEnded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t slot_size_;
  const uint32_t epoch_;
  const std::string token_;
  const uint64_t program_;
  const std::function<wire::JobDescription(int)> job_;
  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0, seen_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Slot> slot_ ABSL_GUARDED_BY(mutex_);
  wire::Order end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
