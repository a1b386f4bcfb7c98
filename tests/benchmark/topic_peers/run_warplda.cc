// WarpLDA (github.com/thu-ml/warplda), one word and one document proposal a sweep, as its main
// does. Beside its sources:
//   g++ -std=c++14 -O3 -march=native -fopenmp -fno-access-control -include stdexcept -Iwarplda/src
//     run_warplda.cc warplda/src/{lda,Bigraph,AdjList,NumaArray,Vocab,clock}.cpp -lnuma -o
//     run_warplda
// It computes a likelihood of its own within every sweep, about 6 % of the time; the figures in
// docs/benchmarks.md are without (those statements of warplda.cpp taken out).
#include <unistd.h>
#include <cstring>
#include <string>

#define printf(...) fprintf(stderr, __VA_ARGS__)
#include "warplda.cpp"
#undef printf
#include "peer.h"

int main(int count, char** value) {
  const peer::Arguments a = peer::Parse(count, value);
  // A static constructor of WarpLDA asks for the number of threads before main.
  const char* threads = std::getenv("OMP_NUM_THREADS");
  if (threads == nullptr || std::atoi(threads) != a.threads) {
    setenv("OMP_NUM_THREADS", std::to_string(a.threads).c_str(), 1);
    return execv("/proc/self/exe", value);
  }
  const peer::Corpus c = peer::Read(a.path);
  const std::string prefix = "/tmp/warplda." + std::to_string(getpid());
  std::vector<TVID> place(c.words);  // words in a random order, as its format tool has them
  for (int w = 0; w < c.words; ++w) place[w] = w;
  for (int w = c.words - 1; w > 0; --w) std::swap(place[w], place[std::rand() % (w + 1)]);
  std::vector<std::pair<TUID, TVID>> edge;
  for (int d = 0; d < c.docs; ++d) {
    for (size_t i = c.begin[d]; i < c.begin[d + 1]; ++i) edge.emplace_back(d, place[c.word[i]]);
  }
  Bigraph::Generate(prefix, edge, c.words);
  WarpLDA<1> model;
  model.loadBinary(prefix);
  for (const char* end : {".u.idx", ".u.lnk", ".v.idx", ".v.lnk"}) unlink((prefix + end).c_str());
  model.K = a.topics, model.alpha = a.alpha, model.beta = a.beta;
  model.initialize();
  const auto likelihood = [&] {
    std::vector<size_t> begin{0};
    std::vector<uint32_t> word, topic;
    model.shuffle->VisitURemoteDataSequential([&](TUID, TDegree n, const TVID* words, auto& data) {
      for (unsigned i = 0; i < n; ++i) word.push_back(words[i]), topic.push_back(data[i].oldk);
      begin.push_back(word.size());
    });
    return peer::Likelihood(c.words, a.topics, a.alpha, a.beta, begin, word, topic);
  };
  const auto sweep = [&] {
    model.total_log_likelihood = 0;
    model.accept_d_propose_w();
    model.accept_w_propose_d();
  };
  peer::Train(a.seconds, sweep, likelihood);
}
