#include "runtime/driver/coherence.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "runtime/data/memory.h"

namespace gyre::driver {
namespace {

// Of some words the documents that have them, each once: a list, and a bit for each document there
// is where that is no longer than the list.
class Postings {
 public:
  Postings(const std::vector<std::vector<int32_t>>& top, const Block& document, int64_t documents,
           const Block& word, int64_t words)
      : id_(static_cast<size_t>(words), -1) {
    int32_t ids = 0;
    for (const std::vector<int32_t>& topic : top) {
      for (const int32_t w : topic) {
        if (id_[static_cast<size_t>(w)] < 0) id_[static_cast<size_t>(w)] = ids++;
      }
    }
    begin_.assign(static_cast<size_t>(ids) + 1, 0);
    const int32_t* const of = word.data<int32_t>();
    const int32_t* const in = document.data<int32_t>();
    const auto id = [&](int64_t r) { return id_[static_cast<size_t>(of[r * word.stride])]; };
    InStretches(0, word.rows, kInOrder, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        if (id(r) >= 0) ++begin_[static_cast<size_t>(id(r)) + 1];
      ReleasePages(of + begin * word.stride, of + end * word.stride);
    });
    std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    document_.resize(begin_.back());
    std::vector<size_t> at(begin_.begin(), begin_.end() - 1);
    InStretches(0, word.rows, kInOrder, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        if (id(r) >= 0) document_[at[static_cast<size_t>(id(r))]++] = in[r * document.stride];
      ReleasePages(of + begin * word.stride, of + end * word.stride);
      ReleasePages(in + begin * document.stride, in + end * document.stride);
    });
    for (size_t i = 0; i + 1 < begin_.size(); ++i) {
      const auto first = document_.begin() + static_cast<std::ptrdiff_t>(begin_[i]);
      const auto last = document_.begin() + static_cast<std::ptrdiff_t>(begin_[i + 1]);
      if (!std::is_sorted(first, last)) std::sort(first, last);
      end_.push_back(static_cast<size_t>(std::unique(first, last) - document_.begin()));
      AddBits(i, (static_cast<size_t>(documents) + 63) / 64);
    }
  }

  size_t documents(int32_t word) const { return end_[Id(word)] - begin_[Id(word)]; }

  // Documents that have both.
  size_t Both(int32_t v, int32_t w) const {
    const std::vector<uint64_t>*a = &bits_[Id(v)], *b = &bits_[Id(w)];
    size_t both = 0;
    if (!a->empty() && !b->empty()) {
      for (size_t i = 0; i < a->size(); ++i)
        both += static_cast<size_t>(std::popcount((*a)[i] & (*b)[i]));
      return both;
    }
    if (!a->empty()) std::swap(a, b), std::swap(v, w);
    size_t i = begin_[Id(v)], j = begin_[Id(w)];
    const size_t end = end_[Id(v)], other_end = end_[Id(w)];
    for (; i < end; ++i) {
      const auto d = static_cast<size_t>(document_[i]);
      if (!b->empty()) {
        both += (*b)[d / 64] >> (d % 64) & 1;
        continue;
      }
      while (j < other_end && document_[j] < document_[i]) ++j;
      both += j < other_end && document_[j] == document_[i];
    }
    return both;
  }

 private:
  size_t Id(int32_t word) const { return static_cast<size_t>(id_[static_cast<size_t>(word)]); }

  void AddBits(size_t id, size_t length) {
    bits_.emplace_back();
    if (end_[id] - begin_[id] < length) return;
    bits_.back().resize(length);
    for (size_t i = begin_[id]; i < end_[id]; ++i) {
      const auto d = static_cast<size_t>(document_[i]);
      bits_.back()[d / 64] |= uint64_t{1} << (d % 64);
    }
  }

  std::vector<int32_t> id_;          // by word; -1: not asked for
  std::vector<size_t> begin_, end_;  // by id: where in `document_`
  std::vector<int32_t> document_;
  std::vector<std::vector<uint64_t>> bits_;  // by id; may be empty
};

}  // namespace

std::vector<double> UMassCoherence(const std::vector<std::vector<int32_t>>& top,
                                   const Block& document, int64_t documents, const Block& word,
                                   int64_t words) {
  const Postings postings(top, document, documents, word, words);
  std::vector<double> coherence;
  for (const std::vector<int32_t>& topic : top) {
    std::vector<int32_t> v;
    for (const int32_t w : topic)
      if (postings.documents(w) > 0) v.push_back(w);
    double sum = v.size() < 2 ? std::numeric_limits<double>::quiet_NaN() : 0;
    for (size_t m = 1; m < v.size(); ++m) {
      for (size_t l = 0; l < m; ++l)
        sum += std::log(static_cast<double>(postings.Both(v[m], v[l]) + 1) /
                        static_cast<double>(postings.documents(v[l])));
    }
    coherence.push_back(sum);
  }
  return coherence;
}

}  // namespace gyre::driver
