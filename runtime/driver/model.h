// A trained model: what `run` saves and `predict` loads.
//
// On disk a folder: one NAME.npy per parameter (float64, in the axes' order) and manifest.json,
// which names the program, its fingerprint, extents, hyper-parameters, labels and, when
// coefficients could not be mapped back to the units of the data, the transform of the columns. The
// folder appears whole: it is written beside its place and renamed.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dsl/program.h"
#include "runtime/driver/standardize.h"

namespace gyre::driver {

// One step of a regularisation path.
struct ModelStep {
  double value = 0;                            // of the path's hyper-parameter
  std::vector<std::vector<double>> parameter;  // by symbol
};

struct Model {
  std::string program;          // for people
  std::vector<int64_t> extent;  // by axis, of the training data
  Type type = Type::kFloat64;   // of the data it was trained on
  std::vector<double> hyper;    // by symbol
  std::vector<std::vector<double>>
      parameter;  // by symbol; empty for symbols that are no parameters
  std::map<int, std::vector<std::string>> label;   // by symbol: names of the values, in their order
  std::map<int, std::vector<std::string>> column;  // by symbol: names of a matrix's columns
  std::map<int, ColumnTransform> transform;        // by symbol: still to be applied to its data
  // Written beside the parameters and not read back: the steps of a path, NAME.path.npy (steps by the
  // parameter's shape) with the values of the hyper-parameter in the manifest, and pictures by name.
  std::string path_hyper;
  std::vector<ModelStep> path;
  std::map<std::string, std::string> picture;
};

// Whether SaveModel(folder) would be let: to be asked before training.
absl::Status CheckModelFolder(const std::string& folder);

// Replaces a model at `folder`; refuses to replace a folder that holds anything else.
absl::Status SaveModel(const std::string& folder, const Program& program, const Model& model);

// InvalidArgument when it is of another program, or not whole: one line names the file.
absl::StatusOr<Model> LoadModel(const std::string& folder, const Program& program);

}  // namespace gyre::driver
