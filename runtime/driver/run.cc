// run: plan, train, say what came out, save the model and the report.
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/data/memory.h"
#include "runtime/driver/commands.h"
#include "runtime/driver/files.h"
#include "runtime/driver/path.h"
#include "runtime/driver/path_svg.h"
#include "runtime/driver/progress.h"
#include "runtime/driver/report.h"
#include "runtime/driver/result_text.h"
#include "runtime/driver/symbols.h"
#include "runtime/driver/topics.h"

namespace gyre::driver {
namespace {

using absl::StrCat;

// Where the run's products go: what the flag says ("" for nowhere), else below gyre-out/NAME.
std::string OutputPath(const Invocation& invocation, const std::optional<std::string>& flag,
                       const char* leaf) {
  if (flag.has_value()) return flag->empty() ? "" : UserPath(*flag);
  return UserPath(StrCat("gyre-out/", invocation.name, "/", leaf));
}

void PrintStart(const Invocation& invocation, const Prepared& prepared) {
  std::string summary = Summary(prepared.plan);
  while (absl::EndsWith(summary, "\n")) summary.pop_back();
  std::printf("%s\n", summary.c_str());
  for (const std::string& note : prepared.data.notes) std::printf("%s\n", note.c_str());
  const std::string words = Words(invocation.program, prepared.standardized);
  if (!words.empty()) std::printf("%s\n", words.c_str());
  std::fflush(stdout);
}

absl::Status SaveReport(const Invocation& invocation, const Prepared& prepared,
                        const RunResult& result, const CrossValidation& cross, bool interrupted,
                        const std::vector<TopicTable>& topics, const std::string& model,
                        const std::string& path) {
  Report report;
  report.program = invocation.name;
  report.source = &invocation.program;
  report.plan = &prepared.plan;
  report.bound = &prepared.data.info;
  report.test_rows = prepared.test.rows;
  report.result = &result;
  report.hyper = prepared.hyper;
  report.cross = &cross;
  for (size_t k = 0; k < result.phase.size() && prepared.path.given(); ++k) {
    report.path_hyper = NameOf(invocation.program.graph, prepared.path.hyper);
    report.path_value.push_back(prepared.path.value[k]);
    report.path_nonzeros.push_back(NonZeros(invocation.program, result.phase[k]));
  }
  report.seed = static_cast<uint64_t>(prepared.plan.seed());
  report.load_seconds = prepared.load_seconds;
  report.plan_seconds = prepared.plan_seconds;
  report.interrupted = interrupted;
  report.standardized = Words(invocation.program, prepared.standardized);
  report.topics = &topics;
  report.model = model;
  return WriteFile(path, ToJson(report));
}

constexpr char kCheckpoint[] = "checkpoint", kCheckpointPlan[] = "plan.textproto";

// What a run that goes on must find, and one that begins must not.
absl::Status CheckResume(const Invocation& invocation) {
  const Options& options = invocation.options;
  if (options.checkpoint_dir.empty()) return absl::OkStatus();
  const std::string file = CheckpointPath(invocation);
  if (options.resume && !Exists(file)) {
    return absl::NotFoundError(
        StrCat(options.checkpoint_dir, ": holds no checkpoint; leave --resume out to begin"));
  }
  if (!options.resume && Exists(file)) {
    return absl::InvalidArgumentError(
        StrCat(options.checkpoint_dir,
               ": holds the checkpoint of a run; go on from it by --resume, or choose another "
               "folder"));
  }
  return CheckWritable(file);
}

// All that a run writes, tried before it trains.
absl::Status CheckOutputs(const Invocation& invocation) {
  const std::string model = OutputPath(invocation, invocation.options.model_out, "model");
  const std::string report = OutputPath(invocation, invocation.options.report, "report.json");
  absl::Status status = model.empty() ? absl::OkStatus() : CheckModelFolder(model);
  if (status.ok() && !report.empty()) status = CheckWritable(report);
  return status;
}

// The plan beside the checkpoint: what a later --resume names when flags would plan otherwise.
absl::Status SaveCheckpointPlan(const Invocation& invocation, const Plan& plan) {
  const std::string& folder = invocation.options.checkpoint_dir;
  if (folder.empty() || invocation.options.resume) return absl::OkStatus();
  return WriteFile(StrCat(UserPath(folder), "/", kCheckpointPlan), PlanToText(plan));
}

// Cross-validation, and the step of the path that is kept in the place of the last.
absl::StatusOr<CrossValidation> ChooseOnPath(const Invocation& invocation, Prepared* prepared,
                                             RunResult* result) {
  const absl::StatusOr<CrossValidation> cross =
      CrossValidate(invocation, *prepared, prepared->path);
  if (!cross.ok()) return cross.status();
  const PhaseResult& kept =
      result->phase[ChosenStep(invocation.options, *cross, result->phase.size())];
  result->parameter = kept.parameter;
  result->objective = kept.objective;
  result->gap = kept.gap;
  result->measure = kept.measure;
  prepared->hyper = kept.hyper;
  std::fputs(PathText(invocation.program, prepared->path, *result, *cross).c_str(), stdout);
  return cross;
}

int SaveResults(const Invocation& invocation, const Prepared& prepared, const RunResult& result,
                const CrossValidation& cross, const Model& model,
                const std::vector<TopicTable>& topics, bool interrupted) {
  const std::string model_path = OutputPath(invocation, invocation.options.model_out, "model");
  const std::string report_path = OutputPath(invocation, invocation.options.report, "report.json");
  if (!model_path.empty()) {
    absl::Status saved = SaveModel(model_path, invocation.program, model);
    if (!saved.ok()) return Fail(invocation, saved, kRunFailed);
    std::printf("model      %s\n", model_path.c_str());
  }
  if (!report_path.empty()) {
    absl::Status saved = SaveReport(invocation, prepared, result, cross, interrupted, topics,
                                    model_path, report_path);
    if (!saved.ok()) return Fail(invocation, saved, kRunFailed);
    std::printf("report     %s\n", report_path.c_str());
  }
  if (!invocation.options.checkpoint_dir.empty())
    std::printf("checkpoint %s\n", CheckpointPath(invocation).c_str());
  return kDone;
}

}  // namespace

std::string CheckpointPath(const Invocation& invocation) {
  const std::string& folder = invocation.options.checkpoint_dir;
  return folder.empty() ? "" : StrCat(UserPath(folder), "/", kCheckpoint);
}

int RunCommand(const Invocation& invocation) {
  absl::Status allowed = CheckResume(invocation);
  if (!allowed.ok()) return Fail(invocation, allowed, kBadInput);
  absl::StatusOr<Prepared> prepared = Prepare(invocation);
  if (!prepared.ok()) return Fail(invocation, prepared.status(), kBadInput);
  if (!invocation.options.checkpoint_dir.empty() && prepared->plan.phase_size() > 0)
    return Fail(invocation,
                absl::InvalidArgumentError("--checkpoint_dir keeps one run, and the plan has several "
                                           "phases; leave one of the two out"),
                kBadInput);
  allowed = CheckOutputs(invocation);
  if (allowed.ok()) allowed = SaveCheckpointPlan(invocation, prepared->plan);
  if (!allowed.ok()) return Fail(invocation, allowed, kBadInput);
  PrintStart(invocation, *prepared);
  bool interrupted = false;
  absl::StatusOr<RunResult> result = Execute(invocation, *prepared, /*talk=*/true, &interrupted);
  if (!result.ok()) return FailRun(invocation, result.status());

  CrossValidation cross;
  if (!result->phase.empty()) prepared->hyper = result->phase.back().hyper;
  const bool path = prepared->path.given() && !interrupted;
  if (path) {
    absl::StatusOr<CrossValidation> chosen = ChooseOnPath(invocation, &*prepared, &*result);
    if (!chosen.ok()) return FailRun(invocation, chosen.status());
    cross = *std::move(chosen);
  }
  Model model = MakeModel(invocation, *prepared, *result);
  if (path) {
    model.picture["path.svg"] =
        PathSvg(invocation.program, prepared->path, model, *result, cross);
    if (cross.given())
      model.picture["cross_validation.svg"] =
          CrossValidationSvg(invocation.program, prepared->path, *result, cross);
  }
  if (result->resumed_clocks > 0)
    std::printf("resumed    from clock %lld\n", static_cast<long long>(result->resumed_clocks));
  const std::string reason = interrupted ? "interrupted" : Name(result->stop_reason);
  std::fputs(OutcomeText(invocation.program, *result, reason).c_str(), stdout);
  if (PeakSpilledBytes() > 0)
    std::printf("memory     up to %s of data on disk\n", Bytes(PeakSpilledBytes()).c_str());
  std::fputs(ParameterText(invocation.program, model).c_str(), stdout);
  const std::vector<TopicTable> topics =
      FindTopics(invocation.program, model, prepared->data.block);
  std::fputs(TopicText(invocation.program, model, topics).c_str(), stdout);
  return SaveResults(invocation, *prepared, *result, cross, model, topics, interrupted);
}

}  // namespace gyre::driver
