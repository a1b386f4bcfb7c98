// The command line of a program, as data.
//
//   ParseOptions(program, {"predict", "--model=m", "--lambda=0.2"}) -> Options or one line
//
// Flags are a table (options.cc): name, value, meaning, the commands that take it, and how it is
// stored. Hyper-parameters and data of the program join the table by their names in the program,
// which is why a global flag registry would not do. Nothing here touches files.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dsl/program.h"

namespace gyre::driver {

enum class Command : uint8_t { kRun, kExplain, kPlan, kSimulate, kPredict, kWorker, kHelp };

// One --data=FILE or --data=SYMBOL=FILE.
struct Input {
  std::string symbol;  // empty: what the file holds is bound to the program's data in order
  std::string path;
};

enum class Precision : uint8_t { kAuto, kFloat32, kFloat64 };
enum class Standardize : uint8_t { kAuto, kNone, kScale, kFull };

struct Options {
  Command command = Command::kRun;

  // Data.
  std::vector<Input> data, test_data;
  std::optional<double> holdout;  // share of the rows, in place of test_data
  bool built_in_data = false;     // both are what the program was built with
  std::string data_format;        // empty: by extension
  std::string columns;
  std::map<std::string, std::string> names;  // by map: a file with a name a line
  std::optional<int64_t> min_count;          // of text
  std::string stop_words;                    // of text: a file, or none
  std::map<std::string, int64_t> extent;     // by axis name
  Precision precision = Precision::kAuto;
  Standardize standardize = Standardize::kAuto;
  std::optional<int64_t> memory;  // bytes that data may take of it

  // Where it runs.
  int workers = 0;  // 0: the planner decides
  int lanes = 0;    // 0: the planner decides
  std::string cluster = "embedded";
  int shards = 0;               // of the parameter server; 0: the planner decides
  std::string machine;          // file with a pinned gyre.Profile
  double deadline_seconds = 0;  // 0: the runtime's default
  std::string listen, coordinator;
  bool insecure = false;
  std::string tls_cert, tls_key, tls_ca, token_file;

  // Pins: auto and 0 mean that the planner decides.
  std::string partition = "auto", bridge = "auto", storage = "auto", topology = "auto",
              payload = "auto", codec = "auto", order = "auto", update = "auto", schedule = "auto", sampler = "auto",
              step_schedule = "auto";
  double bandwidth = 0;  // bytes a second; 0: no bound
  int64_t batch = 0;
  std::optional<double> step, momentum, decay, coupling;

  // Stop rules.
  std::optional<int64_t> max_clocks;
  std::optional<double> max_seconds, tolerance, target;

  // Repeatability and recovery.
  uint64_t seed = 1;
  std::string checkpoint_dir;
  int64_t checkpoint_every = 0;  // clocks; 0: by time
  bool resume = false;

  // The outer loop.
  std::string path, path_of;  // steps or values; empty: none
  std::optional<double> path_ratio;
  int folds = 0;  // 0: no cross-validation
  std::string choose = "min";

  // Hyper-parameters given on the command line, by symbol id.
  std::map<int, double> hyper;

  // Files written and read.
  std::optional<std::string> report, model_out;  // set and empty: not written
  std::string plan, model, out;

  std::set<std::string> given;  // names of the flags on the command line, defaults left out

  // predict.
  int64_t top = 0;  // of each who asks; 0: every row is predicted

  // explain.
  std::string render = "text";
  bool analyze = false;
};

// REQUIRES: args without argv[0]. Later flags win over earlier ones, those of `args` over
// `defaults` (the flags the program was built with); --data in `args` replaces all that describes
// the default data: its files, held-out files, format, columns, names, words and extents.
absl::StatusOr<Options> ParseOptions(const Program& program,
                                     const std::vector<std::string>& defaults,
                                     const std::vector<std::string>& args);

// Everything --help prints. `name` is the program's name.
std::string HelpText(const Program& program, absl::string_view name,
                     const std::vector<std::string>& defaults);

}  // namespace gyre::driver
