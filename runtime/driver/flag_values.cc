#include "runtime/driver/flag_values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace gyre::driver {
namespace {

using absl::InvalidArgumentError;
using absl::Status;
using absl::StrCat;
using absl::string_view;

constexpr const char* kDataFormats[] = {"libsvm",  "csv",  "npy",  "mm",     "idx",
                                        "docword", "ldac", "text", "ratings"};
constexpr const char* kRenders[] = {"text", "json", "dot", "html"};

}  // namespace

Status ToReal(string_view text, double least, double* out) {
  double value;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return InvalidArgumentError("wants a number");
  }
  if (value < least) return InvalidArgumentError(StrCat("wants a number of at least ", least));
  *out = value;
  return absl::OkStatus();
}

Status ToReal(string_view text, double least, std::optional<double>* out) {
  double value = 0;
  Status status = ToReal(text, least, &value);
  if (status.ok()) *out = value;
  return status;
}

Status ToShare(string_view text, std::optional<double>* out) {
  double value = 0;
  if (!ToReal(text, 0, &value).ok() || !(value > 0 && value < 1))
    return InvalidArgumentError("wants a number between 0 and 1");
  *out = value;
  return absl::OkStatus();
}

Status ToDuration(string_view text, std::optional<double>* out) {
  double value = 0;
  if (!ToReal(text, 0, &value).ok() || value == 0)
    return InvalidArgumentError("wants a number of seconds above 0");
  *out = value;
  return absl::OkStatus();
}

Status ToBytes(string_view text, std::optional<int64_t>* out) {
  constexpr string_view kUnits = "KMGT";
  string_view number = text;
  double value = 0, unit = 1;
  if (const size_t at = number.empty() ? string_view::npos : kUnits.find(number.back());
      at != string_view::npos) {
    unit = std::exp2(10.0 * static_cast<double>(at + 1));
    number.remove_suffix(1);
  }
  if (!ToReal(number, 0, &value).ok() || value * unit >= 0x1p62)
    return InvalidArgumentError("wants bytes, for example 800M or 6G");
  *out = static_cast<int64_t>(value * unit);
  return absl::OkStatus();
}

Status ToRate(string_view text, double* out) {
  constexpr string_view kUnits = "kMG";
  string_view number = text;
  double value = 0, unit = 1;
  const bool bits = absl::ConsumeSuffix(&number, "bit");
  if (const size_t at = number.empty() ? string_view::npos : kUnits.find(number.back());
      at != string_view::npos) {
    unit = std::pow(1000.0, static_cast<double>(at + 1));
    number.remove_suffix(1);
  }
  if (!bits || !ToReal(number, 0, &value).ok() || value * unit < 8000)
    return InvalidArgumentError("wants bits a second of at least 8kbit, for example 40Mbit");
  *out = value * unit / 8;
  return absl::OkStatus();
}

Status ToTolerance(string_view text, std::optional<double>* out) {
  Status status = ToReal(text, 0, out);
  if (status.ok() && **out == 0) *out = std::numeric_limits<double>::min();
  return status;
}

Status ToBool(string_view text, bool* out) {
  if (text.empty()) text = "true";
  if (!absl::SimpleAtob(text, out)) return InvalidArgumentError("wants true or false");
  return absl::OkStatus();
}

Status ToText(string_view text, std::string* out) {
  if (text.empty()) return InvalidArgumentError("wants a value");
  *out = std::string(text);
  return absl::OkStatus();
}

Status ToPin(string_view text, std::initializer_list<const char*> choices, std::string* out) {
  for (const char* choice : choices) {
    if (text != choice) continue;
    *out = choice;
    return absl::OkStatus();
  }
  return InvalidArgumentError(StrCat("wants one of ", absl::StrJoin(choices, ", ")));
}

Status ToBridge(string_view text, std::string* out) {
  if (string_view bound = text; absl::ConsumePrefix(&bound, "ssp:")) {
    int64_t staleness = 0;
    Status status = ToInteger<int64_t>(bound, 0, &staleness);
    if (!status.ok())
      return InvalidArgumentError("wants ssp:S with S a whole number of at least 0");
    *out = StrCat("ssp:", staleness);
    return absl::OkStatus();
  }
  if (text == "ssp") return InvalidArgumentError("wants a bound, for example ssp:3");
  Status status = ToPin(text, {"auto", "bsp", "async"}, out);
  return status.ok() ? status : InvalidArgumentError("wants one of auto, bsp, ssp:S, async");
}

Status ToInput(string_view text, std::vector<Input>* out) {
  if (text.empty()) return InvalidArgumentError("wants FILE or NAME=FILE");
  // A path may hold '=' too; only a leading identifier names a symbol.
  const size_t equals = text.find('=');
  const string_view head = text.substr(0, equals == string_view::npos ? 0 : equals);
  const bool named = !head.empty() && std::all_of(head.begin(), head.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
  if (named && equals + 1 == text.size()) return InvalidArgumentError("wants NAME=FILE");
  out->push_back(named ? Input{std::string(head), std::string(text.substr(equals + 1))}
                       : Input{"", std::string(text)});
  return absl::OkStatus();
}

Status ToWorkers(string_view text, int* out) {
  if (text == "auto") {
    *out = 0;
    return absl::OkStatus();
  }
  Status status = ToInteger<int>(text, 1, out);
  return status.ok() ? status : InvalidArgumentError("wants auto or a whole number of at least 1");
}

Status ToExtent(string_view text, std::map<std::string, int64_t>* out) {
  const std::pair<string_view, string_view> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  int64_t extent = 0;
  Status status = ToInteger<int64_t>(parts.second, 1, &extent);
  if (!status.ok()) return InvalidArgumentError("wants AXIS=N, for example --extent=Cluster=50");
  (*out)[std::string(parts.first)] = extent;
  return absl::OkStatus();
}

Status ToNames(string_view text, std::map<std::string, std::string>* out) {
  const std::pair<string_view, string_view> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (parts.first.empty() || parts.second.empty())
    return InvalidArgumentError("wants MAP=FILE, for example --names=word=vocab.txt");
  (*out)[std::string(parts.first)] = std::string(parts.second);
  return absl::OkStatus();
}

Status ToFormat(string_view text, Options* out) {
  for (const char* render : kRenders) {
    if (text == render && out->command == Command::kExplain) {
      out->render = render;
      return absl::OkStatus();
    }
  }
  for (const char* format : kDataFormats) {
    if (text == format) {
      out->data_format = format;
      return absl::OkStatus();
    }
  }
  const std::string data = absl::StrJoin(kDataFormats, ", ");
  return InvalidArgumentError(out->command == Command::kExplain
                                  ? StrCat("wants one of ", absl::StrJoin(kRenders, ", "),
                                           " (the plan) or ", data, " (data)")
                                  : StrCat("wants one of ", data));
}

}  // namespace gyre::driver
