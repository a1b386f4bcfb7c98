#include "runtime/driver/npy.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "runtime/driver/files.h"

namespace gyre::driver {
namespace {

using absl::StrCat;
using absl::string_view;

constexpr char kMagic[] = "\x93NUMPY\x01";  // then 0 and the length of the header, 16 bits
constexpr size_t kPrefix = 10;
constexpr size_t kAlign = 64;  // of the data, as numpy writes it

std::string HeaderOf(const std::vector<int64_t>& shape) {
  std::string tuple;
  for (int64_t extent : shape) absl::StrAppend(&tuple, extent, ", ");
  if (shape.size() > 1) tuple.resize(tuple.size() - 2);
  std::string header = StrCat("{'descr': '<f8', 'fortran_order': False, 'shape': (", tuple, "), }");
  while ((kPrefix + header.size() + 1) % kAlign != 0) header += ' ';
  return header + '\n';
}

// What follows "'key':" in the header, spaces skipped; empty when the key is missing.
string_view After(string_view header, string_view key) {
  const size_t at = header.find(StrCat("'", key, "':"));
  if (at == string_view::npos) return "";
  return absl::StripLeadingAsciiWhitespace(header.substr(at + key.size() + 3));
}

bool ParseShape(string_view text, std::vector<int64_t>* shape) {
  const size_t close = text.find(')');
  if (!absl::ConsumePrefix(&text, "(") || close == string_view::npos) return false;
  for (string_view part : absl::StrSplit(text.substr(0, close - 1), ',')) {
    part = absl::StripAsciiWhitespace(part);
    int64_t extent = 0;
    if (part.empty()) continue;
    if (!absl::SimpleAtoi(part, &extent) || extent < 0) return false;
    shape->push_back(extent);
  }
  return true;
}

template <class T>
std::vector<double> Decode(string_view bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

}  // namespace

absl::Status WriteNpy(const std::string& path, const std::vector<int64_t>& shape,
                      const std::vector<double>& values) {
  const std::string header = HeaderOf(shape);
  std::string bytes(kMagic, sizeof(kMagic) - 1);
  bytes.push_back('\0');
  bytes.push_back(static_cast<char>(header.size() & 0xff));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  return WriteFile(path, bytes);
}

absl::StatusOr<NpyArray> ReadNpy(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadWholeFile(path);
  if (!bytes.ok()) return bytes.status();
  const auto fail = [&](string_view what) {
    return absl::InvalidArgumentError(StrCat(path, ": ", what));
  };
  if (bytes->size() < kPrefix || bytes->compare(0, sizeof(kMagic) - 1, kMagic) != 0) {
    return fail("is not a .npy file of version 1; save it with numpy.save");
  }
  const size_t length = static_cast<unsigned char>((*bytes)[8]) +
                        (size_t{static_cast<unsigned char>((*bytes)[9])} << 8);
  if (bytes->size() < kPrefix + length) return fail("is truncated within its header");
  const string_view header = string_view(*bytes).substr(kPrefix, length);
  const string_view data = string_view(*bytes).substr(kPrefix + length);

  NpyArray array;
  if (!absl::StartsWith(After(header, "fortran_order"), "False")) {
    return fail("is in Fortran order; save numpy.ascontiguousarray(x)");
  }
  if (!ParseShape(After(header, "shape"), &array.shape)) return fail("has no readable shape");
  const string_view descr = After(header, "descr");
  const bool wide = absl::StartsWith(descr, "'<f8'");
  if (!wide && !absl::StartsWith(descr, "'<f4'"))
    return fail("holds other numbers than float32 or float64");
  size_t cells = 1;
  for (int64_t extent : array.shape) cells *= static_cast<size_t>(extent);
  const size_t wanted = cells * (wide ? 8 : 4);
  if (data.size() != wanted) {
    return fail(StrCat("holds ", data.size(), " bytes of numbers where its shape says ", wanted));
  }
  array.values = wide ? Decode<double>(data) : Decode<float>(data);
  return array;
}

}  // namespace gyre::driver
