// The values of flags: text to numbers, choices and files. Each says what it wanted when it did not
// get it, "wants a whole number of at least 1"; the caller names the flag.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "runtime/driver/options.h"

namespace gyre::driver {

template <class T>
absl::Status ToInteger(absl::string_view text, T least, T* out) {
  T value;
  if (!absl::SimpleAtoi(text, &value) || value < least) {
    return absl::InvalidArgumentError(absl::StrCat("wants a whole number of at least ", least));
  }
  *out = value;
  return absl::OkStatus();
}

// Finite numbers of at least `least`.
absl::Status ToReal(absl::string_view text, double least, double* out);
absl::Status ToReal(absl::string_view text, double least, std::optional<double>* out);
// Between 0 and 1, neither of them.
absl::Status ToShare(absl::string_view text, std::optional<double>* out);
// Seconds above 0.
absl::Status ToDuration(absl::string_view text, std::optional<double>* out);
// Bytes: a number, with K, M, G or T for powers of 1024.
absl::Status ToBytes(absl::string_view text, std::optional<int64_t>* out);
// Bytes a second: bits, with k, M or G for powers of 1000 and "bit" after it.
absl::Status ToRate(absl::string_view text, double* out);
// At least 0. To a planner 0 is "as usual"; what a user means by it is the least number above.
absl::Status ToTolerance(absl::string_view text, std::optional<double>* out);

absl::Status ToBool(absl::string_view text, bool* out);         // "": true
absl::Status ToText(absl::string_view text, std::string* out);  // not empty
absl::Status ToPin(absl::string_view text, std::initializer_list<const char*> choices,
                   std::string* out);
absl::Status ToBridge(absl::string_view text, std::string* out);  // auto, bsp, ssp:S, async

template <class Enum>
absl::Status ToEnum(absl::string_view text,
                    std::initializer_list<std::pair<const char*, Enum>> choices, Enum* out) {
  std::vector<absl::string_view> names;
  for (const auto& [name, value] : choices) {
    if (text == name) {
      *out = value;
      return absl::OkStatus();
    }
    names.push_back(name);
  }
  return absl::InvalidArgumentError(absl::StrCat("wants one of ", absl::StrJoin(names, ", ")));
}

absl::Status ToInput(absl::string_view text, std::vector<Input>* out);  // [NAME=]FILE, appended
absl::Status ToWorkers(absl::string_view text, int* out);               // auto is 0
absl::Status ToExtent(absl::string_view text, std::map<std::string, int64_t>* out);     // AXIS=N
absl::Status ToNames(absl::string_view text, std::map<std::string, std::string>* out);  // MAP=FILE

// --format says how data is read, and under explain how the plan is rendered. Both have a text:
// there it is the rendering.
absl::Status ToFormat(absl::string_view text, Options* out);

}  // namespace gyre::driver
