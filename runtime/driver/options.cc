#include "runtime/driver/options.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "runtime/driver/flag_values.h"
#include "runtime/driver/flags.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

using absl::InvalidArgumentError;
using absl::Status;
using absl::StrCat;
using absl::string_view;

std::vector<std::string> KnownFlags(const Program& program) {
  std::vector<std::string> names;
  for (const Flag& flag : Flags()) names.push_back(flag.name);
  for (int hyper : SymbolsOf(program.graph, ir::Kind::kHyper)) {
    names.push_back(NameOf(program.graph, hyper));
  }
  names.push_back("help");
  return names;
}

class Parser {
 public:
  Parser(const Program& program, Options* options) : program_(program), options_(options) {}

  Status Words(const std::vector<std::string>& args) {
    for (size_t i = 0; i < args.size(); ++i) {
      string_view arg = args[i];
      if (arg == "-h" || arg == "-help") arg = "--help";
      if (!absl::ConsumePrefix(&arg, "--")) {
        return InvalidArgumentError(
            StrCat("unexpected argument \"", arg, "\"; flags look like --name=value"));
      }
      const size_t equals = arg.find('=');
      const string_view name = arg.substr(0, equals);
      std::optional<string_view> value;
      if (equals != string_view::npos) value = arg.substr(equals + 1);
      if (!value && TakesValue(name) && i + 1 < args.size() &&
          !absl::StartsWith(args[i + 1], "--")) {
        value = args[++i];
      }
      Status status = One(name, value);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  bool TakesValue(string_view name) const {
    const Flag* flag = FindFlag(name);
    return flag != nullptr ? flag->value != nullptr : Hyper(name) >= 0;
  }

  // The hyper-parameter a flag names: by its own name, or as hyper.NAME when a flag has that name.
  int Hyper(string_view name) const {
    absl::ConsumePrefix(&name, "hyper.");
    const int symbol = FindSymbol(program_.graph, name);
    return symbol >= 0 && program_.graph.symbol[symbol].kind == ir::Kind::kHyper ? symbol : -1;
  }

  Status One(string_view name, std::optional<string_view> value) {
    if (name == "help") {
      options_->command = Command::kHelp;
      return absl::OkStatus();
    }
    if (const Flag* flag = FindFlag(name)) return Known(*flag, value);
    const int axis = FindAxis(program_.graph, name);
    if (axis >= 0 && value) return Known(*FindFlag("extent"), StrCat(name, "=", *value));
    const int hyper = Hyper(name);
    if (hyper < 0) {
      return InvalidArgumentError(StrCat("unknown flag --", name,
                                         Nearest(name, KnownFlags(program_), "--"),
                                         " (--help lists all)"));
    }
    if (!value)
      return InvalidArgumentError(StrCat("--", name, " wants a value: --", name, "=NUMBER"));
    double number = 0;
    Status status = ToReal(*value, -HUGE_VAL, &number);
    if (!status.ok()) return Wrong(name, *value, status);
    options_->hyper[hyper] = number;
    return absl::OkStatus();
  }

  Status Known(const Flag& flag, std::optional<string_view> value) {
    if (options_->command != Command::kHelp && (flag.commands & Bit(options_->command)) == 0) {
      std::vector<string_view> takers;
      for (const CommandName& each : Commands()) {
        if (flag.commands & Bit(each.command)) takers.push_back(each.name);
      }
      return InvalidArgumentError(StrCat("--", flag.name, " does not go with ",
                                         CommandWord(options_->command), "; it belongs to ",
                                         absl::StrJoin(takers, ", ")));
    }
    if (!value && flag.value != nullptr) {
      return InvalidArgumentError(
          StrCat("--", flag.name, " wants a value: --", flag.name, "=", flag.value));
    }
    options_->given.insert(flag.name);
    Status status = flag.set(value.value_or(string_view()), options_);
    return status.ok() ? status : Wrong(flag.name, value.value_or(string_view()), status);
  }

  static Status Wrong(string_view name, string_view value, const Status& why) {
    return InvalidArgumentError(StrCat("--", name, "=", value, ": ", string_view(why.message())));
  }

  const Program& program_;
  Options* const options_;
};

absl::StatusOr<Command> FindCommand(string_view word) {
  for (const CommandName& each : Commands()) {
    if (word == each.name) return each.command;
  }
  std::vector<std::string> names;
  for (const CommandName& each : Commands()) names.push_back(each.name);
  return InvalidArgumentError(StrCat("unknown command \"", word, "\"", Nearest(word, names, ""),
                                     " (commands: ", absl::StrJoin(names, ", "), ")"));
}

// What the data of `options` names must be data of the program.
Status CheckNames(const Program& program, const Options& options) {
  for (const std::vector<Input>* inputs : {&options.data, &options.test_data}) {
    for (const Input& input : *inputs) {
      if (input.symbol.empty() || IsBound(program.graph, FindSymbol(program.graph, input.symbol))) {
        continue;
      }
      return InvalidArgumentError(
          StrCat(inputs == &options.data ? "--data=" : "--test_data=", input.symbol, "=",
                 input.path, ": the program has no data named \"", input.symbol, "\"; it reads ",
                 DataList(program.graph)));
    }
  }
  for (const auto& [map, file] : options.names) {
    const int symbol = FindSymbol(program.graph, map);
    if (symbol >= 0 && program.graph.symbol[symbol].kind == ir::Kind::kMap) continue;
    return InvalidArgumentError(StrCat("--names=", map, "=", file,
                                       ": the program has no map \"", map, "\"; it reads ",
                                       DataList(program.graph)));
  }
  for (const auto& [axis, extent] : options.extent) {
    if (FindAxis(program.graph, axis) < 0) {
      return InvalidArgumentError(StrCat("--extent=", axis, "=", extent,
                                         ": the program has no axis \"", axis, "\"; it has ",
                                         AxisList(program.graph)));
    }
  }
  return absl::OkStatus();
}

// Cross-validation chooses among the steps of a path.
Status CheckPath(const Options& options) {
  for (const char* flag : {"path_ratio", "path_of", "folds", "choose"}) {
    if (options.given.count(flag) > 0 && options.path.empty())
      return InvalidArgumentError(StrCat("--", flag, " goes with --path, as in --path=100"));
  }
  if (options.given.count("choose") > 0 && options.folds == 0)
    return InvalidArgumentError("--choose goes with --folds, as in --folds=10");
  return absl::OkStatus();
}

// A plan file is executed as it is: what only a planner could heed is refused, not ignored.
Status CheckPlanFile(const Options& options) {
  constexpr const char* kPlanners[] = {
      "workers",    "lanes",       "machine",   "partition", "bridge", "storage",  "topology",
      "payload",    "codec",  "order", "bandwidth",      "update",      "batch",     "momentum",  "step",   "schedule", "sampler",  "coupling", "step_schedule", "decay",
      "max_clocks", "max_seconds", "tolerance", "target",    "seed",
      "path",       "path_ratio",  "path_of",   "folds",     "choose"};
  if (options.plan.empty()) return absl::OkStatus();
  for (const char* flag : kPlanners) {
    if (options.given.count(flag) == 0) continue;
    return InvalidArgumentError(
        StrCat("--", flag,
               " does not go with --plan, which is executed as it is written; "
               "make another plan, or leave one of the two out"));
  }
  return absl::OkStatus();
}

// Held-out data comes from one place.
Status CheckHoldout(const Options& options) {
  if (!options.holdout) return absl::OkStatus();
  if (options.given.count("test_data") > 0)
    return InvalidArgumentError(
        "--holdout takes held-out data from the training data, and --test_data gives it as files; "
        "leave one of the two out");
  if (options.folds > 0)
    return InvalidArgumentError(
        "--holdout does not go with --folds, which leave out every row in turn; leave one of the "
        "two out");
  return absl::OkStatus();
}

// Flags that would have no effect are refused, not ignored.
Status CheckTogether(const Options& options) {
  const auto given = [&](const char* flag) { return options.given.count(flag) > 0; };
  if (options.resume && options.checkpoint_dir.empty())
    return InvalidArgumentError(
        "--resume goes on from a checkpoint; say where it is by "
        "--checkpoint_dir=DIR");
  if (given("checkpoint_every") && options.command == Command::kRun &&
      options.checkpoint_dir.empty())
    return InvalidArgumentError(
        "--checkpoint_every is about checkpoints; say where they go by "
        "--checkpoint_dir=DIR");
  if (!options.checkpoint_dir.empty() && options.cluster != "embedded")
    return InvalidArgumentError(
        StrCat("--checkpoint_dir is for runs in one process; with --cluster=", options.cluster,
               " no checkpoints are kept yet"));
  if (options.command != Command::kRun || options.cluster != "embedded") return absl::OkStatus();
  for (const char* flag : {"listen", "insecure", "tls_cert", "tls_key", "tls_ca", "token_file"}) {
    if (!given(flag)) continue;
    return InvalidArgumentError(
        StrCat("--", flag,
               " is about runs of several processes; add --cluster=local or "
               "--cluster=FILE, or leave it out"));
  }
  return absl::OkStatus();
}

// The flags of `defaults` that go with the command; `with_data` says whether those that describe
// data are among them.
std::vector<std::string> FittingDefaults(const std::vector<std::string>& defaults, Command command,
                                         bool with_data) {
  constexpr string_view kDescribeData[] = {"data",  "test_data", "format",     "columns",
                                           "names", "min_count", "stop_words", "extent"};
  std::vector<std::string> fitting;
  for (const std::string& flag : defaults) {
    string_view name = flag;
    absl::ConsumePrefix(&name, "--");
    name = name.substr(0, name.find('='));
    const Flag* known = FindFlag(name);
    if (known != nullptr && (known->commands & Bit(command)) == 0) continue;
    const bool describes = std::find(std::begin(kDescribeData), std::end(kDescribeData), name) !=
                           std::end(kDescribeData);
    if (with_data || !describes) fitting.push_back(flag);
  }
  return fitting;
}

}  // namespace

absl::StatusOr<Options> ParseOptions(const Program& program,
                                     const std::vector<std::string>& defaults,
                                     const std::vector<std::string>& args) {
  Options options;
  std::vector<std::string> flags = args;
  if (!flags.empty() && !absl::StartsWith(flags[0], "-")) {
    absl::StatusOr<Command> command = FindCommand(flags[0]);
    if (!command.ok()) return command.status();
    options.command = *command;
    flags.erase(flags.begin());
  }
  Options given;
  given.command = options.command;
  Status status = Parser(program, &given).Words(flags);
  if (!status.ok()) return status;
  if (given.command == Command::kHelp) return given;
  options.built_in_data = given.data.empty();
  Parser parser(program, &options);
  status = parser.Words(FittingDefaults(defaults, options.command, options.built_in_data));
  // Held-out files given alone replace the default ones, which would else stay beside them.
  if (!given.test_data.empty() || given.holdout) options.test_data.clear();
  if (!given.test_data.empty()) options.holdout.reset();
  if (status.ok()) status = parser.Words(flags);
  if (!status.ok()) return status;
  options.given = given.given;
  status = CheckNames(program, options);
  if (status.ok()) status = CheckPlanFile(options);
  if (status.ok()) status = CheckPath(options);
  if (status.ok()) status = CheckHoldout(options);
  if (status.ok()) status = CheckTogether(options);
  if (!status.ok()) return status;
  return options;
}

}  // namespace gyre::driver
