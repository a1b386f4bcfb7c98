// The gate that a worker's cursors see: limit and pauses as they come from the owner, the end as it
// comes from the coordinator, and the first failure. Thread-safe.
#pragma once

#include <atomic>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "runtime/cluster/remote_table.h"
#include "runtime/cursor.h"
#include "runtime/env.h"
#include "runtime/evaluator.h"
#include "runtime/mutex.h"

namespace gyre {

class RemoteGate final : public ClockGate {
 public:
  RemoteGate(RemoteTable* table, Env* env, int first_worker, int workers)
      : table_(table), env_(env), first_worker_(first_worker), workers_(workers), left_(workers) {}

  // Once the evaluator exists and before any lane runs.
  void SetEvaluator(Evaluator* evaluator, double epochs_per_clock) {
    evaluator_ = evaluator;
    table_->SetOnModel([this, epochs_per_clock](const double* model, Clock clock) {
      evaluator_->Set(model);
      epoch_ = static_cast<double>(clock) * epochs_per_clock;
    });
  }

  Clock limit() const override { return table_->limit(); }
  bool finished() const override { return finished_.load(std::memory_order_seq_cst); }
  int64_t pause() const override { return table_->pause(); }
  void TakePart(int worker) override {
    evaluator_->Part(worker - first_worker_, epoch_);
    if (left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    left_.store(workers_, std::memory_order_relaxed);
    std::vector<double> share(static_cast<size_t>(evaluator_->sum_size()));
    evaluator_->Sum(share.data());
    table_->SendPartial(table_->pause(), std::move(share));
  }
  void Fail(absl::Status status) override {
    {
      MutexLock lock(&mutex_);
      if (status_.ok()) status_ = std::move(status);
    }
    Finish();
  }
  void Finish() {
    finished_.store(true, std::memory_order_seq_cst);
    env_->Wake();
  }
  absl::Status status() const {
    MutexLock lock(&mutex_);
    return status_;
  }

 private:
  RemoteTable* const table_;
  Env* const env_;
  const int first_worker_, workers_;
  Evaluator* evaluator_ = nullptr;
  double epoch_ = 0;
  std::atomic<int> left_;
  std::atomic<bool> finished_{false};
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace gyre
