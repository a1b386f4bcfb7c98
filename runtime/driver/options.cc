#include "runtime/driver/options.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/driver/symbols.h"

namespace gyre::driver {
namespace {

using absl::InvalidArgumentError;
using absl::Status;
using absl::StrCat;
using absl::string_view;

constexpr unsigned Bit(Command command) { return 1u << static_cast<unsigned>(command); }
constexpr unsigned kPlans = Bit(Command::kRun) | Bit(Command::kExplain) | Bit(Command::kPlan);
constexpr unsigned kRun = Bit(Command::kRun);
constexpr unsigned kExplain = Bit(Command::kExplain);
constexpr unsigned kPredict = Bit(Command::kPredict);
constexpr unsigned kWorker = Bit(Command::kWorker);
constexpr unsigned kAll = ~0u;

struct CommandName {
  const char* name;
  Command command;
  const char* words;
};
constexpr CommandName kCommands[] = {
    {"run", Command::kRun, "train (the default); plans first unless --plan=FILE is given"},
    {"explain", Command::kExplain, "print the plan and why it was chosen"},
    {"plan", Command::kPlan, "write the plan as a text proto"},
    {"simulate", Command::kSimulate, "run the plan on a cluster that is not here"},
    {"predict", Command::kPredict, "apply a saved model to data"},
    {"worker", Command::kWorker, "serve a coordinator"},
    {"help", Command::kHelp, "print this"},
};

string_view CommandWord(Command command) {
  for (const CommandName& each : kCommands) {
    if (each.command == command) return each.name;
  }
  return "";
}

// ---- Values. Each parser says what it wanted when it did not get it.

template <class T>
Status ToInteger(string_view text, T least, T* out) {
  T value;
  if (!absl::SimpleAtoi(text, &value) || value < least) {
    return InvalidArgumentError(StrCat("wants a whole number of at least ", least));
  }
  *out = value;
  return absl::OkStatus();
}

Status ToReal(string_view text, double least, double* out) {
  double value;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return InvalidArgumentError("wants a number");
  }
  if (value < least) return InvalidArgumentError(StrCat("wants a number of at least ", least));
  *out = value;
  return absl::OkStatus();
}

Status ToReal(string_view text, double least, std::optional<double>* out) {
  double value = 0;
  Status status = ToReal(text, least, &value);
  if (status.ok()) *out = value;
  return status;
}

Status ToBool(string_view text, bool* out) {
  if (text.empty()) text = "true";
  if (!absl::SimpleAtob(text, out)) return InvalidArgumentError("wants true or false");
  return absl::OkStatus();
}

Status ToText(string_view text, std::string* out) {
  if (text.empty()) return InvalidArgumentError("wants a value");
  *out = std::string(text);
  return absl::OkStatus();
}

Status ToPin(string_view text, std::initializer_list<const char*> choices, std::string* out) {
  for (const char* choice : choices) {
    if (text != choice) continue;
    *out = choice;
    return absl::OkStatus();
  }
  return InvalidArgumentError(StrCat("wants one of ", absl::StrJoin(choices, ", ")));
}

Status ToBridge(string_view text, std::string* out) {
  if (string_view bound = text; absl::ConsumePrefix(&bound, "ssp:")) {
    int64_t staleness = 0;
    Status status = ToInteger<int64_t>(bound, 0, &staleness);
    if (!status.ok())
      return InvalidArgumentError("wants ssp:S with S a whole number of at least 0");
    *out = StrCat("ssp:", staleness);
    return absl::OkStatus();
  }
  if (text == "ssp") return InvalidArgumentError("wants a bound, for example ssp:3");
  Status status = ToPin(text, {"auto", "bsp", "async"}, out);
  return status.ok() ? status : InvalidArgumentError("wants one of auto, bsp, ssp:S, async");
}

template <class Enum>
Status ToEnum(string_view text, std::initializer_list<std::pair<const char*, Enum>> choices,
              Enum* out) {
  std::vector<string_view> names;
  for (const auto& [name, value] : choices) {
    if (text == name) {
      *out = value;
      return absl::OkStatus();
    }
    names.push_back(name);
  }
  return InvalidArgumentError(StrCat("wants one of ", absl::StrJoin(names, ", ")));
}

Status ToInput(string_view text, std::vector<Input>* out) {
  if (text.empty()) return InvalidArgumentError("wants FILE or NAME=FILE");
  // A path may hold '=' too; only a leading identifier names a symbol.
  const size_t equals = text.find('=');
  const string_view head = text.substr(0, equals == string_view::npos ? 0 : equals);
  const bool named = !head.empty() && std::all_of(head.begin(), head.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
  if (named && equals + 1 == text.size()) return InvalidArgumentError("wants NAME=FILE");
  out->push_back(named ? Input{std::string(head), std::string(text.substr(equals + 1))}
                       : Input{"", std::string(text)});
  return absl::OkStatus();
}

Status ToWorkers(string_view text, int* out) {
  if (text == "auto") {
    *out = 0;
    return absl::OkStatus();
  }
  Status status = ToInteger<int>(text, 1, out);
  return status.ok() ? status : InvalidArgumentError("wants auto or a whole number of at least 1");
}

Status ToExtent(string_view text, std::map<std::string, int64_t>* out) {
  const std::pair<string_view, string_view> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  int64_t extent = 0;
  Status status = ToInteger<int64_t>(parts.second, 1, &extent);
  if (!status.ok()) return InvalidArgumentError("wants AXIS=N, for example --extent=Cluster=50");
  (*out)[std::string(parts.first)] = extent;
  return absl::OkStatus();
}

constexpr const char* kDataFormats[] = {"libsvm", "csv", "npy", "mm", "docword", "ratings", "idx"};
constexpr const char* kRenders[] = {"text", "json", "dot", "html"};

// --format says how data is read, and under explain how the plan is rendered: the words differ.
Status ToFormat(string_view text, Options* out) {
  for (const char* format : kDataFormats) {
    if (text == format) {
      out->data_format = format;
      return absl::OkStatus();
    }
  }
  for (const char* render : kRenders) {
    if (text == render && out->command == Command::kExplain) {
      out->render = render;
      return absl::OkStatus();
    }
  }
  const std::string data = absl::StrJoin(kDataFormats, ", ");
  return InvalidArgumentError(out->command == Command::kExplain
                                  ? StrCat("wants one of ", absl::StrJoin(kRenders, ", "),
                                           " (the plan) or ", data, " (data)")
                                  : StrCat("wants one of ", data));
}

// ---- The table.

struct Flag {
  const char* name;
  const char* value;  // what stands after '='; nullptr: a switch
  const char* words;
  unsigned commands;  // Bit()s of those that take it
  Status (*set)(string_view text, Options* out);
};

constexpr Flag kFlags[] = {
    {"data", "[NAME=]FILE", "training data (or data to predict); repeat for several inputs", kAll,
     [](string_view v, Options* o) { return ToInput(v, &o->data); }},
    {"test_data", "[NAME=]FILE", "held-out data for the metric", kRun,
     [](string_view v, Options* o) { return ToInput(v, &o->test_data); }},
    {"format", "FORMAT",
     "of data: libsvm|csv|npy|mm|docword|ratings|idx (default: by extension); of explain: "
     "text|json|dot|html",
     kAll, [](string_view v, Options* o) { return ToFormat(v, o); }},
    {"columns", "NAME=I[:J],...", "which columns of the data bind to which name", kAll,
     [](string_view v, Options* o) { return ToText(v, &o->columns); }},
    {"extent", "AXIS=N", "size of an axis that data does not determine", kPlans | kWorker,
     [](string_view v, Options* o) { return ToExtent(v, &o->extent); }},
    {"dtype", "auto|float32|float64",
     "numbers of data and kernels; auto: float64 while the data is small", kPlans | kWorker,
     [](string_view v, Options* o) {
       return ToEnum<Precision>(v,
                                {{"auto", Precision::kAuto},
                                 {"float32", Precision::kFloat32},
                                 {"float64", Precision::kFloat64}},
                                &o->precision);
     }},
    {"standardize", "auto|none|scale|full",
     "columns of the data matrix: scale to unit deviation, full also centres; auto: when a penalty "
     "weighs on its coefficients. Coefficients are saved in the units of the data",
     kPlans | kWorker,
     [](string_view v, Options* o) {
       return ToEnum<Standardize>(v,
                                  {{"auto", Standardize::kAuto},
                                   {"none", Standardize::kNone},
                                   {"scale", Standardize::kScale},
                                   {"full", Standardize::kFull}},
                                  &o->standardize);
     }},
    {"workers", "auto|N", "logical workers", kPlans,
     [](string_view v, Options* o) { return ToWorkers(v, &o->workers); }},
    {"lanes", "auto|N", "threads of a process", kPlans | kWorker,
     [](string_view v, Options* o) { return ToWorkers(v, &o->lanes); }},
    {"cluster", "embedded|local|inproc|FILE",
     "where it runs: this process, worker processes on this machine, one process over gRPC, or the "
     "cluster described in FILE",
     kPlans | Bit(Command::kSimulate),
     [](string_view v, Options* o) { return ToText(v, &o->cluster); }},
    {"machine", "FILE", "description of the machine to plan for (text proto gyre.Profile)", kPlans,
     [](string_view v, Options* o) { return ToText(v, &o->machine); }},
    {"partition", "auto|data|model|hybrid", "pin: how work is distributed", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "data", "model", "hybrid"}, &o->partition);
     }},
    {"bridge", "auto|bsp|ssp:S|async", "pin: how clocks are bridged", kPlans,
     [](string_view v, Options* o) { return ToBridge(v, &o->bridge); }},
    {"storage", "auto|central|replica", "pin: where parameters are kept", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "central", "replica"}, &o->storage);
     }},
    {"topology", "auto|star|p2p|halton", "pin: who sends to whom", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "star", "p2p", "halton"}, &o->topology);
     }},
    {"payload", "auto|full|sparse|factors", "pin: what travels", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "full", "sparse", "factors"}, &o->payload);
     }},
    {"update", "auto|fista|lbfgs|owlqn|sgd|adagrad|adam", "pin: the update rule", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "fista", "lbfgs", "owlqn", "sgd", "adagrad", "adam"}, &o->update);
     }},
    {"batch", "N", "rows of a mini-batch", kPlans,
     [](string_view v, Options* o) { return ToInteger<int64_t>(v, 1, &o->batch); }},
    {"step", "X", "step size", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->step); }},
    {"momentum", "X", "momentum of mini-batch updates", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->momentum); }},
    {"schedule", "auto|constant|inverse|sqrt", "how the step of mini-batch updates falls", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "constant", "inverse", "sqrt"}, &o->schedule);
     }},
    {"decay", "X", "how fast: step / (1 + X * passes over the data), or its root", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->decay); }},
    {"max_clocks", "N", "stop after N clocks", kPlans,
     [](string_view v, Options* o) {
       int64_t clocks = 0;
       Status status = ToInteger<int64_t>(v, 1, &clocks);
       if (status.ok()) o->max_clocks = clocks;
       return status;
     }},
    {"max_seconds", "S", "stop after S seconds of training", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->max_seconds); }},
    {"tolerance", "X", "stop when the objective changes relatively by less", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->tolerance); }},
    {"target", "X", "stop when the objective is at most X", kPlans,
     [](string_view v, Options* o) { return ToReal(v, -HUGE_VAL, &o->target); }},
    {"seed", "N", "of every random draw", kPlans | kWorker,
     [](string_view v, Options* o) { return ToInteger<uint64_t>(v, 0, &o->seed); }},
    {"checkpoint_dir", "DIR", "where checkpoints are kept", kRun,
     [](string_view v, Options* o) { return ToText(v, &o->checkpoint_dir); }},
    {"resume", nullptr, "go on from the last checkpoint", kRun,
     [](string_view v, Options* o) { return ToBool(v, &o->resume); }},
    {"plan", "FILE", "execute this plan exactly as written; with the command plan: stamp an edited one",
     kRun | kExplain | Bit(Command::kPlan),
     [](string_view v, Options* o) { return ToText(v, &o->plan); }},
    {"report", "FILE", "what the run did, as JSON; empty: none", kRun,
     [](string_view v, Options* o) {
       o->report = std::string(v);
       return absl::OkStatus();
     }},
    {"model_out", "DIR", "each parameter as .npy, with manifest.json; empty: none", kRun,
     [](string_view v, Options* o) {
       o->model_out = std::string(v);
       return absl::OkStatus();
     }},
    {"model", "DIR", "the saved model", kPredict,
     [](string_view v, Options* o) { return ToText(v, &o->model); }},
    {"out", "FILE", "where the plan, its rendering or the predictions are written",
     kExplain | Bit(Command::kPlan) | kPredict,
     [](string_view v, Options* o) { return ToText(v, &o->out); }},
    {"analyze", nullptr, "run, and put what was measured beside what was estimated", kExplain,
     [](string_view v, Options* o) { return ToBool(v, &o->analyze); }},
    {"deadline", "S", "seconds any wait may take before the run fails by name", kRun | kWorker,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->deadline_seconds); }},
    {"listen", "HOST:PORT", "where this process listens (default: a free port of loopback)",
     kRun | kWorker, [](string_view v, Options* o) { return ToText(v, &o->listen); }},
    {"coordinator", "HOST:PORT", "whom to serve", kWorker,
     [](string_view v, Options* o) { return ToText(v, &o->coordinator); }},
    {"insecure", nullptr, "beyond loopback, do without certificates and token", kRun | kWorker,
     [](string_view v, Options* o) { return ToBool(v, &o->insecure); }},
    {"tls_cert", "FILE", "certificate of this process (PEM)", kRun | kWorker,
     [](string_view v, Options* o) { return ToText(v, &o->tls_cert); }},
    {"tls_key", "FILE", "its key (PEM)", kRun | kWorker,
     [](string_view v, Options* o) { return ToText(v, &o->tls_key); }},
    {"tls_ca", "FILE", "authority the others' certificates are checked against (PEM)",
     kRun | kWorker, [](string_view v, Options* o) { return ToText(v, &o->tls_ca); }},
    {"token_file", "FILE", "secret shared by the processes of a run", kRun | kWorker,
     [](string_view v, Options* o) { return ToText(v, &o->token_file); }},
};

