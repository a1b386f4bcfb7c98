// A worker's control stream to the coordinator: reports out, the job and the end in.
//
// One thread reads; any thread sends. Thread-safe otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "runtime/cluster/cluster.grpc.pb.h"
#include "runtime/cluster/security.h"
#include "runtime/mutex.h"

namespace gyre {

class ControlStream {
 public:
  ControlStream(std::shared_ptr<grpc::Channel> channel, const std::string& token, int process,
                uint32_t incarnation)
      : process_(static_cast<uint32_t>(process)),
        incarnation_(incarnation),
        stub_(wire::Coordinator::NewStub(std::move(channel))) {
    AddToken(token, &context_);
    stream_ = stub_->Control(&context_);
  }

  bool Send(wire::Report* report) {
    MutexLock lock(&mutex_);
    report->set_epoch(epoch_.load());
    report->set_process(process_.load());
    report->set_incarnation(incarnation_);
    return stream_->Write(*report);
  }
  bool Read(wire::Order* order) {
    if (!stream_->Read(order)) return false;
    epoch_.store(order->epoch());
    return true;
  }
  // Who this turned out to be; a negative process asks for any.
  void SetProcess(int process) { process_.store(static_cast<uint32_t>(process)); }
  void Cancel() { context_.TryCancel(); }
  // Says that nothing more will be sent; the coordinator then ends the stream.
  void HalfClose() {
    MutexLock lock(&mutex_);
    if (!half_closed_) stream_->WritesDone();
    half_closed_ = true;
  }
  absl::Status Finish() {
    HalfClose();
    wire::Order rest;
    while (stream_->Read(&rest)) {
    }
    const grpc::Status status = stream_->Finish();
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }

 private:
  std::atomic<uint32_t> process_;
  const uint32_t incarnation_;
  std::atomic<uint32_t> epoch_{0};
  std::unique_ptr<wire::Coordinator::Stub> stub_;
  grpc::ClientContext context_;
  Mutex mutex_;  // of writes
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<grpc::ClientReaderWriter<wire::Report, wire::Order>> stream_;
};

}  // namespace gyre
