// The entry of every program: gyre::Main (dsl/dsl.h) erases the program's types and comes here.
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "runtime/data/memory.h"
#include "runtime/driver/commands.h"
#include "runtime/driver/options.h"
#include "tools/default_flags.h"

namespace gyre {
namespace driver {
namespace {

// The file name of the program, for messages and default folders.
std::string BaseName(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

int Dispatch(const Invocation& invocation, const std::vector<std::string>& defaults) {
  switch (invocation.options.command) {
    case Command::kRun:
      return RunCommand(invocation);
    case Command::kExplain:
      return ExplainCommand(invocation);
    case Command::kPlan:
      return PlanCommand(invocation);
    case Command::kPredict:
      return PredictCommand(invocation);
    case Command::kWorker:
      return WorkerCommand(invocation);
    case Command::kSimulate:
      return Fail(
          invocation,
          absl::UnimplementedError(
              "simulate is not there yet; explain shows what the plan is estimated to cost"),
          kBadInput);
    case Command::kHelp:
      break;
  }
  std::fputs(HelpText(invocation.program, invocation.name, defaults).c_str(), stdout);
  return kDone;
}

int Start(int argc, char** argv, const Program& program) {
  const std::string path = argc > 0 ? argv[0] : "program";
  Invocation invocation{program, BaseName(path), path, {}};
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::vector<std::string> defaults = DefaultFlags();
  absl::StatusOr<Options> options = ParseOptions(program, defaults, args);
  if (!options.ok()) return Fail(invocation, options.status(), kBadInput);
  invocation.options = *std::move(options);
  if (!program.refusal.empty() && invocation.options.command != Command::kHelp) {
    return Fail(invocation, absl::UnimplementedError(program.refusal), kBadInput);
  }
  if (invocation.options.memory) SetMemoryBudget(*invocation.options.memory);
  return Dispatch(invocation, defaults);
}

}  // namespace

int Fail(const Invocation& invocation, const absl::Status& status, int code) {
  // One line, whatever its parts were.
  const std::string message = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %s\n", invocation.name.c_str(), message.c_str());
  return code;
}

int FailRun(const Invocation& invocation, const absl::Status& status) {
  const bool refused = absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
                       absl::IsNotFound(status);
  return Fail(invocation, status, refused ? kBadInput : kRunFailed);
}

}  // namespace driver

namespace internal {

int Main(int argc, char** argv, const Program& program) {
  std::string error;
  try {
    return driver::Start(argc, argv, program);
  } catch (const CannotSpill& full) {
    error = full.what();
  } catch (const std::bad_alloc&) {
    error =
        "out of memory; leave data on disk (--memory), use float32 (--dtype), sparse data, or a "
        "larger machine";
  }
  const std::string name = driver::BaseName(argc > 0 ? argv[0] : "program");
  std::fprintf(stderr, "%s: %s\n", name.c_str(), error.c_str());
  return driver::kRunFailed;
}

}  // namespace internal
}  // namespace gyre