const Flag* FindFlag(string_view name) {
  for (const Flag& flag : kFlags) {
    if (name == flag.name) return &flag;
  }
  return nullptr;
}

// ---- Unknown names: the nearest known one, by edit distance.

size_t EditDistance(string_view a, string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t corner = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, corner + 1});
    }
  }
  return row.back();
}

// " (did you mean --x?)", or "" when nothing is near enough to be what was meant.
std::string Nearest(string_view name, const std::vector<std::string>& known, string_view dashes) {
  const std::string* best = nullptr;
  size_t least = std::max<size_t>(2, name.size() / 2) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(name, candidate);
    if (distance >= least) continue;
    least = distance;
    best = &candidate;
  }
  return best == nullptr ? "" : StrCat("; did you mean ", dashes, *best, "?");
}

std::vector<std::string> KnownFlags(const Program& program) {
  std::vector<std::string> names;
  for (const Flag& flag : kFlags) names.push_back(flag.name);
  for (int hyper : SymbolsOf(program.graph, ir::Kind::kHyper)) {
    names.push_back(NameOf(program.graph, hyper));
  }
  names.push_back("help");
  return names;
}

// ---- Parsing.

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
      for (const CommandName& each : kCommands) {
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
  for (const CommandName& each : kCommands) {
    if (word == each.name) return each.command;
  }
  std::vector<std::string> names;
  for (const CommandName& each : kCommands) names.push_back(each.name);
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
  for (const auto& [axis, extent] : options.extent) {
    if (FindAxis(program.graph, axis) < 0) {
      return InvalidArgumentError(StrCat("--extent=", axis, "=", extent,
                                         ": the program has no axis \"", axis, "\"; it has ",
                                         AxisList(program.graph)));
    }
  }
  return absl::OkStatus();
}

