#include "runtime/driver/coherence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "runtime/data/memory.h"

namespace gyre::driver {
namespace {

struct Corpus {
  explicit Corpus(const std::vector<std::pair<int, int>>& tokens) {
    std::vector<double> d, w;
    for (const auto& [document_at, word_at] : tokens) {
      d.push_back(document_at), w.push_back(word_at);
      has.emplace(document_at, word_at);
    }
    document = MakeColumn(Type::kInt32, d);
    word = MakeColumn(Type::kInt32, w);
  }
  std::vector<double> Coherence(const std::vector<std::vector<int32_t>>& top, int documents,
                                int words) const {
    return UMassCoherence(top, document.block, documents, word.block, words);
  }
  // As the equation stands.
  double Slow(const std::vector<int32_t>& topic, int documents) const {
    double sum = 0;
    for (size_t m = 1; m < topic.size(); ++m) {
      for (size_t l = 0; l < m; ++l) {
        int one = 0, both = 0;
        for (int d = 0; d < documents; ++d) {
          one += static_cast<int>(has.count({d, topic[l]}));
          both += has.count({d, topic[l]}) > 0 && has.count({d, topic[m]}) > 0;
        }
        sum += std::log((both + 1.0) / one);
      }
    }
    return sum;
  }
  OwnedBlock document, word;
  std::set<std::pair<int, int>> has;
};

// Documents: 0: a b a, 1: a c, 2: b, 3: a b c, 4: nothing. D(a) = 3, D(b) = 3, D(c) = 2;
// D(a, b) = 2, D(a, c) = 2, D(b, c) = 1.
TEST(UMassCoherence, ByHand) {
  const Corpus corpus({{0, 0}, {0, 1}, {0, 0}, {1, 0}, {1, 2}, {2, 1}, {3, 0}, {3, 1}, {3, 2}});
  const std::vector<double> c = corpus.Coherence({{0, 1, 2}, {2, 0}, {1}, {}}, 5, 4);
  ASSERT_EQ(c.size(), 4u);
  EXPECT_NEAR(c[0], std::log(3.0 / 3) + std::log(3.0 / 3) + std::log(2.0 / 3), 1e-12);
  EXPECT_NEAR(c[1], std::log(3.0 / 2), 1e-12);
  EXPECT_TRUE(std::isnan(c[2]));
  EXPECT_TRUE(std::isnan(c[3]));
}

TEST(UMassCoherence, WordsThatNoDocumentHasArePassedOver) {
  const Corpus corpus({{0, 0}, {0, 1}, {1, 1}});
  const std::vector<double> c = corpus.Coherence({{3, 1, 2, 0}, {3, 0}}, 2, 4);
  EXPECT_NEAR(c[0], std::log(2.0 / 2), 1e-12);
  EXPECT_TRUE(std::isnan(c[1]));
}

// Words of few documents and of many: lists and bits.
TEST(UMassCoherence, RowsInAnyOrderAndTheSlowReference) {
  constexpr int kDocuments = 700, kWords = 60;
  uint64_t state = 7;
  const auto draw = [&](int n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((state >> 33) % static_cast<uint64_t>(n));
  };
  std::vector<std::pair<int, int>> tokens;
  for (int w = 0; w < kWords; ++w) tokens.emplace_back(draw(kDocuments), w);
  for (int t = 0; t < 3000; ++t)
    tokens.emplace_back(draw(kDocuments), draw(1 + draw(1 + draw(kWords))));
  const Corpus corpus(tokens);
  std::vector<std::vector<int32_t>> top;
  for (int k = 0; k < 20; ++k) {
    std::set<int32_t> distinct;
    while (distinct.size() < 10) distinct.insert(draw(kWords));
    top.emplace_back(distinct.begin(), distinct.end());
    if (k % 2 == 1) std::reverse(top.back().begin(), top.back().end());
  }
  const std::vector<double> c = corpus.Coherence(top, kDocuments, kWords);
  for (size_t k = 0; k < top.size(); ++k) EXPECT_NEAR(c[k], corpus.Slow(top[k], kDocuments), 1e-9);
}

}  // namespace
}  // namespace gyre::driver
