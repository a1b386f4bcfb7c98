// run: plan, train, say what came out, save the model and the report.
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/driver/commands.h"
#include "runtime/driver/files.h"
#include "runtime/driver/report.h"
#include "runtime/driver/result_text.h"

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
                        const RunResult& result, bool interrupted, const std::string& model,
                        const std::string& path) {
  Report report;
  report.program = invocation.name;
  report.source = &invocation.program;
  report.plan = &prepared.plan;
  report.bound = &prepared.data.info;
  report.result = &result;
  report.hyper = prepared.hyper;
  report.seed = static_cast<uint64_t>(prepared.plan.seed());
  report.load_seconds = prepared.load_seconds;
  report.plan_seconds = prepared.plan_seconds;
  report.interrupted = interrupted;
  report.standardized = Words(invocation.program, prepared.standardized);
  report.model = model;
  return WriteFile(path, ToJson(report));
}

}  // namespace

int RunCommand(const Invocation& invocation) {
  absl::StatusOr<Prepared> prepared = Prepare(invocation);
  if (!prepared.ok()) return Fail(invocation, prepared.status(), kBadInput);
  PrintStart(invocation, *prepared);
  bool interrupted = false;
  absl::StatusOr<RunResult> result = Execute(invocation, *prepared, /*talk=*/true, &interrupted);
  if (!result.ok()) return FailRun(invocation, result.status());

  const Model model = MakeModel(invocation, *prepared, *result);
  const std::string reason = interrupted ? "interrupted" : Name(result->stop_reason);
  std::fputs(OutcomeText(invocation.program, *result, reason).c_str(), stdout);
  std::fputs(ParameterText(invocation.program, model).c_str(), stdout);

  const std::string model_path = OutputPath(invocation, invocation.options.model_out, "model");
  const std::string report_path = OutputPath(invocation, invocation.options.report, "report.json");
  if (!model_path.empty()) {
    absl::Status saved = SaveModel(model_path, invocation.program, model);
    if (!saved.ok()) return Fail(invocation, saved, kBadInput);
    std::printf("model      %s\n", model_path.c_str());
  }
  if (!report_path.empty()) {
    absl::Status saved =
        SaveReport(invocation, *prepared, *result, interrupted, model_path, report_path);
    if (!saved.ok()) return Fail(invocation, saved, kBadInput);
    std::printf("report     %s\n", report_path.c_str());
  }
  return kDone;
}

}  // namespace gyre::driver
