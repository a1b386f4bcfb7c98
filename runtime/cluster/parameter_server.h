// ParameterServer: one shard of an Owner on the network.
//
// One stream for each worker process. Its reading thread hands parcels to the owner; what has to be
// sent is decided when it can be sent (newest snapshot, at most one under way per process), so a
// slow reader costs it freshness and nobody else anything. The clock limit travels on the same
// streams; sums over processes and the model of a pause on those of shard 0 alone.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "runtime/cluster/owner.h"
#include "runtime/cluster/stream.h"
#include "runtime/mutex.h"

namespace gyre {

class ParameterServer {
 public:
  using Array = std::shared_ptr<const std::vector<double>>;
  struct Handlers {  // called by the threads of streams
    std::function<Clock()> limit;
    // A process's whole share of sum number `round` has arrived (once for each process and round).
    std::function<void(int process, int64_t round, std::vector<double> share)> partial;
    // A process broke the protocol.
    std::function<void(int process, absl::Status status)> failed;
    // After parcels or partials have moved something.
    std::function<void()> moved;
    // A frame has come or is on its way: slow links are no stall. May be empty.
    std::function<void()> traffic;
  };
  enum class Role : uint8_t {
    kCentral,      // sends parameters
    kCoordinator,  // of replicas: parameters are with the workers
    kPeer,  // a worker's replica: only takes contributions, and only once it has an owner's state
  };
  struct Options {
    int shard = 0, processes = 1;
    std::string token;
    Role role = Role::kCentral;
    Pacer* pacer = nullptr;  // of what is sent
  };
  // `parameters`: whose snapshots are sent; null unless central.
  ParameterServer(Options options, ParcelReceiver* receiver, Owner* parameters, Handlers handlers);
  ~ParameterServer();

  grpc::Service* service() { return &service_; }

  // Everybody is sent the sum of round 0.
  void SendSum(Array sum);
  // Everybody is sent the model to evaluate in pause `round`, at `stage`; empty where they have it.
  void SendModel(int64_t round, Stage stage, Array model);
  // Something to send may have changed: the limit, or the owner's state.
  void Pump();
  // Ends all streams; new ones are refused.
  void Close();

  bool connected(int process) const;
  int64_t bytes_sent() const { return sent_.load(std::memory_order_relaxed); }
  int64_t bytes_received() const { return received_.load(std::memory_order_relaxed); }

 private:
  class Peer;
  struct Broadcast {  // an array for everybody
    int64_t round = 0;
    Stage stage = 0;
    Array array;
  };

  grpc::Status Serve(grpc::ServerContext* context, FrameStream* stream);
  grpc::Status Talk(Peer* peer, FrameStream* stream);
  absl::Status ReceivePartial(const Peer* peer, const ReceivedFrame& frame);
  Broadcast sum() const;
  Broadcast model() const;

  const Options options_;
  ParcelReceiver* const receiver_;
  Owner* const parameters_;
  const Handlers handlers_;
  std::atomic<int64_t> sent_{0}, received_{0};
  mutable Mutex mutex_;
  CondVar gone_;
  std::vector<std::shared_ptr<Peer>> peer_ ABSL_GUARDED_BY(mutex_);  // by process; null: none
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Broadcast sum_ ABSL_GUARDED_BY(mutex_), model_ ABSL_GUARDED_BY(mutex_);
  struct Arriving {
    int64_t complete_round = -1;
    std::vector<double> share;
  };
  std::vector<Arriving> arriving_ ABSL_GUARDED_BY(mutex_);
  ExchangeService service_;
};

}  // namespace gyre
