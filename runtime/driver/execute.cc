// Where a prepared job runs: in this process, or over worker processes; and how workers load.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/cluster/cluster.h"
#include "runtime/driver/commands.h"
#include "runtime/driver/files.h"
#include "runtime/driver/interrupt.h"
#include "runtime/driver/progress.h"
#include "runtime/driver/rows.h"
#include "runtime/driver/share.h"

namespace gyre::driver {
namespace {

using absl::StrCat;

absl::StatusOr<SecurityOptions> SecurityOf(const Options& options) {
  SecurityOptions security;
  security.certificate_file = options.tls_cert.empty() ? "" : UserPath(options.tls_cert);
  security.key_file = options.tls_key.empty() ? "" : UserPath(options.tls_key);
  security.authority_file = options.tls_ca.empty() ? "" : UserPath(options.tls_ca);
  security.insecure = options.insecure;
  if (const char* token = std::getenv(kTokenVariable); token != nullptr) security.token = token;
  if (!options.token_file.empty()) {
    absl::StatusOr<std::string> token = ReadWholeFile(UserPath(options.token_file));
    if (!token.ok()) return token.status();
    security.token = std::string(absl::StripAsciiWhitespace(*token));
    if (security.token.empty()) {
      return absl::InvalidArgumentError(StrCat(
          options.token_file, ": holds no token; write a line of random characters into it"));
    }
  }
  return security;
}

std::string AbsolutePath(const Invocation& invocation, const std::string& file) {
  std::error_code ignored;
  const std::string path = DataPath(file, invocation.options.built_in_data, invocation.path);
  return std::filesystem::absolute(path, ignored).string();
}

// What a worker process needs to bind the same data in the same way, as flags of its own.
std::vector<std::string> LoaderFlags(const Invocation& invocation, const Prepared& prepared) {
  const Options& options = invocation.options;
  std::vector<std::string> flags;
  for (const Input& input : options.data) {
    flags.push_back(StrCat("--data=", input.symbol, input.symbol.empty() ? "" : "=",
                           AbsolutePath(invocation, input.path)));
  }
  if (!options.data_format.empty()) flags.push_back(StrCat("--format=", options.data_format));
  if (!options.columns.empty()) flags.push_back(StrCat("--columns=", options.columns));
  for (const auto& [map, file] : options.names)
    flags.push_back(StrCat("--names=", map, "=", AbsolutePath(invocation, file)));
  if (options.min_count) flags.push_back(StrCat("--min_count=", *options.min_count));
  if (!options.stop_words.empty()) {
    flags.push_back(StrCat("--stop_words=", options.stop_words == kNoStopWords
                                                ? options.stop_words
                                                : AbsolutePath(invocation, options.stop_words)));
  }
  for (const auto& [axis, extent] : options.extent)
    flags.push_back(StrCat("--extent=", axis, "=", extent));
  if (options.memory) flags.push_back(StrCat("--memory=", *options.memory));
  flags.push_back(prepared.data.info.type == Type::kFloat32 ? "--dtype=float32"
                                                            : "--dtype=float64");
  if (options.holdout) {
    flags.push_back(absl::StrFormat("--holdout=%.17g", *options.holdout));
    flags.push_back(StrCat("--seed=", static_cast<uint64_t>(prepared.plan.seed())));
  }
  constexpr const char* kStandardize[] = {"auto", "none", "scale", "full"};
  flags.push_back(StrCat("--standardize=", kStandardize[static_cast<int>(options.standardize)]));
  return flags;
}

bool MovesCopies(const Plan& plan) {
  for (const Task& task : plan.task())
    for (const Write& w : task.write())
      if (w.payload() == Write::MOVES) return true;
  return false;
}

// For workers that read their own rows: what the files hold, and the scale of their columns. Those
// that take rows by their keys read all.
std::string Knowledge(const Invocation& invocation, const Prepared& prepared) {
  if (prepared.data.described.empty() || MovesCopies(prepared.plan)) return "";
  SharedKnowledge knowledge;
  for (const Input& input : invocation.options.data) {
    const auto known = prepared.data.described.find(
        DataPath(input.path, invocation.options.built_in_data, invocation.path));
    if (known == prepared.data.described.end()) continue;
    knowledge.described[AbsolutePath(invocation, input.path)] = known->second;
  }
  for (const Standardized& each : prepared.standardized) {
    knowledge.transform.emplace_back(each.use.symbol, each.transform);
  }
  return Pack(knowledge);
}

// The rows of a share, of which the first that `data` holds is row `first`.
LoadedShare ShareOf(const WorkerShare& share, const Dataset& data, int64_t first = 0) {
  LoadedShare loaded;
  for (const auto& [begin, end] : share.rows) {
    WorkerData rows;
    rows.data = data.block.data();
    rows.row_begin = begin - first;
    rows.row_end = end - first;
    rows.first_row = first;
    loaded.worker.push_back(rows);
  }
  return loaded;
}

absl::StatusOr<ClusterOptions> ClusterOptionsOf(const Invocation& invocation,
                                                const Prepared& prepared) {
  const Options& options = invocation.options;
  absl::StatusOr<SecurityOptions> security = SecurityOf(options);
  if (!security.ok()) return security.status();
  ClusterOptions cluster;
  cluster.security = *std::move(security);
  if (!options.listen.empty()) cluster.listen = options.listen;
  if (options.deadline_seconds > 0) {
    cluster.start_deadline = absl::Seconds(options.deadline_seconds);
  }
  if (options.cluster == "inproc") {
    cluster.kind = ClusterOptions::Kind::kInproc;
    cluster.loader = [&prepared](const WorkerShare& share) {
      return ShareOf(share, prepared.data);
    };
  } else if (options.cluster == "local") {
    std::error_code ignored;
    const std::string self = std::filesystem::read_symlink("/proc/self/exe", ignored).string();
    cluster.worker_command = {self.empty() ? "/proc/self/exe" : self, "worker"};
    if (cluster.security.insecure) cluster.worker_command.push_back("--insecure");
    for (const auto& [flag, file] : {std::pair{"--tls_cert=", &cluster.security.certificate_file},
                                     std::pair{"--tls_key=", &cluster.security.key_file},
                                     std::pair{"--tls_ca=", &cluster.security.authority_file}}) {
      if (!file->empty()) cluster.worker_command.push_back(StrCat(flag, *file));
    }
  } else {
    if (cluster.security.token.empty()) {
      return absl::InvalidArgumentError(
          StrCat("workers that others start must know the run's secret; put it into $",
                 kTokenVariable, " here and there, or into a file for --token_file"));
    }
    cluster.kind = ClusterOptions::Kind::kWait;
    cluster.on_listening = [name = invocation.name,
                            processes =
                                prepared.plan.cluster().processes()](const std::string& address) {
      std::printf("waiting for %d workers; start each as  %s worker --coordinator=%s\n", processes,
                  name.c_str(), address.c_str());
      std::fflush(stdout);
    };
  }
  cluster.setting = LoaderFlags(invocation, prepared);
  cluster.bundle = Knowledge(invocation, prepared);
  return cluster;
}

// Binds what a worker was asked for into `data`: its own rows, where the coordinator says what the
// files hold; else all of them.
absl::StatusOr<LoadedShare> LoadShare(const Invocation& invocation, const WorkerShare& share,
                                      Dataset* data) {
  std::vector<std::string> flags = {"worker"};
  flags.insert(flags.end(), share.setting.begin(), share.setting.end());
  absl::StatusOr<Options> options = ParseOptions(invocation.program, {}, flags);
  if (!options.ok()) return options.status();
  SharedKnowledge knowledge;
  RowsWanted rows;
  if (!share.bundle.empty()) {
    absl::StatusOr<SharedKnowledge> known = UnpackKnowledge(share.bundle);
    if (!known.ok()) return known.status();
    knowledge = *std::move(known);
    rows.described = &knowledge.described;
    rows.begin = share.rows.front().first;
    rows.end = share.rows.back().second;
  }
  absl::StatusOr<Dataset> loaded =
      LoadDataset(invocation.program, *options, options->data, invocation.path, nullptr, rows);
  if (!loaded.ok()) return loaded.status();
  *data = *std::move(loaded);
  if (options->holdout) {
    absl::StatusOr<Dataset> held =
        HoldOut(invocation.program, *options->holdout, options->seed, data);
    if (!held.ok()) return held.status();
  }
  if (rows.described == nullptr) {
    auto standardized = StandardizeData(invocation.program, options->standardize, data);
    if (!standardized.ok()) return standardized.status();
  }
  for (const auto& [symbol, transform] : knowledge.transform) {
    const Block& block = data->block[static_cast<size_t>(symbol)];
    if (static_cast<size_t>(block.cols) != transform.scale.size()) {
      return absl::InternalError("the scale of columns does not fit the data");
    }
    ApplyTransform(transform, block);
  }
  return ShareOf(share, *data, rows.begin);
}

}  // namespace

absl::StatusOr<RunResult> Execute(const Invocation& invocation, const Prepared& prepared, bool talk,
                                  bool* interrupted) {
  Job job = MakeJob(invocation, prepared);
  InterruptScope interrupt;
  job.stop_requested = interrupt.flag();
  job.checkpoint.path = CheckpointPath(invocation);
  job.checkpoint.resume = invocation.options.resume;
  const auto& measures = invocation.program.measure;
  ProgressPrinter printer(stdout, isatty(STDOUT_FILENO) != 0,
                          measures.empty() ? "" : measures[0].name);
  if (talk) job.progress = [&](const Progress& progress) { printer.Show(progress); };
  absl::StatusOr<RunResult> result;
  if (invocation.options.cluster == "embedded") {
    result = RunEmbedded(job);
  } else {
    absl::StatusOr<ClusterOptions> cluster = ClusterOptionsOf(invocation, prepared);
    if (!cluster.ok()) return cluster.status();
    result = RunCluster(job, *cluster);
  }
  *interrupted =
      interrupt.requested() && result.ok() && result->stop_reason == StopReason::kRequested;
  return result;
}

int WorkerCommand(const Invocation& invocation) {
  const Options& options = invocation.options;
  if (options.coordinator.empty()) {
    return Fail(
        invocation,
        absl::InvalidArgumentError("a worker serves a coordinator; give --coordinator=HOST:PORT"),
        kBadInput);
  }
  absl::StatusOr<SecurityOptions> security = SecurityOf(options);
  if (!security.ok()) return Fail(invocation, security.status(), kBadInput);
  // Ctrl-C reaches all processes of a terminal; a run's coordinator is the one to heed it.
  if (std::getenv(kStartedVariable) != nullptr) signal(SIGINT, SIG_IGN);
  WorkerOptions worker;
  worker.coordinator = options.coordinator;
  worker.security = *std::move(security);
  if (options.deadline_seconds > 0) {
    worker.connect_deadline = absl::Seconds(options.deadline_seconds);
  }
  Dataset data;
  const DataLoader load = [&](const WorkerShare& share) {
    return LoadShare(invocation, share, &data);
  };
  absl::Status served = ServeWorker(invocation.program, worker, load);
  if (served.ok()) return kDone;
  // The coordinator that started this process says the one line about it.
  return std::getenv(kStartedVariable) != nullptr ? kRunFailed : FailRun(invocation, served);
}

}  // namespace gyre::driver
