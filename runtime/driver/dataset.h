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

  bool empty() const { return block.empty(); }
};

// Binds `inputs` to the program's data. With `model` extents, labels and element type are those of
// its training data, and data that only measures need may be missing.
absl::StatusOr<Dataset> LoadDataset(const Program& program, const Options& options,
                                    const std::vector<Input>& inputs,
                                    const std::string& program_path, const Model* model);

}  // namespace gyre::driver
