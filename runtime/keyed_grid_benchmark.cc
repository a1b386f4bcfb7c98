// How evenly a KeyedGrid shares out work: a corpus cut by documents and words.
//
//   keyed_grid_benchmark [--data=docword.txt] [--workers=2,4,16] [--words=100000]
//                        [--tokens=10000000] [--docs=100000] [--exponent=1] [--seed=1]
//
// The corpus is a bag of words in UCI's format or, without --data, made up: words drawn by Zipf's
// law with that exponent, documents of lengths that are log-normal with deviation 0.7 of the log.
//
// `docs`, `words`: tokens of the largest group over the mean. `at once`: tokens of the largest over
// the mean of the blocks that are visited at once, of the worst stratum, and over a clock, where
// every stratum would wait for its largest block. `clock`: a clock without barriers, blocks waiting
// for those before them that held their keys (rotation.h), over an even share of the tokens.
// `bound`: below which no clock can be, for one worker at a time has the most frequent word.
// `start`: seconds to make the grid.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/random.h"
#include "runtime/keyed_grid.h"

namespace gyre {
namespace {

struct Corpus {
  std::vector<int32_t> doc, word;
  int64_t docs = 0, words = 0;
};

bool Read(const std::string& path, Corpus* c) {
  std::ifstream file(path);
  int64_t entries = 0;
  if (!(file >> c->docs >> c->words >> entries)) return false;
  for (int64_t i = 0; i < entries; ++i) {
    int64_t doc = 0, word = 0, count = 0;
    if (!(file >> doc >> word >> count) || doc < 1 || doc > c->docs || word < 1 ||
        word > c->words || count < 1)
      return false;
    c->doc.insert(c->doc.end(), static_cast<size_t>(count), static_cast<int32_t>(doc - 1));
    c->word.insert(c->word.end(), static_cast<size_t>(count), static_cast<int32_t>(word - 1));
  }
  return true;
}

// The place of a number in a running sum.
int32_t At(const std::vector<double>& sum, double u) {
  return static_cast<int32_t>(std::upper_bound(sum.begin(), sum.end() - 1, u * sum.back()) -
                              sum.begin());
}

Corpus MakeUp(int64_t tokens, int64_t docs, int64_t words, double exponent, uint64_t seed) {
  Corpus c;
  c.docs = docs, c.words = words;
  std::vector<double> of_word, of_doc;
  double sum = 0;
  for (int64_t w = 0; w < words; ++w)
    of_word.push_back(sum += std::pow(static_cast<double>(w + 1), -exponent));
  const rng::Stream lengths(seed, rng::Hash("lengths"), 0), draws(seed, rng::Hash("words"), 0);
  sum = 0;
  for (int64_t d = 0; d < docs; ++d) {
    const auto at = static_cast<uint64_t>(2 * d);
    const double normal = std::sqrt(-2 * std::log(1 - lengths.Uniform(at))) *
                          std::cos(2 * M_PI * lengths.Uniform(at + 1));
    of_doc.push_back(sum += std::exp(0.7 * normal));
  }
  for (int64_t t = 0; t < tokens; ++t) {
    c.doc.push_back(At(of_doc, draws.Uniform(static_cast<uint64_t>(2 * t))));
    c.word.push_back(At(of_word, draws.Uniform(static_cast<uint64_t>(2 * t + 1))));
  }
  return c;
}

double Imbalance(const std::vector<int32_t>& key, const std::vector<int32_t>& group, int cuts) {
  std::vector<int64_t> load(static_cast<size_t>(cuts));
  for (const int32_t k : key) ++load[static_cast<size_t>(group[static_cast<size_t>(k)])];
  return static_cast<double>(*std::max_element(load.begin(), load.end())) * cuts /
         static_cast<double>(key.size());
}

double Heaviest(const std::vector<int32_t>& key, int64_t keys) {
  std::vector<int64_t> count(static_cast<size_t>(keys));
  for (const int32_t k : key) ++count[static_cast<size_t>(k)];
  return static_cast<double>(*std::max_element(count.begin(), count.end()));
}

// The end of some clocks, each with its strata in another order, in tokens.
double Clocks(const KeyedGrid& grid, int clocks, uint64_t seed) {
  std::vector<double> chain(static_cast<size_t>(grid.cuts())), group(chain.size());
  std::vector<int> order(static_cast<size_t>(grid.strata()));
  std::iota(order.begin(), order.end(), 0);
  const rng::Stream draws(seed, rng::Hash("strata"), 0);
  uint64_t at = 0;
  for (int clock = 0; clock < clocks; ++clock) {
    for (size_t s = order.size(); s > 1; --s)
      std::swap(order[s - 1],
                order[static_cast<size_t>(draws.Uniform(at++) * static_cast<double>(s))]);
    for (const int stratum : order) {
      for (int c = 0; c < grid.cuts(); ++c) {
        double& mine = chain[static_cast<size_t>(c)];
        double& its = group[static_cast<size_t>(grid.group(stratum, c, 1))];
        mine = its = std::max(mine, its) +
                     static_cast<double>(grid.end(stratum, c) - grid.begin(stratum, c));
      }
    }
  }
  return *std::max_element(chain.begin(), chain.end());
}

void Report(const Corpus& corpus, int workers, uint64_t seed) {
  const auto tokens = static_cast<int64_t>(corpus.doc.size());
  const auto start = std::chrono::steady_clock::now();
  const KeyedGrid grid({corpus.doc.data(), corpus.word.data()}, {corpus.docs, corpus.words}, tokens,
                       workers, seed);
  const std::chrono::duration<double> made = std::chrono::steady_clock::now() - start;
  double worst = 0, all = 0;
  for (int s = 0; s < grid.strata(); ++s) {
    int64_t most = 0, sum = 0;
    for (int c = 0; c < workers; ++c) {
      const int64_t rows = grid.end(s, c) - grid.begin(s, c);
      most = std::max(most, rows), sum += rows;
    }
    all += static_cast<double>(most) * workers;
    worst = std::max(worst, static_cast<double>(most) * workers / static_cast<double>(sum));
  }
  constexpr int kClocks = 20;
  const auto n = static_cast<double>(tokens);
  std::printf(
      "%3d workers: docs %.4f, words %.4f; at once %.3f, over a clock %.3f; clock %.3f, bound "
      "%.3f; "
      "start %.2f s\n",
      workers, Imbalance(corpus.doc, grid.groups(0), workers),
      Imbalance(corpus.word, grid.groups(1), workers), worst, all / n,
      Clocks(grid, kClocks, seed) * workers / kClocks / n,
      std::max(1.0, Heaviest(corpus.word, corpus.words) * workers / n), made.count());
}

int Main(int argc, char** argv) {
  std::map<std::string, std::string> flag = {
      {"data", ""},       {"workers", "2,4,16"}, {"words", "100000"}, {"tokens", "10000000"},
      {"docs", "100000"}, {"exponent", "1"},     {"seed", "1"}};
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equal = arg.find('=');
    const auto found = arg.rfind("--", 0) != 0 || equal == std::string::npos
                           ? flag.end()
                           : flag.find(arg.substr(2, equal - 2));
    if (found == flag.end()) {
      std::cerr << arg << ": no such flag; see the head of keyed_grid_benchmark.cc\n";
      return 2;
    }
    found->second = arg.substr(equal + 1);
  }
  const auto seed = static_cast<uint64_t>(std::atoll(flag["seed"].c_str()));
  Corpus corpus;
  if (flag["data"].empty()) {
    corpus = MakeUp(std::atoll(flag["tokens"].c_str()), std::atoll(flag["docs"].c_str()),
                    std::atoll(flag["words"].c_str()), std::atof(flag["exponent"].c_str()), seed);
  } else if (!Read(flag["data"], &corpus)) {
    std::cerr << flag["data"] << ": is no bag of words in UCI's format\n";
    return 2;
  }
  std::istringstream workers(flag["workers"]);
  for (std::string text; std::getline(workers, text, ',');)
    Report(corpus, std::atoi(text.c_str()), seed);
  return 0;
}

}  // namespace
}  // namespace gyre

int main(int argc, char** argv) { return gyre::Main(argc, argv); }
