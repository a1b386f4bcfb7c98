#include "runtime/data/keyed.h"

#include "runtime/data/bags.h"

namespace gyre {

bool IsKeyed(FileFormat format) {
  return format == FileFormat::kDocword || format == FileFormat::kLdac ||
         format == FileFormat::kText || format == FileFormat::kRatings;
}

absl::StatusOr<KeyedRows> ReadKeyed(const std::string& path, const KeyedOptions& options) {
  const auto bytes = io::FileBytes::Open(path);
  if (!bytes.ok()) return bytes.status();
  switch (options.format) {
    case FileFormat::kDocword:
      return io::ReadDocword(**bytes, options);
    case FileFormat::kLdac:
      return io::ReadLdac(**bytes, options);
    case FileFormat::kText:
      return io::ReadText(**bytes, options);
    case FileFormat::kRatings:
      return io::ReadRatings(**bytes, options);
    default:
      return absl::InternalError("not a format of keyed rows");
  }
}

}  // namespace gyre
