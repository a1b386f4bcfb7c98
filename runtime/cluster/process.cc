#include "runtime/cluster/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

extern char** environ;

namespace gyre {
namespace {

// Everything the child needs, made before the fork: after it only async-signal-safe calls are
// legal.
struct Image {
  std::vector<char*> argv, envp;

  Image(const std::vector<std::string>& args, const std::vector<std::string>& added) {
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    for (char** e = environ; *e != nullptr; ++e) {
      if (!Overridden(*e, added)) envp.push_back(*e);
    }
    for (const std::string& e : added) envp.push_back(const_cast<char*>(e.c_str()));
    envp.push_back(nullptr);
  }
  static bool Overridden(const char* entry, const std::vector<std::string>& added) {
    const char* equals = strchr(entry, '=');
    if (equals == nullptr) return false;
    const size_t name = static_cast<size_t>(equals - entry) + 1;
    for (const std::string& a : added) {
      if (a.compare(0, name, entry, name) == 0) return true;
    }
    return false;
  }
};

[[noreturn]] void BecomeChild(Image* image, pid_t parent, int error_pipe) {
  // Ctrl-C reaches the whole foreground group; the parent decides what it means.
  signal(SIGINT, SIG_IGN);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
    execve(image->argv[0], image->argv.data(), image->envp.data());
  }
  const int error = errno;
  (void)!write(error_pipe, &error, sizeof(error));
  _exit(127);
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& argv,
                                                 const std::vector<std::string>& environment) {
  Image image(argv, environment);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeChild(&image, parent, pipe_ends[1]);
  close(pipe_ends[1]);
  if (pid < 0) {
    const int error = errno;
    close(pipe_ends[0]);
    return absl::ErrnoToStatus(error, "cannot start a worker process");
  }
  int error = 0;  // the pipe closes without a word when the program runs
  ssize_t got;
  do got = read(pipe_ends[0], &error, sizeof(error));
  while (got < 0 && errno == EINTR);
  close(pipe_ends[0]);
  ChildProcess child(pid);
  if (got == sizeof(error)) {
    child.Wait(absl::InfiniteFuture());
    return absl::ErrnoToStatus(error, absl::StrCat("cannot run ", argv[0]));
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    Stop(absl::ZeroDuration());
    pid_ = std::exchange(other.pid_, 0);
    status_ = other.status_;
  }
  return *this;
}

ChildProcess::~ChildProcess() { Stop(absl::ZeroDuration()); }

absl::optional<int> ChildProcess::Poll() {
  if (status_.has_value() || pid_ == 0) return status_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

absl::optional<int> ChildProcess::Wait(absl::Time deadline) {
  while (!Poll().has_value() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
  return status_;
}

void ChildProcess::Stop(absl::Duration patience) {
  if (pid_ == 0 || Poll().has_value()) return;
  if (patience > absl::ZeroDuration()) {
    kill(pid_, SIGTERM);
    if (Wait(absl::Now() + patience).has_value()) return;
  }
  kill(pid_, SIGKILL);
  Wait(absl::InfiniteFuture());
}

std::string DescribeWaitStatus(int status) {
  if (WIFEXITED(status)) return absl::StrCat("exit status ", WEXITSTATUS(status));
  if (WIFSIGNALED(status)) {
    return absl::StrCat("killed by signal ", WTERMSIG(status), " (", strsignal(WTERMSIG(status)),
                        ")");
  }
  return absl::StrCat("wait status ", status);
}

}  // namespace gyre
