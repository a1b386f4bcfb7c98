#include "runtime/data/format.h"

#include <cctype>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace gyre {
namespace {

struct Suffix {
  const char* text;
  FileFormat format;
};

constexpr Suffix kSuffixes[] = {
    {".svm", FileFormat::kLibsvm},       {".libsvm", FileFormat::kLibsvm},
    {".svmlight", FileFormat::kLibsvm},  {".csv", FileFormat::kCsv},
    {".tsv", FileFormat::kCsv},          {".npy", FileFormat::kNpy},
    {".mtx", FileFormat::kMatrixMarket}, {".mm", FileFormat::kMatrixMarket},
    {".idx", FileFormat::kIdx},          {".docword", FileFormat::kDocword},
    {".ldac", FileFormat::kLdac},        {".lda-c", FileFormat::kLdac},
    {".txt", FileFormat::kText},         {".ratings", FileFormat::kRatings},
};

// train-images-idx3-ubyte, train-images.idx3-ubyte
bool IsMnistName(absl::string_view name) {
  constexpr size_t kLength = sizeof("idxN-ubyte") - 1;
  if (!absl::EndsWith(name, "-ubyte") || name.size() < kLength) return false;
  const absl::string_view tail = name.substr(name.size() - kLength);
  return absl::StartsWith(tail, "idx") && std::isdigit(static_cast<unsigned char>(tail[3]));
}

// docword.nips.txt, as UCI names its bags of words.
bool IsDocwordName(absl::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);  // of npos: none
  return absl::StartsWith(name, "docword.") && absl::EndsWith(name, ".txt");
}

}  // namespace

absl::StatusOr<FileFormat> ParseFileFormat(absl::string_view name) {
  if (name == "auto") return FileFormat::kAuto;
  if (name == "libsvm") return FileFormat::kLibsvm;
  if (name == "csv") return FileFormat::kCsv;
  if (name == "npy") return FileFormat::kNpy;
  if (name == "mm") return FileFormat::kMatrixMarket;
  if (name == "idx") return FileFormat::kIdx;
  if (name == "docword") return FileFormat::kDocword;
  if (name == "ldac") return FileFormat::kLdac;
  if (name == "text") return FileFormat::kText;
  if (name == "ratings") return FileFormat::kRatings;
  return absl::InvalidArgumentError(
      absl::StrCat("unknown format '", name,
                   "'; use auto, libsvm, csv, npy, mm, idx, docword, ldac, text or ratings"));
}

absl::StatusOr<FileFormat> FormatOfPath(absl::string_view path) {
  const std::string lower = absl::AsciiStrToLower(path);
  absl::string_view name = lower;
  if (!absl::ConsumeSuffix(&name, ".gz")) absl::ConsumeSuffix(&name, ".xz");
  if (IsDocwordName(name)) return FileFormat::kDocword;
  for (const Suffix& suffix : kSuffixes) {
    if (absl::EndsWith(name, suffix.text)) return suffix.format;
  }
  if (IsMnistName(name)) return FileFormat::kIdx;
  return absl::InvalidArgumentError(absl::StrCat(
      path,
      ": cannot tell the format from the name; end it in .svm, .csv, .tsv, .npy, .mtx, .idx, "
      ".docword, .ldac, .txt or .ratings (then .gz or .xz), or say --format="));
}

}  // namespace gyre
