// The commands of a program's command line. Each returns its exit code: 0 done, 1 the run failed,
// 2 bad usage or input. What goes wrong is one line on stderr, by Fail().
#pragma once
#include "absl/status/status.h"
#include "runtime/driver/prepare.h"

namespace gyre::driver {

inline constexpr int kDone = 0, kRunFailed = 1, kBadInput = 2;

int RunCommand(const Invocation& invocation);
int ExplainCommand(const Invocation& invocation);
int PlanCommand(const Invocation& invocation);
int PredictCommand(const Invocation& invocation);
int WorkerCommand(const Invocation& invocation);

// Executes a prepared job where --cluster says, with Ctrl-C heeded; prints progress when `talk`.
absl::StatusOr<RunResult> Execute(const Invocation& invocation, const Prepared& prepared, bool talk,
                                  bool* interrupted);

// The file that --checkpoint_dir keeps; empty without the flag.
std::string CheckpointPath(const Invocation& invocation);

// Prints "NAME: message" and returns `code`.
int Fail(const Invocation& invocation, const absl::Status& status, int code);

// The same for a run that was refused (the plan does not fit: bad input) or that failed.
int FailRun(const Invocation& invocation, const absl::Status& status);

// Writes to --out, or to stdout when there is none.
absl::Status Deliver(const Options& options, const std::string& text);

// The measured side of explain --analyze.
Trace TraceOf(const RunResult& result, const Plan& plan);

}  // namespace gyre::driver
