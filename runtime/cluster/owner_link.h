// OwnerLink: the worker's stream to one shard of the owner, kept up over breaks.
//
// One thread reads. When the stream breaks it connects again, says HELLO, and the table goes on
// where the owner's ledger says; when that does not succeed within the deadline the link has
// failed. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "runtime/cluster/remote_table.h"
#include "runtime/cluster/stream.h"
#include "runtime/mutex.h"

namespace gyre {

class OwnerLink {
 public:
  struct Options {
    std::string token;
    std::string owner;                      // for words: its address ...
    std::string what = "parameter server";  // ... and what it is
    int shard = 0;
    Pacer* pacer = nullptr;  // see Sender
    absl::Duration deadline = absl::Seconds(30);  // to connect, again and again
    // Runs what it is given: the table's taking of a frame. Empty: just so.
    std::function<void(const std::function<void()>&)> around_receive;
  };
  // `failed` is called once, by the link's thread, unless the link is closed.
  OwnerLink(const Options& options, std::function<std::shared_ptr<grpc::Channel>()> connect,
            RemoteTable* table, std::function<void(absl::Status)> failed);
  ~OwnerLink();  // closes

  // Ends the stream; what was not sent yet is lost.
  void Close();
  int connections() const;

 private:
  void Loop();
  absl::Status Talk(ExchangeClient* stream);
  absl::Status Greet(ExchangeClient* stream);
  void Pump();
  bool closing() const;
  void Pause(absl::Duration length);

  const Options options_;
  const std::function<std::shared_ptr<grpc::Channel>()> connect_;
  RemoteTable* const table_;
  const std::function<void(absl::Status)> failed_;
  Mutex sender_mutex_;  // held while the sender is used, so that it outlives its use
  Sender* sender_ ABSL_GUARDED_BY(sender_mutex_) = nullptr;
  mutable Mutex mutex_;
  CondVar changed_;
  ExchangeClient* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

}  // namespace gyre
