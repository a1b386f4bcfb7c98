// Names of the values of a map, as files and errors have them.
#pragma once
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gyre::io {

// A name a line, in order, blanks at its ends left out. InvalidArgument for what is not UTF-8.
absl::StatusOr<std::vector<std::string>> ReadNames(const std::string& path);

// The vocabulary that UCI ships beside `path`: vocab.X.txt of docword.X.txt, either compressed or
// not; empty when there is none.
std::string VocabularyBeside(const std::string& path);

// The first few names, for errors: "0, 1, 2, ... (10 values)".
std::string ListedNames(const std::vector<std::string>& names);

// Whether a model can hold `text`: its manifest is JSON.
bool IsUtf8(absl::string_view text);

}  // namespace gyre::io
