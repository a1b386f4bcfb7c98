#include "runtime/cluster/pace.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "dsl/random.h"

namespace gyre {

absl::StatusOr<Pace> Pace::Parse(absl::string_view text) {
  Pace pace;
  bool stated = false;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    double value = 0;
    const bool number = absl::SimpleAtod(pair.second, &value) && std::isfinite(value);
    if (pair.first == "ms" && number && value > 0) {
      pace.length = absl::Milliseconds(value);
      stated = true;
    } else if (pair.first == "slow" && number && value >= 1) {
      pace.slow = value;
    } else if (pair.first == "share" && number && value >= 0 && value <= 1) {
      pace.share = value;
    } else if (pair.first == "of"
                   ? !absl::SimpleAtoi(pair.second, &pace.of) || pace.of < 1
                   : pair.first != "seed" || !absl::SimpleAtoi(pair.second, &pace.seed)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "$", kPaceVariable, ": \"", word,
          "\" is none of ms=X > 0, slow=X >= 1, share=X of 0 to 1, of=N >= 1, seed=N, with "
          "commas between"));
    }
  }
  if (!stated)
    return absl::InvalidArgumentError(
        absl::StrCat("$", kPaceVariable, " is \"", text, "\" and lacks ms=X"));
  if (pace.of > 0 && pace.share > 0)
    return absl::InvalidArgumentError(
        absl::StrCat("$", kPaceVariable, " is \"", text, "\": give share or of, not both"));
  return pace;
}

absl::Duration Pace::LengthOf(int worker, Clock clock) const {
  const rng::Stream draws(seed, rng::Hash("pace"), static_cast<uint64_t>(clock));
  const bool is_slow = of > 0 ? static_cast<int>(draws.Uniform(0) * of) == worker
                              : draws.Uniform(static_cast<uint64_t>(worker)) < share;
  return is_slow ? length * slow : length;
}

Stamp PacedTable::Read(int worker, Clock clock, Stage need, const void** param) {
  Until(worker) = absl::Now() + pace_.LengthOf(worker, clock);
  return table_->Read(worker, clock, need, param);
}

void PacedTable::Done(int worker, Stage stage) {
  absl::SleepFor(Until(worker) - absl::Now());
  table_->Done(worker, stage);
}

}  // namespace gyre
