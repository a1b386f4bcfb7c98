#include "runtime/driver/flags.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/driver/flag_values.h"

namespace gyre::driver {
namespace {

using absl::Status;
using absl::StrCat;
using absl::string_view;

constexpr unsigned kPlans = Bit(Command::kRun) | Bit(Command::kExplain) | Bit(Command::kPlan);
constexpr unsigned kRun = Bit(Command::kRun);
constexpr unsigned kExplain = Bit(Command::kExplain);
constexpr unsigned kPredict = Bit(Command::kPredict);
constexpr unsigned kWorker = Bit(Command::kWorker);
constexpr unsigned kAll = ~0u;

constexpr CommandName kCommands[] = {
    {"run", Command::kRun, "train (the default); plans first unless --plan=FILE is given"},
    {"explain", Command::kExplain, "print the plan and why it was chosen"},
    {"plan", Command::kPlan, "write the plan as a text proto"},
    {"simulate", Command::kSimulate, "run the plan on a cluster that is not here"},
    {"predict", Command::kPredict, "apply a saved model to data"},
    {"worker", Command::kWorker, "serve a coordinator"},
    {"help", Command::kHelp, "print this"},
};

constexpr Flag kFlags[] = {
    {"data", "[NAME=]FILE", "training data (or data to predict); repeat for several inputs", kAll,
     [](string_view v, Options* o) { return ToInput(v, &o->data); }},
    {"test_data", "[NAME=]FILE", "held-out data for the metric", kRun,
     [](string_view v, Options* o) { return ToInput(v, &o->test_data); }},
    {"holdout", "F",
     "held-out data for the metric: this share of the rows, at random by --seed; the others are "
     "trained on",
     kPlans | kWorker, [](string_view v, Options* o) { return ToShare(v, &o->holdout); }},
    {"format", "FORMAT",
     "of data: libsvm|csv|npy|mm|idx|docword|ldac|text|ratings (default: by extension); of "
     "explain: text|json|dot|html",
     kAll, [](string_view v, Options* o) { return ToFormat(v, o); }},
    {"columns", "NAME=I[:J],...", "which columns of the data bind to which name", kAll,
     [](string_view v, Options* o) { return ToText(v, &o->columns); }},
    {"names", "MAP=FILE",
     "names of the values of a map, a line each: words of a docword or ldac file; repeat for "
     "several maps",
     kAll, [](string_view v, Options* o) { return ToNames(v, &o->names); }},
    {"min_count", "N", "of text: words in fewer places are left out (default 5)", kPlans | kWorker,
     [](string_view v, Options* o) {
       int64_t count = 0;
       Status status = ToInteger<int64_t>(v, 1, &count);
       if (status.ok()) o->min_count = count;
       return status;
     }},
    {"stop_words", "FILE|none",
     "of text: words to leave out, a line each (default: a list of English ones)", kPlans | kWorker,
     [](string_view v, Options* o) { return ToText(v, &o->stop_words); }},
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
    {"memory", "BYTES",
     "what data may take of a process's memory, as 800M or 6G; the rest lies in temporary files "
     "(in $TMPDIR, else /var/tmp) and is read block by block (default: all of it)",
     kAll, [](string_view v, Options* o) { return ToBytes(v, &o->memory); }},
    {"workers", "auto|N", "logical workers", kPlans,
     [](string_view v, Options* o) { return ToWorkers(v, &o->workers); }},
    {"lanes", "auto|N", "threads of a process", kPlans | kWorker,
     [](string_view v, Options* o) { return ToWorkers(v, &o->lanes); }},
    {"cluster", "embedded|local|inproc|FILE",
     "where it runs: this process, worker processes on this machine, one process over gRPC, or the "
     "cluster described in FILE",
     kPlans | Bit(Command::kSimulate),
     [](string_view v, Options* o) { return ToText(v, &o->cluster); }},
    {"shards", "N",
     "ranges of keys that the parameter server is cut into, each a service of its own", kPlans,
     [](string_view v, Options* o) { return ToInteger<int>(v, 1, &o->shards); }},
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
    {"topology", "auto|star|p2p|ring|halton", "pin: who sends to whom", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "star", "p2p", "ring", "halton"}, &o->topology);
     }},
    {"payload", "auto|full|sparse|factors|moves", "pin: what travels", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "full", "sparse", "factors", "moves"}, &o->payload);
     }},
    {"codec", "auto|exact|f32|bf16|fp16",
     "pin: numbers of sums between processes, with error feedback (default: f32 of float32 runs "
     "where "
     "the rule allows it)",
     kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "exact", "f32", "bf16", "fp16"}, &o->codec);
     }},
    {"order", "auto|clock|magnitude|deadline|fifo|random",
     "pin: which of what dsgd has moved leaves first where the links do not carry all of it; clock: "
     "all leaves with its clock",
     kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "clock", "magnitude", "deadline", "fifo", "random"}, &o->order);
     }},
    {"bandwidth", "RATE", "what a process may send at most, as 40Mbit (default: what the links carry)",
     kPlans, [](string_view v, Options* o) { return ToRate(v, &o->bandwidth); }},
    {"update", "auto|fista|lbfgs|owlqn|sgd|adagrad|adam|cd|sdca|mspg|dsgd|als|gibbs",
     "pin: the update rule", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v,
                    {"auto", "fista", "lbfgs", "owlqn", "sgd", "adagrad", "adam", "cd", "sdca",
                     "mspg", "dsgd", "als", "gibbs"},
                    &o->update);
     }},
    {"schedule", "auto|sets|sap|priority|dependency|uniform", "pin: which coordinates move next",
     kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "sets", "sap", "priority", "dependency", "uniform"}, &o->schedule);
     }},
    {"sampler", "auto|dense|sparse", "pin: how a Resample draws", kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "dense", "sparse"}, &o->sampler);
     }},
    {"coupling", "X", "the most that coordinates moved at once may be coupled, 0 to 1", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->coupling); }},
    {"batch", "N", "rows of a mini-batch", kPlans,
     [](string_view v, Options* o) { return ToInteger<int64_t>(v, 1, &o->batch); }},
    {"step", "X", "step size", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->step); }},
    {"momentum", "X", "momentum of mini-batch updates", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->momentum); }},
    {"step_schedule", "auto|constant|inverse|sqrt", "how the step of mini-batch updates falls",
     kPlans,
     [](string_view v, Options* o) {
       return ToPin(v, {"auto", "constant", "inverse", "sqrt"}, &o->step_schedule);
     }},
    {"decay", "X", "how fast: step / (1 + X * passes over the data), or its root", kPlans,
     [](string_view v, Options* o) { return ToReal(v, 0, &o->decay); }},
    {"path", "STEPS|X,Y,...",
     "a regularisation path: that many values of the penalty's weight, from where all is zero "
     "downwards, or these",
     kPlans, [](string_view v, Options* o) { return ToText(v, &o->path); }},
    {"path_ratio", "X", "the path's last value over its first", kPlans,
     [](string_view v, Options* o) { return ToShare(v, &o->path_ratio); }},
    {"path_of", "NAME", "the hyper-parameter that the path runs over, where several could", kPlans,
     [](string_view v, Options* o) { return ToText(v, &o->path_of); }},
    {"folds", "K", "cross-validation along the path", kRun,
     [](string_view v, Options* o) { return ToInteger<int>(v, 2, &o->folds); }},
    {"choose", "min|1se",
     "the model that cross-validation keeps: of the least loss, or the simplest within a standard "
     "error of it",
     kRun,
     [](string_view v, Options* o) {
       return ToPin(v, {"min", "1se"}, &o->choose);
     }},
    {"max_clocks", "N", "stop after N clocks", kPlans,
     [](string_view v, Options* o) {
       int64_t clocks = 0;
       Status status = ToInteger<int64_t>(v, 1, &clocks);
       if (status.ok()) o->max_clocks = clocks;
       return status;
     }},
    {"max_seconds", "S", "stop after S seconds of training", kPlans,
     [](string_view v, Options* o) { return ToDuration(v, &o->max_seconds); }},
    {"tolerance", "X",
     "stop when the objective changes relatively by less; 0: when nothing changes any more", kPlans,
     [](string_view v, Options* o) { return ToTolerance(v, &o->tolerance); }},
    {"target", "X", "stop when the objective is at most X", kPlans,
     [](string_view v, Options* o) { return ToReal(v, -HUGE_VAL, &o->target); }},
    {"seed", "N", "of every random draw", kPlans | kWorker,
     [](string_view v, Options* o) { return ToInteger<uint64_t>(v, 0, &o->seed); }},
    {"checkpoint_dir", "DIR",
     "where the state of the run is kept, with its plan: every half minute, and when it ends", kRun,
     [](string_view v, Options* o) { return ToText(v, &o->checkpoint_dir); }},
    {"checkpoint_every", "N", "clocks between checkpoints, in place of half a minute", kPlans,
     [](string_view v, Options* o) { return ToInteger<int64_t>(v, 1, &o->checkpoint_every); }},
    {"resume", nullptr, "go on from the checkpoint in --checkpoint_dir", kRun,
     [](string_view v, Options* o) { return ToBool(v, &o->resume); }},
    {"plan", "FILE",
     "execute this plan exactly as written; with the command plan: stamp an edited one",
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
    {"top", "N",
     "of rows that name two keys: for each first key (user) of the data, the N second ones (items) "
     "of the highest prediction that it has no row for",
     kPredict, [](string_view v, Options* o) { return ToInteger<int64_t>(v, 1, &o->top); }},
    {"analyze", nullptr, "run, and put what was measured beside what was estimated", kExplain,
     [](string_view v, Options* o) { return ToBool(v, &o->analyze); }},
    {"deadline", "S", "seconds any wait may take before the run fails by name", kRun | kWorker,
     [](string_view v, Options* o) {
       std::optional<double> seconds;
       Status status = ToDuration(v, &seconds);
       if (status.ok()) o->deadline_seconds = *seconds;
       return status;
     }},
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

}  // namespace

absl::Span<const CommandName> Commands() { return kCommands; }
absl::Span<const Flag> Flags() { return kFlags; }

string_view CommandWord(Command command) {
  for (const CommandName& each : kCommands) {
    if (each.command == command) return each.name;
  }
  return "";
}

const Flag* FindFlag(string_view name) {
  for (const Flag& flag : kFlags) {
    if (name == flag.name) return &flag;
  }
  return nullptr;
}

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

}  // namespace gyre::driver
