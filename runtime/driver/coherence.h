// How well the words of a topic go together: in how many documents they meet (UMass; Mimno,
// Wallach, Talley, Leenders and McCallum, "Optimizing Semantic Coherence in Topic Models", EMNLP
// 2011, equation 1)
//
//   C(t) = sum over m = 2..M, l < m of log((D(v_m, v_l) + 1) / D(v_l))
//
// where v_1, v_2, ... are the words with the most of the topic, the most first, D(v) is the number
// of documents with v, and D(v, w) of those with both. Nearer to zero is better.
#pragma once
#include <cstdint>
#include <vector>

#include "ops/view.h"

namespace gyre::driver {

// By topic, from `top`, its words; words in no document are passed over, and a topic with fewer
// than two is NaN. `document` and `word` hold the positions of every row, whose order does not
// matter; `documents` and `words` are their extents. Linear in the rows, and for each pair of words
// at most in documents / 64.
std::vector<double> UMassCoherence(const std::vector<std::vector<int32_t>>& top,
                                   const Block& document, int64_t documents, const Block& word,
                                   int64_t words);

}  // namespace gyre::driver
