#include "runtime/cluster/crew.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "runtime/cluster/security.h"

namespace gyre {
namespace {

constexpr absl::Duration kAfterSigterm = absl::Milliseconds(300);

}  // namespace

absl::Status Crew::StartProcess(int process, const std::string& address,
                                const std::string& token) {
  std::vector<std::string> argv = options_.worker_command;
  argv.push_back(absl::StrCat("--coordinator=", address));
  std::vector<std::string> environment = options_.worker_environment;
  environment.push_back(absl::StrCat(kTokenVariable, "=", token));
  environment.push_back(absl::StrCat(kProcessVariable, "=", process));
  environment.push_back(absl::StrCat(kStartedVariable, "=1"));
  absl::StatusOr<ChildProcess> child = ChildProcess::Start(argv, environment);
  if (!child.ok()) return child.status();
  child_.push_back(*std::move(child));
  return absl::OkStatus();
}

absl::Status Crew::Start(const Program& program, const std::string& address,
                         const std::string& token,
                         const std::function<void(int process, absl::Status)>& failed) {
  for (int p = 0; p < processes_; ++p) {
    if (options_.kind == ClusterOptions::Kind::kLocal) {
      if (absl::Status status = StartProcess(p, address, token); !status.ok()) return status;
    } else if (options_.kind == ClusterOptions::Kind::kInproc) {
      WorkerOptions worker;
      worker.coordinator = address;
      worker.security = options_.security;
      worker.security.token = token;
      worker.process = p;
      thread_.emplace_back([this, &program, worker = std::move(worker), failed] {
        absl::Status status = ServeWorker(program, worker, options_.loader);
        if (!status.ok() && status.code() != absl::StatusCode::kCancelled) {
          failed(worker.process, std::move(status));
        }
      });
    }
  }
  return absl::OkStatus();
}

std::string Crew::NameOf(int process) const {
  const int64_t pid = control_->process(process).pid;
  return pid > 0 && options_.kind != ClusterOptions::Kind::kInproc
             ? absl::StrCat("worker process ", process, " (pid ", pid, ")")
             : absl::StrCat("worker process ", process);
}

// The wait status of a local child that is gone; empty for others.
std::string Crew::HowItEnded(int process) {
  if (static_cast<size_t>(process) >= child_.size()) return "";
  const absl::optional<int> status =
      child_[static_cast<size_t>(process)].Wait(absl::Now() + absl::Seconds(1));
  return status.has_value() ? absl::StrCat(": ", DescribeWaitStatus(*status)) : "";
}

absl::Status Crew::Check() {
  for (int p = 0; p < processes_; ++p) {
    const ControlService::Process state = control_->process(p);
    if (!state.failure.ok()) {
      return absl::Status(state.failure.code(),
                          absl::StrCat(NameOf(p), ": ", state.failure.message()));
    }
    if (state.finished) continue;
    const bool ended =
        static_cast<size_t>(p) < child_.size() && child_[static_cast<size_t>(p)].Poll().has_value();
    if (state.lost || ended) {
      return absl::UnavailableError(
          absl::StrCat(NameOf(p), " ended before the run was over", HowItEnded(p)));
    }
  }
  return absl::OkStatus();
}

std::string Crew::Waiting() const {
  std::vector<std::string> words;
  for (int p = 0; p < processes_; ++p) {
    const ControlService::Process state = control_->process(p);
    if (!state.registered) {
      words.push_back(absl::StrCat(NameOf(p), " has not registered"));
      continue;
    }
    const absl::Duration silent = absl::Now() - state.heard;
    words.push_back(
        absl::StrCat(NameOf(p), " was last heard ", absl::ToInt64Milliseconds(silent), " ms ago",
                     !state.started ? ", loading" : absl::StrCat(" at clock ", state.clock),
                     state.waiting.empty() ? "" : absl::StrCat(": ", state.waiting)));
  }
  return absl::StrJoin(words, "; ");
}

bool Crew::Computing(absl::Duration silence) const {
  for (int p = 0; p < processes_; ++p) {
    const ControlService::Process state = control_->process(p);
    if (state.waiting.empty() && absl::Now() - state.heard < silence) return true;
  }
  return false;
}

bool Crew::AllFinished() const {
  for (int p = 0; p < processes_; ++p) {
    if (!control_->process(p).finished) return false;
  }
  return true;
}

void Crew::StopProcesses(absl::Time deadline) {
  for (ChildProcess& child : child_) {
    if (!child.Wait(deadline).has_value()) child.Stop(kAfterSigterm);
  }
}

void Crew::JoinThreads() {
  for (std::thread& t : thread_) t.join();
  thread_.clear();
}

}  // namespace gyre
