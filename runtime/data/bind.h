// Binds the named tensors of a program to data files.
//
//   std::vector<Want> wants = {{.name = "X", .axes = {"Sample", "Feature"}},
//                              {.name = "label", .kind = WantKind::kSign, .axes = {"Sample"}},
//                              {.name = "weight", .axes = {"Sample"}, .ones = true}};
//   auto bound = BindFiles(wants, {{"", "train.svm"}}, {.data_axes = {"Sample"}});
//
// A file given without a name (libsvm, CSV) may supply several tensors: its features are the first
// matrix not yet bound, its label column the first vector over the same rows. A CSV column named
// like a vector is that vector. npy, MatrixMarket and IDX files hold one tensor each: the first of
// their rank that is not bound. --columns overrides: "weight=w,y=3,X=4:20" (names of the header,
// positions from 1, ranges for the matrix).
//
// Files of keyed rows (runtime/data/keyed.h) supply two maps over one axis, and a vector of real
// numbers over it where the program has one. Which map takes which key: by --columns
// ("doc=1,word=2"), by its name (doc, word, user, item and the like), else in order of declaration.
//
// Extents are inferred, and must agree between files. To bind test data, give the extents and
// labels of the training data. Thread-safe. User errors are one line, InvalidArgument or NotFound.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/data/format.h"
#include "runtime/data/info.h"
#include "runtime/data/memory.h"
#include "runtime/data/reader.h"

namespace gyre {

enum class WantKind : uint8_t {
  kData,  // real numbers, of the element type
  kSign,  // two values: the smaller becomes -1, the larger +1, of the element type
  kMap,   // any values, numbered 0, 1, ... in ascending order: int32 positions on the axis `to`
};

struct Want {
  std::string name;
  WantKind kind = WantKind::kData;
  std::vector<std::string> axes = {};
  std::string to = {};  // kMap: the axis its values range over
  bool needed = true;   // false: may stay unbound (targets, when predicting)
  bool ones = false;    // all ones when no file holds it (weights)
};

struct DataInput {
  std::string name;  // of the tensor; empty: whatever the file holds
  std::string path;
};

using FileInfos = std::map<std::string, DataInfo>;  // by path

inline constexpr char kNoStopWords[] = "none";

struct BindOptions {
  FileFormat format = FileFormat::kAuto;
  Type type = Type::kFloat64;
  DataLayout layout = DataLayout::kAuto;
  std::string columns = {};

  // Of keyed rows: files with the names of a map's values, a line each; and for text, how rare a
  // word may be, and a file of stop words, or kNoStopWords.
  std::map<std::string, std::string> names = {};
  std::optional<int64_t> min_count = {};
  std::string stop_words = {};

  // Axes whose rows are data: only these are cut into shards.
  std::vector<std::string> data_axes = {};
  int shard = 0, shards = 1;

  // In two steps, so that nobody reads all rows: `describe` keeps no rows of files that are cut
  // (their blocks have the whole shape and no values) and fills BoundData::described; with that,
  // others bind rows [row_begin, row_end) of the data axis and read no more than those.
  bool describe = false;
  bool moments = false;  // of columns, in what is described
  const FileInfos* described = nullptr;
  int64_t row_begin = 0, row_end = 0;

  // Extents by axis, and names of the values of kSign and kMap tensors by tensor: of the training
  // data, or what the user says.
  std::map<std::string, int64_t> extents = {};
  // What the program says of axes that nothing else tells the extent of.
  std::map<std::string, int64_t> default_extents = {};
  std::map<std::string, std::vector<std::string>> labels = {};
};

// One tensor bound. `data.block` holds this shard's rows; a tensor of more than two axes has its
// first as rows and the others flattened into columns.
struct BoundTensor {
  OwnedBlock data;
  DataInfo info;     // of the whole tensor
  std::string path;  // empty: unbound, or all ones
  bool bound = false;
  std::vector<std::string> labels;        // kSign, kMap: names of the values, in order
  std::vector<std::string> column_names;  // of a matrix, when its file has a header
};

struct BoundData {
  std::vector<BoundTensor> tensor;           // by want
  std::map<std::string, int64_t> extents;    // by axis; of a data axis: the rows of all shards
  std::map<std::string, int64_t> first_row;  // by data axis: rows before this shard
  bool complete = true;                      // false: a tensor that is not needed stayed unbound
  std::vector<std::string> notes;            // what a user may want to know, a line each
  FileInfos described;                       // with BindOptions::describe
};

absl::StatusOr<BoundData> BindFiles(const std::vector<Want>& wants,
                                    const std::vector<DataInput>& inputs,
                                    const BindOptions& options);

}  // namespace gyre
