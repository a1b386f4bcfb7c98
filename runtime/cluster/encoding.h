// How a stage's contribution crosses a stream: as segments of bytes, one after another.
//
// First the numbers of the flat vector in its order, each field as it is, in fewer bits with error
// feedback, or only its rows that are not zero; then, field by field, the terms of outer products.
// A shard gets its range of the numbers; rows and terms go to an owner whole (one shard).
//
//   numbers   the elements, in the codec
//   rows      count (int64) · positions (int32) · their rows, in the codec
//   terms     for each logical worker of the process: terms, entries of v (-1: dense), whether it
//   is
//             the last, 0 (int64 each) · u · for sparse v: lengths, positions (int32) · v
//
// Little-endian, as all frames. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "ops/aligned.h"
#include "ops/outer_terms.h"
#include "ops/quantize.h"
#include "runtime/cluster/shards.h"
#include "runtime/cluster/wire.h"
#include "runtime/contribution.h"
#include "runtime/layout.h"

namespace gyre {

struct FieldEncoding {
  Codec codec = Codec::kExact;
  int64_t row = 0;  // > 0: elements of a row; only rows that are not zero travel
};

struct StageEncoding {
  Layout layout;                     // of the totals; no field: nothing is gathered
  std::vector<FieldEncoding> field;  // by position
  int64_t most_terms = 0;            // that one worker may add

  struct Numbers {
    KeyRange range;
    Codec codec = Codec::kExact;
    int64_t row = 0;
  };
  // What covers the part of the flat vector that travels as numbers, in order, within `range`.
  std::vector<Numbers> NumbersIn(const KeyRange& range) const;
  KeyRange Range(int shard, int shards) const { return ShardRange(layout.summed, shard, shards); }
};

struct WireSegment {
  const char* data = nullptr;
  int64_t bytes = 0;
};

// What one process has for its owners in one stage, encoded; lives until all have it.
class EncodedContribution {
 public:
  explicit EncodedContribution(const StageEncoding* encoding);
  // `sum` is what all `parts` add up to, and outlives this; `rest` is what rounding has left so
  // far, Layout::summed numbers, or null where nothing is rounded. The terms of `parts` get their
  // scale.
  void Encode(const double* sum, const std::vector<const Contribution*>& parts, double* rest);
  // The segments for a shard that has `range` of the numbers.
  std::vector<WireSegment> For(const KeyRange& range) const;

 private:
  struct Coded {
    StageEncoding::Numbers numbers;
    AlignedArray<char> bytes;  // empty where numbers travel as they are
    GrowingArray<int32_t> row;
    int64_t rows = 0;
  };
  void EncodeRows(const double* sum, double* rest, Coded* to);

  const StageEncoding* const encoding_;
  const double* sum_ = nullptr;
  std::vector<Coded> coded_;
  struct TermsOf {
    int64_t header[4];
    const OuterTerms* terms;
  };
  std::vector<TermsOf> terms_;
};

// Takes the segments of one stage back, piece by piece.
class ContributionDecoder {
 public:
  // `encoding` outlives it.
  ContributionDecoder(const StageEncoding* encoding, const KeyRange& range);

  // From here on pieces go to `to`, which is cleared.
  void Begin(Contribution* to);
  bool complete() const { return state_ == State::kComplete; }
  int64_t taken() const { return taken_; }  // bytes
  // The next piece. An error says what does not fit.
  absl::Status Take(const ReceivedFrame& frame);

 private:
  enum class State : uint8_t {
    kNumbers,
    kRowCount,
    kRowPositions,
    kRows,
    kTermsHeader,
    kU,
    kLengths,
    kPositions,
    kV,
    kComplete
  };
  void Enter(State state, void* to, int64_t bytes);
  absl::Status Leave();
  void NextNumbers();
  void NextTerms(size_t from);
  void FinishNumbers();
  void ScatterRows();

  const StageEncoding* const encoding_;
  const std::vector<StageEncoding::Numbers> numbers_;
  Contribution* to_ = nullptr;
  State state_ = State::kComplete;
  size_t number_ = 0, field_ = 0;
  char* at_ = nullptr;  // where the segment at hand goes, what it has left
  int64_t left_ = 0, taken_ = 0;
  int64_t header_[4] = {};
  OuterTerms::Room room_;
  GrowingArray<char> staged_;
  GrowingArray<int32_t> row_;
};

}  // namespace gyre
