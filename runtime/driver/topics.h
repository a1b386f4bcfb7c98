// Topics that a run has found: tables of words (or whatever a key names) by topics. They are counts
// of a latent by one key, or a parameter of two axes that is nowhere negative.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ops/view.h"
#include "runtime/driver/model.h"

namespace gyre::driver {

inline constexpr size_t kTopWords = 10;  // that coherence looks at

struct TopicTable {
  int symbol = -1;
  int topic = -1;                         // which of its axes the topics lie along
  std::vector<double> size;               // by topic: the sum of its cells
  std::vector<std::vector<int32_t>> top;  // by topic: up to kTopWords positions, the most first
  // UMass, by topic (coherence.h); NaN where a topic has too few words. Empty: rows do not name
  // words in documents. The document is the first map over the rows, the word a later one.
  std::vector<double> coherence;
  double mean_coherence = 0;  // over the topics that have one
};

// The largest tables first. `data`, by symbol, is what was trained on; without it there is no
// coherence.
std::vector<TopicTable> FindTopics(const Program& program, const Model& model,
                                   const std::vector<Block>& data = {});

// Of each topic its share, its coherence and the names with the most of it, as in
// "    3   7.1%  -95.2  lord, god, israel". Empty: nothing is named.
std::string TopicText(const Program& program, const Model& model,
                      const std::vector<TopicTable>& tables);

}  // namespace gyre::driver