// A plan file is executed as it is: what only a planner could heed is refused, not ignored.
Status CheckPlanFile(const Options& options) {
  constexpr const char* kPlanners[] = {
      "workers",    "lanes",       "machine",   "partition", "bridge", "storage",  "topology",
      "payload",    "update",      "batch",     "momentum",  "step",   "schedule", "decay",
      "max_clocks", "max_seconds", "tolerance", "target",    "seed"};
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

// The flags of `defaults` that go with the command; `with_data` says whether those that describe
// data are among them.
std::vector<std::string> FittingDefaults(const std::vector<std::string>& defaults, Command command,
                                         bool with_data) {
  constexpr string_view kDescribeData[] = {"data", "test_data", "format", "columns", "extent"};
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
  if (!given.test_data.empty()) options.test_data.clear();
  if (status.ok()) status = parser.Words(flags);
  if (!status.ok()) return status;
  options.given = given.given;
  status = CheckNames(program, options);
  if (status.ok()) status = CheckPlanFile(options);
  if (!status.ok()) return status;
  return options;
}

std::string HelpText(const Program& program, string_view name,
                     const std::vector<std::string>& defaults) {
  std::string out = StrCat("usage: ", name, " [COMMAND] [--flag=value ...]\n\ncommands\n");
  for (const CommandName& each : kCommands)
    absl::StrAppendFormat(&out, "  %-10s%s\n", each.name, each.words);

  const ir::Graph& graph = program.graph;
  out += "\nthis program\n";
  for (int s = 0; s < graph.symbol.size; ++s) {
    const ir::Symbol& symbol = graph.symbol[s];
    if (IsBound(graph, s)) absl::StrAppendFormat(&out, "  data       %s\n", Signature(graph, s));
    if (IsState(symbol.kind)) absl::StrAppendFormat(&out, "  parameter  %s\n", Signature(graph, s));
  }
  for (const Prediction& each : program.prediction)
    absl::StrAppendFormat(&out, "  predicts   %s\n", each.name);
  for (const Measure& each : program.measure)
    absl::StrAppendFormat(&out, "  measures   %s\n", each.name);
  const std::vector<int> hypers = SymbolsOf(graph, ir::Kind::kHyper);
  for (int hyper : hypers) {
    absl::StrAppendFormat(&out, "  --%s=NUMBER  (default %g)%s\n", NameOf(graph, hyper),
                          DefaultOf(program, hyper),
                          FindFlag(NameOf(graph, hyper)) == nullptr
                              ? ""
                              : StrCat("  spelled --hyper.", NameOf(graph, hyper)));
  }
  for (const ir::Axis& axis : graph.axis) {
    if (axis.extent > 0) {
      absl::StrAppendFormat(&out, "  --%s=N  (size, default %d)\n", std::string(axis.name),
                            axis.extent);
    }
  }
  if (!defaults.empty()) absl::StrAppend(&out, "  built with ", absl::StrJoin(defaults, " "), "\n");

  out += "\nflags\n";
  for (const Flag& flag : kFlags) {
    const std::string head = StrCat("--", flag.name, flag.value == nullptr ? "" : "=",
                                    flag.value == nullptr ? "" : flag.value);
    absl::StrAppendFormat(&out, "  %s\n      %s\n", head, flag.words);
  }
  absl::StrAppend(
      &out, "\nA run leaves its model in gyre-out/", name, "/model and its report in gyre-out/",
      name,
      "/report.json,\nbelow the current folder, unless --model_out and --report say otherwise.\n"
      "Relative data files that are not there are looked for in $GYRE_DATA.\n");
  return out;
}

}  // namespace gyre::driver
