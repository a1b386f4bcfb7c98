#include "runtime/cluster/disturbance.h"

#include <deque>
#include <random>
#include <thread>
#include <utility>

#include "absl/time/clock.h"

namespace gyre {
namespace {

// Frames under way: what a link holds of small ones. Whoever writes more waits.
constexpr size_t kMostUnderWay = 64;

}  // namespace

// One end. Writes are delivered by its thread; reads are those beneath.
class Disturbance::Stream final : public FrameStream {
 public:
  Stream(Disturbance* owner, std::unique_ptr<FrameStream> beneath, std::function<void()> cancel,
         uint64_t seed)
      : owner_(owner),
        beneath_(std::move(beneath)),
        cancel_(std::move(cancel)),
        random_(seed),
        thread_([this] { Deliver(); }) {}

  // What was written before is delivered first.
  ~Stream() override {
    {
      MutexLock lock(&owner_->mutex_);
      owner_->stream_.erase(this);
    }
    {
      MutexLock lock(&mutex_);
      over_ = true;
      changed_.SignalAll();
    }
    thread_.join();
  }

  bool Read(grpc::ByteBuffer* frame) override { return beneath_->Read(frame); }

  bool Write(const grpc::ByteBuffer& frame) override {
    const bool down = owner_->Down();
    MutexLock lock(&mutex_);
    while (!broken_ && under_way_.size() >= kMostUnderWay) changed_.Wait(&mutex_);
    if (broken_) return false;
    const Options& options = owner_->options_;
    std::uniform_real_distribution<double> uniform;
    if (down || uniform(random_) < options.cut) {
      Break();
      return false;
    }
    under_way_.push_back(
        {frame, absl::Now() + options.latency + options.jitter * uniform(random_)});
    changed_.SignalAll();
    return true;
  }

  void Cut() {
    MutexLock lock(&mutex_);
    if (!broken_) Break();
  }

 private:
  struct Frame {
    grpc::ByteBuffer bytes;
    absl::Time due;
  };

  void Break() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    broken_ = true;
    under_way_.clear();
    changed_.SignalAll();
    owner_->cuts_.fetch_add(1);
    cancel_();
  }

  void Deliver() {
    MutexLock lock(&mutex_);
    for (;;) {
      if (under_way_.empty()) {
        if (over_) return;
        changed_.Wait(&mutex_);
        continue;
      }
      if (absl::Now() < under_way_.front().due) {
        changed_.WaitWithDeadline(&mutex_, under_way_.front().due);
        continue;
      }
      const grpc::ByteBuffer bytes = std::move(under_way_.front().bytes);
      under_way_.pop_front();
      changed_.SignalAll();
      mutex_.Unlock();
      const bool written = beneath_->Write(bytes);
      mutex_.Lock();
      if (written) continue;
      broken_ = true;
      under_way_.clear();
      changed_.SignalAll();
    }
  }

  Disturbance* const owner_;
  const std::unique_ptr<FrameStream> beneath_;
  const std::function<void()> cancel_;
  Mutex mutex_;
  CondVar changed_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::deque<Frame> under_way_ ABSL_GUARDED_BY(mutex_);
  bool broken_ ABSL_GUARDED_BY(mutex_) = false, over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

Disturbance::Disturbance(const Options& options) : options_(options) {
  WrapStreamsForTesting([this](std::unique_ptr<FrameStream> beneath, std::function<void()> cancel) {
    return Wrap(std::move(beneath), std::move(cancel));
  });
}

Disturbance::~Disturbance() { WrapStreamsForTesting(nullptr); }

std::unique_ptr<FrameStream> Disturbance::Wrap(std::unique_ptr<FrameStream> beneath,
                                               std::function<void()> cancel) {
  MutexLock lock(&mutex_);
  auto stream = std::make_unique<Stream>(this, std::move(beneath), std::move(cancel),
                                         options_.seed + streams_++);
  stream_.insert(stream.get());
  return stream;
}

void Disturbance::Outage(absl::Duration length) {
  MutexLock lock(&mutex_);
  down_until_ = absl::Now() + length;
  for (Stream* stream : stream_) stream->Cut();
}

bool Disturbance::Down() const {
  MutexLock lock(&mutex_);
  return absl::Now() < down_until_;
}

}  // namespace gyre
