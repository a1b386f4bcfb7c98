// The rows of one worker, clock by clock.
//
// With batches, the worker's rows are cut into contiguous blocks of `batch` rows or a few less, as
// equal as can be, visited once an epoch in an order drawn anew for each. The order is a pure function of (seed, worker, epoch), so a repeated clock
// visits the same rows. Contributions are scaled by the number of blocks, so that their mean over an
// epoch is the whole part's: no row counts for more than another. Used by one worker; no allocation after construction.
#pragma once
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "compiler/graph/clock.h"
#include "dsl/random.h"

namespace gyre {

struct Rows {
  int64_t begin = 0, end = 0;
  double scale = 1;
};

class Batches {
 public:
  // batch 0: all rows every clock.
  Batches(int64_t begin, int64_t end, int64_t batch, uint64_t seed, int worker)
      : begin_(begin),
        end_(end),
        batch_(batch <= 0 || batch >= end - begin ? 0 : batch),
        seed_(seed),
        worker_(worker) {
    if (batch_ > 0) order_.resize(static_cast<size_t>((end - begin + batch_ - 1) / batch_));
  }

  int64_t per_epoch() const { return batch_ == 0 ? 1 : static_cast<int64_t>(order_.size()); }

  Rows Next(Clock clock) {
    if (batch_ == 0) return {begin_, end_, 1};
    const int64_t blocks = per_epoch(), epoch = clock / blocks;
    if (epoch != epoch_) Shuffle(epoch);
    const int64_t block = order_[static_cast<size_t>(clock % blocks)], rows = end_ - begin_;
    return {begin_ + rows * block / blocks, begin_ + rows * (block + 1) / blocks,
            static_cast<double>(blocks)};
  }

 private:
  void Shuffle(int64_t epoch) {  // Fisher and Yates
    epoch_ = epoch;
    std::iota(order_.begin(), order_.end(), int64_t{0});
    const rng::Stream draws(seed_, rng::Hash("batches") + static_cast<uint64_t>(worker_),
                            static_cast<uint64_t>(epoch));
    for (size_t i = order_.size(); i > 1; --i) {
      const size_t j = static_cast<size_t>(draws.Uniform(i) * static_cast<double>(i));
      std::swap(order_[i - 1], order_[j]);
    }
  }

  int64_t begin_, end_, batch_;
  uint64_t seed_;
  int worker_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace gyre
