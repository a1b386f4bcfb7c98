// A field of CSV.
#pragma once
#include <string>

namespace gyre::driver {

// Quoted when it must be (RFC 4180).
inline std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace gyre::driver
