// What the drivers of topic-model peers share: reading a bag of words (UCI), the joint likelihood
// of words and topics, and when it is printed. A driver is
//
//   PROGRAM DOCWORD TOPICS ALPHA BETA SECONDS THREADS
//
// and prints lines `sweep seconds likelihood`: seconds are those of sweeps alone, the likelihood is
// log p(words, topics) for each token, alpha and beta are of one topic and one word.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace peer {

struct Corpus {  // document by document
  int docs = 0, words = 0;
  std::vector<size_t> begin;
  std::vector<uint32_t> word;
};

inline Corpus Read(const char* path) {
  std::FILE* file = std::fopen(path, "r");
  Corpus c;
  long triples = 0;
  if (file == nullptr || std::fscanf(file, "%d %d %ld", &c.docs, &c.words, &triples) != 3)
    std::exit(1);
  c.begin.push_back(0);
  for (long i = 0; i < triples; ++i) {
    int doc = 0, word = 0, count = 0;
    if (std::fscanf(file, "%d %d %d", &doc, &word, &count) != 3) std::exit(1);
    while (static_cast<int>(c.begin.size()) < doc) c.begin.push_back(c.word.size());
    c.word.insert(c.word.end(), static_cast<size_t>(count), static_cast<uint32_t>(word - 1));
  }
  std::fclose(file);
  while (static_cast<int>(c.begin.size()) <= c.docs) c.begin.push_back(c.word.size());
  return c;
}

// `begin` of documents, `word` and `topic` by token.
inline double Likelihood(int words, int topics, double alpha, double beta,
                         const std::vector<size_t>& begin, const std::vector<uint32_t>& word,
                         const std::vector<uint32_t>& topic) {
  const double docs = static_cast<double>(begin.size() - 1);
  double sum = docs * std::lgamma(topics * alpha) + topics * std::lgamma(words * beta);
  std::vector<uint32_t> count(static_cast<size_t>(topics)), all(count.size());
  // Gamma(n + a) / Gamma(a) is a product of n factors, one for each token that joins.
  for (size_t d = 0; d + 1 < begin.size(); ++d) {
    sum -= std::lgamma(topics * alpha + static_cast<double>(begin[d + 1] - begin[d]));
    for (size_t i = begin[d]; i < begin[d + 1]; ++i) sum += std::log(alpha + count[topic[i]]++);
    for (size_t i = begin[d]; i < begin[d + 1]; ++i) count[topic[i]] = 0;
  }
  std::vector<size_t> order(word.size()), next(static_cast<size_t>(words) + 1);
  for (const uint32_t w : word) ++next[w + 1];
  for (size_t w = 1; w < next.size(); ++w) next[w] += next[w - 1];
  std::vector<size_t> first(next);
  for (size_t i = 0; i < word.size(); ++i) order[next[word[i]]++] = i;
  for (size_t w = 0; w + 1 < first.size(); ++w) {
    for (size_t i = first[w]; i < first[w + 1]; ++i) {
      const uint32_t k = topic[order[i]];
      sum += std::log(beta + count[k]++);
      ++all[k];
    }
    for (size_t i = first[w]; i < first[w + 1]; ++i) count[topic[order[i]]] = 0;
  }
  for (const uint32_t n : all) sum -= std::lgamma(words * beta + n);
  return sum / static_cast<double>(word.size());
}

struct Arguments {
  const char* path;
  int topics;
  double alpha, beta, seconds;
  int threads;
};
inline Arguments Parse(int count, char** value) {
  if (count < 7) std::exit(2);
  return {value[1],
          std::atoi(value[2]),
          std::atof(value[3]),
          std::atof(value[4]),
          std::atof(value[5]),
          std::atoi(value[6])};
}

// Sweeps until the seconds are over; prints at sweeps that grow by half, and at half and the end of
// them.
template <class Sweep, class Measure>
void Train(double seconds, const Sweep& sweep, const Measure& likelihood) {
  double passed = 0, next = 1;
  bool half = false;
  for (int n = 1; passed < seconds; ++n) {
    const auto start = std::chrono::steady_clock::now();
    sweep();
    passed += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool at_half = !half && passed >= seconds / 2;
    half = half || at_half;
    if (n < next && !at_half && passed < seconds) continue;
    next = std::max(next, n * 1.5);
    std::printf("%d %.4f %.5f\n", n, passed, likelihood());
    std::fflush(stdout);
  }
}

}  // namespace peer
