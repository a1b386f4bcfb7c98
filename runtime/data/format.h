// Which format a file is in: said by its name, or by the user.
#pragma once
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gyre {

enum class FileFormat {
  kAuto,
  kLibsvm,
  kCsv,
  kNpy,
  kMatrixMarket,
  kIdx,
  // Keyed rows (runtime/data/keyed.h).
  kDocword,
  kLdac,
  kText,
  kRatings,
};

// `auto`, `libsvm`, `csv`, `npy`, `mm`, `idx`, `docword`, `ldac`, `text` or `ratings`, as
// `--format=` takes them.
absl::StatusOr<FileFormat> ParseFileFormat(absl::string_view name);

// By extension, under an optional .gz or .xz: .svm .libsvm .svmlight; .csv .tsv; .npy; .mtx .mm;
// .idx and the names of the MNIST files (...-idx3-ubyte); .docword and docword.X.txt; .ldac .lda-c;
// .txt; .ratings. InvalidArgument names the choices.
absl::StatusOr<FileFormat> FormatOfPath(absl::string_view path);

}  // namespace gyre
