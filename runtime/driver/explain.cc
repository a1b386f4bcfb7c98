// explain and plan: the plan as text for people, and as a file to execute.
#include <cstdio>
#include <string>
#include <utility>

#include "runtime/driver/commands.h"
#include "runtime/driver/files.h"
#include "runtime/driver/report.h"

namespace gyre::driver {
namespace {

absl::StatusOr<std::string> Render(const Invocation& invocation, const Plan& plan,
                                   const Trace* trace) {
  absl::StatusOr<ExplainFormat> format = ParseExplainFormat(invocation.options.render);
  if (!format.ok()) return format.status();
  return trace == nullptr ? Explain(plan, *format) : ExplainAnalyze(plan, *trace, *format);
}

}  // namespace

absl::Status Deliver(const Options& options, const std::string& text) {
  if (!options.out.empty()) return WriteFile(UserPath(options.out), text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return absl::InvalidArgumentError("cannot write to the standard output");
  }
  return absl::OkStatus();
}

Trace TraceOf(const RunResult& result, const Plan& plan) {
  Trace trace;
  for (const TaskCounters& counters : result.counters) {
    Trace::Task* task = trace.add_task();
    task->set_id(counters.task);
    task->set_fired(static_cast<int64_t>(counters.fired));
    task->set_seconds(static_cast<double>(counters.busy_ns) * 1e-9);
    task->set_waited_seconds(static_cast<double>(counters.waited_ns) * 1e-9);
  }
  trace.set_clocks(result.clocks);
  trace.set_train_seconds(result.train_seconds);
  trace.set_lanes(plan.cluster().lanes());
  trace.set_bytes_sent(result.bytes_sent);
  trace.set_bytes_received(result.bytes_received);
  trace.set_peak_memory_bytes(PeakMemoryBytes());
  trace.set_staleness_mean(result.staleness.mean);
  trace.set_staleness_max(result.staleness.max);
  return trace;
}

int ExplainCommand(const Invocation& invocation) {
  const Options& options = invocation.options;
  if (!options.out.empty()) {  // before --analyze runs
    absl::Status writable = CheckWritable(UserPath(options.out));
    if (!writable.ok()) return Fail(invocation, writable, kBadInput);
  }
  absl::StatusOr<std::string> text;
  if (!options.plan.empty() && !options.analyze) {  // a file is shown as it is: no data is needed
    absl::StatusOr<Plan> plan = ReadPlan(options.plan);
    if (!plan.ok()) return Fail(invocation, plan.status(), kBadInput);
    text = Render(invocation, *plan, nullptr);
  } else {
    absl::StatusOr<Prepared> prepared = Prepare(invocation);
    if (!prepared.ok()) return Fail(invocation, prepared.status(), kBadInput);
    if (options.analyze) {
      bool interrupted = false;
      absl::StatusOr<RunResult> result =
          Execute(invocation, *prepared, /*talk=*/false, &interrupted);
      if (!result.ok()) return FailRun(invocation, result.status());
      const Trace trace = TraceOf(*result, prepared->plan);
      text = Render(invocation, prepared->plan, &trace);
    } else {
      text = Render(invocation, prepared->plan, nullptr);
    }
  }
  if (!text.ok()) return Fail(invocation, text.status(), kBadInput);
  absl::Status delivered = Deliver(options, *text);
  return delivered.ok() ? kDone : Fail(invocation, delivered, kBadInput);
}

int PlanCommand(const Invocation& invocation) {
  absl::StatusOr<Prepared> prepared = Prepare(invocation);
  if (!prepared.ok()) return Fail(invocation, prepared.status(), kBadInput);
  absl::Status delivered = Deliver(invocation.options, PlanToText(prepared->plan));
  return delivered.ok() ? kDone : Fail(invocation, delivered, kBadInput);
}

}  // namespace gyre::driver
