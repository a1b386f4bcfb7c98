// tomotopy's LDA (github.com/bab2min/tomotopy, its C++ core), exact and vectorised. Beside its
// sources and EigenRand:
//   g++ -std=c++17 -O3 -DNDEBUG -march=native -mno-avx512f -fno-access-control -pthread
//   -Itomotopy/src
//     -IEigenRand -I/usr/include/eigen3 run_tomotopy.cc tomotopy/src/TopicModel/LDAModel.cpp
//     tomotopy/src/Utils/{serializer,Dictionary,SharedString,Mmap}.cpp -o run_tomotopy
#include "TopicModel/LDAModel.hpp"
#include "peer.h"

int main(int count, char** value) {
  const peer::Arguments a = peer::Parse(count, value);
  const peer::Corpus c = peer::Read(a.path);
  tomoto::LDAArgs args;
  args.k = a.topics;
  args.alpha = {static_cast<tomoto::Float>(a.alpha)};
  args.eta = a.beta;
  args.seed = 42;
  tomoto::LDAModel<tomoto::TermWeight::one, tomoto::RandGen> model(args);
  std::vector<std::string> names;
  for (int w = 0; w < c.words; ++w) names.push_back("w" + std::to_string(w));
  model.updateVocab(names);
  for (int d = 0; d < c.docs; ++d) {
    if (c.begin[d] == c.begin[d + 1]) continue;
    tomoto::RawDoc doc;
    doc.words.assign(c.word.begin() + c.begin[d], c.word.begin() + c.begin[d + 1]);
    model.addDoc(doc);
  }
  model.setOptimInterval(0);
  model.setBurnInIteration(0);
  model.prepare(true, 0, 0, 0);
  const auto likelihood = [&] {
    std::vector<size_t> begin{0};
    std::vector<uint32_t> word, topic;
    for (const auto& doc : model.docs) {
      for (const auto w : doc.words) word.push_back(w);
      for (const auto z : doc.Zs) topic.push_back(z);
      begin.push_back(word.size());
    }
    return peer::Likelihood(c.words, a.topics, a.alpha, a.beta, begin, word, topic);
  };
  peer::Train(
      a.seconds, [&] { model.train(1, a.threads, tomoto::ParallelScheme::default_); }, likelihood);
}
