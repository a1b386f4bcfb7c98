// NumPy .npy, format versions 1 to 3: an array of 1, 2 or more axes; rows are the first axis.
//
// A little-endian C-order array of the wanted type is used where it is mapped, when its rows would
// be aligned as the copies are (or are short, or it is so large that a copy would cost more than
// padding gains).
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/data/source.h"
#include "runtime/data/table.h"

namespace gyre::io {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr int64_t kMapAnyway = int64_t{1} << 30;

absl::Status NpyError(const FileBytes& bytes, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(bytes.path(), ":1: ", what));
}

// The value of 'key' in the header's Python dictionary, up to the comma or brace that ends it.
absl::string_view ValueOf(absl::string_view header, absl::string_view key) {
  const std::string quoted = absl::StrCat("'", key, "':");
  const size_t at = header.find(quoted);
  if (at == absl::string_view::npos) return "";
  absl::string_view value = absl::StripLeadingAsciiWhitespace(header.substr(at + quoted.size()));
  if (value.empty()) return value;
  if (value[0] == '\'') return value.substr(1, value.find('\'', 1) - 1);
  if (value[0] == '(') return value.substr(1, value.find(')') - 1);
  return absl::StripAsciiWhitespace(value.substr(0, value.find_first_of(",}")));
}

absl::StatusOr<Cell> CellOf(const FileBytes& bytes, absl::string_view descr) {
  struct Known {
    const char* name;
    CellKind kind;
  };
  constexpr Known kKnown[] = {{"f4", CellKind::kF4}, {"f8", CellKind::kF8}, {"i1", CellKind::kI1},
                              {"i2", CellKind::kI2}, {"i4", CellKind::kI4}, {"i8", CellKind::kI8},
                              {"u1", CellKind::kU1}, {"b1", CellKind::kU1}, {"u2", CellKind::kU2},
                              {"u4", CellKind::kU4}};
  for (const Known& known : kKnown) {
    if (descr.size() == 3 && descr.substr(1) == known.name)
      return Cell{known.kind, descr[0] == '>'};
  }
  return NpyError(bytes, absl::StrCat("element type '", descr,
                                      "' is not supported; save the array as float32 or float64"));
}

absl::StatusOr<Table> ParseHeader(const FileBytes& bytes) {
  const absl::string_view all(bytes.begin(), static_cast<size_t>(bytes.size()));
  if (all.substr(0, kMagic.size()) != kMagic) {
    return NpyError(bytes, "is not a NumPy file; save it with numpy.save or say --format=");
  }
  const auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(all[i]));
  };
  const absl::Status truncated = NpyError(bytes, "the header is cut short; save the array again");
  if (all.size() < 12) return truncated;
  const size_t version = byte(6);
  if (version < 1 || version > 3) {
    return NpyError(
        bytes, absl::StrCat("format version ", version, " is unknown; save it with numpy.save"));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  size_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) length = length << 8 | byte(8 + i);
  const size_t start = 8 + length_bytes;
  if (length > all.size() - start) return truncated;
  const absl::string_view header = all.substr(start, length);
  Table table;
  table.offset = static_cast<int64_t>(start + length);
  auto cell = CellOf(bytes, ValueOf(header, "descr"));
  if (!cell.ok()) return cell.status();
  table.cell = *cell;
  const absl::string_view order = ValueOf(header, "fortran_order");
  if (order != "True" && order != "False")
    return NpyError(bytes, "the header lacks fortran_order; save the array again");
  table.column_major = order == "True";
  std::vector<int64_t> shape;
  for (absl::string_view part : absl::StrSplit(ValueOf(header, "shape"), ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (part.empty()) continue;
    int64_t extent;
    if (!absl::SimpleAtoi(part, &extent) || extent < 0)
      return NpyError(bytes, "the shape in the header is not valid; save the array again");
    shape.push_back(extent);
  }
  return WithShape(bytes, table, shape);
}

class NpySource : public TableSource {
 public:
  using TableSource::TableSource;
  absl::StatusOr<Chunk> Parse(int shard, int shards) const override {
    const Table& t = table();
    const int64_t row_bytes = t.cols * SizeOf(type());
    const bool same = t.cell.kind == (type() == Type::kFloat32 ? CellKind::kF4 : CellKind::kF8);
    const bool aligned = t.cols < 16 || row_bytes % 64 == 0 || t.rows * row_bytes >= kMapAnyway;
    const bool rows_in_order = !t.column_major || t.cols == 1;
    if (!bytes().mapped() || !same || t.cell.big_endian || !rows_in_order || !aligned ||
        t.offset % 64 != 0) {
      return TableSource::Parse(shard, shards);
    }
    return Mapped(shard, shards);
  }

 private:
  absl::StatusOr<Chunk> Mapped(int shard, int shards) const {
    const Range64 rows = RowsOfShard(table().rows, shard, shards);
    Chunk chunk;
    chunk.features.block = {
        .format = Format::kDense,
        .type = type(),
        .values = bytes().begin() + table().offset + rows.begin * table().cols * SizeOf(type()),
        .rows = rows.end - rows.begin,
        .cols = table().cols,
        .stride = table().cols};
    chunk.features.memory = {bytes().memory()};
    const absl::Status finite = CheckFinite(chunk.features.block, rows.begin);
    if (!finite.ok()) return finite;
    return chunk;
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> OpenNpy(Bytes bytes, const ReadOptions& options) {
  auto table = ParseHeader(*bytes);
  if (!table.ok()) return table.status();
  return OpenTable<NpySource>(std::move(bytes), *table, options);
}

}  // namespace gyre::io
