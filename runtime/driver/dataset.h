// Files bound to the data of a program, as the driver uses them.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/compiler.h"
#include "dsl/program.h"
#include "ops/view.h"
#include "runtime/data/bind.h"
#include "runtime/data/info.h"
#include "runtime/data/memory.h"
#include "runtime/driver/model.h"
#include "runtime/driver/options.h"

namespace gyre::driver {

struct Dataset {
  std::vector<Block> block;        // by symbol; no values where nothing is bound
  std::vector<OwnedBlock> memory;  // what `block` points into
  BoundInfo info;
  std::map<int, std::vector<std::string>> label;   // by symbol: names of the values, in their order
  std::map<int, std::vector<std::string>> column;  // by symbol: names of a matrix's columns
  bool labelled = true;            // false: the program's targets are not in the data (predict)
  std::vector<std::string> notes;  // what the user may want to know of the binding, a line each
  int64_t rows = 0;                // of the largest data axis
  FileInfos described;                    // when rows were only described: what the files hold
  std::map<int, ColumnMoments> moments;   // of the described matrices, by symbol

  bool empty() const { return block.empty(); }
};

// Which rows to have; as they stand: all.
struct RowsWanted {
  bool describe = false;                 // none: blocks have shapes and no values
  bool moments = false;                  // with describe: Dataset::moments
  const FileInfos* described = nullptr;  // rows [begin, end) of what was described
  int64_t begin = 0, end = 0;
};

// Binds `inputs` to the program's data. With `model` extents, labels and element type are those of
// its training data, and data that only measures need may be missing.
absl::StatusOr<Dataset> LoadDataset(const Program& program, const Options& options,
                                    const std::vector<Input>& inputs,
                                    const std::string& program_path, const Model* model,
                                    const RowsWanted& rows = {});

}  // namespace gyre::driver
