// A table of counts by key and topic, dense or sparse by row.
//
// A sparse row has room for as many topics as its key has data (or as there are topics, if fewer),
// so that all rows together never take more than the data do, however many topics there are.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "ops/aligned.h"
#include "ops/sample/categorical.h"

namespace gyre::sample {

// The topics of one key that are counted, in no order. Places up to the next multiple of kLanes
// beyond `used` have topic -1.
class SparseRow {
 public:
  SparseRow(int32_t* topic, int32_t* count, int32_t* used)
      : topic_(topic), count_(count), used_(used) {}

  int64_t used() const { return *used_; }
  const int32_t* topic() const { return topic_; }
  const int32_t* count() const { return count_; }

  void Increment(int32_t k) {
    const int64_t at = Find(k);
    if (at >= 0) {
      ++count_[at];
      return;
    }
    topic_[*used_] = k, count_[*used_] = 1;
    ++*used_;
  }
  // REQUIRES: topic `k` is counted.
  void Decrement(int32_t k) { DecrementAt(Find(k)); }
  void IncrementAt(int64_t at) { ++count_[at]; }
  // Where a topic is counted no more the last one takes its place.
  void DecrementAt(int64_t at) {
    if (--count_[at] > 0) return;
    const int64_t last = --*used_;
    topic_[at] = topic_[last], count_[at] = count_[last];
    topic_[last] = -1, count_[last] = 0;
  }

  // weight[i] = count of the i-th topic * by_topic of it, zero from used() to the next multiple of
  // kLanes. Returns where topic `k` is; -1: it is not.
  int64_t Weigh(const float* by_topic, int32_t k, float* weight) const {
    int64_t found = -1;
    for (int64_t i = 0; i < *used_; i += kLanes) {
      WeighLanes(by_topic, topic_ + i, count_ + i, weight + i);
      const uint32_t equal = Equal(topic_ + i, k);
      found = equal != 0 ? i + std::countr_zero(equal) : found;
    }
    return k < 0 ? -1 : found;
  }

 private:
  static void WeighLanes(const float* by_topic, const int32_t* topic, const int32_t* count,
                         float* weight) {
#if defined(__AVX512F__)
    const __m512i at = _mm512_load_si512(topic);
    const __mmask16 used = _mm512_cmpge_epi32_mask(at, _mm512_setzero_si512());
    const __m512 by = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), used, at, by_topic, 4);
    _mm512_store_ps(weight, _mm512_mul_ps(by, _mm512_cvtepi32_ps(_mm512_load_si512(count))));
#else
    for (int j = 0; j < kLanes; ++j)
      weight[j] = topic[j] < 0 ? 0.0f : static_cast<float>(count[j]) * by_topic[topic[j]];
#endif
  }

  // Sixteen at a time.
  int64_t Find(int32_t k) const {
    for (int64_t i = 0; i < *used_; i += kLanes) {
      if (const uint32_t equal = Equal(topic_ + i, k); equal != 0)
        return i + std::countr_zero(equal);
    }
    return -1;
  }
  static uint32_t Equal(const int32_t* topic, int32_t k) {
#if defined(__AVX512F__)
    return _mm512_cmpeq_epi32_mask(_mm512_load_si512(topic), _mm512_set1_epi32(k));
#elif defined(__AVX2__)
    const __m256i want = _mm256_set1_epi32(k);
    const auto half = [&](const int32_t* at) {
      const __m256i equal =
          _mm256_cmpeq_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(at)), want);
      return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(equal)));
    };
    return half(topic) | half(topic + 8) << 8;
#else
    uint32_t equal = 0;
    for (int j = 0; j < kLanes; ++j) equal |= static_cast<uint32_t>(topic[j] == k) << j;
    return equal;
#endif
  }

  int32_t* topic_;
  int32_t* count_;
  int32_t* used_;
};

class CountTable {
 public:
  CountTable() = default;
  // Dense.
  CountTable(int64_t keys, int64_t topics)
      : keys_(keys), topics_(topics), stride_(Padded(topics)), count_(keys * stride_) {}
  // Sparse: `data` by key.
  CountTable(const std::vector<int64_t>& data, int64_t topics)
      : keys_(static_cast<int64_t>(data.size())), topics_(topics), used_(keys_) {
    int64_t at = 0;
    for (const int64_t n : data) {
      offset_.push_back(at);
      at += Padded(std::min(n, topics));
    }
    offset_.push_back(at);
    topic_ = AlignedArray<int32_t>(at);
    count_ = AlignedArray<int32_t>(at);
    std::fill_n(topic_.data(), at, -1);
  }

  bool sparse() const { return !offset_.empty(); }
  int64_t keys() const { return keys_; }
  int64_t topics() const { return topics_; }
  int64_t bytes() const {
    return 4 * (count_.size() + topic_.size() + used_.size()) +
           8 * static_cast<int64_t>(offset_.size());
  }
  void Clear() {
    std::fill_n(count_.data(), count_.size(), 0);
    std::fill_n(topic_.data(), topic_.size(), -1);
    std::fill_n(used_.data(), used_.size(), 0);
  }

