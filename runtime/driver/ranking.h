// The best of what is not in the data yet: predict --top.
//
// Rows that name two keys or more, a user and an item, have a prediction for every pair of keys.
// The keys are the maps that the prediction reads; the second, in the program's order, is ranked,
// and each combination of the others asks once. What the data has a row for is left out.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dsl/program.h"
#include "runtime/driver/dataset.h"
#include "runtime/driver/evaluate.h"
#include "runtime/driver/model.h"

namespace gyre::driver {

struct RankedPrediction {
  const Prediction* prediction = nullptr;
  const Pass* pass = nullptr;
  std::vector<int> key;     // symbols, in the program's order
  std::vector<int> tables;  // data without rows that it reads

  int ranked() const { return key[1]; }
};

// The first prediction that --top can rank. InvalidArgument, with the reason, where there is none.
// Without data only pairs of keys can ask.
absl::StatusOr<RankedPrediction> FindRanked(const Program& program, bool has_data);

struct Ranking {
  std::string csv;    // keys and prediction, the best first for each that asks
  int64_t asked = 0;  // combinations of the other keys
  int64_t fewer = 0;  // of them: have fewer than `top` left
};

// Of every combination of keys in `data`, or, where that is empty, of every position of the first
// key. REQUIRES: `evaluator` is of the program, and of `data` where that is not empty.
absl::StatusOr<Ranking> Rank(const Program& program, const Model& model, const Dataset& data,
                             const RankedPrediction& ranked, int64_t top, Evaluator* evaluator);

}  // namespace gyre::driver
