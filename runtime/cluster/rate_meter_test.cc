// A link of a known rate, in time that the test passes on by hand.
#include "runtime/cluster/rate_meter.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/cluster/pacer.h"

namespace gyre {
namespace {

constexpr int64_t kMs = 1'000'000;

class HandEnv final : public Env {
 public:
  int64_t Nanos() override { return now; }
  uint32_t Observe() override { return 0; }
  void Cancel() override {}
  bool Sleep(uint32_t, int64_t) override { return false; }
  void Wake() override {}
  bool MaySpin() const override { return false; }
  int64_t now = 1;
};

// A process whose clocks take `work`, on a link of `rate` bytes a second, of which a competing flow
// may take a part. In a clock `moved` bytes have moved at least.
class Link {
 public:
  Link(double carries, int64_t work, int64_t moved) : rate(carries), work_(work), moved_(moved) {}

  // Bytes that left in the clocks until `until`.
  int64_t RunUntil(int64_t until) {
    int64_t left = 0;
    while (env_.now < until) {
      const int64_t end = env_.now + work_;
      while (env_.now < end) {  // a millisecond's bytes arrive
        env_.now += kMs;
        const int64_t bytes = std::min(queue_, static_cast<int64_t>(rate * 1e-3));
        if (bytes > 0) meter_.Delivered(bytes);
        queue_ -= bytes;
      }
      const int64_t allowed = std::min(moved_, meter_.Allowed(work_));
      if (allowed > 0) meter_.Queued(allowed);
      queue_ += allowed, left += allowed;
    }
    return left;
  }
  const RateMeter& meter() const { return meter_; }
  int64_t queue() const { return queue_; }
  double rate;

 private:
  const int64_t work_, moved_;
  HandEnv env_;
  RateMeter meter_{&env_, 1};
  int64_t queue_ = 0;
};

TEST(RateMeter, FindsWhatTheLinkCarriesWithinTwoSeconds) {
  for (const double rate : {1.25e6, 5e6, 12.5e6}) {  // 10, 40 and 100 Mbit/s
    Link link(rate, 50 * kMs, 4'000'000);
    link.RunUntil(2000 * kMs);
    EXPECT_NEAR(link.meter().rate() / rate, 1, 0.1);
    const int64_t left = link.RunUntil(4000 * kMs);
    EXPECT_GT(static_cast<double>(left), 0.9 * rate * 2);
    EXPECT_LT(static_cast<double>(link.queue()), rate * 0.2);  // and nothing piles up
  }
}

TEST(RateMeter, YieldsToAFlowThatTakesHalf) {
  Link link(5e6, 50 * kMs, 4'000'000);
  link.RunUntil(3000 * kMs);
  link.rate /= 2;
  link.RunUntil(5000 * kMs);
  EXPECT_NEAR(link.meter().rate() / link.rate, 1, 0.1);
  EXPECT_LT(static_cast<double>(link.queue()), link.rate * 0.2);
  link.rate *= 2;  // and takes it back
  link.RunUntil(7000 * kMs);
  EXPECT_NEAR(link.meter().rate() / link.rate, 1, 0.1);
}

TEST(RateMeter, HoldsNothingBackWhereTheLinkCarriesAll) {
  Link link(100e6, 50 * kMs, 100'000);
  link.RunUntil(1000 * kMs);
  EXPECT_EQ(link.RunUntil(2000 * kMs), 20 * 100'000);
}

TEST(Pacer, SpreadsWhatIsSentOverTime) {
  Pacer pacer(1e6);
  const absl::Time begin = absl::Now();
  absl::Time last = begin;
  for (int i = 0; i < 100; ++i) last = pacer.Take(10'000);
  // A million bytes less what the bucket held.
  EXPECT_GT(last - begin, absl::Milliseconds(900));
  EXPECT_LT(last - begin, absl::Milliseconds(1000));
}

}  // namespace
}  // namespace gyre
