// IDX, the format of MNIST: two zero bytes, the cell type, the number of axes, their extents, the
// cells, all big-endian. Rows are the first axis; images (two axes or more) of unsigned bytes are
// scaled to [0, 1].
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/data/source.h"
#include "runtime/data/table.h"

namespace gyre::io {
namespace {

absl::StatusOr<CellKind> KindOf(const FileBytes& bytes, unsigned char code) {
  switch (code) {
    case 0x08:
      return CellKind::kU1;
    case 0x09:
      return CellKind::kI1;
    case 0x0b:
      return CellKind::kI2;
    case 0x0c:
      return CellKind::kI4;
    case 0x0d:
      return CellKind::kF4;
    case 0x0e:
      return CellKind::kF8;
    default:
      return absl::InvalidArgumentError(absl::StrCat(bytes.path(), ":1: IDX cell type ",
                                                     static_cast<int>(code),
                                                     " is unknown; write the file again"));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenIdx(Bytes bytes, const ReadOptions& options) {
  const auto byte = [&](int64_t i) { return static_cast<unsigned char>(bytes->begin()[i]); };
  // The padding after the last byte makes the first four readable in any file.
  if (byte(0) != 0 || byte(1) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes->path(), ":1: is not an IDX file; check the file or say --format="));
  }
  const int64_t axes = byte(3);
  if (bytes->size() < 4 + 4 * axes) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes->path(), ":1: the header is cut short; write or fetch the file again"));
  }
  auto kind = KindOf(*bytes, byte(2));
  if (!kind.ok()) return kind.status();
  std::vector<int64_t> shape;
  for (int64_t a = 0; a < axes; ++a) {
    int64_t extent = 0;
    for (int64_t i = 0; i < 4; ++i) extent = extent << 8 | byte(4 + 4 * a + i);
    shape.push_back(extent);
  }
  Table table;
  table.cell = {*kind, true};
  table.offset = 4 + 4 * axes;
  if (axes > 1 && *kind == CellKind::kU1 && options.scale_images) table.divisor = 255;
  auto shaped = WithShape(*bytes, table, shape);
  if (!shaped.ok()) return shaped.status();
  return OpenTable<TableSource>(std::move(bytes), *shaped, options);
}

}  // namespace gyre::io