  int32_t* dense(int64_t key) { return count_.data() + key * stride_; }
  SparseRow sparse(int64_t key) {
    const int64_t at = offset_[static_cast<size_t>(key)];
    return {topic_.data() + at, count_.data() + at, used_.data() + key};
  }
  void Add(int64_t key, int32_t topic, int32_t by) {
    if (!sparse()) {
      dense(key)[topic] += by;
    } else if (by > 0) {
      sparse(key).Increment(topic);
    } else {
      sparse(key).Decrement(topic);
    }
  }

  // Asks for the row of `key`, up to so many lines of it.
  void Fetch(int64_t key) const {
    constexpr int64_t kMost = 32, kLine = 16;  // lines; counts of a line
    if (sparse()) {
      const int64_t at = offset_[static_cast<size_t>(key)];
      const int64_t end = std::min<int64_t>(used_[key], kMost * kLine / 2);
      for (int64_t i = at; i < at + end; i += kLine)
        __builtin_prefetch(&topic_[i]), __builtin_prefetch(&count_[i]);
    } else {
      const int64_t at = key * stride_;
      for (int64_t i = at; i < at + std::min(stride_, kMost * kLine); i += kLine)
        __builtin_prefetch(&count_[i]);
    }
  }

  // Topics that are counted. REQUIRES: sparse.
  int64_t used(int64_t key) const { return used_[key]; }
  // Calls visit(topic, count) for what is counted of a key.
  template <class Visit>
  void ForRow(int64_t key, const Visit& visit) const {
    if (sparse()) {
      const int64_t at = offset_[static_cast<size_t>(key)];
      for (int64_t i = at; i < at + used_[key]; ++i) visit(topic_[i], count_[i]);
    } else {
      const int32_t* const row = count_.data() + key * stride_;
      for (int64_t k = 0; k < topics_; ++k) {
        if (row[k] != 0) visit(static_cast<int32_t>(k), row[k]);
      }
    }
  }

  // A sparse row laid out in `row`, all zero before, and taken back: then `row` is zero again.
  void Load(int64_t key, int32_t* row) {
    ForRow(key, [&](int32_t topic, int32_t count) { row[topic] = count; });
  }
  void Store(int64_t key, int32_t* row) {
    const int64_t at = offset_[static_cast<size_t>(key)];
    const int64_t most = offset_[static_cast<size_t>(key) + 1] - at;
    int64_t n = 0;
    for (int64_t k = 0; k < topics_; k += kLanes) {
      int32_t any = 0;
      for (int j = 0; j < kLanes; ++j) any |= row[k + j];
      if (any == 0) continue;
      for (int j = 0; j < kLanes; ++j) {
        if (row[k + j] == 0) continue;
        topic_[at + n] = static_cast<int32_t>(k + j), count_[at + n] = row[k + j];
        row[k + j] = 0;
        ++n;
      }
    }
    Trim(key, n, most);
  }

  // An empty one with as much room.
  CountTable Twin() const {
    CountTable twin;
    twin.keys_ = keys_, twin.topics_ = topics_, twin.stride_ = stride_, twin.offset_ = offset_;
    twin.count_ = AlignedArray<int32_t>(count_.size());
    twin.topic_ = AlignedArray<int32_t>(topic_.size());
    twin.used_ = AlignedArray<int32_t>(used_.size());
    std::fill_n(twin.topic_.data(), twin.topic_.size(), -1);
    return twin;
  }
  // Counts what `other`, a twin, does.
  void Copy(const CountTable& other) {
    if (!sparse()) {
      std::copy_n(other.count_.data(), count_.size(), count_.data());
      return;
    }
    for (int64_t key = 0; key < keys_; ++key) {
      const int64_t at = offset_[static_cast<size_t>(key)], n = other.used_[key];
      std::copy_n(&other.topic_[at], n, &topic_[at]);
      std::copy_n(&other.count_[at], n, &count_[at]);
      Trim(key, n, offset_[static_cast<size_t>(key) + 1] - at);
    }
  }
  // Adds to the row of `key` what every one of `copies`, twins, has moved there since it counted
  // the same. `row` is zero before and after.
  void Merge(int64_t key, const std::vector<const CountTable*>& copies, int32_t* row) {
    if (sparse()) {
      for (const CountTable* copy : copies) {
        copy->ForRow(key, [&](int32_t topic, int32_t count) { row[topic] += count; });
        ForRow(key, [&](int32_t topic, int32_t count) { row[topic] -= count; });
      }
      ForRow(key, [&](int32_t topic, int32_t count) { row[topic] += count; });
      Store(key, row);
      return;
    }
    int32_t* const own = dense(key);
    for (const CountTable* copy : copies) {
      const int32_t* const its = copy->count_.data() + key * stride_;
      for (int64_t k = 0; k < stride_; ++k) row[k] += its[k] - own[k];
    }
    for (int64_t k = 0; k < stride_; ++k) own[k] += row[k], row[k] = 0;
  }

 private:
  // The row has `n` topics now: nothing after them is one.
  void Trim(int64_t key, int64_t n, int64_t most) {
    const int64_t at = offset_[static_cast<size_t>(key)];
    const int64_t end = std::min(most, std::max<int64_t>(Padded(n), used_[key]));
    used_[key] = static_cast<int32_t>(n);
    for (; n < end; ++n) topic_[at + n] = -1, count_[at + n] = 0;
  }

  int64_t keys_ = 0, topics_ = 0, stride_ = 0;
  AlignedArray<int32_t> count_, topic_, used_;
  std::vector<int64_t> offset_;  // by key; empty: dense
};

}  // namespace gyre::sample
